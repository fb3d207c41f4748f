//! The good way, and a reorganisation on it.

use adit_core::Status;
use adit_store::Store;
use serde_json::json;

use super::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_paid_once_and_settled_when_final() {
    let world = World::new(None).await;
    let running = world.start();
    world.seed(&running.engine, 10).await;
    let ids = [world.request(&running.engine, 1).await, world.request(&running.engine, 2).await];
    world.mine_until(&ids, Status::Completed).await;
    assert_eq!((world.times_paid(1).await, world.times_paid(2).await), (1, 1));
    let (why, lineages) =
        running.engine.why(&world.store.withdrawal(ids[0]).await.expect("a read").expect("there")).await.expect("explained");
    assert_eq!((why.status, lineages.len()), (Status::Completed, 1));
}

/// F37: whatever a reorganisation takes away comes back, once.
#[tokio::test(flavor = "multi_thread")]
async fn f37_reorganised_payments_are_mined_again_and_paid_once() {
    let world = World::new(None).await;
    let running = world.start();
    world.seed(&running.engine, 100).await;
    let mut ids = Vec::new();
    for payee in 0..10 {
        ids.push(world.request(&running.engine, payee).await);
    }
    for round in 0..5 {
        tokio::time::sleep(std::time::Duration::from_millis(150)).await;
        let depth = 1 + round % 3;
        world.anvil.rpc().call::<serde_json::Value>("anvil_reorg", json!([depth, []])).await.expect("reorganised");
    }
    world.mine_until(&ids, Status::Completed).await;
    for payee in 0..10 {
        assert_eq!(world.times_paid(payee).await, 1, "payee {payee}");
    }
}
