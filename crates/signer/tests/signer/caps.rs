//! The caps, across batches, bumps, days and restarts.

use adit_core::{Amount, ClockDoubt};
use adit_signer::{About, Refused, Signer as _};

use crate::world::{
    DAY_CAP, FEE_CAP, TRANSACTION_CAP, World, asset, bump, cancel, draft, in_a_row, pay_amount,
    pay_native, sign, supersede,
};

fn above_daily(amount: u128, used: u128) -> Option<Refused> {
    Some(Refused::AboveDailyCap {
        asset: asset("DG"),
        amount: Amount::new(amount),
        cap: Amount::new(DAY_CAP),
        used: Amount::new(used),
    })
}

#[tokio::test]
async fn one_transaction_is_capped() {
    let world = World::new();
    let signer = world.start();
    sign(&signer, &pay_amount(1, 1, 0, TRANSACTION_CAP)).await.expect("at the cap");
    let (amount, cap) = (Amount::new(TRANSACTION_CAP + 1), Amount::new(TRANSACTION_CAP));
    let refused = Refused::AboveTransactionCap { asset: asset("DG"), amount, cap };
    assert_eq!(sign(&signer, &pay_amount(2, 2, 1, TRANSACTION_CAP + 1)).await.err(), Some(refused));
}

#[tokio::test]
async fn a_day_is_capped_across_restarts_and_opens_at_midnight_utc() {
    let world = World::new();
    sign(&world.start(), &pay_amount(1, 1, 0, 1_000)).await.expect("1,000");
    sign(&world.start(), &pay_amount(2, 2, 1, 1_000)).await.expect("2,000");
    let signer = world.start();
    assert_eq!(sign(&signer, &pay_amount(3, 3, 2, 501)).await.err(), above_daily(501, 2_000));
    sign(&signer, &pay_amount(4, 4, 2, 500)).await.expect("exactly 2,500");
    sign(&signer, &pay_native(5, 5, 3, 1_000)).await.expect("another asset has its own day");
    world.pass(12 * 3_600 - 1);
    assert_eq!(sign(&signer, &pay_amount(6, 6, 4, 1)).await.err(), above_daily(1, 2_500));
    world.pass(1);
    sign(&world.start(), &pay_amount(6, 6, 4, 1)).await.expect("a new day");
}

#[tokio::test]
async fn a_day_is_capped_within_a_batch() {
    let world = World::new();
    let [first, second, third] = in_a_row([
        pay_amount(0, 0, 0, 1_000),
        pay_amount(1, 1, 1, 1_000),
        pay_amount(2, 2, 2, 1_000),
    ]);
    let requests = [first, second, third, pay_amount(3, 3, 3, 1_000)];
    let answers = world.start().sign(&requests).await.expect("writes");
    assert!(answers[..2].iter().all(Result::is_ok));
    assert_eq!(answers[2].clone().err(), above_daily(1_000, 2_000));
    assert_eq!(answers[3].clone().err(), above_daily(1_000, 2_000));
}

#[tokio::test]
async fn bumps_and_cancels_spend_nothing() {
    let world = World::new();
    let mut request = pay_amount(1, 1, 0, 1_000);
    sign(&world.start(), &request).await.expect("signs");
    for _ in 0..5 {
        request = bump(&request);
        sign(&world.start(), &request).await.expect("bumps");
    }
    sign(&world.start(), &cancel(1, 0)).await.expect("cancels");
    assert_eq!(sign(&world.start(), &pay_amount(2, 2, 1, 1_000)).await.err(), None);
    assert_eq!(
        sign(&world.start(), &pay_amount(3, 3, 2, 501)).await.err(),
        above_daily(501, 2_000)
    );
}

#[tokio::test]
async fn a_bump_is_signed_when_the_day_is_used_up() {
    let world = World::new();
    let signer = world.start();
    let first = pay_amount(1, 1, 0, 1_000);
    for request in [first.clone(), pay_amount(2, 2, 1, 1_000), pay_amount(3, 3, 2, 500)] {
        sign(&signer, &request).await.expect("up to the cap");
    }
    sign(&signer, &bump(&first))
        .await
        .expect("a payment that is stuck would otherwise wait for tomorrow");
}

/// The signer cannot check the evidence, so what it bounds is what it signed.
#[tokio::test]
async fn a_moved_payout_spends_again() {
    let world = World::new();
    let signer = world.start();
    sign(&signer, &pay_amount(1, 1, 0, 1_000)).await.expect("signs");
    signer.supersede(&supersede(1, 1)).await.expect("writes").expect("moves");
    sign(&signer, &pay_amount(1, 2, 1, 1_000)).await.expect("signs");
    assert_eq!(sign(&signer, &pay_amount(2, 3, 2, 501)).await.err(), above_daily(501, 2_000));
}

