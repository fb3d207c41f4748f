//! What a node knows that has seen the blocks up to some height: where a transaction stands for it,
//! and whether it takes one in.

use std::sync::Arc;

use bitcoin::OutPoint;

use super::UtxoChain;
use super::transaction::Tx;

/// Why a node does not take a transaction: bitcoind's code and words.
pub(crate) type Refusal = (i64, &'static str);

/// `RPC_VERIFY_ERROR`, `RPC_VERIFY_REJECTED`, `RPC_VERIFY_ALREADY_IN_UTXO_SET` (Bitcoin Core's
/// `rpc/protocol.h`).
const MISSING: Refusal = (-25, "bad-txns-inputs-missingorspent");
const REJECTED_CODE: i64 = -26;
const IN_CHAIN: Refusal = (-27, "Transaction outputs already in utxo set");

impl UtxoChain {
    /// Hands a transaction to a node. Whatever a node keeps, the miners hear of it, unless it keeps
    /// that to itself.
    pub(crate) fn offer(
        &mut self,
        node: usize,
        upto: u64,
        tx: &Arc<Tx>,
        at_seconds: u64,
    ) -> Result<(), Refusal> {
        let known = self.nodes[node].get(&tx.txid).is_some();
        if !known {
            self.check_coins(node, upto, tx)?;
            self.nodes[node].take(tx, at_seconds).map_err(|words| (REJECTED_CODE, words))?;
        }
        if !self.nodes[node].swallows {
            self.miners.add(tx.clone(), false, at_seconds);
        }
        Ok(())
    }

    fn check_coins(&self, node: usize, upto: u64, tx: &Tx) -> Result<(), Refusal> {
        if tx.outputs().any(|(outpoint, _)| self.is_unspent(&outpoint, upto)) {
            return Err(IN_CHAIN);
        }
        let there = |spent: &OutPoint| {
            self.is_unspent(spent, upto) || self.nodes[node].get(&spent.txid).is_some()
        };
        if tx.inputs().all(|spent| there(&spent)) { Ok(()) } else { Err(MISSING) }
    }

    /// The height of its block, where the node has that.
    pub(super) fn height_of(&self, txid: &bitcoin::Txid, upto: u64) -> Option<u64> {
        self.places.get(txid).copied().filter(|height| *height <= upto)
    }
}
