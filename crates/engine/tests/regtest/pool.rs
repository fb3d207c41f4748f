//! What nodes forget, and what they are not asked to remember.

use std::collections::BTreeSet;

use adit_core::{Actor, Command, LaneState, Purpose, Status};
use adit_store::Store;
use bitcoin::Txid;
use serde_json::{Value, json};

use super::parts::now;
use super::world::World;

/// A fortnight and a day: longer than nodes keep what is not mined.
const EXPIRED_SECONDS: i64 = 15 * 86_400;

/// F64: a node drops what nobody mined for two weeks. The same bytes go out again, and the coins
/// stayed reserved.
#[tokio::test(flavor = "multi_thread")]
async fn f64_what_expired_in_the_pool_is_sent_again() {
    let Some(world) = World::new("regtest-expiry", 2).await else { return };
    let running = world.start();
    world.credit(&running.engine, 2).await;
    let first = world.request(&running.engine, [0]).await;
    // The node has it before the answers are written down.
    world
        .until("the record to name its transaction", async || {
            world.withdrawal(first[0]).await.state.hash().is_some()
        })
        .await;
    let txid = World::txid(world.withdrawal(first[0]).await.state.hash().expect("just seen"));
    let later = u64::try_from(now().seconds() + EXPIRED_SECONDS).expect("after 1970");
    world.bitcoin.rpc().set_mock_time(later).await.expect("set");
    // A pool is tidied when something new comes.
    let second = world.request(&running.engine, [1]).await;
    world
        .until("the first one to be new in the pool", async || {
            entered(&world, txid).await.is_some_and(|at| at >= later)
        })
        .await;
    assert_eq!(
        world.withdrawal(first[0]).await.state.hash().map(World::txid),
        Some(txid),
        "the same bytes"
    );
    world.mine_until(&[first, second].concat(), Status::Completed).await;
    assert_eq!(world.times_paid(0..2).await, [1; 2]);
    running.crash();
}

/// When the node took it into its pool, in Unix seconds.
async fn entered(world: &World, txid: Txid) -> Option<u64> {
    let entry: Value =
        world.bitcoin.rpc().call("getmempoolentry", json!([txid.to_string()])).await.ok()?;
    entry["time"].as_u64()
}

/// F70: no wallet of the node has a part in it, so none can resend or abandon anything by itself.
/// The node itself lists its wallet commands, and logs what it is asked: none of them, from the
/// plan to the last confirmation.
#[tokio::test(flavor = "multi_thread")]
async fn f70_no_wallet_of_the_node_is_used() {
    // Its only source is the node, so that it is asked for everything.
    let Some(world) = World::bare("regtest-walletless", 1).await else { return };
    let help: String = world.bitcoin.rpc().call("help", json!([])).await.expect("a read");
    let of_wallets: BTreeSet<&str> = help
        .lines()
        .skip_while(|line| *line != "== Wallet ==")
        .skip(1)
        .take_while(|line| !line.starts_with("=="))
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(
        of_wallets.contains("sendtoaddress") && of_wallets.contains("bumpfee"),
        "{of_wallets:?}"
    );
    world.bitcoin.rpc().call::<Value>("logging", json!([["rpc"]])).await.expect("told");
    let running = world.start();
    world.credit(&running.engine, 1).await;
    let ids = world.request(&running.engine, [0]).await;
    world.mine_until(&ids, Status::Completed).await;
    running.crash();
    assert_eq!(world.times_paid([0]).await, [1]);
    let log = std::fs::read_to_string(world.bitcoin.node().log()).expect("a log");
    let asked: BTreeSet<&str> =
        log.split("method=").skip(1).filter_map(|rest| rest.split_whitespace().next()).collect();
    assert!(asked.contains("sendrawtransaction"), "{asked:?}");
    assert_eq!(asked.intersection(&of_wallets).collect::<Vec<_>>(), Vec::<&&str>::new());
}

