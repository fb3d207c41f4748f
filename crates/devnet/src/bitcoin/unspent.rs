//! What a node says of coins that nobody has spent.

use bitcoin::{Amount, OutPoint, ScriptBuf, Txid};
use serde::Deserialize;

/// An unspent output of the chain, the mempool left aside.
#[derive(Debug, Clone, Deserialize)]
pub struct Unspent {
    pub txid: Txid,
    pub vout: u32,
    #[serde(rename = "scriptPubKey")]
    pub script: ScriptBuf,
    #[serde(with = "bitcoin::amount::serde::as_btc")]
    pub amount: Amount,
    pub coinbase: bool,
    pub height: u32,
}

impl Unspent {
    pub fn outpoint(&self) -> OutPoint {
        OutPoint { txid: self.txid, vout: self.vout }
    }
}
