//! A signer's journal that goes back alone, with the database intact (cases F91, F96).

use adit_core::{
    Actor, Answer, Command, HaltReason, Hash32, LaneState, Refusal, Status, WithdrawalId,
};
use adit_engine::{Lessons, Taught, WriteError, teach};
use adit_signer::{EntryCursor, PayoutStanding, Signer as _};
use adit_store::Store;

use super::parts::Running;
use super::world::World;

async fn state(world: &World) -> LaneState {
    world.store.lane(&world.lane).await.expect("a read").expect("leased").state
}

async fn until_stopped(world: &World) -> HaltReason {
    for _ in 0..400 {
        if let LaneState::Halted { reason: reason @ HaltReason::JournalWentBack { .. }, .. } =
            state(world).await
        {
            return reason;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    panic!("the lane does not stop: {:?}", state(world).await);
}

async fn submit(running: &Running, command: Command) -> Result<Answer, WriteError> {
    running.engine.writer.submit(Actor::Engine, command).await
}

/// F96: the journal's file is restored from a copy of before the last payments. Nothing is planned,
/// signed or given back with it; resume and adopt are no exits. Once the newest one is back, the
/// lane goes on by itself.
#[tokio::test(flavor = "multi_thread")]
async fn f96_a_journal_that_went_back_alone_stops_the_lane() {
    let world = World::new(None).await;
    let running = world.start();
    world.seed(&running.engine, 100).await;
    let first = world.request(&running.engine, 0).await;
    world.mine_until(&[first], Status::Completed).await;
    let copy = world.journal_copy();
    let second = world.request(&running.engine, 1).await;
    world.mine_until(&[second], Status::Completed).await;
    running.crash();
    let newest = world.journal_copy();

    world.put_journal(&copy);
    let again = world.start();
    let sentence = until_stopped(&world).await.sentence();
    assert!(
        sentence.contains("Nothing is planned, signed or given back")
            && sentence.contains("adit restore --journal FILE"),
        "{sentence}"
    );
    let third = world.request(&again.engine, 2).await;
    let cancelled = world.cancel(&again.engine, third).await;
    assert!(
        matches!(cancelled, Err(WriteError::Refused(Refusal::JournalUnread { .. }))),
        "{cancelled:?}"
    );
    let adopt = Command::AdoptKey { lane: world.lane.clone(), from_nonce: 9 };
    assert!(matches!(
        submit(&again, adopt).await,
        Err(WriteError::Refused(Refusal::BadAttempt { .. }))
    ));
    resume(&world, &again).await;
    until_stopped(&world).await;
    world.mine_for_a_second().await;
    assert_eq!(
        (world.status(third).await.status(), world.times_paid(2).await),
        (Status::Approved, 0)
    );
    again.crash();
    assert_eq!(world.journal_copy(), copy, "not a byte was written to it");

    world.put_journal(&newest);
    let last = world.start();
    world.mine_until(&[third], Status::Completed).await;
    assert_eq!(state(&world).await, LaneState::Running);
    for payee in 0..3 {
        assert_eq!(world.times_paid(payee).await, 1, "payee {payee}");
    }
    last.crash();
}

/// F99: the journal is told in pages, and a page may end among the versions of a payment. The
/// database lost all three payments; each comes back with all its versions.
#[tokio::test(flavor = "multi_thread")]
async fn f99_versions_that_come_in_two_pages_are_taken_back_together() {
    let world = World::new(None).await;
    let running = world.start();
    world.seed(&running.engine, 100).await;
    world.until_running().await;
    world.hold_blocks().await;
    let before = world.volume();
    let mut ids = Vec::new();
    for payee in 0..3 {
        ids.push(world.request_with_key(&running.engine, payee).await.expect("accepted"));
    }
    world.until_sent(&ids).await;
    for id in &ids {
        world.cancel(&running.engine, *id).await.expect("noted");
        world.until_versions(*id, 2).await;
    }
    let mut versions = Vec::new();
    for id in &ids {
        versions.push(numbered(&world, *id).await);
    }
    running.crash();
    let signer = world.signer();
    let first = signer.entries(&world.lane, EntryCursor::at(0), 1_000).await.expect("a page");
    assert!(
        first.next.is_some_and(|next| next.skip > 0),
        "a page ends among the versions of one payment: {:?}",
        first.next
    );
    drop(signer);

    // No pool brings them back either.
    for id in &ids {
        for version in world.versions(*id).await {
            world.forget(&version).await;
        }
    }

    world.set_database_back(&before);
    let again = world.start();
    for (id, had) in ids.iter().zip(versions) {
        world.until_versions(*id, had.len()).await;
        assert_eq!(numbered(&world, *id).await, had);
    }
    world.mine_until_ended(&ids).await;
    again.crash();
}

/// The signed versions of a payment, each with its number.
async fn numbered(world: &World, id: WithdrawalId) -> Vec<(u32, Hash32)> {
    let lineages = world.store.lineages_of(id).await.expect("a read");
    let attempts = lineages.iter().flat_map(|lineage| &lineage.attempts);
    attempts.filter_map(|attempt| Some((attempt.version, attempt.signed()?.hash))).collect()
}

/// F96: the newest journal is lost, and an older copy is taught what the database recorded. Then
/// the database goes back as well: what was paid is not signed anew, what was given back neither,
/// and both stand as they had.
#[tokio::test(flavor = "multi_thread")]
async fn f96_a_signer_that_forgot_is_taught_from_the_database() {
    let world = World::new(None).await;
    let running = world.start();
    world.seed(&running.engine, 100).await;
    let known = world.request(&running.engine, 0).await;
    world.mine_until(&[known], Status::Completed).await;
    let stop = HaltReason::Operator { reason: "a test".to_owned() };
    submit(&running, Command::HaltLane { lane: world.lane.clone(), reason: stop })
        .await
        .expect("halted");
    let [paid, cancelled, undone] = [
        world.request(&running.engine, 1).await,
        world.request(&running.engine, 2).await,
        world.request(&running.engine, 3).await,
    ];
    let before = world.volume();
    let copy = world.journal_copy();

    world.cancel(&running.engine, cancelled).await.expect("cancelled");
    world.hold_blocks().await;
    resume(&world, &running).await;
    world.until_sent(&[paid, undone]).await;
    world.cancel(&running.engine, undone).await.expect("wished");
    world.until_versions(undone, 2).await;
    world.mine_until_ended(&[paid, undone]).await;
    let ends = [
        world.status(paid).await.status(),
        world.status(cancelled).await.status(),
        world.status(undone).await.status(),
    ];
    assert_eq!(ends, [Status::Completed, Status::Cancelled, Status::Cancelled]);
    running.crash();

    world.put_journal(&copy);
    let signer = world.signer();
    let lanes = [world.lane.clone()];
    let taught = teach(&*world.store, &signer, &lanes).await.expect("taught");
    let Taught { attempts, retirements, endings: _, tip } = taught;
    assert_eq!((attempts.known, retirements), (1, Lessons { taught: 2, known: 0 }));
    assert!(attempts.taught >= 3, "{attempts:?}");
    let repeated = teach(&*world.store, &signer, &lanes).await.expect("taught");
    assert_eq!(
        (repeated.attempts.taught, repeated.retirements, repeated.tip),
        (0, Lessons { taught: 0, known: 2 }, tip)
    );
    let standing = signer
        .standing(&[paid, cancelled, undone].map(|id| adit_core::PayoutId(id.0)))
        .await
        .expect("tells");
    assert!(matches!(
        &standing[..],
        [
            PayoutStanding::Live { .. },
            PayoutStanding::Retired { .. },
            PayoutStanding::Retired { .. }
        ]
    ));
    drop(signer);

    let again = world.start();
    until_stopped(&world).await;
    let pinned = world
        .store
        .lane(&world.lane)
        .await
        .expect("a read")
        .expect("leased")
        .journal
        .expect("pinned");
    submit(&again, Command::TrustJournal { lane: world.lane.clone(), journal: pinned, tip })
        .await
        .expect("trusted");
    let next = world.request(&again.engine, 4).await;
    world.mine_until(&[next], Status::Completed).await;
    again.crash();

    world.set_database_back(&before);
    let last = world.start();
    world.mine_until(&[paid], Status::Completed).await;
    resume(&world, &last).await;
    world.mine_until_ended(&[cancelled, undone]).await;
    world.mine_for_a_second().await;
    let ends = [
        world.status(paid).await.status(),
        world.status(cancelled).await.status(),
        world.status(undone).await.status(),
    ];
    assert_eq!(ends, [Status::Completed, Status::Cancelled, Status::Cancelled]);
    for (payee, times) in [(0, 1), (1, 1), (2, 0), (3, 0), (4, 1)] {
        assert_eq!(world.times_paid(payee).await, times, "payee {payee}");
    }
    last.crash();
}

async fn resume(world: &World, running: &Running) {
    submit(running, Command::ResumeLane { lane: world.lane.clone(), accept: None })
        .await
        .expect("resumed");
}