#[tokio::test]
async fn a_clock_that_is_set_back_opens_no_day_again() {
    let world = World::new();
    let signer = world.start();
    sign(&signer, &pay_amount(1, 1, 0, 1_000)).await.expect("signs");
    sign(&signer, &pay_amount(2, 2, 1, 1_000)).await.expect("signs");
    world.pass(-86_400);
    assert_eq!(
        sign(&world.start(), &pay_amount(3, 3, 2, 501)).await.err(),
        above_daily(501, 2_000)
    );
}

/// A day that was used up under a clock five years ahead is today at the latest, and opens at
/// midnight like any other.
#[tokio::test]
async fn f97_a_day_that_was_signed_years_ahead_counts_today_and_not_for_years() {
    const YEARS: i64 = 5 * 365 * 86_400;
    let world = World::new();
    sign(&world.start(), &pay_amount(1, 1, 0, 500)).await.expect("500 today");
    world.pass(YEARS);
    let signer = world.start();
    sign(&signer, &pay_amount(2, 2, 1, 1_000)).await.expect("another day");
    sign(&signer, &pay_amount(3, 3, 2, 1_000)).await.expect("another day");
    world.pass(-YEARS);
    let signer = world.start();
    assert_eq!(
        sign(&signer, &pay_amount(4, 4, 3, 1)).await.err(),
        above_daily(1, 2_500),
        "all of it counts today"
    );
    world.pass(12 * 3_600);
    sign(&signer, &pay_amount(4, 4, 3, 1_000)).await.expect("a new day");
    let restarted = world.start();
    let refused = sign(&restarted, &pay_amount(5, 5, 4, 1)).await.err();
    assert_eq!(
        refused,
        above_daily(1, 3_000),
        "a journal says that it was before its first record of a right day, and no more"
    );
    world.pass(24 * 3_600);
    sign(&world.start(), &pay_amount(5, 5, 4, 1_000)).await.expect("a day later that is over, too");
}

/// A moment ahead does not make the signer forget what it has signed today.
#[tokio::test]
async fn f97_a_clock_that_is_ahead_for_a_moment_does_not_open_today_again() {
    const YEARS: i64 = 5 * 365 * 86_400;
    let world = World::new();
    let signer = world.start();
    sign(&signer, &pay_amount(1, 1, 0, 1_000)).await.expect("signs");
    sign(&signer, &pay_amount(2, 2, 1, 1_000)).await.expect("signs");
    for jump in [YEARS, -YEARS] {
        world.pass(jump);
        let doubting = world.start().with_doubt(Box::new(|| Some(ClockDoubt::Unconfirmed)));
        sign(&doubting, &bump(&pay_amount(2, 2, 1, 1_000)))
            .await
            .expect("a bump is signed, and dated by this clock");
        world.pass(-jump);
        assert_eq!(
            sign(&signer, &pay_amount(3, 3, 2, 501)).await.err(),
            above_daily(501, 2_000),
            "{jump}"
        );
        assert_eq!(
            sign(&world.start(), &pay_amount(3, 3, 2, 501)).await.err(),
            above_daily(501, 2_000),
            "{jump}, and after a restart"
        );
    }
}

#[tokio::test]
async fn f97_while_the_day_is_in_doubt_nothing_new_is_signed_and_bumps_and_cancels_are() {
    let world = World::new();
    let [first, fresh] = in_a_row([pay_amount(1, 1, 0, 1_000), pay_amount(2, 2, 1, 1)]);
    sign(&world.start(), &first).await.expect("signs");
    let doubted =
        world.start().with_doubt(Box::new(|| Some(ClockDoubt::Jumped { seconds: 86_400 })));
    let refused = sign(&doubted, &fresh).await.expect_err("which day is it?");
    assert!(
        matches!(&refused, Refused::ClockDoubted { sentence } if sentence.contains("86400 s ahead")),
        "{refused}"
    );
    assert_eq!(refused.about(), About::Turn, "no payment's fault");
    assert_eq!(
        doubted.dry_run(std::slice::from_ref(&fresh)).await.expect("answers")[0].clone().err(),
        Some(refused)
    );
    sign(&doubted, &first).await.expect("the same bytes");
    sign(&doubted, &bump(&first)).await.expect("a bump");
    sign(&doubted, &cancel(1, 0)).await.expect("a cancel");
    sign(&world.start(), &fresh).await.expect("signs when it knows");
}

#[tokio::test]
async fn f35_the_fee_is_capped_on_every_attempt() {
    let world = World::new();
    let signer = world.start();
    let mut request = pay_amount(1, 1, 0, 1);
    draft(&mut request).gas_limit = 10_000;
    sign(&signer, &request).await.expect("at the cap");
    for mut dear in [bump(&request), pay_amount(2, 2, 1, 1), cancel(1, 0)] {
        draft(&mut dear).gas_limit = 10_001;
        assert!(
            matches!(sign(&signer, &dear).await, Err(Refused::FeeAboveCap { cap, .. }) if cap == Amount::new(FEE_CAP))
        );
        draft(&mut dear).fees.max_fee_per_gas = u128::MAX;
        assert!(matches!(
            sign(&signer, &dear).await,
            Err(Refused::FeeAboveCap { cost: Amount::MAX, .. })
        ));
    }
}
