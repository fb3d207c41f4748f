//! Database and journal set back to one moment, as a snapshot of their volume is: what blocks and
//! pools show of the wallet is not paid again (cases F89, F91).

use std::time::Duration;

use adit_core::{
    Actor, Batching, Command, CredentialId, HaltReason, IncarnationId, LaneState, Span, Status,
    WentBack, WithdrawalId,
};
use adit_store::Store;
use bitcoin::Transaction;

use super::parts::Running;
use super::world::{COIN, Volume, World};

async fn stop(world: &World, running: &Running) {
    let reason = HaltReason::Operator { reason: "a test".to_owned() };
    running
        .engine
        .writer
        .submit(Actor::Engine, Command::HaltLane { lane: world.lane.clone(), reason })
        .await
        .expect("halted");
}

async fn resume(world: &World, running: &Running) {
    let resume = Command::ResumeLane { lane: world.lane.clone(), accept: None };
    running.engine.writer.submit(Actor::Engine, resume).await.expect("resumed");
}

async fn both_went_back(world: &World) -> bool {
    matches!(
        world.lane_state().await,
        Some(LaneState::Halted { reason: HaltReason::BothWentBack { .. }, .. })
    )
}

/// Everybody asked before the snapshot, while the lane stood still.
async fn asked_before_a_snapshot(
    world: &World,
    payees: u32,
) -> (Running, Volume, Vec<WithdrawalId>) {
    let running = world.start();
    world.credit(&running.engine, payees.into()).await;
    world
        .until("the lane to run", async || world.lane_state().await == Some(LaneState::Running))
        .await;
    stop(world, &running).await;
    let ids = world.request(&running.engine, 0..payees).await;
    let volume = world.volume();
    resume(world, &running).await;
    (running, volume, ids)
}

async fn pooled(world: &World) -> usize {
    world.bitcoin.rpc().mempool().await.expect("a pool").len()
}

/// The same, and then one transaction pays everybody. It waits in the pool.
async fn sent_after_a_snapshot(world: &World, payees: u32) -> (Volume, Vec<WithdrawalId>) {
    let (running, volume, ids) = asked_before_a_snapshot(world, payees).await;
    world.until("everybody's payment in the pool", async || pooled(world).await == 1).await;
    running.crash();
    (volume, ids)
}

