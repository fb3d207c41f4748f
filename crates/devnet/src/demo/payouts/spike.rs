//! A fee spike: blocks have no room for what pays little, and a while later the estimates say so,
//! too.

use std::time::Duration;

use adit_devnet::bitcoin::stage::BitcoinStage;
use adit_devnet::{progress, wait};
use anyhow::Result;
use bitcoin::{Address, OutPoint, Txid};

/// Twenty times of what a quiet chain asks for.
const SPIKE_SAT_PER_VBYTE: u64 = 20;
/// Blocks that leave the cheap version where it is, before anybody estimates more.
const BLOCKS_WITHOUT: u32 = 2;
const BOUND: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(100);

/// A version of a transaction that waited in the mempool.
pub struct Version {
    pub txid: Txid,
    pub spends: Vec<OutPoint>,
}

/// From now on blocks are full of others, who pay more. The estimates do not know yet.
pub fn begin(bitcoin: &BitcoinStage) {
    bitcoin.world.ask_for(SPIKE_SAT_PER_VBYTE);
}

/// Waits until the payment of `payee` has been passed over, then lets the estimates rise, and waits
/// until another version has taken its place. Answers the one that was replaced, as bitcoind had
/// it.
pub async fn outbid(bitcoin: &BitcoinStage, payee: &Address) -> Result<Version> {
    let rpc = bitcoin.world.rpc();
    let cheap = wait::until("the payment in the mempool", BOUND, PAUSE, async || {
        waiting(bitcoin, payee).await
    })
    .await?;
    let seen_at = rpc.height().await?;
    let passed_over = async || Ok((rpc.height().await? >= seen_at + BLOCKS_WITHOUT).then_some(()));
    wait::until("blocks without it", BOUND, PAUSE, passed_over).await?;
    progress::step(format!(
        "{BLOCKS_WITHOUT} blocks had no room for it; now {SPIKE_SAT_PER_VBYTE} sat/vB are asked for"
    ));
    bitcoin.world.gateway().estimate(Some(SPIKE_SAT_PER_VBYTE));
    let replaced = async || Ok((!rpc.mempool().await?.contains(&cheap.txid)).then_some(()));
    wait::until("a version that pays more", BOUND, PAUSE, replaced).await?;
    Ok(cheap)
}

/// Blocks have room again.
pub fn end(bitcoin: &BitcoinStage) {
    bitcoin.world.ask_for(0);
    bitcoin.world.gateway().estimate(None);
}

async fn waiting(bitcoin: &BitcoinStage, payee: &Address) -> Result<Option<Version>> {
    let rpc = bitcoin.world.rpc();
    for txid in rpc.mempool().await? {
        let Some(transaction) = rpc.transaction(txid).await? else { continue };
        if transaction.output.iter().any(|output| output.script_pubkey == payee.script_pubkey()) {
            return Ok(Some(Version {
                txid,
                spends: transaction.input.iter().map(|input| input.previous_output).collect(),
            }));
        }
    }
    Ok(None)
}
