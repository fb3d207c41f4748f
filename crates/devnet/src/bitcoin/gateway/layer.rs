//! Transactions with what is asked of them: who spends an output, and what a script has to do with.
//!
//! The index keeps two: what is in the chain, and what waits in the mempool.

use std::collections::{HashMap, HashSet};

use bitcoin::{Amount, OutPoint, Transaction, TxOut, Txid};

use super::script::ScriptHash;

/// Where a transaction is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Block {
        height: u32,
        position: usize,
    },
    Mempool,
    /// Nowhere any more: another one spends its coins.
    Displaced,
}

/// A transaction, with what it spends.
#[derive(Debug, Clone)]
pub struct Known {
    pub txid: Txid,
    pub transaction: Transaction,
    /// The output that each input spends; `None` for a new coin's.
    pub prevouts: Vec<Option<TxOut>>,
    pub place: Place,
    /// When it was seen first, in seconds since 1970.
    pub seen: u64,
}

/// The input that spends an output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spend {
    pub txid: Txid,
    pub vin: usize,
}

#[derive(Default)]
pub struct Layer {
    transactions: HashMap<Txid, Known>,
    spends: HashMap<OutPoint, Spend>,
    /// Each transaction once, the oldest first.
    history: HashMap<ScriptHash, Vec<Txid>>,
}

impl Known {
    pub fn spends(&self) -> impl Iterator<Item = OutPoint> {
        self.transaction.input.iter().map(|input| input.previous_output)
    }

    /// Its outputs to this script.
    pub fn funding(
        &self,
        script: ScriptHash,
    ) -> impl DoubleEndedIterator<Item = (OutPoint, &TxOut)> {
        let outputs = self.transaction.output.iter().enumerate();
        let mine =
            outputs.filter(move |(_, output)| ScriptHash::of(&output.script_pubkey) == script);
        mine.map(|(vout, output)| (OutPoint { txid: self.txid, vout: index32(vout) }, output))
    }

    /// Its inputs that spend outputs to this script.
    pub fn spending(&self, script: ScriptHash) -> impl DoubleEndedIterator<Item = (usize, &TxOut)> {
        let prevouts = self.prevouts.iter().enumerate();
        let known = prevouts.filter_map(|(vin, prevout)| Some((vin, prevout.as_ref()?)));
        known.filter(move |(_, prevout)| ScriptHash::of(&prevout.script_pubkey) == script)
    }

    /// What the miner gets; nothing for the miner's own transaction.
    pub fn fee(&self) -> Amount {
        let paid: Amount = self.prevouts.iter().flatten().map(|prevout| prevout.value).sum();
        paid.checked_sub(self.output_sum()).unwrap_or(Amount::ZERO)
    }

    pub fn output_sum(&self) -> Amount {
        self.transaction.output.iter().map(|output| output.value).sum()
    }

    fn scripts(&self) -> HashSet<ScriptHash> {
        let outputs = self.transaction.output.iter().chain(self.prevouts.iter().flatten());
        outputs.map(|output| ScriptHash::of(&output.script_pubkey)).collect()
    }
}

impl Layer {
    pub fn add(&mut self, known: Known) {
        for (vin, outpoint) in known.spends().enumerate() {
            self.spends.insert(outpoint, Spend { txid: known.txid, vin });
        }
        for script in known.scripts() {
            self.history.entry(script).or_default().push(known.txid);
        }
        self.transactions.insert(known.txid, known);
    }

    pub fn remove(&mut self, txid: Txid) -> Option<Known> {
        let known = self.transactions.remove(&txid)?;
        for outpoint in known.spends() {
            self.spends.remove(&outpoint);
        }
        for script in known.scripts() {
            if let Some(history) = self.history.get_mut(&script) {
                history.retain(|other| *other != txid);
            }
        }
        Some(known)
    }

    pub fn get(&self, txid: &Txid) -> Option<&Known> {
        self.transactions.get(txid)
    }

    pub fn txids(&self) -> impl ExactSizeIterator<Item = &Txid> {
        self.transactions.keys()
    }

    pub fn output(&self, outpoint: &OutPoint) -> Option<&TxOut> {
        self.get(&outpoint.txid)?.transaction.output.get(outpoint.vout as usize)
    }

    pub fn spend(&self, outpoint: &OutPoint) -> Option<Spend> {
        self.spends.get(outpoint).copied()
    }

    /// What pays to this script or spends from it, the oldest first.
    pub fn history(&self, script: ScriptHash) -> impl DoubleEndedIterator<Item = &Known> {
        let txids = self.history.get(&script).map_or(&[][..], Vec::as_slice);
        txids.iter().filter_map(|txid| self.get(txid))
    }
}

/// Positions within a transaction fit: a block's size bounds them.
pub fn index32(position: usize) -> u32 {
    u32::try_from(position).expect("a transaction has less than 2^32 inputs and outputs")
}
