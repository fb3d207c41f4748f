//! One of two endpoints lies or lags: nothing moves because of it.

use std::sync::{Arc, Mutex};

use adit_chain::Chain;
use adit_core::{BlockRef, Trust};
use serde_json::{Value, json};

use crate::twist::Twister;
use crate::world::{BOB, Paid, World, apply, facts, leg};

async fn paid_and_watched(world: &World, chain: &adit_evm::EvmChain) -> (Paid, Vec<BlockRef>) {
    let paid = world.pay(chain, &leg("DG", BOB, 3), 0).await;
    let trail = chain.watch(&world.watch(&[&paid.lineage], &[])).await.expect("a look").trail;
    (paid, trail)
}

/// Says of every receipt that it was reverted, alone or in a block.
fn reverted(call: &Value, result: &mut Value) {
    let deny = |receipt: &mut Value| receipt["status"] = json!("0x0");
    match (call["method"].as_str(), result) {
        (Some("eth_getTransactionReceipt"), receipt @ Value::Object(_)) => deny(receipt),
        (Some("eth_getBlockReceipts"), Value::Array(receipts)) => {
            receipts.iter_mut().for_each(deny)
        }
        _ => {}
    }
}

#[tokio::test]
async fn f40_a_forged_receipt_is_no_fact() {
    let world = World::with_dg().await;
    let liar = Twister::start(world.anvil.url()).await;
    let chain = world.chain_over(Trust::Quorum, &[world.anvil.url(), liar.url()]);
    let (paid, trail) = paid_and_watched(&world, &chain).await;
    liar.lie(reverted);
    chain.broadcast(std::slice::from_ref(&paid.signed)).await;
    world.mine(6).await;
    let lied = chain.watch(&world.watch(&[&paid.lineage], &trail)).await.expect("a look");
    assert!(lied.sightings.is_empty() && lied.foreign.is_empty(), "{lied:?}");

    // A third, honest one outvotes the liar.
    let outvoted =
        world.chain_over(Trust::Quorum, &[world.anvil.url(), liar.url(), world.anvil.url()]);
    let seen = outvoted.watch(&world.watch(&[&paid.lineage], &trail)).await.expect("a look");
    assert_eq!(facts(&seen), ["included", "confirmed", "final"]);
    assert_eq!(seen.sightings[2].witnesses.len(), 2);
}

#[tokio::test]
async fn f40_an_invented_payment_and_an_invented_nonce_are_no_facts() {
    let world = World::with_dg().await;
    let liar = Twister::start(world.anvil.url()).await;
    let chain = world.chain_over(Trust::Quorum, &[world.anvil.url(), liar.url()]);
    let (paid, trail) = paid_and_watched(&world, &chain).await;
    liar.lie(|call, result| {
        if call["method"] == "eth_getTransactionCount" {
            *result = json!("0x1");
        }
    });
    world.mine(1).await;
    assert!(
        chain.watch(&world.watch(&[&paid.lineage], &trail)).await.is_err(),
        "they disagree on the count"
    );
}

#[tokio::test]
async fn f42_a_lagging_endpoint_delays_and_does_not_contradict() {
    let world = World::with_dg().await;
    let lagging = Twister::start(world.anvil.url()).await;
    let chain = world.chain_over(Trust::Quorum, &[world.anvil.url(), lagging.url()]);
    let (mut paid, trail) = paid_and_watched(&world, &chain).await;
    let stands_at = trail.last().expect("a head").height;
    lagging.stand_at(stands_at);
    chain.broadcast(std::slice::from_ref(&paid.signed)).await;
    world.mine(6).await;
    let slow = chain.watch(&world.watch(&[&paid.lineage], &trail)).await.expect("a look");
    assert_eq!(slow.tip.head.height, stands_at);
    assert!(slow.sightings.is_empty() && slow.foreign.is_empty());

    lagging.stand_at(stands_at + 1);
    let next = chain.watch(&world.watch(&[&paid.lineage], &slow.trail)).await.expect("a look");
    assert_eq!(facts(&next), ["included"]);
    apply(&mut paid.lineage, &next);

    // It falls back behind the block it had shown: what is known stays known.
    lagging.stand_at(stands_at);
    let back = chain.watch(&world.watch(&[&paid.lineage], &next.trail)).await.expect("a look");
    assert!(back.sightings.is_empty() && back.foreign.is_empty(), "{back:?}");
    assert_eq!(back.trail, next.trail);
    lagging.heal();
    let all = chain.watch(&world.watch(&[&paid.lineage], &back.trail)).await.expect("a look");
    assert_eq!(facts(&all), ["confirmed", "final"]);
}

