//! What a look asks for, what it asks for no more, and what it falls back on.

use std::sync::{Arc, Mutex};

use adit_chain::{Chain, Watch};
use adit_core::{BlockRef, Fact, Trust};
use adit_evm::{EvmChain, SEARCH_BLOCKS_MAX, SEARCH_GAP_BLOCKS_MAX};
use serde_json::{Value, json};

use crate::twist::Twister;
use crate::world::{BOB, Paid, World, apply, facts, leg};

/// Every call that passes from now on.
pub type Heard = Arc<Mutex<Vec<Value>>>;

fn hear(node: &Twister) -> Heard {
    let heard = Heard::default();
    let calls = heard.clone();
    node.lie(move |call, _| calls.lock().expect("nobody panics with it").push(call.clone()));
    heard
}

pub fn count(heard: &Heard, method: &str) -> usize {
    heard
        .lock()
        .expect("nobody panics with it")
        .iter()
        .filter(|call| call["method"] == method)
        .count()
}

/// How often the block at this height was asked for.
fn asked_for(heard: &Heard, height: u64) -> usize {
    let heard = heard.lock().expect("nobody panics with it");
    heard
        .iter()
        .filter(|call| call["method"] == "eth_getBlockByNumber" && call["params"][0] == hex(height))
        .count()
}

pub fn hex(height: u64) -> String {
    format!("0x{height:x}")
}

pub fn over(world: &World, node: &Twister) -> EvmChain {
    world.chain_over(Trust::Single, &[node.url()])
}

/// Without automatic mining, a payment that was sent and is not mined yet, and the trail before it.
async fn sent(world: &World, chain: &EvmChain) -> (Paid, Vec<BlockRef>) {
    let paid = world.pay(chain, &leg("DG", BOB, 3), 0).await;
    let trail = chain.watch(&world.watch(&[&paid.lineage], &[])).await.expect("a look").trail;
    world.automine(false).await;
    chain.broadcast(std::slice::from_ref(&paid.signed)).await;
    (paid, trail)
}

/// A block that stands vouches for those below it. Only who has just started asks for the payment's
/// own block, and finds it there.
#[tokio::test]
async fn a_block_below_one_that_stands_is_not_asked_for_again() {
    let world = World::with_dg().await;
    let node = Twister::start(world.anvil.url()).await;
    let chain = over(&world, &node);
    let (mut paid, trail) = sent(&world, &chain).await;
    world.mine(1).await;
    let found = chain.watch(&world.watch(&[&paid.lineage], &trail)).await.expect("a look");
    assert_eq!(facts(&found), ["included"]);
    apply(&mut paid.lineage, &found);
    let block = found.tip.head.height;
    let asked = hear(&node);
    let same = over(&world, &node)
        .watch(&world.watch(&[&paid.lineage], &found.trail))
        .await
        .expect("a look");
    assert_eq!((asked_for(&asked, block), facts(&same).len()), (0, 0), "the head itself is known");
    assert_eq!(same.trail, found.trail, "and is followed once");

    world.mine(1).await;
    let next = chain.watch(&world.watch(&[&paid.lineage], &found.trail)).await.expect("a look");
    world.mine(1).await;
    let asked = hear(&node);
    let known = chain.watch(&world.watch(&[&paid.lineage], &next.trail)).await.expect("a look");
    assert_eq!((asked_for(&asked, block), asked_for(&asked, block + 1)), (0, 1));
    assert_eq!(facts(&known), ["confirmed"]);
    let asked = hear(&node);
    let started = over(&world, &node)
        .watch(&world.watch(&[&paid.lineage], &next.trail))
        .await
        .expect("a look");
    assert_eq!((asked_for(&asked, block), asked_for(&asked, block + 1)), (1, 1));
    assert_eq!(facts(&started), ["confirmed"]);
}

/// The trail may be older than what this process remembers: the store was restored, or did not take
/// the last look.
#[tokio::test]
async fn f37_what_stood_below_one_block_is_asked_for_again_below_another() {
    let world = World::with_dg().await;
    let chain = world.chain();
    let (mut paid, trail) = sent(&world, &chain).await;
    world.mine(1).await;
    let found = chain.watch(&world.watch(&[&paid.lineage], &trail)).await.expect("a look");
    apply(&mut paid.lineage, &found);
    world.rpc("anvil_reorg", json!([1, []])).await;
    let gone = chain.watch(&world.watch(&[&paid.lineage], &trail)).await.expect("a look");
    assert_eq!(facts(&gone), ["vanished"]);
}

#[tokio::test]
async fn f37_the_trail_is_kept_up_to_the_fork() {
    let world = World::with_dg().await;
    let chain = world.chain();
    let (_, mut trail) = sent(&world, &chain).await;
    for _ in 0..4 {
        world.mine(1).await;
        trail = chain.watch(&world.watch(&[], &trail)).await.expect("a look").trail;
    }
    // The payment is in the second of the five; without it the chain is another one from there.
    world.rpc("anvil_reorg", json!([4, []])).await;
    let look = chain.watch(&world.watch(&[], &trail)).await.expect("a look");
    assert_eq!(look.trail, [trail[0], look.tip.head]);
}

