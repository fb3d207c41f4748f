//! A UTXO chain in memory, seen through the JSON-RPC of bitcoind that `adit-bitcoin` asks: blocks,
//! coins, pools with their rules, miners.
//!
//! Like the EVM chain beside it, it has no clock and no randomness of its own. Blocks, ids and
//! transactions are real bytes; scripts are not run, since the signer's own tests are for that.
//! What it tells as truth ([`UtxoChain::history`], [`UtxoChain::is_dead`]) never passes through its
//! JSON-RPC.

mod block;
mod miners;
mod mining;
mod package;
mod pool;
mod rpc;
mod standing;
#[cfg(test)]
mod tests;
mod transaction;

use std::collections::BTreeMap;
use std::sync::Arc;

use bitcoin::constants::genesis_block;
use bitcoin::{BlockHash, OutPoint, ScriptBuf, Transaction, Txid};

use crate::Dice;
use block::{Block, bank};
use miners::MinersPool;
use pool::{NodePool, Policy};

pub use mining::BLOCK_TRANSACTIONS_MAX;
pub use pool::{EXPIRY_SECONDS, INCREMENTAL_RATE};
pub use transaction::Tx;

/// Chances in a thousand that a node has heard of a transaction that came from elsewhere.
const INJECTED_HEARD_PERMILLE: u32 = 500;
/// Satoshi per 1000 virtual bytes.
pub const LEVEL_FIRST: u64 = 4_000;

/// How the world begins.
#[derive(Debug, Clone)]
pub struct Genesis {
    /// What is there first: a script, and what its coin is worth in satoshi.
    pub coins: Vec<(ScriptBuf, u64)>,
    /// Blocks on top of one after which it never vanishes.
    pub final_blocks: u64,
    pub nodes: usize,
    /// Unix seconds.
    pub start_seconds: u64,
}

/// A transaction in a block: the truth, whatever any node says.
#[derive(Debug, Clone)]
pub struct Mined {
    pub height: u64,
    pub tx: Arc<Tx>,
}

/// The chain.
#[derive(Debug)]
pub struct UtxoChain {
    final_blocks: u64,
    /// The best chain, by height.
    blocks: Vec<Block>,
    heights: BTreeMap<BlockHash, u64>,
    /// Everything that was ever read and could be judged.
    known: BTreeMap<Txid, Arc<Tx>>,
    /// Of each transaction in the best chain: its height.
    places: BTreeMap<Txid, u64>,
    /// Who spends what in the best chain.
    spends: BTreeMap<OutPoint, Txid>,
    /// Outputs by script, of every transaction that was ever in a block.
    by_script: BTreeMap<ScriptBuf, Vec<OutPoint>>,
    miners: MinersPool,
    nodes: Vec<NodePool>,
    /// Satoshi per 1000 virtual bytes: who pays less waits.
    level: u64,
    /// Others fill every block.
    crowded: bool,
    /// Never goes back.
    finalized: u64,
    blocks_made: u32,
}

impl UtxoChain {
    /// The first coins are final at once.
    pub fn new(genesis: &Genesis, dice: &mut Dice) -> Self {
        let first = Block { body: genesis_block(bitcoin::Network::Regtest), included: Vec::new() };
        let mut chain = Self {
            final_blocks: genesis.final_blocks,
            heights: BTreeMap::from([(first.body.block_hash(), 0)]),
            blocks: vec![first],
            known: BTreeMap::new(),
            places: BTreeMap::new(),
            spends: BTreeMap::new(),
            by_script: BTreeMap::new(),
            miners: MinersPool::default(),
            nodes: (0..genesis.nodes).map(|_| NodePool::new(Policy::draw(dice))).collect(),
            level: LEVEL_FIRST,
            crowded: false,
            finalized: 0,
            blocks_made: 0,
        };
        let funded: Vec<Arc<Tx>> = (0_u64..)
            .zip(&genesis.coins)
            .map(|(number, coin)| Arc::new(bank(number, coin)))
            .collect();
        chain.known.extend(funded.iter().map(|tx| (tx.txid, tx.clone())));
        chain.append(funded, genesis.start_seconds.saturating_sub(genesis.final_blocks + 1));
        (0..genesis.final_blocks).for_each(|_| chain.append(Vec::new(), 0));
        chain
    }

    /// Satoshi per 1000 virtual bytes that blocks ask from now on.
    pub fn set_level(&mut self, level: u64) {
        self.level = level.max(INCREMENTAL_RATE);
    }

    /// Others fill every block from now on, or no longer: what is sent waits in pools.
    pub fn crowd(&mut self, crowded: bool) {
        self.crowded = crowded;
    }

    /// That node accepts what it is sent, and tells nobody.
    pub fn set_swallows(&mut self, node: usize, swallows: bool) {
        self.nodes[node].swallows = swallows;
    }

