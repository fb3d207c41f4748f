//! Leases that are shorter than what is done under them.

use std::time::Duration;

use adit_core::Status;
use adit_devnet::proxy::{Fault, Proxy};

use super::world::{LEASE, World};

/// F20, F42: each answer of the node takes longer than a lease lasts. The lane keeps its lease meanwhile, and pays; without that it would
/// reconcile for ever.
#[tokio::test(flavor = "multi_thread")]
async fn f20_a_round_that_is_longer_than_its_lease_keeps_it() {
    let world = World::new(None).await;
    let proxy = Proxy::start(world.anvil.url()).await.expect("a proxy");
    proxy.always(None, Fault::Late(Duration::from_millis(LEASE.millis() + 200)));
    let running = world.start_through(proxy.url());
    world.seed(&running.engine, 10).await;
    let id = world.request(&running.engine, 1).await;
    let mut looks = 0..300;
    while world.status(id).await.status() == Status::Approved {
        looks.next().expect("half a minute is enough to reconcile and to plan");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    proxy.heal();
    world.mine_until(&[id], Status::Completed).await;
    assert_eq!(world.times_paid(1).await, 1);
    running.crash();
}
