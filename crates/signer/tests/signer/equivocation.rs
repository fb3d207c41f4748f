//! No payout in two live lineages, no nonce in two, no older lease: windows A, B and F as the
//! signer meets them.

use std::sync::Arc;

use adit_core::{Amount, Epoch, Hash32};
use adit_signer::{EntryCursor, Refused, SignRequest, Signer as _, Supersede};
use tokio::sync::Barrier;

use crate::world::{
    PLAYER_TWO, World, at_epoch, bump, cancel, draft, dry_run, entries_from, in_a_row, lane,
    lineage, nonce_taken, other_lane, pay, pay_amount, payout, sign, supersede, transfer,
};

#[tokio::test]
async fn f02_and_f03_the_same_attempt_asked_again_gives_the_same_bytes_after_a_restart_and_by_a_newer_lease()
 {
    let world = World::new();
    let request = pay(1, 1, 0);
    let first = sign(&world.start(), &request).await.expect("signs");
    let signer = world.start();
    let before = world.disk.contents();
    assert_eq!(sign(&signer, &request).await, Ok(first.clone()));
    assert_eq!(world.disk.contents(), before, "nothing new is written for it");
    assert_eq!(sign(&signer, &at_epoch(2, request.clone())).await, Ok(first.clone()));
    let twice =
        signer.sign(&[at_epoch(2, request.clone()), at_epoch(2, request)]).await.expect("writes");
    assert_eq!(twice, [Ok(first.clone()), Ok(first)]);
}

#[tokio::test]
async fn f03_one_attempt_twice_in_a_batch_is_signed_once() {
    let world = World::new();
    let signer = world.start();
    let request = pay(1, 1, 0);
    let answers = signer.sign(&[request.clone(), request]).await.expect("writes");
    assert!(answers[0].is_ok());
    assert_eq!(answers[0], answers[1]);
    assert_eq!(signer.tip().expect("open").records, 1);
}

#[tokio::test]
async fn another_draft_for_a_signed_attempt_is_refused() {
    let world = World::new();
    let signer = world.start();
    let request = pay(1, 1, 0);
    sign(&signer, &request).await.expect("signs");
    let mut other = request.clone();
    draft(&mut other).fees.max_fee_per_gas += 1;
    assert!(matches!(sign(&signer, &other).await, Err(Refused::Mismatch { .. })));
    assert!(matches!(dry_run(&signer, &other).await, Err(Refused::Mismatch { .. })));
    assert_eq!(dry_run(&signer, &request).await, Ok(()));
}

#[tokio::test]
async fn f16_a_nonce_in_a_second_lineage_is_refused() {
    let world = World::new();
    sign(&world.start(), &pay(1, 1, 0)).await.expect("signs");
    let signer = world.start();
    let refused = Err(nonce_taken(0, 1));
    assert_eq!(sign(&signer, &pay(2, 2, 0)).await, refused);
    assert_eq!(sign(&signer, &cancel(2, 0)).await, refused, "a fill of a nonce that somebody has");
}

#[tokio::test]
async fn f16_a_nonce_twice_in_one_batch_is_signed_once() {
    let world = World::new();
    let answers = world.start().sign(&[pay(1, 1, 0), pay(2, 2, 0)]).await.expect("writes");
    assert!(answers[0].is_ok());
    assert_eq!(answers[1], Err(nonce_taken(0, 1)));
}

/// Both look first, both find the nonce free, and both ask at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f16_two_replicas_that_allocate_one_nonce_at_once_get_one_signature() {
    let world = World::new();
    let signer = Arc::new(world.start());
    let mut before = None;
    for nonce in 0..20 {
        let number = u128::from(nonce);
        let both = [(number, 100 + number), (50 + number, 200 + number)];
        let requests = both.map(|(payout, lineage)| SignRequest {
            previous: before,
            ..pay_amount(payout, lineage, nonce, 1)
        });
        for request in &requests {
            assert_eq!(
                signer.dry_run(std::slice::from_ref(request)).await,
                Ok(vec![Ok(())]),
                "free for both"
            );
        }
        let start = Arc::new(Barrier::new(2));
        let tasks = requests.clone().map(|request| {
            let (signer, start) = (Arc::clone(&signer), Arc::clone(&start));
            tokio::spawn(async move {
                start.wait().await;
                signer.sign(&[request]).await.expect("writes").remove(0)
            })
        });
        let [one, two] = tasks;
        let answers = [one.await.expect("ends"), two.await.expect("ends")];
        let winner = answers.iter().position(Result::is_ok).expect("one of them");
        assert_eq!(answers[1 - winner], Err(nonce_taken(nonce, both[winner].1)));
        before = Some(requests[winner].lineage);
    }
    assert_eq!(entries_from(&world.start(), &lane(), 0).await.len(), 20, "one entry a nonce");
}