    /// That node's pool is full: it takes nothing cheaper, and drops what is. The miners drop it,
    /// too.
    pub fn set_pool_floor(&mut self, node: usize, floor: u64, dice: &mut Dice) {
        self.nodes[node].set_floor(floor);
        self.miners.drop_below(floor, dice);
    }

    /// Somebody else's transaction: miners prefer it where `favoured`, and some nodes hear of it.
    ///
    /// # Panics
    /// When it spends what is not there.
    pub fn inject(
        &mut self,
        transaction: Transaction,
        favoured: bool,
        at_seconds: u64,
        dice: &mut Dice,
    ) -> Arc<Tx> {
        let tx =
            self.judge(transaction).expect("who injects a transaction spends coins that exist");
        for node in 0..self.nodes.len() {
            if dice.chance(INJECTED_HEARD_PERMILLE) {
                // A node may prefer what it has: that is its own affair.
                let _ = self.offer(node, self.head(), &tx, at_seconds);
            }
        }
        self.miners.add(tx.clone(), favoured, at_seconds);
        tx
    }

    pub fn head(&self) -> u64 {
        self.blocks.len() as u64 - 1
    }

    pub fn finalized(&self) -> u64 {
        self.finalized
    }

    /// Transactions in the blocks `from` to `to`, both included, oldest first; neither rewards nor
    /// the first coins.
    pub fn history(&self, from: u64, to: u64) -> impl Iterator<Item = Mined> {
        let end = to.min(self.head());
        let blocks = (from.max(2)..=end).map(|height| (height, &self.blocks[height as usize]));
        blocks.flat_map(|(height, block)| {
            block.included.iter().map(move |tx| Mined { height, tx: tx.clone() })
        })
    }

    /// Whether a transaction can never be mined any more: a final block holds what excludes it, or
    /// what one of its parents is excluded by.
    pub fn is_dead(&self, txid: Txid) -> bool {
        let Some(tx) = self.known.get(&txid) else { return false };
        if self.is_final(txid) {
            return false;
        }
        tx.inputs().any(|spent| self.is_taken(&spent, txid) || self.is_dead(spent.txid))
    }

    /// Whether a final block holds another transaction that spends this coin.
    pub fn is_taken(&self, outpoint: &OutPoint, but_by: Txid) -> bool {
        self.spends.get(outpoint).is_some_and(|by| *by != but_by && self.is_final(*by))
    }

    /// Whether it was sent, and no block holds it.
    pub fn is_waiting(&self, txid: Txid) -> bool {
        self.known.contains_key(&txid) && !self.places.contains_key(&txid) && !self.is_dead(txid)
    }

    pub fn is_final(&self, txid: Txid) -> bool {
        self.places.get(&txid).is_some_and(|height| *height <= self.finalized)
    }

    pub fn is_mined(&self, txid: Txid) -> bool {
        self.places.contains_key(&txid)
    }

    pub fn tx(&self, txid: Txid) -> Option<&Arc<Tx>> {
        self.known.get(&txid)
    }

    /// Coins of these scripts after the last final block, in satoshi.
    pub fn held(&self, scripts: &[ScriptBuf]) -> u64 {
        self.coins_of(scripts, self.finalized).map(|(_, value)| value).sum()
    }

    /// Unspent outputs of these scripts in the best chain up to a height.
    pub fn coins_of<'a>(
        &'a self,
        scripts: &'a [ScriptBuf],
        upto: u64,
    ) -> impl Iterator<Item = (OutPoint, u64)> + 'a {
        let outpoints = scripts.iter().filter_map(|script| self.by_script.get(script)).flatten();
        outpoints
            .filter(move |outpoint| self.is_unspent(outpoint, upto))
            .map(|outpoint| (*outpoint, self.value(outpoint)))
    }

    fn is_unspent(&self, outpoint: &OutPoint, upto: u64) -> bool {
        let there = |txid: &Txid| self.places.get(txid).is_some_and(|height| *height <= upto);
        there(&outpoint.txid) && !self.spends.get(outpoint).is_some_and(there)
    }

    /// Satoshi.
    fn value(&self, outpoint: &OutPoint) -> u64 {
        self.known[&outpoint.txid].body.output[outpoint.vout as usize].value.to_sat()
    }

    /// A transaction with what its inputs are worth; none where one is unknown, or where it makes
    /// money.
    fn judge(&mut self, body: Transaction) -> Option<Arc<Tx>> {
        let txid = body.compute_txid();
        if let Some(known) = self.known.get(&txid) {
            return Some(known.clone());
        }
        let worth = |spent: &OutPoint| {
            let parent = self.known.get(&spent.txid)?;
            parent.body.output.get(spent.vout as usize).map(|output| output.value.to_sat())
        };
        let spent =
            body.input.iter().map(|input| worth(&input.previous_output)).sum::<Option<u64>>()?;
        let tx = Arc::new(Tx::of(body, spent)?);
        self.known.insert(txid, tx.clone());
        Some(tx)
    }
}
