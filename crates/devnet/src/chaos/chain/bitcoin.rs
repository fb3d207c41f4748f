//! The wallet's transactions in bitcoind's blocks. Which scripts are its own, bitcoind says from
//! the descriptor: no code of the server is asked.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use bitcoin::address::NetworkUnchecked;
use bitcoin::{Address, Network, OutPoint, ScriptBuf, Transaction, TxOut, Txid};
use serde_json::json;

use super::{Holding, Mined, Paid};
use crate::bitcoin::stage::BitcoinStage;
use crate::config::BTC;
use crate::devnet::Devnet;
use crate::primitives::U256;

/// Scripts of each keychain; there is one of change for each lineage, and a run has some hundreds
/// of these.
const SCRIPTS_MAX: u32 = 1_500;

/// All that the blocks say of the wallet.
#[derive(Default)]
struct Reading {
    coins: BTreeMap<OutPoint, TxOut>,
    mined: Vec<Mined>,
}

pub async fn holdings(devnet: &Devnet) -> Result<Vec<Holding>> {
    let held: u64 = read(devnet).await?.coins.values().map(|coin| coin.value.to_sat()).sum();
    Ok(vec![Holding { asset: BTC, amount: U256::from(held) }])
}

pub async fn mined(devnet: &Devnet) -> Result<Vec<Mined>> {
    Ok(read(devnet).await?.mined)
}

async fn read(devnet: &Devnet) -> Result<Reading> {
    let stage = devnet.bitcoin().context("this run pays in bitcoin")?;
    let (rpc, own) = (stage.world.rpc(), own(stage).await?);
    let mut reading = Reading::default();
    for height in 0..=rpc.height().await? {
        for transaction in rpc.block(rpc.block_hash(height).await?).await?.txdata {
            reading.add(&transaction, &own)?;
        }
    }
    Ok(reading)
}

/// Both keychains' scripts.
async fn own(stage: &BitcoinStage) -> Result<BTreeSet<ScriptBuf>> {
    let descriptor = &stage.wallet.descriptor;
    let keychains: Vec<Vec<Address<NetworkUnchecked>>> = stage
        .world
        .rpc()
        .call("deriveaddresses", json!([descriptor, SCRIPTS_MAX]))
        .await
        .context("a descriptor of two keychains")?;
    let all = keychains
        .into_iter()
        .flatten()
        .map(|address| Ok(address.require_network(Network::Regtest)?.script_pubkey()));
    let all = all.collect::<Result<BTreeSet<ScriptBuf>>>()?;
    ensure!(
        stage.wallet.addresses.iter().all(|address| all.contains(&address.script_pubkey())),
        "bitcoind derives other addresses"
    );
    Ok(all)
}

impl Reading {
    fn add(&mut self, transaction: &Transaction, own: &BTreeSet<ScriptBuf>) -> Result<()> {
        let spent: Vec<TxOut> = transaction
            .input
            .iter()
            .filter_map(|input| self.coins.remove(&input.previous_output))
            .collect();
        let (txid, mine) =
            (transaction.compute_txid(), |output: &TxOut| own.contains(&output.script_pubkey));
        let outputs = (0..).zip(&transaction.output);
        self.coins.extend(
            outputs
                .filter(|(_, output)| mine(output))
                .map(|(vout, output)| (OutPoint { txid, vout }, output.clone())),
        );
        if spent.is_empty() {
            return Ok(());
        }
        ensure!(
            spent.len() == transaction.input.len(),
            "{txid} spends coins of the wallet and of others"
        );
        let total =
            |outputs: &[TxOut]| outputs.iter().map(|output| output.value.to_sat()).sum::<u64>();
        let fee = total(&spent)
            .checked_sub(total(&transaction.output))
            .context("a block makes no money")?;
        let paid = transaction.output.iter().filter(|output| !mine(output)).map(paid).collect();
        self.mined.push(Mined { hash: hash(txid), fee: U256::from(fee), paid });
        Ok(())
    }
}

/// As explorers show it, with the prefix that ledger and journal give every hash.
fn hash(txid: Txid) -> String {
    format!("0x{txid}")
}

fn paid(output: &TxOut) -> Paid {
    let address = Address::from_script(&output.script_pubkey, Network::Regtest);
    let to = address
        .map_or_else(|_| output.script_pubkey.to_hex_string(), |address| address.to_string());
    Paid { asset: BTC.to_owned(), to, amount: U256::from(output.value.to_sat()) }
}