#[tokio::test]
async fn f17_and_f72_a_second_live_lineage_for_a_payout_is_refused() {
    let world = World::new();
    sign(&world.start(), &pay(1, 1, 0)).await.expect("signs");
    let signer = world.start();
    let refused = Err(Refused::Equivocation { payout: payout(1), live: lineage(1) });
    assert_eq!(sign(&signer, &pay(1, 2, 1)).await, refused);
    assert_eq!(dry_run(&signer, &pay(1, 2, 1)).await, refused.map(drop));
    let batch = signer.sign(&in_a_row([pay(3, 3, 3), pay(3, 4, 4)])).await.expect("writes");
    assert!(batch[0].is_ok());
    assert_eq!(batch[1], Err(Refused::Equivocation { payout: payout(3), live: lineage(3) }));
}

/// Otherwise one lineage could pay twice by itself.
#[tokio::test]
async fn a_lineage_with_a_second_nonce_is_refused() {
    let world = World::new();
    sign(&world.start(), &pay(1, 1, 0)).await.expect("signs");
    let signer = world.start();
    for request in [pay(1, 1, 1), pay(2, 1, 1), cancel(1, 1)] {
        let refused = sign(&signer, &request).await.expect_err("another nonce");
        assert!(
            matches!(&refused, Refused::Mismatch { detail } if detail.contains("both could be mined")),
            "{refused}"
        );
    }
    let mut elsewhere = cancel(1, 0);
    elsewhere.lane = other_lane();
    draft(&mut elsewhere).chain_id = crate::world::OTHER_ID;
    assert!(matches!(sign(&signer, &elsewhere).await, Err(Refused::Mismatch { .. })));
}

#[tokio::test]
async fn f28_and_f29_a_bump_stays_in_its_lineage_and_pays_the_same() {
    let world = World::new();
    let signer = world.start();
    let first = pay(1, 1, 0);
    sign(&signer, &first).await.expect("signs");
    let bumped = sign(&signer, &bump(&first)).await.expect("signs");
    assert_ne!(bumped.signed.hash, sign(&signer, &first).await.expect("again").signed.hash);
    let other_payout = sign(&signer, &pay(2, 1, 0)).await;
    assert!(matches!(other_payout, Err(Refused::Mismatch { .. })), "{other_payout:?}");
    let other_amount = sign(&signer, &pay_amount(1, 1, 0, 101)).await;
    assert!(matches!(other_amount, Err(Refused::Mismatch { .. })), "{other_amount:?}");
}

#[tokio::test]
async fn f30_a_cancelling_attempt_is_signed_in_its_own_lineage_and_a_fill_where_nobody_is() {
    let world = World::new();
    let signer = world.start();
    let first = pay(1, 1, 0);
    sign(&signer, &first).await.expect("signs");
    sign(&signer, &cancel(1, 0)).await.expect("cancels");
    sign(&signer, &bump(&first)).await.expect("the race goes on at the same nonce");
    sign(&signer, &cancel(2, 1)).await.expect("fills");
    let moved = sign(&signer, &pay(1, 3, 2)).await;
    assert_eq!(
        moved.err(),
        Some(Refused::Equivocation { payout: payout(1), live: lineage(1) }),
        "a signed cancel is no proof"
    );
}

