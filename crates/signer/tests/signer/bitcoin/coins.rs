//! No coin in two live lineages, no payout in two: windows A, B and E as the signer meets them.

use adit_core::{Amount, Anchor};
use adit_signer::{AccountKind, Refused, Signer as _};

use super::world::{
    attempt_again, chain, draft, drafted, ended, moved, outpoint, pay, pay_for, request, start,
};
use crate::world::{World, dry_run, lineage, payout, sign};

fn taken(coin: u8, by: u128) -> Refused {
    Refused::AnchorTaken {
        anchor: Anchor::Outpoint { chain: chain(), outpoint: outpoint(coin).to_string() },
        lineage: lineage(by),
    }
}

fn assert_mismatch(refused: Option<Refused>, part: &str) {
    assert!(
        matches!(&refused, Some(Refused::Mismatch { detail }) if detail.contains(part)),
        "{part}: {refused:?}"
    );
}

#[tokio::test]
async fn f56_a_coin_in_a_second_lineage_is_refused() {
    let world = World::new();
    sign(&start(&world), &pay(1, &[1, 2], &[(1, 0, 10_000)])).await.expect("signs");
    let signer = start(&world);
    for second in
        [pay(2, &[2], &[(2, 1, 10_000)]), pay(2, &[3, 1], &[(2, 1, 10_000)]), pay(2, &[1], &[])]
    {
        let refused = sign(&signer, &second).await.expect_err("taken");
        assert!(refused == taken(1, 1) || refused == taken(2, 1), "{refused}");
        assert_eq!(dry_run(&signer, &second).await, Err(refused));
    }
    let text = taken(1, 1).to_string();
    assert!(
        text.starts_with("the coin 0101") && text.contains(":1 already belongs to lineage"),
        "{text}"
    );
    let batch = signer
        .sign(&[pay(3, &[4], &[(3, 0, 1_000)]), pay(4, &[4], &[(4, 0, 1_000)])])
        .await
        .expect("writes");
    assert_eq!(batch[1], Err(taken(4, 3)), "in one batch, too");
}

#[tokio::test]
async fn f57_a_version_without_a_coin_of_the_first_is_refused() {
    let world = World::new();
    sign(&start(&world), &pay(1, &[1, 2], &[(1, 0, 10_000)])).await.expect("signs");
    let signer = start(&world);
    for other in
        [pay(1, &[1], &[(1, 0, 10_000)]), pay(1, &[3], &[(1, 0, 10_000)]), pay(1, &[2, 3], &[])]
    {
        assert_mismatch(sign(&signer, &other).await.err(), "both could be mined");
    }
    sign(&signer, &pay(1, &[1, 2, 3], &[(1, 0, 10_000)])).await.expect("one more coin");
    assert_eq!(
        sign(&signer, &pay(2, &[3], &[(2, 0, 10_000)])).await.err(),
        Some(taken(3, 1)),
        "which belongs to it as well"
    );
    sign(&signer, &pay_for(1, &[1, 2], &[(1, 0, 10_000)], 5_000))
        .await
        .expect("all of the first version");
}

#[tokio::test]
async fn a_lineage_has_one_number_and_one_wallet() {
    let world = World::new();
    let paid = [(1, 0, 10_000)];
    sign(&start(&world), &pay(1, &[1], &paid)).await.expect("signs");
    let signer = start(&world);
    let other =
        request(AccountKind::Segwit, 1, &paid, drafted(AccountKind::Segwit, 2, &[1], &paid, 2_000));
    assert_mismatch(sign(&signer, &other).await.err(), "number 2");
    let elsewhere = request(
        AccountKind::Taproot,
        1,
        &paid,
        drafted(AccountKind::Taproot, 1, &[1], &paid, 2_000),
    );
    assert_mismatch(sign(&signer, &elsewhere).await.err(), "both could be mined");
}

