//! What scripts have: a search of the whole set of unspent outputs.

use std::time::Duration;

use adit_chain::{Call, Endpoint, Fault};
use adit_core::Amount;
use bdk_wallet::bitcoin::{self, OutPoint, ScriptBuf, Txid};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{ask, ask_each};
use crate::source::SourceCoin;

/// Longest wait for a search. One takes a few minutes on the main network, and bitcoind makes one
/// at a time: while it makes another, it has no vote.
pub const SCAN_MILLIS_MAX: u64 = 15 * 60 * 1_000;

#[derive(Deserialize)]
struct Scan {
    success: bool,
    unspents: Vec<Unspent>,
}

#[derive(Deserialize)]
struct Unspent {
    txid: Txid,
    vout: u32,
    #[serde(rename = "scriptPubKey")]
    script: ScriptBuf,
    #[serde(with = "bitcoin::amount::serde::as_btc")]
    amount: bitcoin::Amount,
    height: u64,
}

pub(in crate::source) async fn coins(
    endpoint: &Endpoint,
    scripts: &[ScriptBuf],
) -> Result<Vec<SourceCoin>, Fault> {
    let found = scan(endpoint, scripts).await?;
    let unspent = unspent_in_mempool(endpoint, &found).await?;
    Ok(found
        .into_iter()
        .zip(unspent)
        .filter(|(_, unspent)| *unspent)
        .map(|(found, _)| found.coin())
        .collect())
}

/// The coins of blocks, whether or not the mempool spends them.
pub(super) async fn listed(
    endpoint: &Endpoint,
    scripts: &[ScriptBuf],
) -> Result<Vec<OutPoint>, Fault> {
    Ok(scan(endpoint, scripts)
        .await?
        .iter()
        .map(|found| OutPoint::new(found.txid, found.vout))
        .collect())
}

async fn scan(endpoint: &Endpoint, scripts: &[ScriptBuf]) -> Result<Vec<Unspent>, Fault> {
    let descriptors: Vec<String> =
        scripts.iter().map(|script| format!("raw({})", script.to_hex_string())).collect();
    let call = Call::new("scantxoutset", json!(["start", descriptors]))
        .within(Duration::from_millis(SCAN_MILLIS_MAX));
    let scan: Scan = ask(endpoint, call).await?;
    if !scan.success {
        return Err(endpoint.refused("scantxoutset", "the search was broken off".to_owned()));
    }
    Ok(scan.unspents)
}

/// The other faces leave out what the mempool spends; so does this one.
async fn unspent_in_mempool(endpoint: &Endpoint, found: &[Unspent]) -> Result<Vec<bool>, Fault> {
    let calls: Vec<Call> = found
        .iter()
        .map(|found| Call::new("gettxout", json!([found.txid, found.vout, true])))
        .collect();
    let outputs: Vec<Option<Value>> = ask_each(endpoint, &calls).await?;
    Ok(outputs.into_iter().map(|output| output.is_some()).collect())
}

impl Unspent {
    fn coin(self) -> SourceCoin {
        let amount = Amount::new(u128::from(self.amount.to_sat()));
        SourceCoin {
            outpoint: OutPoint::new(self.txid, self.vout),
            amount,
            script: self.script,
            height: self.height,
        }
    }
}
