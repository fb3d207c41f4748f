//! A signer's journal that goes back alone, with the database intact (cases F91, F96).

use adit_core::{Actor, Answer, Command, HaltReason, LaneState, Refusal, Status};
use adit_engine::WriteError;
use adit_store::Store;

use super::parts::Running;
use super::world::World;

async fn state(world: &World) -> LaneState {
    world.store.lane(&world.lane).await.expect("a read").expect("leased").state
}

async fn until_stopped(world: &World) -> HaltReason {
    for _ in 0..400 {
        if let LaneState::Halted { reason: reason @ HaltReason::JournalWentBack { .. }, .. } = state(world).await {
            return reason;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    panic!("the lane does not stop: {:?}", state(world).await);
}

async fn submit(running: &Running, command: Command) -> Result<Answer, WriteError> {
    running.engine.writer.submit(Actor::Engine, command).await
}

/// F96: the journal's file is restored from a copy of before the last payments. Nothing is planned, signed or given back with it; resume and
/// adopt are no exits. Once the newest one is back, the lane goes on by itself.
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
        sentence.contains("Nothing is planned, signed or given back") && sentence.contains("adit restore --journal FILE"),
        "{sentence}"
    );
    let third = world.request(&again.engine, 2).await;
    let cancelled = world.cancel(&again.engine, third).await;
    assert!(matches!(cancelled, Err(WriteError::Refused(Refusal::JournalUnread { .. }))), "{cancelled:?}");
    let adopt = Command::AdoptKey { lane: world.lane.clone(), from_nonce: 9 };
    assert!(matches!(submit(&again, adopt).await, Err(WriteError::Refused(Refusal::BadAttempt { .. }))));
    submit(&again, Command::ResumeLane { lane: world.lane.clone(), accept: None }).await.expect("taken");
    until_stopped(&world).await;
    world.mine_for_a_second().await;
    assert_eq!((world.status(third).await.status(), world.times_paid(2).await), (Status::Approved, 0));
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
