//! Database and journal set back to one moment, as a snapshot of their volume is: what blocks and pools show of the wallet is not paid again
//! (cases F89, F91).

use std::time::Duration;

use adit_core::{Actor, Batching, Command, HaltReason, LaneState, Span, Status, WithdrawalId};

use super::parts::Running;
use super::world::{COIN, Volume, World};

async fn stop(world: &World, running: &Running) {
    let reason = HaltReason::Operator { reason: "a test".to_owned() };
    running.engine.writer.submit(Actor::Engine, Command::HaltLane { lane: world.lane.clone(), reason }).await.expect("halted");
}

async fn resume(world: &World, running: &Running) {
    let resume = Command::ResumeLane { lane: world.lane.clone(), accept: None };
    running.engine.writer.submit(Actor::Engine, resume).await.expect("resumed");
}

async fn both_went_back(world: &World) -> bool {
    matches!(world.lane_state().await, Some(LaneState::Halted { reason: HaltReason::BothWentBack { .. }, .. }))
}

/// Everybody asked before the snapshot, while the lane stood still.
async fn asked_before_a_snapshot(world: &World, payees: u32) -> (Running, Volume, Vec<WithdrawalId>) {
    let running = world.start();
    world.credit(&running.engine, payees.into()).await;
    world.until("the lane to run", async || world.lane_state().await == Some(LaneState::Running)).await;
    stop(world, &running).await;
    let ids = world.request(&running.engine, 0..payees).await;
    let volume = world.volume();
    resume(world, &running).await;
    (running, volume, ids)
}

#[tokio::test(flavor = "multi_thread")]
async fn f91_bitcoin_that_waits_in_a_pool_is_not_paid_again() {
    const PAYEES: u32 = 3;
    let Some(world) = World::new("regtest-both-pool", 4).await else { return };
    let (running, volume, ids) = asked_before_a_snapshot(&world, PAYEES).await;
    let pooled = async || world.bitcoin.rpc().mempool().await.expect("a pool").len();
    world.until("everybody's payment in the pool", async || pooled().await == 1).await;
    world.bitcoin.gateway().catch_up().await.expect("seen");
    running.crash();
    world.set_back(&volume);
    let again = world.start();
    resume(&world, &again).await;
    world.until("the lane to stop", async || both_went_back(&world).await).await;
    for id in &ids {
        let refused = again.engine.submit(Actor::Engine, world.order_to_cancel(*id).await).await;
        assert!(refused.is_err(), "nothing is given back before it is known: {refused:?}");
    }
    assert_eq!(pooled().await, 1, "nothing else is sent");
    world.mine_until(&ids, Status::HeldForInspection).await;
    resume(&world, &again).await;
    for _ in 0..8 {
        world.mine().await;
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    again.crash();
    assert_eq!(world.times_paid(0..PAYEES).await, [1; PAYEES as usize]);
}

/// Each payment stands on the change of the one before, and what is left of them lies beyond the gap limit: no list of coins shows it.
#[tokio::test(flavor = "multi_thread")]
async fn f89_bitcoin_whose_change_was_spent_since_is_not_paid_again() {
    const PAYEES: u32 = 24;
    let Some(world) = World::with_coins("regtest-both-chain", &[COIN]).await else { return };
    let one_each = Batching { gather: Span::from_millis(0), payouts_max: 1 };
    let world = world.ruled(|chain| chain.batching = Some(one_each));
    let (running, volume, ids) = asked_before_a_snapshot(&world, PAYEES).await;
    world.mine_until(&ids, Status::Completed).await;
    running.crash();
    world.fund(&[COIN]).await;
    world.set_back(&volume);
    let again = world.start();
    resume(&world, &again).await;
    world.until("the lane to stop", async || both_went_back(&world).await).await;
    world.mine_until(&ids, Status::HeldForInspection).await;
    resume(&world, &again).await;
    for _ in 0..4 {
        world.mine().await;
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    again.crash();
    assert_eq!(world.times_paid(0..PAYEES).await, [1; PAYEES as usize]);
}
