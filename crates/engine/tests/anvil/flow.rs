//! The good way, and a reorganisation on it.

use adit_core::{EventKind, Status};
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
    let (why, _) = running.engine.why(&world.store.withdrawal(ids[0]).await.expect("a read").expect("there")).await.expect("explained");
    let lineages = world.store.lineages_of(ids[0]).await.expect("a read");
    assert_eq!((why.status, lineages.len()), (Status::Completed, 1));
}

/// F37: whatever a reorganisation takes away comes back, once. Blocks come on a beat: anvil loses transactions that it is given while it
/// reorganises and mines each one at once.
#[tokio::test(flavor = "multi_thread")]
async fn f37_reorganised_payments_are_mined_again_and_paid_once() {
    const PAYEES: u64 = 10;
    let world = World::new(Some(1)).await;
    let running = world.start();
    world.seed(&running.engine, 100).await;
    let mut ids = Vec::new();
    for payee in 0..PAYEES {
        ids.push(world.request(&running.engine, payee).await);
        if payee % 3 == 2 {
            world.until_included(*ids.last().expect("just pushed")).await;
            world.anvil.rpc().call::<serde_json::Value>("anvil_reorg", json!([1 + payee % 3, []])).await.expect("reorganised");
        }
    }
    world.mine_until(&ids, Status::Completed).await;
    for payee in 0..PAYEES {
        assert_eq!(world.times_paid(payee).await, 1, "payee {payee}");
    }
    let vanished = world.store.history(ids[2]).await.expect("a read");
    assert!(vanished.iter().any(|event| matches!(event.kind, EventKind::Vanished { .. })), "a reorganisation was seen: {vanished:?}");
}
