//! Leases that are shorter than what is done under them.

use std::sync::Arc;
use std::time::Duration;

use adit_core::{Span, Status};
use adit_devnet::proxy::{Fault, Proxy};
use adit_engine::AnchoredClock;

use super::clocks::Jumping;
use super::parts::now;
use super::world::{LEASE, World};

/// F20, F42: each answer of the node takes longer than a lease lasts. The lane keeps its lease
/// meanwhile, and pays; without that it would reconcile for ever.
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

/// F106: the database's clock and the process's are apart by less than commits mind, and by ten
/// minutes. The lease is the database's affair; whoever has it observes, and settles what was paid.
#[tokio::test(flavor = "multi_thread")]
async fn f106_whoever_has_the_lease_observes_whatever_its_own_clock_says() {
    for seconds in [10, -10, 600, -600] {
        let world = World::new(None).await;
        world.store.set_clock(Some(Arc::new(now)));
        let clock = Jumping::default();
        clock.to(seconds);
        let running = world.start_with(AnchoredClock::accepted(Arc::new(clock)));
        world.until_running().await;
        world.seed(&running.engine, 10).await;
        let id = world.request(&running.engine, 1).await;
        world.mine_until(&[id], Status::Completed).await;
        assert_eq!(world.times_paid(1).await, 1, "{seconds} s apart");
        running.crash();
    }
}

/// F106: a process whose clock is ten minutes ahead does not take a living lease for one that is
/// over, and one whose clock is behind does not wait ten minutes for one that is.
#[tokio::test(flavor = "multi_thread")]
async fn f106_a_lease_is_judged_by_the_clock_that_dated_it() {
    for seconds in [600, -600] {
        let mut world = World::new(None).await;
        // Longer than a busy machine keeps its owner from renewing it.
        world.lease = Span::from_seconds(3);
        world.store.set_clock(Some(Arc::new(now)));
        let first = world.start();
        world.until_running().await;
        let epoch = world.epoch().await;
        let clock = Jumping::default();
        clock.to(seconds);
        let second = world.start_with(AnchoredClock::accepted(Arc::new(clock)));
        tokio::time::sleep(Duration::from_millis(2 * world.lease.millis())).await;
        assert_eq!(world.epoch().await, epoch, "{seconds} s apart, the living lease was taken");
        first.crash();
        let died = now();
        while world.epoch().await == epoch {
            assert!(
                now() < died.plus(world.lease.times(5)),
                "{seconds} s apart, a dead lease is not taken"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        second.crash();
    }
}
