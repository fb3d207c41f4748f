//! After anything that a chain may do, the index says what bitcoind says.

use std::collections::BTreeMap;

use adit_devnet::chance::Chance;
use bitcoin::{Address, Amount, OutPoint};
use serde_json::{Value, json};

use crate::world::{COIN, World};

const STEPS: usize = 64;
const STEPS_BETWEEN_LOOKS: usize = 8;
const PAYEES: usize = 4;
const FEE_SATS_PER_VBYTE: u64 = 2;
/// More blocks than the reorganisations of one run take back, so that none takes the coins.
const BURIED: u32 = 20;

#[tokio::test]
async fn the_gateway_agrees_with_bitcoind_whatever_happens() {
    let mut chance = Chance::new();
    let Some(world) = World::start("agreement").await else { return };
    let mut payees = Vec::new();
    for _ in 0..PAYEES {
        payees.push(world.address("bech32").await);
    }
    world.bitcoin.miner().fund(&payees[0], &[COIN; 20]).await.expect("funded");
    world.bitcoin.miner().mine(BURIED).await.expect("mined");
    let mut happened: BTreeMap<&str, u32> = BTreeMap::new();
    for step in 1..=STEPS {
        *happened.entry(happen(&world, &payees, &mut chance).await).or_default() += 1;
        if step % STEPS_BETWEEN_LOOKS == 0 {
            world.bitcoin.gateway().catch_up().await.expect("the gateway follows");
            for payee in &payees {
                compare(&world, payee).await;
            }
            let waiting = world.bitcoin.rpc().mempool().await.expect("a mempool").len();
            assert_eq!(world.blockcypher("").await["unconfirmed_count"], waiting);
        }
    }
    println!("{happened:?}");
    assert!(happened.contains_key("payment"), "nothing was paid: {happened:?}");
}

/// A payment, a bump, a block, an empty block, or a reorganisation: its name.
async fn happen(world: &World, payees: &[Address], chance: &mut Chance) -> &'static str {
    let (rpc, miner) = (world.bitcoin.rpc(), world.bitcoin.miner());
    match chance.up_to(9) {
        0..=4 => {
            // Out of whatever is there, confirmed or not: chains of unconfirmed ones are wanted.
            let pay = json!([[{ chance.one_of(payees).to_string(): "0.004" }], null, "unset", FEE_SATS_PER_VBYTE]);
            let sent = rpc.call::<Value>("send", pay).await;
            sent.map_or("payment refused", |_| "payment")
        }
        5 => {
            let waiting = rpc.mempool().await.expect("a mempool");
            let Some(one) = waiting.first() else { return "nothing to bump" };
            let bumped = rpc.call::<Value>("bumpfee", json!([one])).await;
            bumped.map_or("bump refused", |_| "bump")
        }
        6 | 7 => {
            miner.mine(1).await.expect("mined");
            "block"
        }
        8 => {
            miner.mine_exactly(&[]).await.expect("mined");
            "empty block"
        }
        _ => {
            let depth = u32::try_from(chance.up_to(2)).expect("small");
            let height = rpc.height().await.expect("a height");
            let fork = rpc.block_hash(height - depth).await.expect("a block");
            rpc.invalidate_block(fork).await.expect("void");
            for _ in 0..chance.up_to(3) {
                miner.mine_exactly(&[]).await.expect("mined");
            }
            "reorganisation"
        }
    }
}

async fn compare(world: &World, payee: &Address) {
    let confirmed: Amount = unspent_in_chain(world, payee).await;
    let stats = &world.esplora(&format!("/address/{payee}")).await["chain_stats"];
    let difference = stats["funded_txo_sum"].as_u64().expect("a sum")
        - stats["spent_txo_sum"].as_u64().expect("a sum");
    assert_eq!(difference, confirmed.to_sat(), "{payee} in the chain, by Esplora");
    let owed = world.blockcypher(&format!("/addrs/{payee}?unspentOnly=true")).await;
    assert_eq!(owed["balance"], confirmed.to_sat(), "{payee} in the chain, by BlockCypher");

    let listed = unspent_with_mempool(world, payee).await;
    let utxo = world.esplora(&format!("/address/{payee}/utxo")).await;
    assert_eq!(outputs(&[&utxo], "txid", "vout"), listed, "{payee} with the mempool, by Esplora");
    let references =
        outputs(&[&owed["txrefs"], &owed["unconfirmed_txrefs"]], "tx_hash", "tx_output_n");
    assert_eq!(references, listed, "{payee} with the mempool, by BlockCypher");
    assert_eq!(
        owed["final_balance"],
        listed.values().sum::<u64>(),
        "{payee} with the mempool, by BlockCypher"
    );
}

async fn unspent_in_chain(world: &World, payee: &Address) -> Amount {
    let found = world.bitcoin.rpc().unspent(&[payee.script_pubkey()]).await.expect("a search");
    found.iter().map(|coin| coin.amount).sum()
}

/// By the node's own set of unspent outputs. Not by its wallet, which keeps believing in
/// transactions that the mempool has dropped.
async fn unspent_with_mempool(world: &World, payee: &Address) -> BTreeMap<OutPoint, u64> {
    let (rpc, script) = (world.bitcoin.rpc(), payee.script_pubkey());
    let in_chain = rpc.unspent(std::slice::from_ref(&script)).await.expect("a search");
    let mut outputs: BTreeMap<OutPoint, u64> =
        in_chain.iter().map(|coin| (coin.outpoint(), coin.amount.to_sat())).collect();
    for txid in rpc.mempool().await.expect("a mempool") {
        let waiting =
            rpc.transaction(txid).await.expect("an answer").expect("it is in the mempool");
        let mine = (0..).zip(&waiting.output).filter(|(_, output)| output.script_pubkey == script);
        outputs.extend(mine.map(|(vout, output)| (OutPoint { txid, vout }, output.value.to_sat())));
    }
    let mut unspent = BTreeMap::new();
    for (outpoint, value) in outputs {
        let found: Option<Value> = rpc
            .call("gettxout", json!([outpoint.txid, outpoint.vout, true]))
            .await
            .expect("an answer");
        unspent.extend(found.map(|_| (outpoint, value)));
    }
    unspent
}

fn outputs(lists: &[&Value], txid: &str, vout: &str) -> BTreeMap<OutPoint, u64> {
    let all = lists.iter().filter_map(|list| list.as_array()).flatten();
    all.map(|output| {
        let txid = output[txid].as_str().expect("an id").parse().expect("an id");
        let vout = output[vout].as_u64().and_then(|vout| vout.try_into().ok()).expect("a position");
        (OutPoint { txid, vout }, output["value"].as_u64().expect("a value"))
    })
    .collect()
}
