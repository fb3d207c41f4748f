//! F22: whoever else uses the key is found, wherever his transactions are, and told once.

use adit_chain::{Chain, Outflow};
use adit_core::Amount;
use adit_evm::canonical;
use serde_json::{Value, json};

use crate::observing::foreign_transfer;
use crate::searching::{Heard, count, over};
use crate::twist::Twister;
use crate::world::{BOB, World, asset, leg};

fn height(hex: &Value) -> u64 {
    u64::from_str_radix(hex.as_str().expect("a height").trim_start_matches("0x"), 16)
        .expect("a height")
}

/// From the head back in growing strides, then by halves: no state that is twice as old is needed,
/// and few questions.
#[tokio::test]
async fn f22_a_stranger_is_found_however_long_ago_by_a_node_that_keeps_little_state() {
    let world = World::new().await;
    world.mine(100).await;
    world.automine(false).await;
    let theirs = foreign_transfer(&world, 0).await;
    world.chain().broadcast(std::slice::from_ref(&theirs)).await;
    world.mine(1).await;
    let node = Twister::start(world.anvil.url()).await;
    for depth in 0..20 {
        let head = world.anvil.rpc().block_number().await.expect("a height");
        let oldest = head - (2 * depth).max(1);
        let asked = Heard::default();
        let heard = asked.clone();
        node.lie(move |call, result| {
            heard.lock().expect("nobody panics with it").push(call.clone());
            if call["method"] == "eth_getTransactionCount" && height(&call["params"][1]) < oldest {
                *result = Value::Null;
            }
        });
        let look = over(&world, &node).watch(&world.watch(&[], &[])).await.expect("a look");
        let seen: Vec<_> = look
            .foreign
            .iter()
            .map(|foreign| (foreign.hash, foreign.block.map(|block| block.height)))
            .collect();
        assert_eq!(seen, [(Some(theirs.hash), Some(head - depth))], "{depth} blocks ago");
        let strides = usize::try_from(u64::BITS - u64::leading_zeros(depth)).expect("small");
        let questions = count(&asked, "eth_getTransactionCount");
        assert!(questions <= (1 + 2 * strides).max(2), "{depth} blocks ago: {questions} questions");
        world.mine(1).await;
    }
}

/// Strangers in several blocks are told by one look, each once, and one that nobody can explain
/// does not hide the next.
#[tokio::test]
async fn f22_strangers_in_several_blocks_are_told_by_one_look() {
    let world = World::with_dg().await;
    let chain = world.chain();
    let ours = world.pay(&chain, &leg("DG", BOB, 3), 0).await;
    // Our nonce is consumed, and no transaction of the wallet shows by what.
    world.rpc("anvil_setNonce", json!([world.wallet.address, "0x1"])).await;
    world.mine(1).await;
    let theirs = [foreign_transfer(&world, 1).await, foreign_transfer(&world, 2).await];
    for signed in &theirs {
        chain.broadcast(std::slice::from_ref(signed)).await;
        world.mine(1).await;
    }
    let look = chain.watch(&world.watch(&[&ours.lineage], &[])).await.expect("a look");
    let seen: Vec<_> = look.foreign.iter().map(|foreign| (foreign.nonce, foreign.hash)).collect();
    assert_eq!(seen, [(1, Some(theirs[0].hash)), (2, Some(theirs[1].hash))]);
    assert!(
        look.sightings.is_empty(),
        "of a nonce in a live lineage nothing is said before its transaction is seen"
    );
}

/// Beside one that no endpoint shows, in the same block; that one's nonce is told without it.
#[tokio::test]
async fn f22_a_stranger_beside_an_unreadable_one_is_told_once() {
    let world = World::new().await;
    world.automine(false).await;
    let theirs = [foreign_transfer(&world, 0).await, foreign_transfer(&world, 1).await];
    world.chain().broadcast(&theirs).await;
    world.mine(1).await;
    let node = Twister::start(world.anvil.url()).await;
    let hidden = json!([theirs[1].hash.to_string()]);
    node.lie(move |call, result| {
        if call["params"] == hidden && call["method"] != "eth_getTransactionReceipt" {
            *result = Value::Null;
        }
    });
    let look = over(&world, &node).watch(&world.watch(&[], &[])).await.expect("a look");
    let seen: Vec<_> = look.foreign.iter().map(|foreign| (foreign.nonce, foreign.hash)).collect();
    assert_eq!(seen, [(0, Some(theirs[0].hash)), (1, None)]);
}

/// What was paid, of which asset, so that a withdrawal that equals it is not paid again.
#[tokio::test]
async fn f22_what_a_stranger_paid_is_told_by_its_asset() {
    let world = World::with_dg().await;
    let chain = world.chain();
    let forgotten = world.pay(&chain, &leg("DG", BOB, 3), 1).await;
    chain.broadcast(&[foreign_transfer(&world, 0).await, forgotten.signed]).await;
    world.mine(1).await;
    let look = chain.watch(&world.watch(&[], &[])).await.expect("a look");
    let outflow =
        |id: &str, amount| vec![Outflow { asset: asset(id), destination: canonical(BOB), amount }];
    let told: Vec<_> = look.foreign.into_iter().map(|foreign| foreign.outflows).collect();
    assert_eq!(told, [outflow("ETH", Amount::new(7)), outflow("DG", leg("DG", BOB, 3).amount)]);
}
