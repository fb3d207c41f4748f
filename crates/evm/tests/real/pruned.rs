//! Endpoints that keep the state of the last 128 blocks alone, as full nodes do: what used a nonce
//! before that is found all the same.

use std::sync::{Arc, Mutex};

use adit_chain::{Chain, Sightings};
use adit_core::{Hash32, Trust};
use adit_evm::{EvmChain, EvmConfig, SCAN_BLOCKS_PER_LOOK_MAX};
use serde_json::{Value, json};

use crate::observing::foreign_transfer;
use crate::searching::{Heard, count, over};
use crate::twist::Twister;
use crate::world::{BOB, World, leg};

/// Blocks whose state a full node keeps.
const KEPT: u64 = 128;

/// How geth, Erigon and others say that they keep no state of then.
const PRUNED: [&str; 4] = [
    "missing trie node 5b0e (path ) state 0x5b0e is not available",
    "header not found",
    "historical state 0x5b0e is not available",
    "state at block is pruned",
];

fn height(value: &Value) -> Option<u64> {
    u64::from_str_radix(value.as_str()?.strip_prefix("0x")?, 16).ok()
}

/// Keeps no state below this height, and notes what it is asked.
fn prune(node: &Twister, below: u64, message: &'static str) -> Heard {
    let heard = Heard::default();
    let calls = heard.clone();
    node.twist(move |call, answer| {
        calls.lock().expect("nobody panics with it").push(call.clone());
        if call["method"] == "eth_getTransactionCount" && height(&call["params"][1]).is_some_and(|at| at < below) {
            *answer = json!({ "jsonrpc": "2.0", "id": call["id"], "error": { "code": -32000, "message": message } });
        }
    });
    heard
}

/// A transfer of somebody else with our key, so many blocks ago.
async fn stranger_of_long_ago(depth: u64) -> (World, Hash32) {
    let world = World::new().await;
    world.mine(20).await;
    let theirs = foreign_transfer(&world, 0).await;
    world.chain().broadcast(std::slice::from_ref(&theirs)).await;
    world.mine(depth).await;
    (world, theirs.hash)
}

async fn head(world: &World) -> u64 {
    world.anvil.rpc().block_number().await.expect("a height")
}

fn told(look: &Sightings) -> Vec<(u64, Option<Hash32>)> {
    look.foreign.iter().map(|foreign| (foreign.nonce, foreign.hash)).collect()
}

/// Looks until nothing is searched any more; gives every look.
async fn looks(world: &World, chain: &EvmChain) -> Vec<Sightings> {
    let mut looks: Vec<Sightings> = Vec::new();
    while looks.last().is_none_or(|look| look.searching) {
        assert!(looks.len() < 20, "it never ends: {looks:?}");
        looks.push(chain.watch(&world.watch(&[], &[])).await.expect("a look"));
    }
    looks
}

/// F22: found by reading blocks, some in each look. Until then a sentence says what is done, and
/// what would be faster.
#[tokio::test]
async fn f22_a_stranger_is_found_where_the_state_of_then_is_pruned() {
    let (world, theirs) = stranger_of_long_ago(KEPT + SCAN_BLOCKS_PER_LOOK_MAX + 10).await;
    let at = head(&world).await - KEPT - SCAN_BLOCKS_PER_LOOK_MAX - 10;
    for message in PRUNED {
        let node = Twister::start(world.anvil.url()).await;
        let heard = prune(&node, head(&world).await - KEPT + 1, message);
        let chain = over(&world, &node);
        let looks = looks(&world, &chain).await;
        assert_eq!(
            looks.iter().map(told).collect::<Vec<_>>(),
            [vec![(0, None)], vec![(0, Some(theirs))]],
            "{message}"
        );
        let words = &looks[0].foreign[0].decoded;
        assert!(
            words.contains("of which no endpoint keeps the state")
                && words.contains("archive node"),
            "{words}"
        );
        let found = &looks[1].foreign[0];
        assert_eq!(found.block.map(|block| block.height), Some(at));
        assert!(found.decoded.contains("pays 7 wei to 0xbBbB"), "{}", found.decoded);
        // What is known of it is not asked for again.
        heard.lock().expect("nobody panics with it").clear();
        let again = chain.watch(&world.watch(&[], &[])).await.expect("a look");
        assert_eq!(told(&again), [(0, Some(theirs))]);
        assert_eq!(count(&heard, "eth_getTransactionCount"), 1, "at the head alone");
    }
}

/// F08: one that took the nonce of a payment of ours, which then ends.
#[tokio::test]
async fn f08_what_took_the_nonce_of_a_payment_is_found_where_the_state_of_then_is_pruned() {
    let mut world = World::new().await;
    world.dg().await;
    let ours = world.pay(&world.chain(), &leg("DG", BOB, 3), 0).await;
    let theirs = foreign_transfer(&world, 0).await;
    world.chain().broadcast(std::slice::from_ref(&theirs)).await;
    world.mine(KEPT + 5).await;
    let node = Twister::start(world.anvil.url()).await;
    prune(&node, head(&world).await - KEPT + 1, PRUNED[0]);
    let look =
        over(&world, &node).watch(&world.watch(&[&ours.lineage], &[])).await.expect("a look");
    assert_eq!(crate::world::facts(&look), ["conflicted"]);
    assert_eq!(told(&look), [(0, Some(theirs.hash))]);
}

