//! All that the gateway knows of the chain and the mempool, changed one [`Update`] at a time:
//! whoever reads sees the node as it was at one moment.

use std::collections::{HashMap, HashSet, VecDeque};

use bitcoin::block::Header;
use bitcoin::{Block, BlockHash, OutPoint, Transaction, TxOut, Txid};

use super::layer::{Known, Layer, Place, Spend};

/// More than any run displaces; the oldest are forgotten.
const DISPLACED_MAX: usize = 10_000;
/// Blocks whose times the median of a block is taken of (consensus).
const MEDIAN_BLOCKS: usize = 11;

#[derive(Default)]
pub struct Index {
    /// The best chain, by height.
    blocks: Vec<IndexedBlock>,
    heights: HashMap<BlockHash, u32>,
    chain: Layer,
    mempool: Layer,
    displaced: VecDeque<Known>,
    last_fork: Option<(u32, BlockHash)>,
}

pub struct IndexedBlock {
    pub hash: BlockHash,
    pub header: Header,
    pub txids: Vec<Txid>,
    pub size_bytes: usize,
    pub weight: u64,
    /// When it was seen, in seconds since 1970.
    pub seen: u64,
}

/// What has changed at the node.
pub struct Update {
    /// So many blocks of the best chain are still in it.
    pub kept_blocks: usize,
    /// The blocks after them.
    pub new_blocks: Vec<Block>,
    /// All that is in the mempool.
    pub mempool: HashSet<Txid>,
    /// What of it the index has not in its mempool, in no order.
    pub arrived: Vec<Transaction>,
    /// In seconds since 1970.
    pub now: u64,
}

impl Index {
    pub fn apply(&mut self, update: Update) {
        let Update { kept_blocks, new_blocks, mempool, arrived, now } = update;
        let mut lost = self.disconnect(kept_blocks);
        for block in new_blocks {
            self.connect(block, now);
        }
        let gone: Vec<Txid> =
            self.mempool.txids().copied().filter(|txid| !mempool.contains(txid)).collect();
        lost.extend(gone.into_iter().filter_map(|txid| self.mempool.remove(txid)));
        self.receive(arrived, now);
        self.remember_displaced(lost);
    }

    fn disconnect(&mut self, kept_blocks: usize) -> Vec<Known> {
        let mut lost = Vec::new();
        while self.blocks.len() > kept_blocks {
            let block = self.blocks.pop().expect("the loop's condition");
            let height = self.heights.remove(&block.hash).expect("every block has a height");
            self.last_fork = Some((height, block.hash));
            lost.extend(block.txids.into_iter().rev().filter_map(|txid| self.chain.remove(txid)));
        }
        lost
    }

    fn connect(&mut self, block: Block, now: u64) {
        let height =
            u32::try_from(self.blocks.len()).expect("a regtest chain has less than 2^32 blocks");
        let (hash, size_bytes, weight) =
            (block.block_hash(), block.total_size(), block.weight().to_wu());
        let mut txids = Vec::with_capacity(block.txdata.len());
        for (position, transaction) in block.txdata.into_iter().enumerate() {
            let txid = transaction.compute_txid();
            let prevouts = transaction
                .input
                .iter()
                .map(|input| self.output(&input.previous_output).cloned())
                .collect();
            let seen = self.mempool.get(&txid).map_or(now, |waiting| waiting.seen);
            self.chain.add(Known {
                txid,
                transaction,
                prevouts,
                place: Place::Block { height, position },
                seen,
            });
            txids.push(txid);
        }
        self.heights.insert(hash, height);
        self.blocks.push(IndexedBlock {
            hash,
            header: block.header,
            txids,
            size_bytes,
            weight,
            seen: now,
        });
    }

    fn receive(&mut self, arrived: Vec<Transaction>, now: u64) {
        let arrived: HashMap<Txid, Transaction> = arrived
            .into_iter()
            .map(|transaction| (transaction.compute_txid(), transaction))
            .collect();
        let among =
            |outpoint: &OutPoint| arrived.get(&outpoint.txid)?.output.get(outpoint.vout as usize);
        let find = |outpoint: &OutPoint| self.output(outpoint).or_else(|| among(outpoint)).cloned();
        let known: Vec<Known> = arrived
            .iter()
            .map(|(txid, transaction)| {
                let prevouts =
                    transaction.input.iter().map(|input| find(&input.previous_output)).collect();
                Known {
                    txid: *txid,
                    transaction: transaction.clone(),
                    prevouts,
                    place: Place::Mempool,
                    seen: now,
                }
            })
            .collect();
        known.into_iter().for_each(|known| self.mempool.add(known));
    }

