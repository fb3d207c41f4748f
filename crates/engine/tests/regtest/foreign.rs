//! Somebody else has the key: the lane stops and says what was done; nobody is paid twice.

use adit_core::{Command, Keychain, LaneState, Place, Purpose, Status};
use adit_store::Store;

use super::world::{COIN, World};

/// F22, R4: a transaction that is none of ours takes a coin of the wallet: the lane stops before
/// anything else is signed.
#[tokio::test(flavor = "multi_thread")]
async fn f22_somebody_else_with_the_key_stops_the_lane() {
    let Some(world) = World::new("regtest-foreign", 2).await else { return };
    let running = world.start();
    world
        .until("the lane to run", async || world.lane_state().await == Some(LaneState::Running))
        .await;
    let stolen = world.spend_outside(1, Purpose::Pay).await;
    world.bitcoin.rpc().send(&stolen).await.expect("relayed");
    world.mine().await;
    world
        .until("the lane to stop", async || {
            matches!(world.lane_state().await, Some(LaneState::Halted { .. }))
        })
        .await;
    world.credit(&running.engine, 1).await;
    let ids = world.request(&running.engine, [0]).await;
    for _ in 0..3 {
        world.mine().await;
    }
    assert_eq!(
        (world.status(ids[0]).await, world.times_paid([0]).await),
        (Status::Approved, vec![0])
    );
    running.crash();
}

/// Rule R4: a stranger's transaction takes the coins of a payment under way. Once it is final and a
/// person has adopted the key anew, the payment is free and made once.
#[tokio::test(flavor = "multi_thread")]
async fn r4_a_payment_whose_coins_a_stranger_took_is_made_once_by_another() {
    let Some(world) = World::new("regtest-conflict", 1).await else { return };
    let running = world.start();
    world.credit(&running.engine, 1).await;
    let ids = world.request(&running.engine, [0]).await;
    world
        .until("a transaction in the pool", async || {
            !world.bitcoin.rpc().mempool().await.expect("a read").is_empty()
        })
        .await;
    let stolen = world.spend_outside(7, Purpose::Cancel).await;
    world
        .bitcoin
        .miner()
        .mine_exactly(std::slice::from_ref(&stolen))
        .await
        .expect("mined instead of ours");
    world.bitcoin.gateway().catch_up().await.expect("seen");
    world
        .until("the lane to stop", async || {
            matches!(world.lane_state().await, Some(LaneState::Halted { .. }))
        })
        .await;
    for _ in 0..6 {
        world.mine().await;
    }
    assert_eq!(
        world.status(ids[0]).await,
        Status::Processing,
        "until a person says that the key is ours again"
    );
    let next = world.store.lane(&world.lane).await.expect("a read").expect("a lane").next_nonce;
    let adopt = Command::AdoptKey { lane: world.lane.clone(), from_nonce: next };
    running.engine.writer.submit(adit_core::Actor::Engine, adopt).await.expect("adopted");
    world.mine_until(&ids, Status::Completed).await;
    assert_eq!(world.times_paid([0]).await, [1]);
    running.crash();
}

/// F22: the stranger's transaction is first seen in a pool only; the lane still stops when a block
/// holds it.
#[tokio::test(flavor = "multi_thread")]
async fn f22_a_stranger_who_waited_in_the_pool_stops_the_lane() {
    let Some(world) = World::new("regtest-patient", 2).await else { return };
    let running = world.start();
    world
        .until("the lane to run", async || world.lane_state().await == Some(LaneState::Running))
        .await;
    let stolen = world.spend_outside(1, Purpose::Pay).await;
    world.bitcoin.rpc().send(&stolen).await.expect("relayed");
    world.bitcoin.miner().mine_exactly(&[]).await.expect("mined without it");
    world.bitcoin.gateway().catch_up().await.expect("seen");
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    assert_eq!(world.lane_state().await, Some(LaneState::Running), "a pool proves nothing");
    world.mine().await;
    world
        .until("the lane to stop", async || {
            matches!(world.lane_state().await, Some(LaneState::Halted { .. }))
        })
        .await;
    running.crash();
}

/// F89: database and journal are lost together. What the wallet paid since is read from the chain:
/// a withdrawal that equals such a payment waits for a person, and the lane stops.
#[tokio::test(flavor = "multi_thread")]
async fn f89_after_both_are_lost_a_payment_that_the_chain_shows_is_not_made_again() {
    let Some(world) = World::new("regtest-amnesia", 2).await else { return };
    let running = world.start();
    world.credit(&running.engine, 1).await;
    let ids = world.request(&running.engine, [0]).await;
    let backup = world.store.snapshot();
    world.mine_until(&ids, Status::Completed).await;
    running.crash();
    world.store.restore(&backup);
    world.lose_journal();
    let again = world.start();
    world
        .until("a person to be asked", async || {
            world.status(ids[0]).await == Status::HeldForInspection
        })
        .await;
    world
        .until("the lane to stop", async || {
            matches!(world.lane_state().await, Some(LaneState::Halted { .. }))
        })
        .await;
    for _ in 0..3 {
        world.mine().await;
    }
    assert_eq!(world.times_paid([0]).await, [1]);
    again.crash();
}

/// F107: the chain shows the address of our change, and somebody pays it. Their coin waits until it
/// is deep, like any deposit: a payment that spent it earlier would die with it in a
/// reorganisation.
#[tokio::test(flavor = "multi_thread")]
async fn f107_a_strangers_coin_on_a_change_address_waits_like_any_deposit() {
    let coins = [bitcoin::Amount::from_sat(150_000)];
    let Some(world) = World::with_coins("regtest-strangers-change", &coins).await else { return };
    let running = world.start();
    world.credit(&running.engine, 2).await;
    let paid = world.request(&running.engine, [0]).await;
    world.mine_until(&paid, Status::Completed).await;
    let lineage =
        world.store.lineages_of(paid[0]).await.expect("a read").pop().expect("it was paid");
    let index = u32::try_from(lineage.number()).expect("small");
    let shown =
        world.wallet.script(Place { keychain: Keychain::Internal, index }).expect("an index");
    let address =
        bitcoin::Address::from_script(&shown, bitcoin::Network::Regtest).expect("an address");
    world.bitcoin.miner().fund(&address, &[COIN]).await.expect("paid by a stranger");
    world.bitcoin.gateway().catch_up().await.expect("seen");

    let next = world.request(&running.engine, [1]).await;
    let height = u64::from(world.bitcoin.rpc().height().await.expect("a height"));
    let has_seen = async || {
        world
            .store
            .lane(&world.lane)
            .await
            .expect("a read")
            .and_then(|lane| lane.tip)
            .is_some_and(|tip| tip.head.height == height)
    };
    world.until("the lane to see the block", has_seen).await;
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    assert!(
        world.bitcoin.rpc().mempool().await.expect("a read").is_empty(),
        "what a reorganisation may take back pays nobody"
    );
    assert_eq!(world.status(next[0]).await, Status::Approved);
    world.mine_until(&next, Status::Completed).await;
    assert_eq!(world.times_paid([0, 1]).await, [1, 1]);
    running.crash();
}