#[tokio::test]
async fn f29_and_f58_a_version_that_drops_a_payee_is_refused() {
    let world = World::new();
    sign(&start(&world), &pay(1, &[1, 2], &[(1, 0, 10_000), (2, 1, 20_000)])).await.expect("signs");
    let signer = start(&world);
    assert_mismatch(
        sign(&signer, &pay(1, &[1, 2], &[(1, 0, 10_000)])).await.err(),
        "leaves it out",
    );
    assert_mismatch(
        sign(&signer, &pay(1, &[1, 2], &[(1, 0, 10_000), (3, 1, 20_000)])).await.err(),
        "leaves it out",
    );
    assert_mismatch(
        sign(&signer, &pay(1, &[1, 2], &[(1, 0, 10_000), (2, 1, 20_001)])).await.err(),
        "another asset, amount or destination",
    );
    assert_mismatch(
        sign(&signer, &pay(1, &[1, 2], &[(1, 0, 10_000), (2, 2, 20_000)])).await.err(),
        "another asset, amount or destination",
    );
    sign(&signer, &pay(1, &[1, 2], &[])).await.expect("a cancelling one pays nobody");
    sign(&signer, &pay_for(1, &[1, 2], &[(1, 0, 10_000), (2, 1, 20_000)], 5_000))
        .await
        .expect("the race goes on");
}

#[tokio::test]
async fn f59_payees_may_join_and_are_bound_then() {
    let world = World::new();
    sign(&start(&world), &pay(1, &[1], &[(1, 0, 10_000)])).await.expect("signs");
    let joined = [(1, 0, 10_000), (2, 1, 20_000)];
    sign(&start(&world), &pay_for(1, &[1], &joined, 2_000)).await.expect("one more payee");
    let signer = start(&world);
    assert_mismatch(
        sign(&signer, &pay_for(1, &[1], &[(1, 0, 10_000)], 3_000)).await.err(),
        "leaves it out",
    );
    let elsewhere = sign(&signer, &pay(2, &[2], &[(2, 1, 20_000)])).await.err();
    assert_eq!(elsewhere, Some(Refused::Equivocation { payout: payout(2), live: lineage(1) }));
    // The older version is final, without the second payee.
    assert_eq!(signer.supersede(&moved(2, 1)).await, Ok(Ok(())));
    sign(&signer, &pay(2, &[2], &[(2, 1, 20_000)])).await.expect("moved");
    let back = sign(&signer, &pay_for(1, &[1], &joined, 4_000)).await.err();
    assert_eq!(back, Some(Refused::Equivocation { payout: payout(2), live: lineage(2) }));
    assert_eq!(signer.supersede(&moved(2, 2)).await, Ok(Ok(())));
    assert_mismatch(
        sign(&signer, &pay_for(1, &[1], &joined, 4_000)).await.err(),
        "was moved out of lineage",
    );
    let first = sign(&signer, &pay(3, &[3], &[(1, 0, 10_000)])).await.err();
    assert_eq!(
        first,
        Some(Refused::Equivocation { payout: payout(1), live: lineage(1) }),
        "the first payee was not moved"
    );
}

#[tokio::test]
async fn f17_a_payout_moves_after_supersede_and_only_then_with_its_coins() {
    let world = World::new();
    let first = pay(1, &[1], &[(1, 0, 10_000)]);
    sign(&start(&world), &first).await.expect("signs");
    let signer = start(&world);
    let live = Refused::Equivocation { payout: payout(1), live: lineage(1) };
    assert_eq!(sign(&signer, &pay(2, &[2], &[(1, 0, 10_000)])).await.err(), Some(live));
    assert_eq!(
        signer.supersede(&moved(1, 8)).await.expect("answers").err(),
        Some(Refused::Equivocation { payout: payout(1), live: lineage(1) })
    );
    assert_eq!(
        sign(&signer, &pay(3, &[1], &[(3, 0, 1_000)])).await.err(),
        Some(taken(1, 1)),
        "a refused proof frees nothing"
    );
    assert_eq!(signer.supersede(&moved(1, 1)).await, Ok(Ok(())));

    let signer = start(&world);
    sign(&signer, &pay(2, &[1, 2], &[(1, 0, 10_000)])).await.expect("payout and coin");
    let woken = sign(&signer, &pay_for(1, &[1], &[(1, 0, 10_000)], 2_000)).await.err();
    assert_eq!(
        woken,
        Some(taken(1, 2)),
        "the coin belongs to the new lineage, after a restart too"
    );
    assert_eq!(
        sign(&start(&world), &pay(3, &[1], &[(3, 0, 1_000)])).await.err(),
        Some(taken(1, 2))
    );
}

