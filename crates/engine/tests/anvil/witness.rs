//! A third witness, apart from database and journal (case F91).

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use adit_core::{EventKind, HaltReason, LaneState, Status, WentBack, WithdrawalId};
use adit_engine::Alert;
use adit_store::Store;

use super::parts::Running;
use super::world::{Notebook, World};

async fn witnessed() -> (World, Arc<Notebook>, Running) {
    let notebook = Arc::new(Notebook::default());
    let mut world = World::new(None).await;
    world.witness = Some(notebook.clone());
    let running = world.start();
    world.seed(&running.engine, 100).await;
    (world, notebook, running)
}

async fn paid(world: &World, running: &Running, payee: u64) -> WithdrawalId {
    let id = world.request(&running.engine, payee).await;
    world.mine_until(&[id], Status::Completed).await;
    id
}

async fn until_halted(world: &World) -> HaltReason {
    for _ in 0..400 {
        if let Some(LaneState::Halted { reason, .. }) =
            world.store.lane(&world.lane).await.expect("a read").map(|lane| lane.state)
        {
            return reason;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("the lane does not stop: {:?}", world.store.lane(&world.lane).await);
}

async fn until_told(running: &Running) -> String {
    for _ in 0..600 {
        let found = running.engine.alerts.standing().into_iter().find_map(|alert| match alert {
            Alert::WitnessUnusable { sentence, .. } => Some(sentence),
            _ => None,
        });
        if let Some(sentence) = found {
            return sentence;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("no alert: {:?}", running.engine.alerts.standing());
}

fn lines(notebook: &Notebook) -> Option<String> {
    notebook.text.lock().expect("no test panics in here").clone()
}

/// One snapshot set both back, and everything was mined since: neither of them, nor any pool, shows
/// anything. Resuming is no exit.
#[tokio::test(flavor = "multi_thread")]
async fn f91_a_third_witness_tells_that_both_went_back() {
    let (world, notebook, running) = witnessed().await;
    paid(&world, &running, 0).await;
    let volume = world.volume();
    paid(&world, &running, 1).await;
    running.crash();
    // A new lease is written down, and the one before was of the snapshot.
    let again = world.start();
    paid(&world, &again, 2).await;
    again.crash();
    let text = lines(&notebook);

    world.set_back(&volume);
    let last = world.start();
    let reason = until_halted(&world).await;
    let sentence = reason.sentence();
    assert!(
        matches!(reason, HaltReason::BothWentBack { .. })
            && sentence.contains("the third witness is ahead of the database"),
        "{sentence}"
    );
    let waits = world.request(&last.engine, 3).await;
    world.mine_for_a_second().await;
    assert_eq!(
        (world.status(waits).await.status(), world.times_paid(3).await),
        (Status::Approved, 0)
    );
    assert_eq!(lines(&notebook), text, "what it says is not written over");
    last.crash();
}

/// The database alone: the witness is ahead of the row, which is the finding that begins the
/// store's next life.
#[tokio::test(flavor = "multi_thread")]
async fn f91_a_database_behind_the_third_witness_begins_a_new_life() {
    let (world, _, running) = witnessed().await;
    paid(&world, &running, 0).await;
    let volume = world.volume();
    running.crash();
    let again = world.start();
    let known = paid(&world, &again, 1).await;
    again.crash();
    world.set_database_back(&volume);
    let before = world.store.incarnation().await.expect("a read").expect("leased").id;
    let last = world.start();
    let mut told = last.engine.hub.listen();
    world.mine_until(&[known], Status::Completed).await;
    assert_eq!(world.times_paid(1).await, 1);
    let found = std::iter::from_fn(|| told.try_recv().ok());
    let because = found.into_iter().find_map(|event| match &event.kind {
        EventKind::StoreWentBack { because } => Some(because.clone()),
        _ => None,
    });
    // It may have been told before anybody listened.
    assert!(matches!(because, None | Some(WentBack::WitnessAhead { .. })), "{because:?}");
    let lives_on = world.store.incarnation().await.expect("a read").expect("leased").id;
    assert_ne!(lives_on, before, "a new life has begun");
    paid(&world, &last, 2).await;
    last.crash();
}

/// The journal alone, and further back than the row has seen: a row that was never told of the
/// journal's end.
#[tokio::test(flavor = "multi_thread")]
async fn f91_a_journal_behind_the_third_witness_stops_the_lane() {
    let (world, _, running) = witnessed().await;
    paid(&world, &running, 0).await;
    let copy = world.journal_copy();
    running.crash();
    let again = world.start();
    paid(&world, &again, 1).await;
    again.crash();
    world.put_journal(&copy);
    world.forget_what_the_row_has_seen().await;
    let last = world.start();
    let reason = until_halted(&world).await;
    assert!(
        matches!(&reason, HaltReason::JournalWentBack { detail } if detail.contains("the third witness has seen")),
        "{}",
        reason.sentence()
    );
    last.crash();
}

/// Something else stands there: the lane does not start, says so, and leaves it as it is.
#[tokio::test(flavor = "multi_thread")]
async fn f91_what_is_not_ours_is_said_and_not_written_over() {
    let (world, notebook, running) = witnessed().await;
    paid(&world, &running, 0).await;
    running.crash();
    let ours = lines(&notebook).expect("written");
    let garbage = "#!/bin/sh\n".to_owned();
    *notebook.text.lock().expect("no test panics in here") = Some(garbage.clone());
    let again = world.start();
    let waits = world.request(&again.engine, 1).await;
    let sentence = until_told(&again).await;
    assert!(sentence.contains("begins with \"#!/bin/sh\""), "{sentence}");
    world.mine_for_a_second().await;
    assert_eq!(
        (world.status(waits).await.status(), lines(&notebook)),
        (Status::Approved, Some(garbage))
    );
    *notebook.text.lock().expect("no test panics in here") = Some(ours);
    world.mine_until(&[waits], Status::Completed).await;
    again.crash();
}

/// What cannot be written down is not signed; the rest goes on.
#[tokio::test(flavor = "multi_thread")]
async fn f91_nothing_is_signed_while_the_third_witness_cannot_be_written() {
    let (world, notebook, running) = witnessed().await;
    world.until_running().await;
    notebook.full.store(true, Ordering::SeqCst);
    let waits = world.request(&running.engine, 0).await;
    let sentence = until_told(&running).await;
    assert!(sentence.contains("the volume is full"), "{sentence}");
    world.mine_for_a_second().await;
    assert_eq!(world.versions(waits).await.len(), 0, "it is reserved, and not signed");
    assert_eq!(world.times_paid(0).await, 0);
    notebook.full.store(false, Ordering::SeqCst);
    world.mine_until(&[waits], Status::Completed).await;
    running.crash();
}

/// Before the first signature of a lease, and then every ten seconds in which something was signed.
#[tokio::test(flavor = "multi_thread")]
async fn f91_a_third_witness_is_written_before_the_first_signature_and_then_every_ten_seconds() {
    let (world, notebook, running) = witnessed().await;
    world.until_running().await;
    assert_eq!(lines(&notebook), None, "nothing was signed yet");
    for payee in 0..3 {
        paid(&world, &running, payee).await;
    }
    let written = || notebook.writes.load(Ordering::SeqCst);
    assert_eq!(written(), 1);
    let first = lines(&notebook);
    tokio::time::sleep(Duration::from_secs(11)).await;
    assert_eq!(written(), 2, "the last ones are written down, though nothing follows them");
    assert_ne!(lines(&notebook), first);
    tokio::time::sleep(Duration::from_secs(11)).await;
    assert_eq!(written(), 2, "nothing was signed since");
    running.crash();
    // One that is older than both is brought up to date.
    *notebook.text.lock().expect("no test panics in here") = first;
    let again = world.start();
    paid(&world, &again, 3).await;
    assert_eq!(written(), 3);
    again.crash();
}