/// F39: where the block is not shown any more, nothing is said of what it held, however deep it
/// would lie.
#[tokio::test]
async fn f39_a_payment_in_a_block_that_nobody_shows_is_not_settled() {
    let world = World::with_dg().await;
    let (mut paid, trail) = sent(&world, &world.chain()).await;
    world.mine(1).await;
    let found = world.chain().watch(&world.watch(&[&paid.lineage], &trail)).await.expect("a look");
    apply(&mut paid.lineage, &found);
    world.mine(6).await;
    let node = Twister::start(world.anvil.url()).await;
    let block = hex(found.tip.head.height);
    node.lie(move |call, result| {
        if call["method"] == "eth_getBlockByNumber" && call["params"][0] == block {
            *result = Value::Null;
        }
    });
    let watch = world.watch(&[&paid.lineage], &found.trail);
    let look = over(&world, &node).watch(&watch).await.expect("a look");
    assert!(look.sightings.is_empty() && look.foreign.is_empty(), "{look:?}");
    node.heal();
    let look = over(&world, &node).watch(&watch).await.expect("a look");
    assert_eq!(facts(&look), ["confirmed", "final"]);
}

/// An endpoint's two answers about one block may be from two moments.
#[tokio::test]
async fn f37_receipts_of_another_block_than_the_one_beside_them_are_not_taken() {
    let world = World::with_dg().await;
    let node = Twister::start(world.anvil.url()).await;
    let chain = over(&world, &node);
    let (paid, trail) = sent(&world, &chain).await;
    world.mine(1).await;
    node.lie(|call, result| {
        if call["method"] == "eth_getBlockReceipts" {
            let receipts = result.as_array_mut().into_iter().flatten();
            receipts
                .for_each(|receipt| receipt["blockHash"] = json!(format!("0x{}", "ab".repeat(32))));
        }
    });
    let look = chain.watch(&world.watch(&[&paid.lineage], &trail)).await.expect("a look");
    assert!(
        matches!(look.sightings[..], [adit_core::Sighting { fact: Fact::Included { block, .. }, .. }] if block == look.tip.head),
        "{look:?}"
    );
}

/// One look searches so many blocks and the trail carries the progress. What is further behind is
/// looked up by its hash, at once.
#[tokio::test]
async fn a_gap_is_searched_in_parts_and_a_longer_one_not_at_all() {
    let world = World::with_dg().await;
    let chain = world.chain();
    let (first, trail) = sent(&world, &chain).await;
    let second = world.pay(&chain, &leg("DG", BOB, 3), 1).await;
    let start = trail.last().expect("a head").height;
    world.mine(SEARCH_GAP_BLOCKS_MAX - 1).await;
    chain.broadcast(std::slice::from_ref(&second.signed)).await;
    world.mine(1).await;
    let watch = world.watch(&[&first.lineage, &second.lineage], &trail);
    let look = chain.watch(&watch).await.expect("a look");
    assert_eq!(look.tip.head.height, start + SEARCH_GAP_BLOCKS_MAX);
    assert_eq!(facts(&look), ["included", "confirmed", "final"], "the second is not reached yet");
    assert_eq!(look.trail.last().expect("searched").height, start + SEARCH_BLOCKS_MAX);

    world.mine(1).await;
    let look = chain.watch(&watch).await.expect("a look");
    assert_eq!(facts(&look), ["included", "confirmed", "final", "included", "confirmed"]);
    assert_eq!(look.trail.last(), Some(&look.tip.head));
}

/// At the limit one by one, one past it by the block that holds them all.
#[tokio::test]
async fn more_than_forty_receipts_are_read_by_their_blocks() {
    let world = World::with_dg().await;
    let chain = world.chain();
    let leg = leg("DG", BOB, 1);
    let plan = world.plan(&chain, std::slice::from_ref(&leg)).await.remove(0).expect("ready");
    let trail = chain.watch(&world.watch(&[], &[])).await.expect("a look").trail;
    world.automine(false).await;
    let mut paid: Vec<Paid> =
        (0..41).map(|nonce| world.pay_with(&chain, &leg, &plan, nonce)).collect();
    chain.broadcast(&paid.iter().map(|paid| paid.signed.clone()).collect::<Vec<_>>()).await;
    world.mine(1).await;
    let lineages: Vec<_> = paid.iter().map(|paid| &paid.lineage).collect();
    let found = chain.watch(&world.watch(&lineages, &trail)).await.expect("a look");
    paid.iter_mut().for_each(|paid| apply(&mut paid.lineage, &found));
    world.mine(1).await;
    let node = Twister::start(world.anvil.url()).await;
    for (many, singles, blocks) in [(40, 40, 0), (41, 0, 1)] {
        let lineages: Vec<_> = paid.iter().take(many).map(|paid| &paid.lineage).collect();
        let heard = hear(&node);
        let watch = Watch { adopted_from: 41, ..world.watch(&lineages, &found.trail) };
        let look = over(&world, &node).watch(&watch).await.expect("a look");
        assert_eq!(facts(&look), vec!["confirmed"; many]);
        assert_eq!(
            (count(&heard, "eth_getTransactionReceipt"), count(&heard, "eth_getBlockReceipts")),
            (singles, blocks)
        );
    }
}

/// Nodes keep receipts for longer than old state.
#[tokio::test]
async fn a_payment_is_found_by_its_hash_where_no_old_state_is_kept() {
    let world = World::with_dg().await;
    let (paid, _) = sent(&world, &world.chain()).await;
    world.mine(6).await;
    let head = world.anvil.rpc().block_number().await.expect("a height");
    let node = Twister::start(world.anvil.url()).await;
    node.lie(move |call, result| {
        if call["method"] == "eth_getTransactionCount" && call["params"][1] != hex(head) {
            *result = Value::Null;
        }
    });
    let look =
        over(&world, &node).watch(&world.watch(&[&paid.lineage], &[])).await.expect("a look");
    assert_eq!(facts(&look), ["included", "confirmed", "final"]);
}
