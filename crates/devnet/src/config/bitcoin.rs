//! `[chains.bitcoin]` and `[assets.BTC]`, for a chain whose blocks come every second; and the same
//! again for a wallet of several keys.

use serde::Serialize;

use super::{Asset, More, Policy};

/// The chain as the configuration names it.
pub const BITCOIN: &str = "bitcoin";
/// The same chain again, with a wallet of several keys.
pub const MULTISIG: &str = "bitcoin-multisig";

#[derive(Debug, Clone, Serialize)]
pub struct BitcoinChain {
    pub kind: &'static str,
    pub network: &'static str,
    #[serde(flatten)]
    pub sources: Sources,
    /// The asset that it pays, where that is not BTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub native: Option<&'static str>,
    /// The wallet, where its keys are in another process, or are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub descriptor: Option<String>,
    /// Blocks on top of the including one.
    pub finality: u64,
    pub block_time_seconds: u64,
    pub look_every_seconds: u64,
    pub blockcypher_look_every_seconds: u64,
    pub batch_gather_seconds: u64,
    pub bump_after_seconds: u64,
    pub rebroadcast_after_seconds: u64,
    #[serde(flatten)]
    pub more: More,
}

/// Where the server reads the chain.
#[derive(Debug, Clone, Serialize)]
pub struct Sources {
    pub esplora: Vec<String>,
    pub blockcypher: Vec<String>,
    /// With user and password.
    pub bitcoind: Vec<String>,
}

impl BitcoinChain {
    /// Six confirmations as in the field; all that is waited for is counted in seconds.
    pub fn regtest(sources: Sources) -> Self {
        Self {
            kind: "bitcoin",
            network: "regtest",
            sources,
            native: None,
            descriptor: None,
            finality: 5,
            block_time_seconds: 1,
            look_every_seconds: 0,
            blockcypher_look_every_seconds: 0,
            batch_gather_seconds: 2,
            bump_after_seconds: 3,
            rebroadcast_after_seconds: 5,
            more: More::new(),
        }
    }
}

impl Asset {
    /// The coin of [`BITCOIN`] or [`MULTISIG`].
    pub fn bitcoin(chain: &str) -> Self {
        let policy = Policy {
            minimum: "0.0001".to_owned(),
            rolling_24h_max: "10".to_owned(),
            more: More::new(),
        };
        Self { chain: chain.to_owned(), token: None, decimals: 8, policy: Some(policy) }
    }
}
