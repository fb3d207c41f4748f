//! What one may choose about a devnet: by flag or by environment variable.

use anyhow::{Context, Result, ensure};
use clap::{Args, ValueEnum, value_parser};

use crate::port;

#[derive(Debug, Clone, Args)]
pub struct Options {
    /// Port of the API; 0 takes a free one
    #[arg(long, env = "PORT", default_value_t = 5000)]
    pub port: u16,
    /// Where the server keeps its ledger
    #[arg(long, env = "STORE", default_value = "sqlite")]
    pub store: StoreKind,
    /// Servers that share one store and one signer; more than one needs Postgres
    #[arg(long, env = "REPLICAS", default_value_t = 1, value_parser = value_parser!(u16).range(1..=8))]
    pub replicas: u16,
    /// Seconds between blocks
    #[arg(long, env = "BLOCK_TIME", default_value_t = 1, value_parser = value_parser!(u64).range(1..=60))]
    pub block_time: u64,
    /// A block is final when two times this many follow it
    #[arg(long, env = "SLOTS_IN_EPOCH", default_value_t = 1, value_parser = value_parser!(u64).range(1..=64))]
    pub slots_in_epoch: u64,
    /// Players to seed; every fifth is no member of the lock
    #[arg(long, env = "USERS", default_value_t = 30, value_parser = value_parser!(u32).range(30..=20_000))]
    pub users: u32,
    /// Points each player starts with
    #[arg(long, env = "XP", default_value_t = 200_000, value_parser = value_parser!(u64).range(0..=1_000_000_000))]
    pub xp: u64,
    /// Port of anvil; without it 8545, or a free one when that is taken
    #[arg(long, env = "EVM_PORT")]
    pub evm_port: Option<u16>,
    /// Endpoints that the server uses instead of anvil, comma-separated
    #[arg(long, env = "ADIT_EVM_RPC", value_delimiter = ',')]
    pub evm_rpc: Vec<String>,
    /// Whether bitcoind is started as well, where there is one
    #[arg(long, env = "BITCOIN", default_value = "auto")]
    pub bitcoin: BitcoinChoice,
    /// Esplora servers that the server uses instead of the devnet's own, comma-separated
    #[arg(long, env = "ADIT_BITCOIN_ESPLORA", value_delimiter = ',')]
    pub bitcoin_esplora: Vec<String>,
    /// BlockCypher endpoints that it uses instead of the devnet's own, comma-separated
    #[arg(long, env = "ADIT_BITCOIN_BLOCKCYPHER", value_delimiter = ',')]
    pub bitcoin_blockcypher: Vec<String>,
    /// bitcoind endpoints that it uses instead of the devnet's own, with user and password,
    /// comma-separated
    #[arg(long, env = "ADIT_BITCOIN_RPC", value_delimiter = ',')]
    pub bitcoin_rpc: Vec<String>,
    /// Beside the server's own wallet, one of which it has one of three keys.
    #[arg(skip = true)]
    pub multisig: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum StoreKind {
    Sqlite,
    Postgres,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum BitcoinChoice {
    /// Where a bitcoind can be found.
    Auto,
    None,
}

impl Default for Options {
    /// For tests: as the demo, on free ports, without Bitcoin, and then with one wallet.
    fn default() -> Self {
        Self {
            port: 0,
            store: StoreKind::Sqlite,
            replicas: 1,
            block_time: 1,
            slots_in_epoch: 1,
            users: 20,
            xp: 200_000,
            evm_port: Some(0),
            evm_rpc: Vec::new(),
            bitcoin: BitcoinChoice::None,
            bitcoin_esplora: Vec::new(),
            bitcoin_blockcypher: Vec::new(),
            bitcoin_rpc: Vec::new(),
            multisig: false,
        }
    }
}

impl Options {
    /// # Errors
    /// When two of them do not go together.
    pub fn check(&self) -> Result<()> {
        ensure!(
            self.replicas == 1 || self.store == StoreKind::Postgres,
            "REPLICAS={} needs STORE=postgres: one SQLite file belongs to one process",
            self.replicas
        );
        Ok(())
    }

    /// The ports of the servers: the one asked for and those after it, or free ones.
    ///
    /// # Errors
    /// When one of them is taken.
    pub fn api_ports(&self) -> Result<Vec<u16>> {
        if self.port == 0 {
            return (0..self.replicas).map(|_| port::free()).collect();
        }
        let last = self
            .port
            .checked_add(self.replicas - 1)
            .context("PORT is too high for so many replicas")?;
        let ports: Vec<u16> = (self.port..=last).collect();
        for port in &ports {
            ensure!(
                port::is_free(*port),
                "port {port} is taken; choose another one with PORT=…, or PORT=0 for a free one"
            );
        }
        Ok(ports)
    }
}
