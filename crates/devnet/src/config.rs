//! The server's configuration file, written from one place.
//!
//! The fields are public: a test takes [`Config::demo`], changes what it is about, and writes it.

mod bitcoin;

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Serialize;

use crate::primitives::Address;

pub use bitcoin::{BITCOIN, BitcoinChain, MULTISIG, Sources};

/// The chain and assets as the configuration names them.
pub const CHAIN: &str = "devnet";
pub const DG: &str = "DG";
pub const ETH: &str = "ETH";
pub const BTC: &str = "BTC";
/// The same coin, out of the wallet of several keys.
pub const BTC_MULTISIG: &str = "BTC-MULTISIG";
/// The book in which players have what is no points.
pub const MAIN: &str = "main";
/// The book in which points are kept, and the points themselves.
pub const BOOK: &str = "xp";
pub const POINTS: &str = "XP";

/// High enough that no test meets it by accident.
const REQUESTS_UNLIMITED: u32 = 1_000_000;

#[derive(Debug, Clone, Serialize)]
pub struct Config {
    pub server: Server,
    pub store: Store,
    pub signer: Signer,
    pub chains: Chains,
    pub assets: BTreeMap<String, Asset>,
    pub claims: Claims,
    pub membership: Membership,
    /// Sections that only some tests are about.
    #[serde(flatten)]
    pub more: More,
}

/// Keys that the devnet itself leaves at their defaults, for tests that are about them.
pub type More = BTreeMap<String, toml::Value>;

#[derive(Debug, Clone, Serialize)]
pub struct Server {
    /// Each server of a devnet gets an address of its own when it starts.
    pub listen: String,
    /// A free port for each, unless somebody scrapes a server and has to know where.
    pub metrics_listen: String,
    pub cors_origins: Vec<String>,
    pub requests_per_second: u32,
    pub requests_burst: u32,
}

#[derive(Debug, Clone, Serialize)]
pub struct Store {
    pub url: String,
}

#[derive(Debug, Clone, Serialize)]
pub struct Signer {
    pub journal: String,
    /// Empty: the server signs itself.
    pub socket: String,
    /// The sealed seed that Bitcoin is paid from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keys: Option<String>,
}

/// By the names that the configuration gives them.
#[derive(Debug, Clone, Serialize)]
pub struct Chains {
    /// [`CHAIN`].
    pub devnet: Chain,
    /// [`BITCOIN`], where there is a bitcoind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bitcoin: Option<BitcoinChain>,
    /// [`MULTISIG`]: the same network, and a wallet of several keys.
    #[serde(rename = "bitcoin-multisig", skip_serializing_if = "Option::is_none")]
    pub multisig: Option<BitcoinChain>,
}

#[derive(Debug, Clone, Serialize)]
pub struct Chain {
    pub kind: &'static str,
    pub chain_id: u64,
    pub rpc: Vec<String>,
    pub trust: &'static str,
    pub confirmations: u64,
    pub finality: Finality,
    pub block_time_seconds: u64,
    pub in_flight_max: u32,
    /// The wallet that pays, where the key is in another process.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wallet: Option<String>,
    #[serde(flatten)]
    pub more: More,
}

#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub enum Finality {
    /// A tag of the node: `finalized`.
    Tag(&'static str),
    /// So many blocks below the newest.
    Depth(u64),
}

#[derive(Debug, Clone, Serialize)]
pub struct Asset {
    pub chain: String,
    /// Absent for the chain's native coin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    pub decimals: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<Policy>,
}

#[derive(Debug, Clone, Default, Serialize)]
pub struct Policy {
    pub minimum: String,
    pub rolling_24h_max: String,
    #[serde(flatten)]
    pub more: More,
}

#[derive(Debug, Clone, Serialize)]
pub struct Claims {
    pub asset: String,
    pub book: String,
    pub points: String,
    pub rate: String,
    pub domain_name: String,
    pub domain_version: String,
    pub deadline_seconds_max: u64,
}

#[derive(Debug, Clone, Serialize)]
pub struct Membership {
    pub mode: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lock: Option<String>,
}

/// What differs from one devnet to the next.
pub struct Facts<'a> {
    pub store: String,
    /// Where the journal is kept.
    pub directory: &'a Path,
    /// Where a signer of its own listens, if the servers share one.
    pub signer_socket: Option<&'a Path>,
    pub chain_id: u64,
    pub rpc: Vec<String>,
    pub block_time_seconds: u64,
    pub token: Address,
    pub lock: Address,
    pub hot_wallet: Address,
}

impl Config {
    /// The demo's rules: 3,000 DG at least, 100,000 DG in 24 hours at most, members only, confirmed
    /// by two blocks.
    pub fn demo(facts: Facts<'_>) -> Self {
        let trust = if facts.rpc.len() > 1 { "quorum" } else { "single" };
        let chain = Chain {
            kind: "evm",
            chain_id: facts.chain_id,
            rpc: facts.rpc,
            trust,
            confirmations: 2,
            finality: Finality::Tag("finalized"),
            block_time_seconds: facts.block_time_seconds,
            in_flight_max: 1_000,
            wallet: facts.signer_socket.map(|_| facts.hot_wallet.to_string()),
            // Drills and tests count the wallet's transactions.
            more: More::from([("slow_start".to_owned(), false.into())]),
        };
        let policy = Policy {
            minimum: "3000".to_owned(),
            rolling_24h_max: "100000".to_owned(),
            more: More::new(),
        };
        Self {
            server: Server {
                listen: "127.0.0.1:0".to_owned(),
                metrics_listen: "127.0.0.1:0".to_owned(),
                cors_origins: Vec::new(),
                requests_per_second: REQUESTS_UNLIMITED,
                requests_burst: REQUESTS_UNLIMITED,
            },
            store: Store { url: facts.store },
            signer: Signer {
                journal: facts.directory.join("signer.journal").display().to_string(),
                socket: facts
                    .signer_socket
                    .map(|socket| socket.display().to_string())
                    .unwrap_or_default(),
                keys: None,
            },
            chains: Chains { devnet: chain, bitcoin: None, multisig: None },
            assets: BTreeMap::from([
                (DG.to_owned(), Asset::token(facts.token, Some(policy))),
                (
                    ETH.to_owned(),
                    Asset { chain: CHAIN.to_owned(), token: None, decimals: 18, policy: None },
                ),
            ]),
            claims: Claims {
                asset: DG.to_owned(),
                book: BOOK.to_owned(),
                points: POINTS.to_owned(),
                rate: "1/1".to_owned(),
                domain_name: "P2E Inferno DG Withdrawal".to_owned(),
                domain_version: "1".to_owned(),
                deadline_seconds_max: 900,
            },
            membership: Membership { mode: "required", lock: Some(facts.lock.to_string()) },
            more: More::new(),
        }
    }

    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        let text = toml::to_string(self).context("the configuration is not expressible in TOML")?;
        std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
    }
}

impl Asset {
    /// A token of 18 decimals on the devnet's chain.
    pub fn token(address: Address, policy: Option<Policy>) -> Self {
        Self { chain: CHAIN.to_owned(), token: Some(address.to_string()), decimals: 18, policy }
    }
}