    /// Of what was lost, only what another transaction has taken the coins of is worth remembering.
    fn remember_displaced(&mut self, lost: Vec<Known>) {
        let displaced = lost.into_iter().map(|known| Known { place: Place::Displaced, ..known });
        let mut all: VecDeque<Known> =
            std::mem::take(&mut self.displaced).into_iter().chain(displaced).collect();
        all.retain(|known| {
            self.transaction(&known.txid).is_none() && self.spender_instead_of(known).is_some()
        });
        all.drain(..all.len().saturating_sub(DISPLACED_MAX));
        self.displaced = all;
    }

    /// The newest block, which there is once the index has caught up for the first time.
    pub fn tip(&self) -> Option<(u32, &IndexedBlock)> {
        let block = self.blocks.last()?;
        Some((self.heights[&block.hash], block))
    }

    pub fn block_at(&self, height: u32) -> Option<&IndexedBlock> {
        self.blocks.get(height as usize)
    }

    /// Blocks that a reorganisation has left behind are unknown.
    pub fn block(&self, hash: &BlockHash) -> Option<(u32, &IndexedBlock)> {
        let height = *self.heights.get(hash)?;
        Some((height, self.block_at(height)?))
    }

    /// The height and hash of the block left behind last.
    pub fn last_fork(&self) -> Option<(u32, BlockHash)> {
        self.last_fork
    }

    /// The median time of a block and those before it (BIP 113).
    pub fn median_time(&self, height: u32) -> u32 {
        let end = height as usize + 1;
        let mut times: Vec<u32> = self.blocks[end.saturating_sub(MEDIAN_BLOCKS)..end]
            .iter()
            .map(|block| block.header.time)
            .collect();
        times.sort_unstable();
        times[times.len() / 2]
    }

    pub fn chain(&self) -> &Layer {
        &self.chain
    }

    pub fn mempool(&self) -> &Layer {
        &self.mempool
    }

    /// In the chain or in the mempool.
    pub fn transaction(&self, txid: &Txid) -> Option<&Known> {
        self.chain.get(txid).or_else(|| self.mempool.get(txid))
    }

    pub fn displaced(&self, txid: &Txid) -> Option<&Known> {
        self.displaced.iter().rev().find(|known| known.txid == *txid)
    }

    fn output(&self, outpoint: &OutPoint) -> Option<&TxOut> {
        self.chain.output(outpoint).or_else(|| self.mempool.output(outpoint))
    }

    /// Who spends an output, in the chain or in the mempool.
    pub fn spend(&self, outpoint: &OutPoint) -> Option<Spend> {
        self.chain.spend(outpoint).or_else(|| self.mempool.spend(outpoint))
    }

    /// Another transaction that wants a coin of this one, unless this one is in the chain, where
    /// nobody can take it.
    pub fn rival(&self, known: &Known) -> Option<Txid> {
        match known.place {
            Place::Block { .. } => None,
            Place::Displaced => self.spender_instead_of(known),
            Place::Mempool => {
                let coins: HashSet<OutPoint> = known.spends().collect();
                let mut rivals = self
                    .displaced
                    .iter()
                    .rev()
                    .filter(|other| other.spends().any(|coin| coins.contains(&coin)));
                rivals.next().map(|rival| rival.txid)
            }
        }
    }

    fn spender_instead_of(&self, known: &Known) -> Option<Txid> {
        let spenders = known.spends().filter_map(|coin| self.spend(&coin));
        spenders.map(|spend| spend.txid).find(|txid| *txid != known.txid)
    }

    /// 1 for the newest block's, 0 outside the chain.
    pub fn confirmations(&self, known: &Known) -> usize {
        match known.place {
            Place::Block { height, .. } => self.blocks.len() - height as usize,
            Place::Mempool | Place::Displaced => 0,
        }
    }
}