#[tokio::test]
async fn f20_a_zombie_with_an_older_lease_gets_nothing_new_and_nothing_again() {
    let world = World::new();
    let signed = at_epoch(1, pay(1, 1, 0));
    sign(&world.start(), &signed).await.expect("signs");
    let refused_by_newer_lease = at_epoch(2, pay(2, 2, 0));
    assert!(
        sign(&world.start(), &refused_by_newer_lease).await.is_err(),
        "it signs nothing, yet its lease was seen"
    );
    let signer = world.start();
    let stale = Refused::StaleEpoch { got: Epoch(1), newest: Epoch(2) };
    assert_eq!(sign(&signer, &at_epoch(1, pay(3, 3, 3))).await.err(), Some(stale.clone()));
    assert_eq!(sign(&signer, &signed).await.err(), Some(stale.clone()));
    assert_eq!(dry_run(&signer, &signed).await, Err(stale.clone()));
    assert_eq!(signer.supersede(&supersede(1, 1)).await, Ok(Err(stale)));
    let mut elsewhere = at_epoch(1, cancel(9, 0));
    elsewhere.lane = other_lane();
    draft(&mut elsewhere).chain_id = crate::world::OTHER_ID;
    sign(&signer, &elsewhere).await.expect("another lane has its own leases");
}

#[tokio::test]
async fn a_dry_run_writes_nothing_and_counts_its_batch() {
    let world = World::new();
    let signer = world.start();
    let before = world.disk.contents();
    let request = at_epoch(7, pay(1, 1, 0));
    let second = SignRequest { previous: Some(lineage(1)), ..at_epoch(7, pay(1, 2, 1)) };
    let answers = signer.dry_run(&[request.clone(), request, second]).await.expect("reads");
    assert_eq!(
        answers,
        [Ok(()), Ok(()), Err(Refused::Equivocation { payout: payout(1), live: lineage(1) })]
    );
    assert_eq!(world.disk.contents(), before);
    sign(&signer, &at_epoch(1, pay(1, 3, 0))).await.expect("nothing was remembered");
}

#[tokio::test]
async fn a_payout_moves_after_supersede_and_only_then() {
    let world = World::new();
    let first = pay(1, 1, 0);
    sign(&world.start(), &first).await.expect("signs");
    let signer = world.start();
    let wrong = Supersede { old: lineage(8), ..supersede(1, 1) };
    assert_eq!(
        signer.supersede(&wrong).await,
        Ok(Err(Refused::Equivocation { payout: payout(1), live: lineage(1) }))
    );
    assert!(sign(&signer, &pay(1, 2, 1)).await.is_err(), "a refused supersede moves nothing");
    assert_eq!(signer.supersede(&supersede(1, 1)).await, Ok(Ok(())));

    let signer = world.start();
    let records = signer.tip().expect("open").records;
    assert_eq!(signer.supersede(&supersede(1, 1)).await, Ok(Ok(())), "asked again");
    assert_eq!(signer.tip().expect("open").records, records, "and written once");
    assert!(
        matches!(sign(&signer, &bump(&first)).await, Err(Refused::Mismatch { .. })),
        "the dead lineage pays it never again"
    );
    let second = pay(1, 2, 1);
    sign(&signer, &second).await.expect("moves");
    assert_eq!(
        sign(&signer, &pay(1, 3, 2)).await.err(),
        Some(Refused::Equivocation { payout: payout(1), live: lineage(2) })
    );
    assert_eq!(
        signer.supersede(&supersede(1, 1)).await,
        Ok(Ok(())),
        "asked late: it does not free the new lineage"
    );
    assert_eq!(
        sign(&signer, &pay(1, 3, 2)).await.err(),
        Some(Refused::Equivocation { payout: payout(1), live: lineage(2) })
    );
}

#[tokio::test]
async fn a_moved_payout_keeps_its_amount_and_destination() {
    let world = World::new();
    let signer = world.start();
    sign(&signer, &pay(1, 1, 0)).await.expect("signs");
    signer.supersede(&supersede(1, 1)).await.expect("writes").expect("moves");
    assert!(matches!(sign(&signer, &pay_amount(1, 2, 1, 99)).await, Err(Refused::Mismatch { .. })));
    let mut redirected = pay(1, 2, 1);
    redirected.approved[0].destination = PLAYER_TWO.parse().expect("a destination");
    draft(&mut redirected).input.0 = transfer(PLAYER_TWO, 100);
    assert!(matches!(sign(&signer, &redirected).await, Err(Refused::Mismatch { .. })));
    assert_eq!(redirected.approved[0].amount, Amount::new(100));
}

