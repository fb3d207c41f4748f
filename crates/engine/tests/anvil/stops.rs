//! What an emergency stop holds back, and whom it does not.

use adit_core::{Actor, Command, Credit, HaltReason, Request, Scope, Status, UserId, WithdrawalId};
use adit_engine::{Engine, PLAN_MAX};
use adit_evm::canonical;
use adit_store::Store;

use super::world::{World, asset, book, payee_address, units, user};

async fn submit(engine: &Engine, command: Command) {
    engine.writer.submit(Actor::Engine, command).await.expect("done");
}

/// One payment of somebody else's.
async fn bob_asks(engine: &Engine, payee: u64) -> WithdrawalId {
    let bob: UserId = "bob".parse().expect("a user");
    submit(engine, Command::PutUser { user: bob.clone(), tier: None }).await;
    let credit = Credit {
        id: "bobs".parse().expect("an id"),
        user: bob.clone(),
        book: book(),
        asset: asset("DG"),
        amount: units(10),
    };
    submit(engine, Command::Credit(credit)).await;
    let id = WithdrawalId(engine.ports.uuid());
    let request = Request {
        id,
        user: bob,
        book: book(),
        source_asset: asset("DG"),
        asset: asset("DG"),
        amount: units(1),
        destination: canonical(payee_address(payee)),
        idempotency: None,
        claim: None,
        tier: None,
    };
    submit(engine, Command::Request(request)).await;
    id
}

/// F102: hundreds of payments of a user who is suspended wait, and nobody else's does.
#[tokio::test(flavor = "multi_thread")]
async fn f102_five_hundred_of_a_suspended_user_hold_up_nobody() {
    let world = World::new(None).await;
    let running = world.start();
    world.seed(&running.engine, 1_000).await;
    world.until_running().await;
    let stop = HaltReason::Operator { reason: "a test".to_owned() };
    submit(&running.engine, Command::HaltLane { lane: world.lane.clone(), reason: stop }).await;
    let mut waiting = Vec::new();
    for payee in 0..=PLAN_MAX as u64 {
        waiting.push(world.request(&running.engine, 1_000 + payee).await);
    }
    submit(
        &running.engine,
        Command::Suspend { scope: Scope::User { user: user() }, reason: "looked at".to_owned() },
    )
    .await;
    let bobs = bob_asks(&running.engine, 7).await;
    submit(&running.engine, Command::ResumeLane { lane: world.lane.clone(), accept: None }).await;
    world.mine_until(&[bobs], Status::Completed).await;
    assert_eq!(world.times_paid(7).await, 1);
    let first = world.store.withdrawal(waiting[0]).await.expect("a read").expect("there");
    assert_eq!(first.state.status(), Status::Approved, "a stop stays a stop");
}