/// The first version is final; a bump had added a coin, which is still there.
#[tokio::test]
async fn a_coin_that_the_final_version_left_is_free_when_its_lineage_has_ended() {
    let world = World::new();
    let first = pay(1, &[1], &[(1, 0, 10_000)]);
    sign(&start(&world), &first).await.expect("signs");
    sign(&start(&world), &pay(1, &[1, 2], &[(1, 0, 10_000)]))
        .await
        .expect("a bump with one coin more");
    let signer = start(&world);
    let next = pay(2, &[2], &[(2, 1, 10_000)]);
    assert_eq!(sign(&signer, &next).await.err(), Some(taken(2, 1)));
    let unproved = adit_signer::Supersede { evidence: adit_core::Hash32([0; 32]), ..ended(1) };
    assert_mismatch(signer.supersede(&unproved).await.expect("answers").err(), "none is given");
    assert_eq!(signer.supersede(&ended(7)).await, Ok(Ok(())), "nothing was signed in it");
    assert_eq!(sign(&signer, &next).await.err(), Some(taken(2, 1)));
    assert_eq!(signer.supersede(&ended(1)).await, Ok(Ok(())));
    let records = signer.tip().expect("open").records;
    assert_eq!(signer.supersede(&ended(1)).await, Ok(Ok(())), "asked again");
    assert_eq!(signer.tip().expect("open").records, records, "and written once");
    let signer = start(&world);
    let again = sign(&signer, &pay(3, &[3], &[(1, 0, 10_000)])).await.err();
    assert_eq!(
        again,
        Some(Refused::Equivocation { payout: payout(1), live: lineage(1) }),
        "who was paid stays paid"
    );
    sign(&signer, &next).await.expect("its coin is free");
}

/// A BIP-143 signature commits to the amount of its own coin. Whoever lied about one coin at a time
/// would get a good signature for each, and could put them together to a transaction with a fee
/// that nobody judged.
#[tokio::test]
async fn f35_a_coin_has_one_amount() {
    let world = World::new();
    let honest = pay(1, &[1, 2], &[(1, 0, 10_000)]);
    sign(&start(&world), &honest).await.expect("signs");
    let signer = start(&world);
    for coin in 0..2 {
        let mut lie = attempt_again(&honest);
        draft(&mut lie).inputs[coin].amount = Amount::new(99_999);
        assert_mismatch(sign(&signer, &lie).await.err(), "an amount never changes");
    }
    signer.supersede(&moved(1, 1)).await.expect("answers").expect("moves");
    let mut lie = pay(2, &[1, 2], &[(1, 0, 10_000)]);
    draft(&mut lie).inputs[0].amount = Amount::new(99_999);
    assert_mismatch(sign(&signer, &lie).await.err(), "an amount never changes");
}

#[tokio::test]
async fn another_draft_for_a_signed_attempt_is_refused() {
    let world = World::new();
    let first = pay(1, &[1], &[(1, 0, 10_000)]);
    sign(&start(&world), &first).await.expect("signs");
    let mut other = first.clone();
    other.draft = pay_for(1, &[1], &[(1, 0, 10_000)], 2_000).draft;
    assert_mismatch(
        sign(&start(&world), &other).await.err(),
        "was signed before with other content",
    );
}

/// One journal holds lanes of both kinds.
#[tokio::test]
async fn nonces_and_coins_share_a_journal() {
    let world = World::new();
    let signer = start(&world);
    sign(&signer, &crate::world::pay(1, 1, 0)).await.expect("a token");
    sign(&signer, &pay(2, &[1], &[(2, 0, 10_000)])).await.expect("a coin");
    let signer = start(&world);
    assert_eq!(
        sign(&signer, &crate::world::pay(3, 3, 0)).await.err(),
        Some(crate::world::nonce_taken(0, 1))
    );
    assert_eq!(sign(&signer, &pay(3, &[1], &[(3, 0, 10_000)])).await.err(), Some(taken(1, 2)));
    let both = Refused::Equivocation { payout: payout(1), live: lineage(1) };
    assert_eq!(
        sign(&signer, &pay(4, &[4], &[(1, 0, 10_000)])).await.err(),
        Some(both),
        "one payout on two chains"
    );
}
