//! The chain behind its sources: typed questions, answered by a quorum.
//!
//! Everything is asked *as of a head* that enough sources have reached ([`Node::heads`]). A source that does not have that block in its
//! best chain has no vote on the question: it lags, or is on another branch, and is no liar for that.

mod config;

use std::collections::BTreeMap;
use std::sync::Arc;

use adit_chain::{Agreed, Endpoint, Fault, HealthReading, Quorum, Sent, Timer};
use adit_core::{Amount, BlockRef, EndpointName, Signed, Timestamp};
use bdk_wallet::bitcoin::{OutPoint, ScriptBuf, Transaction, Txid};

use crate::FeeRate;

pub use config::{BitcoinConfig, ConfigError, EndpointConfig, Face};

/// All sources of one chain, and its configuration.
pub struct Node {
    quorum: Quorum,
    config: BitcoinConfig,
    faces: BTreeMap<EndpointName, Face>,
}

/// The highest block that enough sources have reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    pub block: BlockRef,
    /// Of the newest header, as its miner says: the middle of what the sources say.
    pub mined_at: Timestamp,
    pub witnesses: Vec<EndpointName>,
}

/// An output that enough sources list as unspent, confirmed at or below the head that was asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedCoin {
    pub outpoint: OutPoint,
    pub amount: Amount,
    pub script: ScriptBuf,
    /// Of its block, in the chain that the head ends.
    pub height: u64,
    /// A block's reward that may not be spent yet, or only since a moment. Of coins below [`COINBASE_MATURITY_BLOCKS`](crate::COINBASE_MATURITY_BLOCKS)
    /// blocks it is not asked, because it makes no difference, and is `false`.
    pub coinbase: bool,
    pub witnesses: Vec<EndpointName>,
}

/// An outpoint whose spender is sought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sought {
    pub outpoint: OutPoint,
    /// Transactions of ours that may have spent it: a bitcoind, which has no index of spends, looks for these first.
    pub candidates: Vec<Txid>,
}

/// What became of an outpoint in the chain that a head ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutpointState {
    Unspent,
    Spent {
        by: Txid,
        block: BlockRef,
    },
    /// The chain has no such output (yet): its transaction is unknown, in no block, or in one above the head.
    Absent,
}

/// What the sources say of one outpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpendReading {
    /// Nothing when too few agree or know. That says nothing about the outpoint.
    pub state: Option<Agreed<OutpointState>>,
    /// Who spends it in a mempool or in a block above the head, as single sources say: never proof.
    pub pending: Vec<(EndpointName, Txid)>,
}

/// Where a transaction is, in the chain that a head ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransactionState {
    Confirmed {
        block: BlockRef,
    },
    /// In a mempool, in a block above the head, or unknown: never proof that it is gone.
    NotInChain,
}

/// What being included costs, agreed: satoshi per 1000 virtual bytes, at least [`RELAY_FEE_RATE_MIN`](crate::RELAY_FEE_RATE_MIN).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeeRates {
    /// For the next block or the one after.
    pub next_block: FeeRate,
    /// Within six blocks, about an hour.
    pub six_blocks: FeeRate,
}

impl Node {
    /// # Errors
    /// [`ConfigError`], which never shows a URL.
    pub fn new(_config: BitcoinConfig) -> Result<Self, ConfigError> {
        todo!()
    }

    /// At the end of any wires, for instance of a simulated world.
    ///
    /// # Errors
    /// [`ConfigError::TooFewEndpoints`].
    pub fn over(_config: BitcoinConfig, _endpoints: Vec<(Face, Endpoint)>, _timer: Arc<dyn Timer>) -> Result<Self, ConfigError> {
        todo!()
    }

    pub fn config(&self) -> &BitcoinConfig {
        &self.config
    }

    pub fn readings(&self) -> Vec<HealthReading> {
        self.quorum.readings()
    }

    /// The hash of block 0, agreed. Each source must serve the configured network's before it is heard at all, so this only asks whether
    /// enough do.
    ///
    /// # Errors
    /// [`Fault`].
    pub async fn genesis(&self) -> Result<BlockRef, Fault> {
        todo!()
    }

    /// # Errors
    /// [`Fault`], when too few sources answer or those that have reached the same height have other blocks there.
    pub async fn heads(&self) -> Result<Head, Fault> {
        todo!()
    }

    /// The blocks at these heights, each agreed on by itself; `None` where too few know one.
    ///
    /// # Errors
    /// [`Fault`].
    pub async fn blocks_at(&self, _heights: &[u64]) -> Result<Vec<Option<Agreed<BlockRef>>>, Fault> {
        todo!()
    }

    /// Unspent outputs of these scripts in the chain that `head` ends. A coin that a transaction in the mempool spends is not listed;
    /// one that only one source knows does not exist.
    ///
    /// # Errors
    /// [`Fault`].
    pub async fn coins(&self, _scripts: &[ScriptBuf], _head: BlockRef) -> Result<Vec<ListedCoin>, Fault> {
        todo!()
    }

    /// What became of each outpoint, in the chain that `head` ends; answers in the same order. `since` is the lowest height at which one
    /// may have been spent: a bitcoind searches from there.
    ///
    /// # Errors
    /// [`Fault`].
    pub async fn spends(&self, _sought: &[Sought], _since: u64, _head: BlockRef) -> Result<Vec<SpendReading>, Fault> {
        todo!()
    }

    /// Where each transaction is, in the chain that `head` ends; `None` where too few know or agree.
    ///
    /// # Errors
    /// [`Fault`].
    pub async fn places(&self, _txids: &[Txid], _head: BlockRef) -> Result<Vec<Option<Agreed<TransactionState>>>, Fault> {
        todo!()
    }

    /// A transaction, from whoever has it: the bytes prove themselves by their id. `None` when nobody who answered has it, which proves
    /// nothing.
    ///
    /// # Errors
    /// [`Fault`], when nobody answered.
    pub async fn transaction(&self, _txid: Txid) -> Result<Option<Transaction>, Fault> {
        todo!()
    }

    /// The middle of what the sources estimate; of two, the lower one.
    ///
    /// # Errors
    /// [`Fault`].
    pub async fn fee_rates(&self) -> Result<FeeRates, Fault> {
        todo!()
    }

    /// Gives recorded bytes to every source. The answers explain; they prove nothing.
    pub async fn broadcast(&self, _bytes: &[Signed]) -> Vec<Sent> {
        todo!()
    }
}
