//! Leases, and the lives of a store: cases F20, F94 and F101 as the signer meets them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use adit_core::{Epoch, Span};
use adit_signer::{
    EPOCH_STEP_MAX, LaneStanding, LeaseClaim, NEW_INCARNATION_SILENCE_SECONDS, Presence, Refused,
    SignRequest, Signer, Supersede,
};

use crate::world::{
    World, claim, dry_run, entries_from, incarnation, lane, lease, pay, replica, retire, sign,
    stamp, supersede, under,
};

const SILENCE: i64 = 60;

fn superseded(number: u128) -> Refused {
    Refused::SupersededStore { incarnation: incarnation(number) }
}

fn present(replica_number: u128, incarnation_number: u128) -> Presence {
    Presence { replica: replica(replica_number), incarnation: incarnation(incarnation_number) }
}

async fn attend(signer: &dyn Signer, presence: Presence) -> Result<(), Refused> {
    signer.attend(&presence).await.expect("answers")
}

#[tokio::test]
async fn f20_a_zombie_is_fenced_by_the_lease_after_its_own() {
    let world = World::new();
    let signer = world.start();
    let (old, new) = (stamp(1, 10, 1), stamp(1, 20, 2));
    lease(&signer, &claim(1, old)).await.expect("leases");
    let signed = under(1, old, pay(1, 1, 0));
    sign(&signer, &signed).await.expect("signs");
    lease(&signer, &claim(2, new)).await.expect("leases, and signs nothing yet");
    let signer = world.start();
    let stale = Refused::StaleEpoch { got: Epoch(1), newest: Epoch(2) };
    for request in [&signed, &under(1, old, pay(2, 2, 1))] {
        assert_eq!(sign(&signer, request).await.err(), Some(stale.clone()));
        assert_eq!(dry_run(&signer, request).await, Err(stale.clone()));
    }
    let moved = Supersede { stamp: old, ..supersede(1, 1) };
    assert_eq!(signer.supersede(&moved).await, Ok(Err(stale.clone())));
    assert_eq!(lease(&signer, &claim(1, old)).await, Err(stale));
    sign(&signer, &under(2, new, pay(2, 2, 1))).await.expect("the newer one goes on");
    assert_eq!(
        signer.lanes().await,
        Ok(vec![LaneStanding {
            lane: lane(),
            epoch: Epoch(2),
            counter: 2,
            incarnation: incarnation(1)
        }])
    );
}

#[tokio::test]
async fn f101_an_epoch_has_one_token_for_good() {
    let world = World::new();
    let signer = world.start();
    let (first, second) = (stamp(1, 10, 1), stamp(1, 11, 9));
    lease(&signer, &claim(1, first)).await.expect("leases");
    let taken = Some(Refused::EpochTaken { epoch: Epoch(1) });
    for signer in [signer, world.start()] {
        assert_eq!(lease(&signer, &claim(1, second)).await.err(), taken);
        assert_eq!(sign(&signer, &under(1, second, pay(1, 1, 0))).await.err(), taken);
        assert_eq!(dry_run(&signer, &under(1, second, pay(1, 1, 0))).await.err(), taken);
        assert_eq!(
            signer
                .supersede(&Supersede { stamp: second, ..supersede(1, 1) })
                .await
                .expect("answers")
                .err(),
            taken
        );
    }
    let records = world.start().tip().expect("open").records;
    assert_eq!(lease(&world.start(), &claim(1, first)).await, Ok(()), "asked again");
    assert_eq!(world.start().tip().expect("open").records, records, "and written once");
}

