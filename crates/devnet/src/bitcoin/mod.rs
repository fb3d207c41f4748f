//! Bitcoin for development and tests: a real bitcoind on a chain of its own, a miner, and a gateway
//! that answers like the two public APIs that are read in the field, Esplora and BlockCypher.
//!
//! [`Bitcoin`] holds the three together; tests may take them one by one.

pub mod cosigner;
pub mod gateway;
pub mod market;
pub mod miner;
pub mod node;
mod oblivion;
pub mod payments;
pub mod rpc;
pub mod shared;
pub mod stage;
pub mod unspent;
pub mod waiting;
pub mod wallet;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;

pub use cosigner::{Cosigner, shared_wallet, wallet_of_one};
pub use gateway::Gateway;
pub use market::Market;
pub use miner::{Beat, Miner};
pub use node::Node;
pub use rpc::{Refusal, Rpc, RpcError};

/// Ten rewards of 50 BTC are mature then.
const FIRST_BLOCKS: u32 = 110;

/// A running Bitcoin world. Dropping it ends all of it.
pub struct Bitcoin {
    // Dropped in this order: what asks before what is asked.
    beat: Option<Beat>,
    gateway: Gateway,
    miner: Miner,
    node: Node,
}

impl Bitcoin {
    /// Starts the node, mines the first rewards until they may be spent, and waits until the
    /// gateway has seen them. `log` receives what bitcoind prints.
    ///
    /// # Errors
    /// When there is no bitcoind, or one of the three does not come up.
    pub async fn start(log: impl Into<PathBuf>) -> Result<Self> {
        Self::over(Node::start(log).await?).await
    }

    /// The same over a bitcoind that finds transactions in its mempool only.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn start_bare(log: impl Into<PathBuf>) -> Result<Self> {
        Self::over(Node::start_bare(log).await?).await
    }

    async fn over(node: Node) -> Result<Self> {
        let miner = Miner::new(node.rpc().clone());
        miner.mine(FIRST_BLOCKS).await?;
        let gateway = Gateway::start(node.rpc().clone()).await?;
        Ok(Self { beat: None, gateway, miner, node })
    }

    /// From now on one block per `pause`.
    pub fn mine_every(&mut self, pause: Duration) {
        self.beat = Some(self.miner.every(pause));
    }

    /// From now on only who asks for a block gets one.
    pub fn mine_no_more(&mut self) {
        self.beat = None;
    }

    /// From now on a block has room only for what pays at least this feerate; 0 has room for all.
    /// What the faces estimate is another matter, as it is in the field: estimates are made of
    /// blocks that were mined.
    pub fn ask_for(&self, sat_per_vbyte: u64) {
        self.miner.take_only_above(sat_per_vbyte);
    }

    /// What blocks ask for and what the faces estimate, for a task of its own.
    pub fn market(&self) -> Market {
        Market { floor: self.miner.floor(), estimate: self.gateway.estimates() }
    }

    /// The base of Esplora's paths, such as `{}/blocks/tip/height`.
    pub fn esplora_url(&self) -> &str {
        self.gateway.esplora_url()
    }

    /// The base of BlockCypher's paths for this chain, such as `{}/txs/push`.
    pub fn blockcypher_url(&self) -> &str {
        self.gateway.blockcypher_url()
    }

    pub fn rpc(&self) -> &Rpc {
        self.node.rpc()
    }

    pub fn miner(&self) -> &Miner {
        &self.miner
    }

    pub fn node(&self) -> &Node {
        &self.node
    }

    pub fn gateway(&self) -> &Gateway {
        &self.gateway
    }

    /// Ends everything, the asking before the asked.
    ///
    /// # Errors
    /// When bitcoind does not end, even killed.
    pub async fn stop(self) -> Result<()> {
        drop((self.beat, self.gateway));
        self.node.stop().await
    }
}
