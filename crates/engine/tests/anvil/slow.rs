//! Slow start: under a new lease one transaction of ours is mined before anyone new is paid (case
//! F91).

use std::sync::Arc;
use std::time::Duration;

use adit_core::{Purpose, Status};
use adit_store::Store;

use super::world::World;

async fn slow() -> World {
    let mut world = World::new(None).await;
    let rules = Arc::make_mut(&mut world.rules);
    rules.chains.values_mut().for_each(|chain| chain.slow_start = true);
    world
}

async fn next_number(world: &World) -> u64 {
    world.store.lane(&world.lane).await.expect("a read").expect("leased").next_nonce
}

async fn until_number(world: &World, number: u64) {
    for _ in 0..400 {
        if next_number(world).await >= number {
            break;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    assert_eq!(next_number(world).await, number);
}

/// The very first start needs no proof. After a restart with nothing in flight a transfer to
/// ourselves is mined first, alone; everybody is paid behind it.
#[tokio::test(flavor = "multi_thread")]
async fn f91_after_a_restart_a_transfer_to_ourselves_is_mined_before_anyone_is_paid() {
    let world = slow().await;
    let running = world.start();
    world.seed(&running.engine, 100).await;
    let first = world.request(&running.engine, 0).await;
    world.mine_until(&[first], Status::Completed).await;
    assert_eq!(next_number(&world).await, 1, "nothing but the payment");
    running.crash();

    world.hold_blocks().await;
    let again = world.start();
    let waiting = [world.request(&again.engine, 1).await, world.request(&again.engine, 2).await];
    until_number(&world, 2).await;
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert_eq!(next_number(&world).await, 2, "one transaction alone");
    for id in waiting {
        assert_eq!(world.status(id).await.status(), Status::Approved);
    }
    let probe = world.store.lineage_at(&world.lane, 1).await.expect("a read").expect("reserved");
    let probe = world.store.lineage(probe).await.expect("a read").expect("there");
    assert!(probe.legs.is_empty() && probe.latest().purpose == Purpose::Cancel, "{probe:?}");
    world.mine_until(&waiting, Status::Completed).await;
    assert_eq!(next_number(&world).await, 4);
    for payee in 0..3 {
        assert_eq!(world.times_paid(payee).await, 1, "payee {payee}");
    }
    again.crash();
}

/// What was in flight is the proof: nothing is sent besides.
#[tokio::test(flavor = "multi_thread")]
async fn f91_what_was_in_flight_before_a_restart_is_mined_before_anyone_else_is_paid() {
    let world = slow().await;
    let running = world.start();
    world.seed(&running.engine, 100).await;
    world.until_running().await;
    world.hold_blocks().await;
    let sent = world.request(&running.engine, 0).await;
    world.until_sent(&[sent]).await;
    running.crash();
    let again = world.start();
    let waits = world.request(&again.engine, 1).await;
    world.until_running().await;
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert_eq!(
        (world.status(waits).await.status(), next_number(&world).await),
        (Status::Approved, 1)
    );
    world.mine_until(&[sent, waits], Status::Completed).await;
    assert_eq!(next_number(&world).await, 2);
    again.crash();
}

/// A third witness that knows this lane vouches for it: nobody waits.
#[tokio::test(flavor = "multi_thread")]
async fn f91_a_lane_that_a_third_witness_vouches_for_starts_at_once() {
    let mut world = slow().await;
    world.witness = Some(Arc::default());
    let running = world.start();
    world.seed(&running.engine, 100).await;
    let first = world.request(&running.engine, 0).await;
    world.mine_until(&[first], Status::Completed).await;
    running.crash();
    let again = world.start();
    let second = world.request(&again.engine, 1).await;
    world.mine_until(&[second], Status::Completed).await;
    assert_eq!(next_number(&world).await, 2, "two payments and nothing else");
    again.crash();
}
