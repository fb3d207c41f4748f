//! One server with two faces over a bitcoind: Esplora's paths at its root, BlockCypher's below
//! `/v1/btc/main`.
//!
//! bitcoind itself cannot say what an address has received; [`index::Index`] can. A task keeps the
//! index at most a fraction of a second behind the node, and what is sent through the gateway is
//! seen by the very next question.

mod blockcypher;
mod esplora;
mod follower;
mod index;
mod layer;
mod script;

use std::sync::{Arc, RwLock, RwLockReadGuard};
use std::time::Duration;

use anyhow::{Context, Result};
use axum::Router;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::market::Estimate;
use super::rpc::{Rpc, RpcError};
use bitcoin::{Amount, Txid};
use follower::Follower;
use index::Index;

/// A new block or reorganisation is to be seen within half a second.
const FOLLOW_PAUSE: Duration = Duration::from_millis(100);
const BLOCKCYPHER_BASE: &str = "/v1/btc/main";

/// A running gateway; gone when dropped.
pub struct Gateway {
    view: View,
    blockcypher_url: String,
    tasks: [JoinHandle<()>; 2],
}

/// What the routes see.
#[derive(Clone)]
struct View {
    follower: Arc<Follower>,
    rpc: Rpc,
    url: Arc<str>,
    estimate: Estimate,
}

impl Gateway {
    /// Reads the node's whole chain, then listens on a free port of the loopback interface.
    ///
    /// # Errors
    /// When it cannot listen, or the node does not answer.
    pub async fn start(rpc: Rpc) -> Result<Self> {
        let listener =
            TcpListener::bind("127.0.0.1:0").await.context("no free port on 127.0.0.1")?;
        let url = format!(
            "http://{}",
            listener.local_addr().context("the port just bound has no address")?
        );
        let follower = Arc::new(Follower::new(rpc.clone()));
        follower.catch_up().await.context("reading the chain")?;
        let view = View {
            follower: Arc::clone(&follower),
            rpc,
            url: url.as_str().into(),
            estimate: Estimate::default(),
        };
        let router = Router::new()
            .nest(BLOCKCYPHER_BASE, blockcypher::routes())
            .merge(esplora::routes())
            .with_state(view.clone());
        let server = tokio::spawn(async move {
            // Ends only with the listener, which ends with this task.
            let _ = axum::serve(listener, router).await;
        });
        let following = tokio::spawn(async move {
            loop {
                // A node that does not answer is asked again; until then the gateway says what it
                // knows, as the public ones do.
                let _ = follower.catch_up().await;
                tokio::time::sleep(FOLLOW_PAUSE).await;
            }
        });
        Ok(Self {
            blockcypher_url: format!("{url}{BLOCKCYPHER_BASE}"),
            view,
            tasks: [server, following],
        })
    }

    pub fn esplora_url(&self) -> &str {
        &self.view.url
    }

    pub fn blockcypher_url(&self) -> &str {
        &self.blockcypher_url
    }

    /// From now on both faces estimate this feerate for every target; without one they say what the
    /// node says. A regtest has too little traffic for estimates of its own.
    pub fn estimate(&self, sat_per_vbyte: Option<u64>) {
        self.view.estimate.set(sat_per_vbyte);
    }

    pub(super) fn estimates(&self) -> Estimate {
        self.view.estimate.clone()
    }

    /// Waits until the gateway knows what the node knows now, instead of at its next look.
    ///
    /// # Errors
    /// When the node does not answer.
    pub async fn catch_up(&self) -> Result<()> {
        Ok(self.view.follower.catch_up().await?)
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl View {
    fn index(&self) -> RwLockReadGuard<'_, Index> {
        read(self.follower.index())
    }

    /// The fee per 1000 virtual bytes for so many blocks; `None` when nobody knows.
    async fn fee_estimate(&self, blocks: u16) -> Result<Option<Amount>, RpcError> {
        match self.estimate.sat_per_kvbyte() {
            None => self.rpc.fee_estimate(blocks).await,
            Some(told) => Ok(Some(Amount::from_sat(told))),
        }
    }

    /// Hands a transaction to the node; the next question sees it.
    async fn send(&self, hex: &str) -> Result<Txid, RpcError> {
        let txid = self.rpc.send_raw(hex).await?;
        self.follower.catch_up().await?;
        Ok(txid)
    }
}

/// The index is only ever replaced as a whole step: what a panicking reader leaves is sound.
fn read(index: &RwLock<Index>) -> RwLockReadGuard<'_, Index> {
    index.read().unwrap_or_else(std::sync::PoisonError::into_inner)
}
