//! What bitcoind took, through whichever of its faces: every transaction once, in the order in
//! which it was taken.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use bitcoin::{OutPoint, Transaction, Txid};

use super::fault::lock;
use super::sends::Sends;

/// Shared by all ways to one node.
#[derive(Default)]
pub struct Taken {
    sends: Arc<Sends>,
    transactions: Mutex<Vec<Transaction>>,
}

impl Taken {
    pub fn sends(&self) -> &Arc<Sends> {
        &self.sends
    }

    /// The node took it from server number `sender`. The other faces are told of the same one: it
    /// counts once.
    pub(super) fn note(&self, transaction: Transaction, sender: usize) {
        let mut transactions = lock(&self.transactions);
        let txid = transaction.compute_txid();
        if transactions.iter().any(|known| known.compute_txid() == txid) {
            return;
        }
        transactions.push(transaction);
        drop(transactions);
        self.sends.count(sender);
    }

    /// Those that spend a coin which an earlier one spends: versions that outbid another one.
    pub fn replacements(&self) -> BTreeSet<Txid> {
        let (mut spent, mut found) = (BTreeSet::new(), BTreeSet::new());
        for transaction in lock(&self.transactions).iter() {
            if outpoints(transaction).any(|outpoint| spent.contains(&outpoint)) {
                found.insert(transaction.compute_txid());
            }
            spent.extend(outpoints(transaction));
        }
        found
    }

    /// Other versions of a transaction: each spends a coin that it spends, too. The oldest first.
    pub fn rivals(&self, of: &Transaction) -> Vec<Transaction> {
        let (txid, coins): (Txid, BTreeSet<OutPoint>) =
            (of.compute_txid(), outpoints(of).collect());
        let rival = |other: &&Transaction| {
            other.compute_txid() != txid
                && outpoints(other).any(|outpoint| coins.contains(&outpoint))
        };
        lock(&self.transactions).iter().filter(rival).cloned().collect()
    }

    /// Whether another one spends an output of it.
    pub fn is_built_on(&self, parent: Txid) -> bool {
        lock(&self.transactions)
            .iter()
            .any(|child| outpoints(child).any(|outpoint| outpoint.txid == parent))
    }
}

fn outpoints(transaction: &Transaction) -> impl Iterator<Item = OutPoint> + '_ {
    transaction.input.iter().map(|input| input.previous_output)
}
