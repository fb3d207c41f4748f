//! The caps, across batches, bumps, days and restarts.

use adit_core::Amount;
use adit_signer::{Refused, Signer as _};

use crate::world::{
    DAY_CAP, FEE_CAP, TRANSACTION_CAP, World, asset, bump, cancel, draft, in_a_row, pay_amount, pay_native, sign, supersede,
};

fn above_daily(amount: u128, used: u128) -> Option<Refused> {
    Some(Refused::AboveDailyCap { asset: asset("DG"), amount: Amount::new(amount), cap: Amount::new(DAY_CAP), used: Amount::new(used) })
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
    let [first, second, third] = in_a_row([pay_amount(0, 0, 0, 1_000), pay_amount(1, 1, 1, 1_000), pay_amount(2, 2, 2, 1_000)]);
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
    assert_eq!(sign(&world.start(), &pay_amount(3, 3, 2, 501)).await.err(), above_daily(501, 2_000));
}

#[tokio::test]
async fn a_bump_is_signed_when_the_day_is_used_up() {
    let world = World::new();
    let signer = world.start();
    let first = pay_amount(1, 1, 0, 1_000);
    for request in [first.clone(), pay_amount(2, 2, 1, 1_000), pay_amount(3, 3, 2, 500)] {
        sign(&signer, &request).await.expect("up to the cap");
    }
    sign(&signer, &bump(&first)).await.expect("a payment that is stuck would otherwise wait for tomorrow");
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
    assert_eq!(sign(&world.start(), &pay_amount(3, 3, 2, 501)).await.err(), above_daily(501, 2_000));
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
        assert!(matches!(sign(&signer, &dear).await, Err(Refused::FeeAboveCap { cap, .. }) if cap == Amount::new(FEE_CAP)));
        draft(&mut dear).fees.max_fee_per_gas = u128::MAX;
        assert!(matches!(sign(&signer, &dear).await, Err(Refused::FeeAboveCap { cost: Amount::MAX, .. })));
    }
}