/// F23: a nonce that moved without a transaction is told as that, once all blocks were read; before
/// it is not guessed.
#[tokio::test]
async fn f23_a_nonce_that_no_transaction_used_is_told_once_all_blocks_were_read() {
    let world = World::new().await;
    world.rpc("anvil_setNonce", json!([world.wallet.address, "0x1"])).await;
    world.mine(KEPT + SCAN_BLOCKS_PER_LOOK_MAX + 10).await;
    let node = Twister::start(world.anvil.url()).await;
    prune(&node, head(&world).await - KEPT + 1, PRUNED[0]);
    let looks = looks(&world, &over(&world, &node)).await;
    assert!(!looks[0].foreign[0].decoded.contains("7702"), "{}", looks[0].foreign[0].decoded);
    let last = &looks.last().expect("a look").foreign[0];
    assert!(
        last.decoded.contains("without a transaction of the wallet") && last.block.is_some(),
        "{last:?}"
    );
}

/// After so many blocks nobody looks any further: the look says so, of a payment of ours as well,
/// which would wait without a word for ever.
#[tokio::test]
async fn f22_what_no_block_shows_is_told_and_not_asked_for_for_ever() {
    let mut world = World::new().await;
    world.dg().await;
    let ours = world.pay(&world.chain(), &leg("DG", BOB, 3), 0).await;
    let theirs = [foreign_transfer(&world, 0).await, foreign_transfer(&world, 1).await];
    world.chain().broadcast(&theirs).await;
    world.mine(KEPT + 30).await;
    let node = Twister::start(world.anvil.url()).await;
    let heard = prune(&node, head(&world).await - KEPT + 1, PRUNED[0]);
    let config = EvmConfig { scan_blocks_max: 20, ..world.config(Trust::Single, &[node.url()]) };
    let chain = EvmChain::new(config).expect("a good configuration");
    let look = chain.watch(&world.watch(&[&ours.lineage], &[])).await.expect("a look");
    assert_eq!((told(&look), look.searching), (vec![(0, None), (1, None)], false));
    assert!(look.sightings.is_empty(), "nothing is concluded");
    for foreign in &look.foreign {
        assert!(
            foreign.decoded.contains("Nothing is concluded")
                && foreign.decoded.contains("archive node"),
            "{}",
            foreign.decoded
        );
        assert!(!foreign.is_placed());
    }
    heard.lock().expect("nobody panics with it").clear();
    let again = chain.watch(&world.watch(&[&ours.lineage], &[])).await.expect("a look");
    assert_eq!(told(&again), told(&look));
    assert_eq!(count(&heard, "eth_getTransactionCount"), 1, "at the head alone");
    let full = |call: &Value| call["method"] == "eth_getBlockByNumber" && call["params"][1] == true;
    assert!(
        !heard.lock().expect("nobody panics with it").iter().any(full),
        "no block is read again"
    );
}

/// One endpoint that keeps all state is enough to know the block; what stands in it is said by
/// both.
#[tokio::test]
async fn f22_one_archive_endpoint_names_the_block_at_once() {
    let (world, theirs) = stranger_of_long_ago(1_000).await;
    let node = Twister::start(world.anvil.url()).await;
    prune(&node, head(&world).await - KEPT + 1, PRUNED[0]);
    let chain = world.chain_over(Trust::Quorum, &[node.url(), world.anvil.url()]);
    let look = chain.watch(&world.watch(&[], &[])).await.expect("a look");
    assert_eq!((told(&look), look.searching), (vec![(0, Some(theirs))], false));
}

/// F39: one that lies about old state leads nobody astray: no authorisation is made up, and the
/// transaction is found.
#[tokio::test]
async fn f39_a_lie_about_old_state_is_not_believed() {
    let (world, theirs) = stranger_of_long_ago(KEPT + 10).await;
    let [pruned, liar] =
        [Twister::start(world.anvil.url()).await, Twister::start(world.anvil.url()).await];
    let edge = head(&world).await - KEPT + 1;
    prune(&pruned, edge, PRUNED[0]);
    let lies = Arc::new(Mutex::new(0));
    let told_lies = lies.clone();
    liar.lie(move |call, result| {
        let old = call["method"] == "eth_getTransactionCount"
            && height(&call["params"][1]).is_some_and(|at| at < edge);
        if old {
            *told_lies.lock().expect("nobody panics with it") += 1;
            *result = json!("0x1");
        }
    });
    let chain = world.chain_over(Trust::Quorum, &[pruned.url(), liar.url()]);
    let looks = looks(&world, &chain).await;
    assert!(
        looks
            .iter()
            .flat_map(|look| &look.foreign)
            .all(|foreign| !foreign.decoded.contains("7702")),
        "{looks:?}"
    );
    assert_eq!(looks.last().map(told), Some(vec![(0, Some(theirs))]));
    assert!(*lies.lock().expect("nobody panics with it") > 0);
}
