//! A transaction as nodes know it: with its size and its fee.

use bitcoin::consensus::encode::{deserialize_hex, serialize_hex};
use bitcoin::{OutPoint, ScriptBuf, Transaction, TxOut, Txid};

/// BIP-125: an input below it says that the transaction may be replaced.
const REPLACEABLE_BELOW: u32 = 0xffff_fffe;

/// A transaction whose coins are known.
#[derive(Debug, Clone)]
pub struct Tx {
    pub txid: Txid,
    pub body: Transaction,
    pub hex: String,
    pub vbytes: u64,
    /// Satoshi.
    pub fee: u64,
}

impl Tx {
    /// None where the text is no transaction.
    pub(crate) fn read(hex: &str) -> Option<Transaction> {
        deserialize_hex(hex).ok()
    }

    /// `spent` is what its inputs are worth; none where it makes more than that.
    pub(crate) fn of(body: Transaction, spent: u64) -> Option<Self> {
        let made: u64 = body.output.iter().map(|output| output.value.to_sat()).sum();
        let fee = spent.checked_sub(made)?;
        Some(Self {
            txid: body.compute_txid(),
            hex: serialize_hex(&body),
            vbytes: body.vsize() as u64,
            fee,
            body,
        })
    }

    pub fn inputs(&self) -> impl Iterator<Item = OutPoint> + '_ {
        self.body.input.iter().map(|input| input.previous_output)
    }

    pub fn outputs(&self) -> impl Iterator<Item = (OutPoint, &TxOut)> {
        (0_u32..)
            .zip(&self.body.output)
            .map(|(vout, output)| (OutPoint::new(self.txid, vout), output))
    }

    /// What a script gets by it, in satoshi.
    pub fn pays(&self, script: &ScriptBuf) -> u64 {
        self.body
            .output
            .iter()
            .filter(|output| output.script_pubkey == *script)
            .map(|output| output.value.to_sat())
            .sum()
    }

    pub(crate) fn is_child_of(&self, other: &Self) -> bool {
        self.inputs().any(|spent| spent.txid == other.txid)
    }

    pub(crate) fn excludes(&self, other: &Self) -> bool {
        self.txid != other.txid && self.inputs().any(|spent| other.inputs().any(|its| its == spent))
    }

    /// BIP-125: one input is enough.
    pub(crate) fn signals(&self) -> bool {
        self.body.input.iter().any(|input| input.sequence.0 < REPLACEABLE_BELOW)
    }
}

/// Satoshi per 1000 virtual bytes, rounded down.
pub(crate) fn rate(fee: u64, vbytes: u64) -> u64 {
    fee * 1_000 / vbytes.max(1)
}
