//! How the chain grows, and how a part of it is replaced.

use std::sync::Arc;

use bitcoin::Txid;

use super::UtxoChain;
use super::block::Block;
use super::miners::Terms;
use super::transaction::Tx;
use crate::Dice;

/// Transactions of ours that fit into one block beside everybody else's; how many do is thrown for
/// each.
pub const BLOCK_TRANSACTIONS_MAX: u64 = 12;
/// A block in which others leave no room.
const FULL_BLOCK_PERMILLE: u32 = 150;
/// A miner who has not heard of the replacement.
const ANY_VERSION_PERMILLE: u32 = 150;
const ANY_VERSION_AFTER_REORG_PERMILLE: u32 = 500;
/// A reorganisation after which nothing of ours is mined at first.
const QUIET_REORG_PERMILLE: u32 = 300;
/// Of the transactions of replaced blocks, and of what waits then.
const KEPT_AFTER_REORG_PERMILLE: u32 = 800;
/// When pools forget: everything, or each with this chance of being kept.
const POOL_FORGETS_ALL_PERMILLE: u32 = 300;
const KEPT_AFTER_LOSS_PERMILLE: u32 = 500;

impl UtxoChain {
    /// One more block. Its time is later than its parent's, whatever is asked.
    pub fn mine(&mut self, at_seconds: u64, dice: &mut Dice) {
        let terms = Terms {
            room: self.room(dice),
            level: self.level,
            any_version_permille: ANY_VERSION_PERMILLE,
        };
        self.grow(terms, at_seconds, dice);
    }

    /// Replaces so many blocks by one more than that. Their transactions return to the pools or are
    /// lost; another version may be mined in their place.
    pub fn reorg(&mut self, depth: u64, at_seconds: u64, dice: &mut Dice) {
        let cut = self.cut(self.head().saturating_sub(depth).max(self.final_blocks + 1));
        let times: Vec<u64> = cut.iter().map(|block| u64::from(block.body.header.time)).collect();
        for tx in cut.iter().flat_map(|block| &block.included) {
            self.miners.add(tx.clone(), false, at_seconds);
            for node in 0..self.nodes.len() {
                let _ = self.offer(node, self.head(), tx, at_seconds);
            }
        }
        self.miners.thin(KEPT_AFTER_REORG_PERMILLE, dice);
        self.nodes.iter_mut().for_each(|node| node.thin(KEPT_AFTER_REORG_PERMILLE, dice));
        self.drop_orphans();
        let quiet = dice.chance(QUIET_REORG_PERMILLE);
        for at_seconds in times.into_iter().chain([at_seconds]) {
            let room = if quiet { 0 } else { self.room(dice) };
            let terms = Terms {
                room,
                level: self.level,
                any_version_permille: ANY_VERSION_AFTER_REORG_PERMILLE,
            };
            self.grow(terms, at_seconds, dice);
        }
    }

    /// The miners and every node forget some or all of what waits.
    pub fn drop_pool(&mut self, dice: &mut Dice) {
        let mut kept =
            || if dice.chance(POOL_FORGETS_ALL_PERMILLE) { 0 } else { KEPT_AFTER_LOSS_PERMILLE };
        let (miners, nodes): (u32, Vec<u32>) =
            (kept(), self.nodes.iter().map(|_| kept()).collect());
        self.miners.thin(miners, dice);
        self.nodes
            .iter_mut()
            .zip(nodes)
            .for_each(|(node, kept_permille)| node.thin(kept_permille, dice));
    }

    /// Takes the blocks above the fork off the chain.
    fn cut(&mut self, fork: u64) -> Vec<Block> {
        let blocks = self.blocks.split_off(fork as usize + 1);
        for tx in blocks.iter().flat_map(|block| &block.included) {
            self.places.remove(&tx.txid);
            for spent in tx.inputs() {
                self.spends.remove(&spent);
            }
        }
        blocks
    }

    pub(super) fn grow(&mut self, terms: Terms, at_seconds: u64, dice: &mut Dice) {
        let upto = self.head();
        let chosen = self.miners.choose(
            terms,
            |spent| self.is_unspent(spent, upto),
            |txid| self.places.contains_key(txid),
            dice,
        );
        self.append(chosen, at_seconds);
        self.drop_orphans();
    }

    pub(super) fn append(&mut self, included: Vec<Arc<Tx>>, at_seconds: u64) {
        let tip = self.blocks.last().expect("there is always a first block");
        let time = u32::try_from(at_seconds).unwrap_or(u32::MAX).max(tip.body.header.time + 1);
        self.blocks_made += 1;
        let block = Block::of(tip.body.block_hash(), included, time, self.blocks_made);
        let height = self.head() + 1;
        for tx in &block.included {
            self.places.insert(tx.txid, height);
            self.spends.extend(tx.inputs().map(|spent| (spent, tx.txid)));
            for (outpoint, output) in tx.outputs() {
                let known = self.by_script.entry(output.script_pubkey.clone()).or_default();
                if !known.contains(&outpoint) {
                    known.push(outpoint);
                }
            }
        }
        self.nodes.iter_mut().for_each(|node| node.mined(&block.included, at_seconds));
        self.heights.insert(block.body.block_hash(), height);
        self.blocks.push(block);
        self.finalized = self.finalized.max(height.saturating_sub(self.final_blocks));
        let mut miners = std::mem::take(&mut self.miners);
        miners.forget(|txid: Txid| self.is_final(txid) || self.is_dead(txid), at_seconds);
        self.miners = miners;
    }

    fn room(&self, dice: &mut Dice) -> u64 {
        let full = dice.chance(FULL_BLOCK_PERMILLE) || self.crowded;
        if full { 0 } else { dice.between(1, BLOCK_TRANSACTIONS_MAX + 1) }
    }

    /// Nodes keep nothing whose parents are gone.
    fn drop_orphans(&mut self) {
        let upto = self.head();
        let mut nodes = std::mem::take(&mut self.nodes);
        for node in &mut nodes {
            let here: std::collections::BTreeSet<Txid> = node.txids().copied().collect();
            node.drop_orphans(|tx| {
                tx.inputs().all(|spent| here.contains(&spent.txid) || self.is_unspent(&spent, upto))
            });
        }
        self.nodes = nodes;
    }
}
