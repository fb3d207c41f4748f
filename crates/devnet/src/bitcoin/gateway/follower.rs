//! Keeps the index where the node is.
//!
//! A reorganisation needs no case of its own: the newest block's ancestors are read until one is in
//! the index, whatever lay above that one is taken off, and the rest is put on.

use std::collections::HashSet;
use std::sync::RwLock;
use std::time::{SystemTime, UNIX_EPOCH};

use bitcoin::hashes::Hash;
use bitcoin::{Block, BlockHash, Transaction, Txid};
use tokio::sync::Mutex;

use super::index::{Index, Update};
use super::read;
use crate::bitcoin::rpc::{Rpc, RpcError};

/// The node changes while it is read; it is not changed that often.
const ROUNDS_MAX: usize = 50;

pub struct Follower {
    rpc: Rpc,
    index: RwLock<Index>,
    /// Two that read at once would both put the same block on.
    turn: Mutex<()>,
}

impl Follower {
    pub fn new(rpc: Rpc) -> Self {
        Self { rpc, index: RwLock::default(), turn: Mutex::new(()) }
    }

    pub fn index(&self) -> &RwLock<Index> {
        &self.index
    }

    /// Returns when the index shows the node as it was at some moment after the call.
    ///
    /// # Errors
    /// What the node says, or that it changes too fast to be read.
    pub async fn catch_up(&self) -> Result<(), RpcError> {
        let _turn = self.turn.lock().await;
        for _ in 0..ROUNDS_MAX {
            if let Some(update) = self.difference().await? {
                self.index.write().unwrap_or_else(std::sync::PoisonError::into_inner).apply(update);
                return Ok(());
            }
        }
        let source = anyhow::anyhow!("the node changed {ROUNDS_MAX} times while it was read");
        Err(RpcError::Fault { method: "getrawmempool".to_owned(), source })
    }

    /// `None` when the node has changed meanwhile: chain and mempool must be of one moment.
    async fn difference(&self) -> Result<Option<Update>, RpcError> {
        let tip = self.rpc.tip().await?;
        let (kept_blocks, new_blocks) = self.blocks_since(tip).await?;
        let mempool: HashSet<Txid> = self.rpc.mempool().await?.into_iter().collect();
        let Some(arrived) = self.arrived(&mempool).await? else { return Ok(None) };
        let unchanged = self.rpc.tip().await? == tip;
        Ok(unchanged.then(|| Update { kept_blocks, new_blocks, mempool, arrived, now: now() }))
    }

    /// How many blocks of the index stay, and which come after them, the lowest first.
    async fn blocks_since(&self, tip: BlockHash) -> Result<(usize, Vec<Block>), RpcError> {
        let mut blocks = Vec::new();
        let mut hash = tip;
        // The parent of the first block of all is written as zeros.
        while hash != BlockHash::all_zeros() {
            if let Some(height) = self.height(&hash) {
                blocks.reverse();
                return Ok((height as usize + 1, blocks));
            }
            let block = self.rpc.block(hash).await?;
            hash = block.header.prev_blockhash;
            blocks.push(block);
        }
        blocks.reverse();
        Ok((0, blocks))
    }

    /// What is new of the mempool; `None` when one of them has left it meanwhile.
    async fn arrived(&self, mempool: &HashSet<Txid>) -> Result<Option<Vec<Transaction>>, RpcError> {
        let unknown: Vec<Txid> = {
            let index = read(&self.index);
            mempool.iter().filter(|txid| index.mempool().get(txid).is_none()).copied().collect()
        };
        let mut arrived = Vec::with_capacity(unknown.len());
        for txid in unknown {
            match self.rpc.transaction(txid).await? {
                Some(transaction) => arrived.push(transaction),
                None => return Ok(None),
            }
        }
        Ok(Some(arrived))
    }

    fn height(&self, hash: &BlockHash) -> Option<u32> {
        read(&self.index).block(hash).map(|(height, _)| height)
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
