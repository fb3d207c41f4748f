//! The chain behind its sources: typed questions, answered by a quorum.
//!
//! Everything is asked *as of a head* that enough sources have reached ([`Node::heads`]). A source
//! that does not have that block in its best chain has no vote on the question: it lags, or is on
//! another branch, and is no liar for that.

mod broadcast;
mod coins;
mod config;
mod fees;
mod heads;
mod network;
mod spenders;
mod spends;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use adit_chain::{Agreed, Dated, Endpoint, HealthReading, Quorum, Timer, TokioTimer};
use adit_core::{Amount, BlockRef, EndpointName, Timestamp};
use bdk_wallet::bitcoin::{OutPoint, ScriptBuf, Txid};

use self::coins::Origins;
use self::network::Served;
use crate::source::{Memory, Source};
use adit_core::FeeRate;

pub use config::{BLOCKCYPHER_LOOK_EVERY, BitcoinConfig, ConfigError, EndpointConfig, Face};
pub use spenders::{Fresh, Spender};

/// How long slower sources are waited for once enough have answered. A node of one's own answers in
/// milliseconds, a public server needs a second or two for many questions, and is not to be called
/// late for that.
const PATIENCE_MILLIS: u64 = 3_000;

/// All sources of one chain, and its configuration.
pub struct Node {
    quorum: Quorum,
    config: BitcoinConfig,
    served: Arc<Served>,
    origins: Origins,
}

/// The highest block that enough sources have reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    pub block: BlockRef,
    /// Of the newest header, as its miner says: the middle of what the sources say.
    pub mined_at: Timestamp,
    pub witnesses: Vec<EndpointName>,
}

/// An output that enough sources list as unspent, confirmed at or below the head that was asked
/// about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedCoin {
    pub outpoint: OutPoint,
    pub amount: Amount,
    pub script: ScriptBuf,
    /// Of its block, in the chain that the head ends.
    pub height: u64,
    /// A block's reward. Not asked, and `false`, where it makes no difference:
    /// [`COINBASE_MATURITY_BLOCKS`](crate::COINBASE_MATURITY_BLOCKS) or more below the next block,
    /// whatever it is.
    pub coinbase: bool,
    pub witnesses: Vec<EndpointName>,
}

/// An outpoint whose spender is sought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sought {
    pub outpoint: OutPoint,
    /// Transactions of ours that may have spent it: a bitcoind, which has no index of spends, looks
    /// for these first.
    pub candidates: Vec<Txid>,
    /// At which height it was last seen to be spent: a bitcoind looks there, too.
    pub seen_at: Option<u64>,
}

/// What became of an outpoint in the chain that a head ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutpointState {
    Unspent,
    Spent {
        by: Txid,
        block: BlockRef,
    },
    /// The chain has no such output (yet): its transaction is unknown, in no block, or in one above
    /// the head.
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

/// What being included costs, agreed: satoshi per 1000 virtual bytes, at least
/// [`RELAY_FEE_RATE_MIN`](adit_core::RELAY_FEE_RATE_MIN).
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
    pub fn new(config: BitcoinConfig) -> Result<Self, ConfigError> {
        let timer: Arc<dyn Timer> = Arc::new(TokioTimer::default());
        let endpoints = Endpoint::all(&config.urls()?, config.time_max(), &timer)?;
        let faces: Vec<Face> = config.endpoints.iter().map(|endpoint| endpoint.face).collect();
        Self::over(config, faces.into_iter().zip(endpoints).collect(), timer)
    }

    /// At the end of any wires, for instance of a simulated world.
    ///
    /// # Errors
    /// [`ConfigError::TooFewEndpoints`].
    pub fn over(
        config: BitcoinConfig,
        endpoints: Vec<(Face, Endpoint)>,
        timer: Arc<dyn Timer>,
    ) -> Result<Self, ConfigError> {
        config.enough_endpoints(endpoints.len())?;
        let faces: BTreeMap<EndpointName, Face> =
            endpoints.iter().map(|(face, endpoint)| (endpoint.name().clone(), *face)).collect();
        let counting = faces.iter().filter(|(_, face)| **face == Face::BlockCypher);
        let memories = counting
            .map(|(name, _)| {
                (name.clone(), Memory::new(timer.clone(), config.blockcypher_look_every))
            })
            .collect();
        let served = Arc::new(Served {
            chain: config.name.to_string(),
            network: config.network,
            faces,
            memories,
        });
        let endpoints = endpoints.into_iter().map(|(_, endpoint)| endpoint).collect();
        let quorum =
            Quorum::new(config.name.clone(), config.trust, endpoints, served.clone(), timer);
        let quorum = quorum.patient(Duration::from_millis(PATIENCE_MILLIS));
        Ok(Self { quorum, config, served, origins: Origins::default() })
    }

    pub fn config(&self) -> &BitcoinConfig {
        &self.config
    }

    pub fn dates(&self) -> Vec<Dated> {
        self.quorum.dates()
    }

    pub fn readings(&self) -> Vec<HealthReading> {
        self.quorum.readings()
    }

    /// Whether a source finds spenders by searching blocks, a bounded number at once.
    pub(crate) fn searches_blocks(&self) -> bool {
        self.config.endpoints.iter().any(|endpoint| endpoint.face == Face::Bitcoind)
    }

    fn source<'a>(&'a self, endpoint: &'a Endpoint) -> Source<'a> {
        self.served.source(endpoint)
    }
}