#[tokio::test]
async fn f94_what_was_never_leased_signs_nothing() {
    let world = World::new();
    let signer = world.start();
    let not_leased = Some(Refused::NotLeased { lane: lane() });
    let pinned = stamp(1, 10, 1);
    assert_eq!(
        sign(&signer, &under(1, pinned, pay(1, 1, 0))).await.err(),
        not_leased,
        "nobody has leased"
    );
    assert_eq!(
        lease(&signer, &claim(1, stamp(0, 0, 0))).await.err(),
        not_leased,
        "a lease has a name"
    );
    lease(&signer, &claim(1, pinned)).await.expect("leases");
    assert_eq!(sign(&signer, &pay(1, 1, 0)).await.err(), not_leased, "no stamp");
    assert_eq!(
        sign(&signer, &under(2, pinned, pay(1, 1, 0))).await.err(),
        not_leased,
        "a lease that was not told"
    );
    assert_eq!(
        sign(&signer, &under(1, stamp(2, 10, 2), pay(1, 1, 0))).await.err(),
        not_leased,
        "another life of the store"
    );
    assert_eq!(signer.retire(&retire(2, 1, None)).await.expect("answers").err(), not_leased);
    assert_eq!(signer.supersede(&supersede(1, 1)).await.expect("answers").err(), not_leased);
    sign(&signer, &under(1, pinned, pay(1, 1, 0))).await.expect("signs");
    assert_eq!(signer.lanes().await.expect("answers").len(), 1);
}

#[tokio::test]
async fn f94_an_epoch_rises_by_a_bounded_step() {
    let world = World::new();
    let signer = world.start();
    lease(&signer, &claim(5, stamp(1, 10, 1))).await.expect("leases");
    let got = Epoch(5 + EPOCH_STEP_MAX + 1);
    let refused = Refused::EpochTooFar { got, newest: Epoch(5), most: 1_048_576 };
    assert_eq!(lease(&signer, &claim(got.0, stamp(1, 11, 2))).await, Err(refused));
    lease(&signer, &claim(got.0 - 1, stamp(1, 11, 2))).await.expect("at the limit");
}

#[tokio::test]
async fn f94_a_row_that_is_not_ahead_of_what_was_shown_is_told_so() {
    let world = World::new();
    let signer = world.start();
    lease(&signer, &claim(1, stamp(1, 10, 4))).await.expect("leases");
    let behind = |got, newest| Err(Refused::CounterBehind { got, newest });
    assert_eq!(lease(&signer, &claim(2, stamp(1, 11, 4))).await, behind(4, 4));
    sign(&signer, &under(1, stamp(1, 10, 7), pay(1, 1, 0)))
        .await
        .expect("signs for a later change");
    for signer in [signer, world.start()] {
        assert_eq!(lease(&signer, &claim(2, stamp(1, 11, 7))).await, behind(7, 7));
        world.pass(SILENCE);
        assert_eq!(
            lease(&signer, &claim(2, stamp(2, 11, 7))).await,
            behind(7, 7),
            "a new incarnation too, once all others are silent"
        );
        assert_eq!(
            lease(&signer, &claim(1, stamp(1, 10, 4))).await,
            Ok(()),
            "the lease it has, asked again"
        );
    }
    lease(&world.start(), &claim(2, stamp(1, 11, 8))).await.expect("ahead");
}

#[tokio::test]
async fn f94_a_new_incarnation_has_an_epoch_above_all() {
    let world = World::new();
    let signer = world.start();
    lease(&signer, &claim(3, stamp(1, 10, 1))).await.expect("leases");
    world.pass(SILENCE);
    assert_eq!(
        lease(&signer, &claim(2, stamp(2, 20, 5))).await,
        Err(Refused::StaleEpoch { got: Epoch(2), newest: Epoch(3) })
    );
    assert_eq!(
        lease(&signer, &claim(3, stamp(2, 10, 5))).await,
        Err(Refused::EpochTaken { epoch: Epoch(3) }),
        "whatever its token"
    );
    lease(&signer, &claim(4, stamp(2, 20, 5))).await.expect("above");
}

