//! One source of the chain: the same typed questions, put in the language of its face.
//!
//! A source is believed nothing here: it says what it says, read strictly, and
//! [`Node`](crate::Node) counts votes. Only bytes are checked at once, because they prove
//! themselves by their hash.

mod bitcoind;
mod blockcypher;
mod esplora;
mod memory;
mod read;

use std::collections::BTreeSet;

use adit_chain::{Endpoint, Fault};
use adit_core::{Amount, BlockRef, SubmissionAnswer};
use bdk_wallet::bitcoin::{OutPoint, ScriptBuf, Transaction, Txid};

use crate::Network;
use crate::node::{Face, Fresh, OutpointState, Sought, TransactionState};
use adit_core::FeeRate;

pub use bitcoind::{SCAN_MILLIS_MAX, SEARCH_BLOCKS_MAX};
pub(crate) use memory::Memory;
pub(crate) use read::block_ref;

/// An endpoint and how it is spoken to.
#[derive(Clone, Copy)]
pub(crate) struct Source<'a> {
    pub endpoint: &'a Endpoint,
    pub face: Face,
    pub network: Network,
    /// Of a source that counts its questions.
    pub memory: Option<&'a Memory>,
}

/// The newest block that a source has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SourceHead {
    pub block: BlockRef,
    /// Unix seconds.
    pub mined_at: u64,
    /// Said a while ago, and not asked for again.
    pub remembered: bool,
}

/// A confirmed output that a source lists as unspent.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SourceCoin {
    pub outpoint: OutPoint,
    pub amount: Amount,
    pub script: ScriptBuf,
    pub height: u64,
}

/// What a source says of one outpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct SourceSpend {
    /// None when it does not know.
    pub state: Option<OutpointState>,
    /// In the mempool, or in a block above the head.
    pub pending: Option<Txid>,
}

/// A transaction that spends from scripts of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SourceSpender {
    pub txid: Txid,
    /// Of its block; none in the mempool, or above the head.
    pub height: Option<u64>,
}

/// None where it has no estimate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct SourceFees {
    pub next_block: Option<FeeRate>,
    pub six_blocks: Option<FeeRate>,
}

impl SourceSpend {
    fn known(state: OutpointState) -> Self {
        Self { state: Some(state), pending: None }
    }
}

