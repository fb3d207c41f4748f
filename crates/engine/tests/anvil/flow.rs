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
    let (why, _) = running
        .engine
        .why(&world.store.withdrawal(ids[0]).await.expect("a read").expect("there"))
        .await
        .expect("explained");
    let lineages = world.store.lineages_of(ids[0]).await.expect("a read");
    assert_eq!((why.status, lineages.len()), (Status::Completed, 1));
}

/// F37: whatever a reorganisation takes away comes back, once. Blocks come on a beat: anvil loses
/// transactions that it is given while it reorganises and mines each one at once.
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
            world
                .anvil
                .rpc()
                .call::<serde_json::Value>("anvil_reorg", json!([1 + payee % 3, []]))
                .await
                .expect("reorganised");
        }
    }
    world.mine_until(&ids, Status::Completed).await;
    for payee in 0..PAYEES {
        assert_eq!(world.times_paid(payee).await, 1, "payee {payee}");
    }
    let vanished = world.store.history(ids[2]).await.expect("a read");
    assert!(
        vanished.iter().any(|event| matches!(event.kind, EventKind::Vanished { .. })),
        "a reorganisation was seen: {vanished:?}"
    );
}

/// F39: the chain as an endpoint shows it that has lost, or not yet seen, the block of a payment:
/// what the wallet holds there still has the money, which is no longer set aside for the payment
/// either. Nobody is planned on it; once the chain is as far again they are.
#[tokio::test(flavor = "multi_thread")]
async fn f39_nobody_is_planned_on_a_balance_older_than_a_booked_payment() {
    let world = World::new(None).await;
    let running = world.start();
    world.seed(&running.engine, 100).await;
    world.until_running().await;
    let before: serde_json::Value =
        world.anvil.rpc().call("evm_snapshot", json!([])).await.expect("a snapshot");
    let first = world.request(&running.engine, 1).await;
    world.until_included(first).await;
    world.anvil.rpc().call::<bool>("evm_revert", json!([before])).await.expect("reverted");
    let second = world.request(&running.engine, 2).await;
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    assert_eq!(
        world.status(second).await.status(),
        Status::Approved,
        "what the wallet holds is not known"
    );
    world.mine_until(&[first, second], Status::Completed).await;
    assert_eq!((world.times_paid(1).await, world.times_paid(2).await), (1, 1));
    running.crash();
}
