//! A source that is behind, or on a branch of its own: a second bitcoind that has been given only a
//! part of the first one's blocks.

use adit_bitcoin::OutpointState;
use adit_devnet::bitcoin::{Miner, Node as Bitcoind};
use bitcoin::consensus::encode::serialize_hex;
use serde_json::{Value, json};

use crate::twist::Twister;
use crate::world::{COIN, FEE, World, log, node, sought, state};

/// Gives `to` the blocks of the world up to this height.
async fn give(world: &World, to: &Bitcoind, upto: u32) {
    let from = to.rpc().height().await.expect("a height") + 1;
    for height in from..=upto {
        let rpc = world.bitcoin.rpc();
        let block =
            rpc.block(rpc.block_hash(height).await.expect("a block")).await.expect("a block");
        to.rpc().call::<Value>("submitblock", json!([serialize_hex(&block)])).await.expect("taken");
    }
    assert_eq!(to.rpc().height().await.expect("a height"), upto);
}

#[tokio::test]
async fn f42_one_that_lags_holds_nobody_up_and_is_no_liar() {
    let Some(world) = World::start("lagging").await else { return };
    let slow = Bitcoind::start(log("lagging-second")).await.expect("a second bitcoind");
    let (coin, payee) = (world.coin().await, world.address().await);
    let behind = world.bitcoin.rpc().height().await.expect("a height");
    give(&world, &slow, behind).await;
    let payment = world.spend(coin, &payee, FEE).await;
    let paid = payment.compute_txid();
    world.send(&payment).await;
    world.mine().await;
    world.mine().await;

    let mut faces = world.faces();
    faces[2].1 = slow.rpc().url_with_password();
    let three = node(faces.clone());
    let head = three.heads().await.expect("a head");
    assert_eq!((head.block, head.witnesses.len()), (world.head().await, 2));
    let spent = state(&three, coin, &[paid]).await;
    assert!(matches!(spent, Some(OutpointState::Spent { by, .. }) if by == paid), "{spent:?}");
    assert_eq!(three.coins(&[payee.script_pubkey()], head.block).await.expect("coins").len(), 1);
    assert!(three.readings().iter().all(|reading| reading.failures == 0), "{:?}", three.readings());

    // Where there are only the two, the chain is as long as the shorter one.
    let two = node(vec![faces[0].clone(), faces[2].clone()]);
    let head = two.heads().await.expect("a head").block;
    assert_eq!(head.height, u64::from(behind));
    let readings = two.spends(&[sought(coin, &[paid])], 100, head).await.expect("readings");
    assert_eq!(
        readings[0].state.as_ref().map(|agreed| agreed.value),
        Some(OutpointState::Unspent),
        "not yet"
    );
    assert!(
        readings[0].pending.iter().all(|(_, by)| *by == paid) && !readings[0].pending.is_empty()
    );
    assert!(two.coins(&[payee.script_pubkey()], head).await.expect("coins").is_empty());
    slow.stop().await.expect("stopped");
}

/// What one that lags says is about an older chain. Were it counted, a single liar would have
/// company.
#[tokio::test]
async fn f42_one_that_lags_and_one_that_lies_are_no_quorum() {
    let Some(world) = World::start("company").await else { return };
    let slow = Bitcoind::start(log("company-second")).await.expect("a second bitcoind");
    let (owner, payee) = (world.address().await, world.address().await);
    let coin = world.coin_at(&owner).await;
    give(&world, &slow, world.bitcoin.rpc().height().await.expect("a height")).await;
    let payment = world.spend(coin, &payee, FEE).await;
    let twister = Twister::start(world.bitcoin.esplora_url()).await;
    let utxo =
        world.node().coins(&[owner.script_pubkey()], world.head().await).await.expect("coins");
    let status = json!({ "confirmed": true, "block_height": utxo[0].height, "block_hash": world.bitcoin.rpc().tip().await.expect("a tip") });
    let still_there =
        json!([{ "txid": coin.txid, "vout": coin.vout, "value": COIN.to_sat(), "status": status }])
            .to_string();
    world.send(&payment).await;
    world.mine().await;

    let mut faces = world.faces();
    faces[0].1 = twister.url().to_owned();
    faces[2].1 = slow.rpc().url_with_password();
    let node = node(faces);
    twister.say("/outspend/", json!({ "spent": false }).to_string());
    assert_eq!(state(&node, coin, &[]).await, None, "they do not agree");
    twister.say("/utxo", still_there);
    let head = node.heads().await.expect("a head").block;
    assert_eq!(head, world.head().await);
    assert!(node.coins(&[owner.script_pubkey()], head).await.expect("coins").is_empty());
    slow.stop().await.expect("stopped");
}

#[tokio::test]
async fn f39_one_on_a_branch_of_its_own_is_outvoted_and_set_aside() {
    let Some(world) = World::start("branch").await else { return };
    let alone = Bitcoind::start(log("branch-second")).await.expect("a second bitcoind");
    let (coin, payee) = (world.coin().await, world.address().await);
    let common = world.bitcoin.rpc().height().await.expect("a height");
    give(&world, &alone, common).await;
    let payment = world.spend(coin, &payee, FEE).await;
    world.send(&payment).await;
    world.mine().await;
    Miner::new(alone.rpc().clone()).mine(1).await.expect("mined");

    let mut faces = world.faces();
    faces[2].1 = alone.rpc().url_with_password();
    let node = node(faces);
    for _ in 0..3 {
        assert_eq!(node.heads().await.expect("a head").block, world.head().await);
    }
    let aside: Vec<bool> = node.readings().iter().map(|reading| reading.quarantined).collect();
    assert_eq!(aside, [false, false, true], "{:?}", node.readings());
    let spent = state(&node, coin, &[]).await;
    assert!(
        matches!(spent, Some(OutpointState::Spent { by, .. }) if by == payment.compute_txid()),
        "{spent:?}"
    );
    alone.stop().await.expect("stopped");
}