impl Source<'_> {
    /// # Errors
    /// [`Fault`].
    pub(crate) async fn head(&self) -> Result<SourceHead, Fault> {
        match self.face {
            Face::Esplora => esplora::head(self.endpoint).await,
            Face::BlockCypher => blockcypher::head(self.endpoint, self.memory).await,
            Face::Bitcoind => bitcoind::head(self.endpoint).await,
        }
    }

    /// The blocks of its best chain at these heights; `None` above its head.
    ///
    /// # Errors
    /// [`Fault`].
    pub(crate) async fn blocks_at(&self, heights: &[u64]) -> Result<Vec<Option<BlockRef>>, Fault> {
        match self.face {
            Face::Esplora => esplora::blocks_at(self.endpoint, heights).await,
            Face::BlockCypher => blockcypher::blocks_at(self.endpoint, self.memory, heights).await,
            Face::Bitcoind => bitcoind::blocks_at(self.endpoint, heights).await,
        }
    }

    /// The block of its best chain at this height, and whether it said so a while ago: where its
    /// newest one is remembered and is there.
    ///
    /// # Errors
    /// [`Fault`].
    pub(crate) async fn newest_at(&self, height: u64) -> Result<(Option<BlockRef>, bool), Fault> {
        match self.memory.and_then(Memory::newest).filter(|newest| newest.height == height) {
            Some(newest) => Ok((Some(newest), true)),
            None => Ok((self.blocks_at(&[height]).await?.into_iter().flatten().next(), false)),
        }
    }

    /// The answer of a source that has this head in its best chain when it begins and when it has
    /// answered. Any other lags, or is on another branch: its answer would be about another chain.
    ///
    /// # Errors
    /// [`Fault`].
    pub(crate) async fn as_of<T>(
        &self,
        head: BlockRef,
        answer: impl Future<Output = Result<T, Fault>>,
    ) -> Result<T, Fault> {
        if !self.memory.is_some_and(|memory| memory.had(head)) {
            self.must_have(head).await?;
        }
        let answer = answer.await?;
        self.must_have(head).await?;
        Ok(answer)
    }

    async fn must_have(&self, head: BlockRef) -> Result<(), Fault> {
        if self.blocks_at(&[head.height]).await?.first() == Some(&Some(head)) {
            return Ok(());
        }
        let detail = format!(
            "it does not have block {} ({}) in its best chain: it lags, or is on another branch",
            head.height,
            head.hash.hex()
        );
        Err(Fault::Unreachable {
            chain: self.endpoint.name().to_string(),
            answered: 0,
            needed: 1,
            detail,
        })
    }

    /// Unspent outputs of these scripts, confirmed at or below the head.
    ///
    /// # Errors
    /// [`Fault`].
    pub(crate) async fn coins(
        &self,
        scripts: &[ScriptBuf],
        head: BlockRef,
    ) -> Result<Vec<SourceCoin>, Fault> {
        let mut coins = match self.face {
            Face::Esplora => esplora::coins(self.endpoint, scripts).await?,
            Face::BlockCypher => blockcypher::coins(self.endpoint, self.network, scripts).await?,
            Face::Bitcoind => bitcoind::coins(self.endpoint, scripts).await?,
        };
        coins.retain(|coin| coin.height <= head.height);
        Ok(coins)
    }

    /// What became of these outpoints; answers in the same order.
    ///
    /// # Errors
    /// [`Fault`].
    pub(crate) async fn spends(
        &self,
        sought: &[Sought],
        since: u64,
        head: BlockRef,
    ) -> Result<Vec<SourceSpend>, Fault> {
        match self.face {
            Face::Esplora => esplora::spends(self.endpoint, sought, head).await,
            Face::BlockCypher => blockcypher::spends(self.endpoint, sought, head).await,
            Face::Bitcoind => bitcoind::spends(self.endpoint, sought, since, head).await,
        }
    }

    /// The transactions that spend from these scripts, in blocks from `since` to the head and in
    /// the mempool.
    ///
    /// # Errors
    /// [`Fault`].
    pub(crate) async fn spenders(
        &self,
        scripts: &[ScriptBuf],
        fresh: &Fresh,
        since: u64,
        head: BlockRef,
    ) -> Result<BTreeSet<SourceSpender>, Fault> {
        match self.face {
            Face::Esplora => esplora::spenders(self.endpoint, scripts, since, head).await,
            Face::BlockCypher => {
                blockcypher::spenders(self.endpoint, self.network, scripts, since, head).await
            }
            Face::Bitcoind => bitcoind::spenders(self.endpoint, scripts, fresh, since, head).await,
        }
    }

    /// Where these transactions are; `None` where it cannot know.
    ///
    /// # Errors
    /// [`Fault`].
    pub(crate) async fn places(
        &self,
        txids: &[Txid],
        head: BlockRef,
    ) -> Result<Vec<Option<TransactionState>>, Fault> {
        match self.face {
            Face::Esplora => esplora::places(self.endpoint, txids, head).await,
            Face::BlockCypher => blockcypher::places(self.endpoint, txids, head).await,
            Face::Bitcoind => bitcoind::places(self.endpoint, txids, head).await,
        }
    }

    /// The transaction with this id, in that block where it is known. A source that gives another
    /// one is set aside.
    ///
    /// # Errors
    /// [`Fault`].
    pub(crate) async fn transaction(
        &self,
        txid: Txid,
        block: Option<BlockRef>,
    ) -> Result<Option<Transaction>, Fault> {
        let raw = match self.face {
            Face::Esplora => esplora::raw_transaction(self.endpoint, txid).await?,
            Face::BlockCypher => blockcypher::raw_transaction(self.endpoint, txid).await?,
            Face::Bitcoind => bitcoind::raw_transaction(self.endpoint, txid, block).await?,
        };
        raw.map(|hex| read::proven(self.endpoint, txid, &hex)).transpose()
    }

    /// # Errors
    /// [`Fault`].
    pub(crate) async fn fees(&self) -> Result<SourceFees, Fault> {
        match self.face {
            Face::Esplora => esplora::fees(self.endpoint).await,
            Face::BlockCypher => blockcypher::fees(self.endpoint, self.memory).await,
            Face::Bitcoind => bitcoind::fees(self.endpoint).await,
        }
    }

    /// Hands in a transaction as hexadecimal.
    pub(crate) async fn send(&self, txid: Txid, hex: &str) -> SubmissionAnswer {
        let said = match self.face {
            Face::Esplora => esplora::send(self.endpoint, hex).await,
            Face::BlockCypher => blockcypher::send(self.endpoint, hex).await,
            Face::Bitcoind => bitcoind::send(self.endpoint, hex).await,
        };
        read::classify(said, txid)
    }
}