#[tokio::test(flavor = "multi_thread")]
async fn f91_bitcoin_that_waits_in_a_pool_is_not_paid_again() {
    const PAYEES: u32 = 3;
    let Some(world) = World::new("regtest-both-pool", 4).await else { return };
    let (volume, ids) = sent_after_a_snapshot(&world, PAYEES).await;
    world.bitcoin.gateway().catch_up().await.expect("seen");
    world.set_back(&volume);
    let again = world.start();
    resume(&world, &again).await;
    world.until("the lane to stop", async || both_went_back(&world).await).await;
    for id in &ids {
        let refused = again.engine.submit(Actor::Engine, world.order_to_cancel(*id).await).await;
        assert!(refused.is_err(), "nothing is given back before it is known: {refused:?}");
    }
    assert_eq!(pooled(&world).await, 1, "nothing else is sent");
    world.mine_until(&ids, Status::HeldForInspection).await;
    resume(&world, &again).await;
    for _ in 0..8 {
        world.mine().await;
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    again.crash();
    assert_eq!(world.times_paid(0..PAYEES).await, [1; PAYEES as usize]);
}

/// Each payment stands on the change of the one before, and what is left of them lies beyond the
/// gap limit: no list of coins shows it.
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

/// An admin says that both were restored; the lane is let go.
async fn declared(world: &World) -> Running {
    let running = world.start();
    let because = WentBack::BothDeclared { what: "a snapshot".to_owned() };
    let next = IncarnationId(uuid::Uuid::from_u128(0x7777));
    let found = Command::FindWentBack { because, next, take_over: true };
    running.engine.writer.submit(Actor::Engine, found).await.expect("noted");
    let begun = async || {
        world
            .store
            .lane(&world.lane)
            .await
            .expect("a read")
            .is_some_and(|lane| lane.restoration.is_some())
    };
    world.until("the next life", begun).await;
    resume(world, &running).await;
    running
}

async fn unreleased(world: &World) -> bool {
    matches!(
        world.lane_state().await,
        Some(LaneState::Halted { reason: HaltReason::Unreleased, .. })
    )
}

async fn release(world: &World, running: &Running) {
    for credential in [1, 2] {
        let by = Actor::admin(CredentialId(uuid::Uuid::from_u128(credential)));
        running
            .engine
            .writer
            .submit(by, Command::ReleaseLane { lane: world.lane.clone(), seen: 3 })
            .await
            .expect("released");
    }
}

/// Blocks come until the sweep is over.
async fn until_swept(world: &World) {
    for _ in 0..100 {
        if unreleased(world).await {
            return;
        }
        world.mine().await;
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    panic!("the sweep does not end: {}", world.story().await);
}

/// What the lost part had sent, and no pool has any more.
async fn hidden(world: &World, ids: &[WithdrawalId]) -> Transaction {
    let lineage = world.store.lineages_of(ids[0]).await.expect("a read").pop().expect("sent");
    let raw = &lineage.latest().signed().expect("signed").raw;
    world.bitcoin.forget().await.expect("forgotten");
    bitcoin::consensus::encode::deserialize(&raw.0).expect("a transaction")
}

#[tokio::test(flavor = "multi_thread")]
async fn f91_bitcoin_that_every_pool_hides_is_swept_once_it_is_declared() {
    const PAYEES: u32 = 3;
    let Some(world) = World::new("regtest-both-swept", 4).await else { return };
    let (volume, ids) = sent_after_a_snapshot(&world, PAYEES).await;
    let hidden = hidden(&world, &ids).await;
    world.bitcoin.gateway().catch_up().await.expect("seen");
    world.set_back(&volume);
    let again = declared(&world).await;
    until_swept(&world).await;
    assert!(world.bitcoin.rpc().send(&hidden).await.is_err(), "what it needs is used up");
    assert_eq!(world.times_paid(0..PAYEES).await, [0; PAYEES as usize]);
    release(&world, &again).await;
    world.mine_until(&ids, Status::Completed).await;
    again.crash();
    assert_eq!(world.times_paid(0..PAYEES).await, [1; PAYEES as usize]);
}

/// A block takes what every pool hid, in the middle of the sweep: its payees are held, and paid
/// once.
#[tokio::test(flavor = "multi_thread")]
async fn f91_bitcoin_that_is_mined_in_the_place_of_a_sweep_is_held() {
    const PAYEES: u32 = 3;
    let Some(world) = World::new("regtest-both-instead", 4).await else { return };
    let (volume, ids) = sent_after_a_snapshot(&world, PAYEES).await;
    let hidden = hidden(&world, &ids).await;
    world.bitcoin.gateway().catch_up().await.expect("seen");
    world.set_back(&volume);
    let again = declared(&world).await;
    let swept =
        async || !world.store.live_lineages(&world.lane, 9).await.expect("a read").is_empty();
    world.until("a sweep", swept).await;
    world
        .bitcoin
        .miner()
        .mine_exactly(std::slice::from_ref(&hidden))
        .await
        .expect("mined in its place");
    world.bitcoin.gateway().catch_up().await.expect("seen");
    until_swept(&world).await;
    for id in &ids {
        assert_eq!(world.status(*id).await, Status::HeldForInspection);
    }
    release(&world, &again).await;
    for _ in 0..4 {
        world.mine().await;
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    again.crash();
    assert_eq!(world.times_paid(0..PAYEES).await, [1; PAYEES as usize]);
}

/// The same before the sweep begins: the lane begins behind it, and does not stop for a person
/// first.
#[tokio::test(flavor = "multi_thread")]
async fn f91_bitcoin_that_was_mined_before_a_sweep_does_not_stop_it() {
    const PAYEES: u32 = 2;
    let Some(world) = World::new("regtest-both-before", 3).await else { return };
    let (volume, ids) = sent_after_a_snapshot(&world, PAYEES).await;
    world.mine().await;
    world.set_back(&volume);
    let again = declared(&world).await;
    until_swept(&world).await;
    for id in &ids {
        assert_eq!(world.status(*id).await, Status::HeldForInspection);
    }
    again.crash();
    assert_eq!(world.times_paid(0..PAYEES).await, [1; PAYEES as usize]);
}

/// The lost part had sent a payment and cancelled it, and a block holds the cancelling version.
/// While that block may revert, the payment may be mined after all: whom it was to pay is not given
/// back.
#[tokio::test(flavor = "multi_thread")]
async fn f91_bitcoin_whose_found_cancel_may_revert_is_not_given_back() {
    let Some(world) = World::new("regtest-both-cancel", 2).await else { return };
    let (running, volume, ids) = asked_before_a_snapshot(&world, 1).await;
    world.until("the payment in the pool", async || pooled(&world).await == 1).await;
    let pool = async || world.bitcoin.rpc().mempool().await.expect("a pool");
    let paying = pool().await;
    world.cancel(&running.engine, ids[0]).await;
    world.until("its cancelling version", async || pool().await != paying).await;
    running.crash();
    world.mine().await;
    world.set_back(&volume);
    let again = world.start();
    world.until("the lane to stop", async || both_went_back(&world).await).await;
    for _ in 0..10 {
        let refused = again.engine.submit(Actor::Engine, world.order_to_cancel(ids[0]).await).await;
        assert!(refused.is_err(), "its block may revert: {refused:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    for _ in 0..6 {
        world.mine().await;
    }
    let given_back = async || {
        let order = world.order_to_cancel(ids[0]).await;
        again.engine.submit(Actor::Engine, order).await.is_ok()
    };
    world.until("it to be given back", given_back).await;
    again.crash();
    assert_eq!(world.status(ids[0]).await, Status::Cancelled);
    assert_eq!(world.times_paid(0..1).await, [0]);
}