/// F61, F64, R2: a replacement added a coin, and somebody else's transaction takes that coin. No
/// pool takes the replacement any more, and all of them dropped the first version for it: that one
/// is sent again, mined, and pays once, although the lane has stopped.
#[tokio::test(flavor = "multi_thread")]
async fn f61_f64_an_older_version_is_sent_again_where_the_newest_lost_a_coin() {
    let sizes = [101_000, 99_000].map(bitcoin::Amount::from_sat);
    let Some(world) = World::with_coins("regtest-older", &sizes).await else { return };
    let running = world.start();
    world.credit(&running.engine, 1).await;
    let ids = world.request(&running.engine, [0]).await;
    let pool = async || world.bitcoin.rpc().mempool().await.expect("a read");
    world.until("a transaction in the pool", async || pool().await.len() == 1).await;
    let first = pool().await[0];
    world.bitcoin.gateway().estimate(Some(40));
    let inputs = async |txid: &Txid| {
        world
            .bitcoin
            .rpc()
            .transaction(*txid)
            .await
            .ok()
            .flatten()
            .map_or(0, |known| known.input.len())
    };
    world
        .until(
            "a version with both coins",
            async || matches!(pool().await[..], [ref only] if inputs(only).await == 2),
        )
        .await;
    world.bitcoin.gateway().estimate(None);
    let stolen = world.spend_smallest_outside(7).await;
    world
        .bitcoin
        .miner()
        .mine_exactly(std::slice::from_ref(&stolen))
        .await
        .expect("mined instead of ours");
    world.bitcoin.gateway().catch_up().await.expect("seen");
    world.until("the first version in the pool again", async || pool().await == [first]).await;
    world.mine_until(&ids, Status::Completed).await;
    assert!(
        matches!(world.lane_state().await, Some(LaneState::Halted { .. })),
        "somebody else has the key"
    );
    assert_eq!(world.withdrawal(ids[0]).await.state.hash().map(World::txid), Some(first));
    assert_eq!(world.times_paid([0]).await, [1]);
    running.crash();
}

/// R3, R4, F64: a payment's second version added a coin, a cancelling one kept it, and somebody
/// else's transaction takes that coin. Once a person has adopted the key anew, another cancelling
/// version does without it: it is mined, the hold is given back, and nobody was paid.
#[tokio::test(flavor = "multi_thread")]
async fn f64_a_cancel_whose_added_coin_is_gone_is_made_again_without_it() {
    let sizes = [101_000, 99_000].map(bitcoin::Amount::from_sat);
    let Some(world) = World::with_coins("regtest-lost-cancel", &sizes).await else { return };
    let running = world.start();
    world.credit(&running.engine, 1).await;
    let ids = world.request(&running.engine, [0]).await;
    let pool = async || world.bitcoin.rpc().mempool().await.expect("a read");
    world.until("a transaction in the pool", async || pool().await.len() == 1).await;
    world.bitcoin.gateway().estimate(Some(40));
    let inputs = async |txid: &Txid| {
        world
            .bitcoin
            .rpc()
            .transaction(*txid)
            .await
            .ok()
            .flatten()
            .map_or(0, |known| known.input.len())
    };
    world
        .until(
            "a version with both coins",
            async || matches!(pool().await[..], [ref only] if inputs(only).await == 2),
        )
        .await;
    let paying = pool().await;
    world.bitcoin.gateway().estimate(None);
    world.cancel(&running.engine, ids[0]).await;
    world
        .until(
            "a cancelling version",
            async || matches!(pool().await[..], [ref only] if !paying.contains(only)),
        )
        .await;
    let cancelling = pool().await[0];
    assert_eq!(inputs(&cancelling).await, 2, "it keeps what the one before had");
    let stolen = world.spend_smallest_outside(7).await;
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
    let next = world.store.lane(&world.lane).await.expect("a read").expect("a lane").next_nonce;
    let adopt = Command::AdoptKey { lane: world.lane.clone(), from_nonce: next };
    running.engine.writer.submit(Actor::Engine, adopt).await.expect("adopted");
    world.mine_until(&ids, Status::Cancelled).await;
    let lineage =
        world.store.lineages_of(ids[0]).await.expect("a read").pop().expect("in a lineage");
    assert_eq!(lineage.latest().purpose, Purpose::Cancel);
    let adit_core::Draft::Bitcoin(last) = &lineage.latest().draft else {
        panic!("a Bitcoin draft")
    };
    assert_eq!(last.inputs.len(), 1, "without the coin that is gone: {lineage:?}");
    for _ in 0..7 {
        world.mine().await;
    }
    assert_eq!(world.times_paid([0]).await, [0], "given back, and not paid");
    running.crash();
}
