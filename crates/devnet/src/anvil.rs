//! A real EVM node: anvil, on a port of its own.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::Signal;

use crate::parts;
use crate::port;
use crate::primitives::{Address, address};
use crate::process::{Launch, Process};
use crate::rpc::Rpc;
use crate::wait;

/// The first account of anvil's default mnemonic ("test test … junk"). The node holds its key and
/// signs for it.
pub const DEPLOYER: Address = address!("f39Fd6e51aad88F6F4ce6aB8827279cffFb92266");
/// The key of [`DEPLOYER`], as published in anvil's manual: worthless anywhere else.
pub const DEPLOYER_KEY: &str = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";

const READY_BOUND: Duration = Duration::from_secs(20);
const READY_PAUSE: Duration = Duration::from_millis(20);
/// Ethereum's own since the end of 2025.
const BLOCK_GAS_LIMIT: u64 = 60_000_000;

/// How the chain should behave.
#[derive(Debug, Clone)]
pub struct Chain {
    pub chain_id: u64,
    /// Seconds between blocks; `None` mines each transaction at once.
    pub block_time_seconds: Option<u64>,
    /// A block is final when it lies this many slots, twice, below the newest.
    pub slots_in_epoch: u64,
    /// `None` takes a free one.
    pub port: Option<u16>,
    /// An older set of rules, such as `berlin`, whose blocks have no base fee. `None` is the
    /// newest.
    pub hardfork: Option<&'static str>,
}

impl Default for Chain {
    fn default() -> Self {
        Self {
            chain_id: 31_337,
            block_time_seconds: None,
            slots_in_epoch: 1,
            port: None,
            hardfork: None,
        }
    }
}

/// A running node; killed when dropped.
pub struct Anvil {
    process: Process,
    rpc: Rpc,
    url: String,
}

impl Anvil {
    /// Starts the node and waits until it answers. `log` receives what it prints.
    ///
    /// # Errors
    /// When it cannot be installed, does not start, or serves another chain id than asked for.
    pub async fn start(chain: &Chain, log: impl Into<PathBuf>) -> Result<Self> {
        let binary = parts::anvil()?;
        let port = chain.port.map_or_else(port::free, Ok)?;
        let url = format!("http://127.0.0.1:{port}");
        let process =
            Launch::new("anvil", binary, log).arguments(arguments(chain, port)).start()?;
        let rpc = Rpc::new(&url)?;
        let mut anvil = Self { process, rpc, url };
        anvil.ready(chain.chain_id).await?;
        Ok(anvil)
    }

    async fn ready(&mut self, chain_id: u64) -> Result<()> {
        let Self { process, rpc, url } = self;
        let found = wait::until("anvil to answer", READY_BOUND, READY_PAUSE, async || {
            process.still_runs()?;
            Ok(rpc.chain_id().await.ok())
        })
        .await?;
        anyhow::ensure!(
            found == chain_id,
            "{url} serves chain {found}, asked for {chain_id}: another node has the port"
        );
        Ok(())
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn rpc(&self) -> &Rpc {
        &self.rpc
    }

    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    pub fn log(&self) -> &Path {
        self.process.log()
    }

    /// It stands still: connections stay open, and nothing is answered.
    pub fn freeze(&self) {
        self.process.signal(Signal::STOP);
    }

    /// It goes on.
    pub fn thaw(&self) {
        self.process.signal(Signal::CONT);
    }

    /// # Errors
    /// When it does not go.
    pub async fn kill(mut self) -> Result<()> {
        self.process.kill().await.context("anvil")
    }
}

fn arguments(chain: &Chain, port: u16) -> Vec<String> {
    let mut arguments = vec![
        "--host=127.0.0.1".to_owned(),
        format!("--port={port}"),
        format!("--chain-id={}", chain.chain_id),
        format!("--slots-in-an-epoch={}", chain.slots_in_epoch),
        format!("--gas-limit={BLOCK_GAS_LIMIT}"),
    ];
    if let Some(seconds) = chain.block_time_seconds {
        arguments.push(format!("--block-time={seconds}"));
    }
    arguments.extend(chain.hardfork.map(|fork| format!("--hardfork={fork}")));
    arguments
}
