//! What nodes forget, and what they are not asked to remember.

use adit_core::Status;
use bitcoin::Txid;
use serde_json::{Value, json};

use super::parts::now;
use super::world::World;

/// A fortnight and a day: longer than nodes keep what is not mined.
const EXPIRED_SECONDS: i64 = 15 * 86_400;

/// F64: a node drops what nobody mined for two weeks. The same bytes go out again, and the coins stayed reserved.
#[tokio::test(flavor = "multi_thread")]
async fn f64_what_expired_in_the_pool_is_sent_again() {
    let Some(world) = World::new("regtest-expiry", 2).await else { return };
    let running = world.start();
    world.credit(&running.engine, 2).await;
    let first = world.request(&running.engine, [0]).await;
    world.until("a transaction in the pool", async || world.bitcoin.rpc().mempool().await.expect("a read").len() == 1).await;
    let txid = World::txid(world.withdrawal(first[0]).await.state.hash().expect("sent"));
    let later = u64::try_from(now().seconds() + EXPIRED_SECONDS).expect("after 1970");
    world.bitcoin.rpc().set_mock_time(later).await.expect("set");
    // A pool is tidied when something new comes.
    let second = world.request(&running.engine, [1]).await;
    world.until("the first one to be new in the pool", async || entered(&world, txid).await.is_some_and(|at| at >= later)).await;
    assert_eq!(world.withdrawal(first[0]).await.state.hash().map(World::txid), Some(txid), "the same bytes");
    world.mine_until(&[first, second].concat(), Status::Completed).await;
    assert_eq!(world.times_paid(0..2).await, [1; 2]);
    running.crash();
}

/// When the node took it into its pool, in Unix seconds.
async fn entered(world: &World, txid: Txid) -> Option<u64> {
    let entry: Value = world.bitcoin.rpc().call("getmempoolentry", json!([txid.to_string()])).await.ok()?;
    entry["time"].as_u64()
}

/// F70: no wallet of the node has a part in it, so none can resend or abandon anything by itself.
#[tokio::test(flavor = "multi_thread")]
async fn f70_no_wallet_of_the_node_is_used() {
    let Some(world) = World::new("regtest-walletless", 1).await else { return };
    let running = world.start();
    world.credit(&running.engine, 1).await;
    let ids = world.request(&running.engine, [0]).await;
    world.mine_until(&ids, Status::Completed).await;
    let wallets: Vec<String> = world.bitcoin.rpc().call("listwallets", json!([])).await.expect("a read");
    assert_eq!((wallets, world.times_paid([0]).await), (Vec::new(), vec![1]));
    running.crash();
}