#[tokio::test]
async fn a_supersede_needs_evidence_a_key_and_the_right_lane() {
    let world = World::new();
    let signer = world.start();
    sign(&signer, &pay(1, 1, 0)).await.expect("signs");
    let nothing = Supersede { evidence: Hash32([0; 32]), ..supersede(1, 1) };
    assert!(matches!(signer.supersede(&nothing).await, Ok(Err(Refused::Mismatch { .. }))));
    let elsewhere = Supersede { lane: other_lane(), ..supersede(1, 1) };
    assert!(matches!(signer.supersede(&elsewhere).await, Ok(Err(Refused::Mismatch { .. }))));
    let mut unknown = supersede(1, 1);
    unknown.lane.wallet = PLAYER_TWO.parse().expect("a destination");
    assert!(matches!(signer.supersede(&unknown).await, Ok(Err(Refused::UnknownKey { .. }))));
}

/// Reserved, never signed, its nonce filled: the payout is free, and the old lineage may not wake
/// up for it.
#[tokio::test]
async fn a_payout_that_was_never_signed_is_moved_too() {
    let world = World::new();
    let signer = world.start();
    assert_eq!(signer.supersede(&supersede(1, 1)).await, Ok(Ok(())));
    assert!(matches!(sign(&signer, &pay(1, 1, 0)).await, Err(Refused::Mismatch { .. })));
    sign(&signer, &pay(1, 2, 1)).await.expect("moves");
}

#[tokio::test]
async fn f73_entries_tell_what_was_signed_in_nonce_order_and_whole() {
    let world = World::new();
    let signer = world.start();
    let first = pay(1, 1, 5);
    let [third, fourth] = in_a_row([pay(2, 2, 3), cancel(4, 4)]);
    let requests = [first.clone(), third, bump(&first), fourth];
    let signed = signer.sign(&requests).await.expect("writes");
    let signer = world.start();
    let entries = entries_from(&signer, &lane(), 0).await;
    let order: Vec<_> = [1, 3, 0, 2]
        .map(|at: usize| (requests[at].clone(), signed[at].clone().expect("signed").signed))
        .into();
    assert_eq!(
        entries.into_iter().map(|entry| (entry.request, entry.signed)).collect::<Vec<_>>(),
        order
    );
    for (from, count) in [(4, 3), (5, 2), (6, 0)] {
        assert_eq!(entries_from(&signer, &lane(), from).await.len(), count, "from {from} on");
    }
    assert!(entries_from(&signer, &other_lane(), 0).await.is_empty());
}

/// Whoever asks for the next page misses none of a number's attempts, and gets none of them twice.
#[tokio::test]
async fn f99_the_attempts_of_one_number_may_be_parted() {
    let world = World::new();
    let signer = world.start();
    let first = pay(1, 1, 5);
    sign(&signer, &first).await.expect("signs");
    let mut newest = first.clone();
    for _ in 0..3 {
        newest = bump(&newest);
        sign(&signer, &newest).await.expect("signs");
    }
    sign(&signer, &pay(2, 2, 6)).await.expect("signs");
    let (mut sizes, mut read, mut from) = (Vec::new(), Vec::new(), Some(EntryCursor::at(5)));
    while let Some(place) = from {
        let page = signer.entries(&lane(), place, 2).await.expect("reads");
        sizes.push(page.entries.len());
        read.extend(page.entries.into_iter().map(|entry| entry.request.attempt));
        from = page.next;
    }
    let all: Vec<_> = entries_from(&signer, &lane(), 5)
        .await
        .into_iter()
        .map(|entry| entry.request.attempt)
        .collect();
    assert_eq!((sizes, read.len()), (vec![2, 2, 1], 5));
    assert_eq!(read, all);
    let one = signer.entries(&lane(), EntryCursor::at(5), 0).await.expect("reads");
    assert_eq!(
        (one.entries.len(), one.next),
        (1, Some(EntryCursor { number: 5, skip: 1 })),
        "a page has one entry at least"
    );
}