#[tokio::test]
async fn f94_a_superseded_store_is_refused_for_good_whatever_it_asks() {
    let world = World::new();
    let old = stamp(1, 10, 1);
    let signer = world.start();
    lease(&signer, &claim(1, old)).await.expect("leases");
    let signed = under(1, old, pay(1, 1, 0));
    sign(&signer, &signed).await.expect("signs");
    world.pass(SILENCE);
    lease(&signer, &claim(2, stamp(2, 20, 2))).await.expect("follows");
    for signer in [signer, world.start()] {
        let refused = Err(superseded(1));
        assert_eq!(sign(&signer, &signed).await.map(drop), refused);
        assert_eq!(dry_run(&signer, &signed).await, refused);
        assert_eq!(
            signer.supersede(&Supersede { stamp: old, ..supersede(1, 1) }).await,
            Ok(refused.clone())
        );
        assert_eq!(signer.retire(&retire(1, 9, None)).await, Ok(refused.clone()));
        assert_eq!(attend(&signer, present(1, 1)).await, refused);
        let again = LeaseClaim { take_over: true, ..claim(9, stamp(1, 90, 90)) };
        assert_eq!(lease(&signer, &again).await, refused, "it never leases again");
        sign(&signer, &under(2, stamp(2, 20, 3), pay(2, 2, 1))).await.expect("the new one signs");
        world.pass(SILENCE);
    }
}

#[tokio::test]
async fn f94_a_new_incarnation_waits_until_no_other_was_heard() {
    assert_eq!(NEW_INCARNATION_SILENCE_SECONDS, 60);
    let world = World::new();
    let signer = world.start();
    lease(&signer, &claim(1, stamp(1, 10, 1))).await.expect("leases");
    let new = claim(2, stamp(2, 20, 2));
    let wait = |seconds| Err(Refused::OtherStoreHeard { seconds });
    assert_eq!(lease(&signer, &new).await, wait(60), "a lease is heard");
    world.pass(50);
    assert_eq!(lease(&signer, &new).await, wait(10));
    attend(&signer, present(1, 1)).await.expect("heard");
    assert_eq!(lease(&signer, &new).await, wait(60), "whoever renews is heard");
    world.pass(59);
    assert_eq!(lease(&signer, &new).await, wait(1));
    signer.retire(&retire(1, 9, None)).await.expect("answers").expect("retires");
    assert_eq!(lease(&signer, &new).await, wait(60), "whoever retires is heard");
    world.pass(-30);
    assert_eq!(lease(&signer, &new).await, wait(60), "a clock that is set back shortens nothing");
    world.pass(30 + SILENCE);
    assert_eq!(lease(&signer, &new).await, Ok(()));
}

/// The old state of the store goes on while a new incarnation waits, and moves the numbers. Only
/// when it is silent does it matter that the new one is behind them.
#[tokio::test]
async fn f94_a_new_incarnation_is_asked_for_silence_before_its_numbers() {
    let world = World::new();
    let signer = world.start();
    lease(&signer, &claim(1, stamp(1, 10, 1))).await.expect("leases");
    let new = claim(2, stamp(2, 20, 2));
    let heard = |seconds| Err(Refused::OtherStoreHeard { seconds });
    assert_eq!(lease(&signer, &new).await, heard(60));
    sign(&signer, &under(1, stamp(1, 10, 7), pay(1, 1, 0))).await.expect("the old one signs");
    assert_eq!(
        lease(&signer, &new).await,
        heard(60),
        "its counter is behind, and it waits all the same"
    );
    lease(&signer, &claim(2, stamp(1, 11, 8))).await.expect("the old one leases anew");
    assert_eq!(
        lease(&signer, &new).await,
        heard(60),
        "its epoch is taken, and it waits all the same"
    );
    let standing = signer.lanes().await.expect("answers").remove(0);
    assert_eq!(
        (standing.epoch, standing.counter, standing.incarnation),
        (Epoch(2), 8, incarnation(1)),
        "what it has to pass"
    );
    world.pass(SILENCE);
    assert_eq!(lease(&signer, &new).await, Err(Refused::EpochTaken { epoch: Epoch(2) }));
    assert_eq!(
        lease(&signer, &claim(3, stamp(2, 21, 8))).await,
        Err(Refused::CounterBehind { got: 8, newest: 8 })
    );
    lease(&signer, &claim(3, stamp(2, 21, 9))).await.expect("above both");
}