#[tokio::test]
async fn f41_an_endpoint_that_changes_its_network_falls_silent() {
    let world = World::with_dg().await;
    let liar = Twister::start(world.anvil.url()).await;
    liar.lie(|call, result| {
        if call["method"] == "eth_chainId" {
            *result = json!("0x1");
        }
    });
    let chain = world.chain_over(Trust::Quorum, &[world.anvil.url(), liar.url()]);
    assert!(chain.tip().await.is_err());
    let quarantined: Vec<bool> = chain.health().iter().map(|reading| reading.quarantined).collect();
    assert_eq!(quarantined, [false, true]);
}

/// Claims a head and a finalised block far above the real ones.
fn boastful(call: &Value, result: &mut Value) {
    if call["method"] == "eth_getBlockByNumber"
        && (call["params"][0] == "latest" || call["params"][0] == "finalized")
    {
        result["number"] = json!("0xffff");
    }
}

#[tokio::test]
async fn f39_a_head_that_only_one_has_seen_does_not_count() {
    let world = World::with_dg().await;
    let liar = Twister::start(world.anvil.url()).await;
    liar.lie(boastful);
    for urls in [
        vec![world.anvil.url(), liar.url()],
        vec![liar.url(), world.anvil.url(), world.anvil.url()],
    ] {
        let mut config = world.config(Trust::Quorum, &urls);
        config.finality = adit_core::Finality::Tag;
        let tip = adit_evm::EvmChain::new(config).expect("a chain").tip().await.expect("a tip");
        let honest = world.anvil.rpc().block_number().await.expect("a height");
        assert_eq!((tip.head.height, tip.final_height), (honest, honest.saturating_sub(2)));
    }
}

#[tokio::test]
async fn f39_an_understated_finality_is_outvoted_by_two() {
    let world = World::with_dg().await;
    world.mine(10).await;
    let liar = Twister::start(world.anvil.url()).await;
    liar.lie(|call, result| {
        if call["params"][0] == "finalized" {
            result["number"] = json!("0x0");
        }
    });
    let mut config =
        world.config(Trust::Quorum, &[liar.url(), world.anvil.url(), world.anvil.url()]);
    config.finality = adit_core::Finality::Tag;
    let tip = adit_evm::EvmChain::new(config).expect("a chain").tip().await.expect("a tip");
    assert_eq!(tip.final_height, tip.head.height - 2);
}

/// F11: what was sent is known by the hash of its bytes, whatever a node calls it.
#[tokio::test]
async fn f11_a_node_that_names_another_hash_is_not_believed() {
    let world = World::with_dg().await;
    let liar = Twister::start(world.anvil.url()).await;
    liar.lie(|call, result| {
        if call["method"] == "eth_sendRawTransaction" {
            *result = json!(format!("0x{}", "ab".repeat(32)));
        }
    });
    let chain = world.chain_over(Trust::Single, &[liar.url()]);
    let (paid, trail) = paid_and_watched(&world, &chain).await;
    let sent = chain.broadcast(std::slice::from_ref(&paid.signed)).await;
    assert_eq!(sent[0].hash, paid.signed.hash);
    world.mine(6).await;
    let seen = chain.watch(&world.watch(&[&paid.lineage], &trail)).await.expect("a look");
    assert_eq!(facts(&seen), ["included", "confirmed", "final"]);
}

/// F43: `safe` means other things at other nodes, so no question names it; what cannot be undone
/// rests on `finalized`.
#[tokio::test]
async fn f43_no_question_names_the_safe_block() {
    let world = World::with_dg().await;
    let node = Twister::start(world.anvil.url()).await;
    let asked = Arc::new(Mutex::new(String::new()));
    let heard = asked.clone();
    node.lie(move |call, _| {
        heard.lock().expect("nobody panics with it").push_str(&call.to_string())
    });
    let mut config = world.config(Trust::Single, &[node.url()]);
    config.finality = adit_core::Finality::Tag;
    let chain = adit_evm::EvmChain::new(config).expect("a chain");
    let (paid, trail) = paid_and_watched(&world, &chain).await;
    chain.broadcast(std::slice::from_ref(&paid.signed)).await;
    world.mine(6).await;
    let seen = chain.watch(&world.watch(&[&paid.lineage], &trail)).await.expect("a look");
    assert_eq!(facts(&seen).last(), Some(&"final"));
    let asked = asked.lock().expect("nobody panics with it").clone();
    assert!(asked.contains("\"finalized\"") && !asked.contains("\"safe\""), "{asked}");
}
