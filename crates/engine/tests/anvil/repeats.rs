//! Who may have been paid already, and was approved before anybody could know that.

use adit_core::{
    Actor, BlockRef, Change, Command, CredentialId, GroupId, HaltReason, Hash32, Keys, Payment,
    Status, Stray, WithdrawalId,
};
use adit_engine::Engine;
use adit_store::Store;
use uuid::Uuid;

use super::parts::now;
use super::world::World;

async fn submit(engine: &Engine, actor: Actor, command: Command) {
    engine.writer.submit(actor, command).await.expect("done");
}

/// A payment of exactly this that blocks hold and nobody remembers, found without anybody being
/// held against it.
async fn found(world: &World, id: WithdrawalId) {
    let leg = world.store.withdrawal(id).await.expect("a read").expect("there").leg();
    let payment =
        Payment { hash: Hash32([9; 32]), block: BlockRef { height: 1, hash: Hash32([8; 32]) } };
    let (lane, asset, destination, amount) =
        (world.lane.clone(), leg.asset, leg.destination, leg.amount);
    let stray = Stray { lane, payment, output: 0, asset, destination, amount, explained: false };
    let mut group = world.store.load(&Keys::default(), now()).await.expect("the store answers");
    let mut view = group.take_view();
    let mut row = view.incarnation.row.clone().expect("leased");
    row.strays.push(stray);
    view.apply(vec![Change::Incarnation(row)]);
    group.commit(GroupId(Uuid::from_u128(1)), view.into_batch()).await.expect("committed");
}

/// F91, F95: a request may be approved in the moment before its lost payment is found. It is held
/// against that when it is planned; what a person says was paid is not paid again.
#[tokio::test(flavor = "multi_thread")]
async fn f91_who_was_approved_before_the_same_payment_was_found_waits_for_a_person() {
    let world = World::new(None).await;
    let running = world.start();
    world.seed(&running.engine, 10).await;
    world.until_running().await;
    let stop = HaltReason::Operator { reason: "a test".to_owned() };
    submit(
        &running.engine,
        Actor::Engine,
        Command::HaltLane { lane: world.lane.clone(), reason: stop },
    )
    .await;
    let (repeated, other) =
        (world.request(&running.engine, 1).await, world.request(&running.engine, 2).await);
    found(&world, repeated).await;
    submit(
        &running.engine,
        Actor::Engine,
        Command::ResumeLane { lane: world.lane.clone(), accept: None },
    )
    .await;
    world.mine_until(&[other], Status::Completed).await;
    assert_eq!(
        (world.status(repeated).await.status(), world.times_paid(1).await),
        (Status::HeldForInspection, 0)
    );
    let leg = world.store.withdrawal(repeated).await.expect("a read").expect("there").leg();
    let person = Actor::admin(CredentialId(Uuid::from_u128(7)));
    let verdict = Command::Inspect {
        leg,
        lane: world.lane.clone(),
        lineage: None,
        paid: true,
        note: "it was theirs".to_owned(),
    };
    submit(&running.engine, person, verdict).await;
    assert_eq!(
        (world.status(repeated).await.status(), world.times_paid(1).await),
        (Status::Completed, 0),
        "not once more"
    );
}