/// All processes of a store that has found itself back announce the same new incarnation.
#[tokio::test]
async fn f94_who_announces_the_new_incarnation_is_not_waited_for() {
    let world = World::new();
    let signer = world.start();
    lease(&signer, &claim(1, stamp(1, 10, 1))).await.expect("leases");
    attend(&signer, present(1, 2)).await.expect("the process that leased works on the new one");
    attend(&signer, present(3, 2)).await.expect("and another one of its store");
    lease(&signer, &claim(2, stamp(2, 20, 2))).await.expect("nobody else was heard");
}

#[tokio::test]
async fn f94_an_admins_word_ends_the_wait() {
    let world = World::new();
    let signer = world.start_for_others();
    lease(&signer, &claim(1, stamp(1, 10, 1))).await.expect("leases");
    let new = LeaseClaim { take_over: true, ..claim(2, stamp(2, 20, 2)) };
    assert_eq!(lease(&signer, &new).await, Ok(()));
    assert_eq!(attend(&signer, present(1, 1)).await, Err(superseded(1)));
}

#[tokio::test]
async fn f94_a_signer_of_several_that_has_just_started_waits_too() {
    let world = World::new();
    lease(&world.start_for_others(), &claim(1, stamp(1, 10, 1)))
        .await
        .expect("the first store does not wait");
    let new = claim(2, stamp(2, 20, 2));
    let signer = world.start_for_others();
    world.pass(1);
    assert_eq!(lease(&signer, &new).await, Err(Refused::OtherStoreHeard { seconds: 59 }));
    lease(&signer, &claim(2, stamp(1, 11, 2)))
        .await
        .expect("the store that it knows does not wait");
    lease(&world.start(), &claim(3, stamp(2, 20, 3)))
        .await
        .expect("alone, its journal's lock says that nobody else speaks with it");
}

#[tokio::test]
async fn f94_silence_is_measured_by_the_monotonic_clock() {
    let world = World::new();
    let seconds = Arc::new(AtomicU64::new(5));
    let clock = Arc::clone(&seconds);
    let monotonic = Box::new(move || Span::from_seconds(clock.load(Ordering::Relaxed)));
    let signer = world.start().with_monotonic(monotonic).serving_others();
    lease(&signer, &claim(1, stamp(1, 10, 1))).await.expect("leases");
    let new = claim(2, stamp(2, 20, 2));
    world.pass(100_000);
    assert_eq!(
        lease(&signer, &new).await,
        Err(Refused::OtherStoreHeard { seconds: 60 }),
        "the wall's clock jumped"
    );
    seconds.store(65, Ordering::Relaxed);
    assert_eq!(lease(&signer, &new).await, Ok(()));
}

/// What F91 needs: every record says which state of which store it followed.
#[tokio::test]
async fn f91_records_keep_incarnation_and_counter() {
    let world = World::new();
    let signer = world.start();
    let leased = stamp(1, 10, 41);
    lease(&signer, &claim(1, leased)).await.expect("leases");
    sign(&signer, &under(1, stamp(1, 10, 42), pay(1, 1, 0))).await.expect("signs");
    signer
        .supersede(&Supersede { stamp: stamp(1, 10, 43), ..supersede(1, 1) })
        .await
        .expect("answers")
        .expect("moves");
    let text = String::from_utf8(world.disk.contents()).expect("text");
    for counter in [41, 42, 43] {
        let kept = format!(
            "\"incarnation\":\"{}\",\"token\":\"{}\",\"counter\":{counter}",
            leased.incarnation, leased.token
        );
        assert_eq!(text.matches(&kept).count(), 1, "{kept}");
    }
    let entry = entries_from(&world.start(), &lane(), 0).await.remove(0);
    assert_eq!(entry.request.stamp.counter, 42);
    assert_eq!(entry.request, SignRequest { stamp: stamp(1, 10, 42), ..entry.request.clone() });
}
