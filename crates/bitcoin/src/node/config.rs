//! How one Bitcoin chain is reached.

use std::fmt;
use std::time::Duration;

use adit_chain::{EndpointError, REQUEST_MILLIS_MAX};
use adit_core::{ChainName, Span, Trust};

use crate::Network;

/// In which API a source answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Face {
    /// Blockstream's Esplora, or any server of that API. The URL is the base of its paths, such as `https://blockstream.info/api`.
    Esplora,
    /// The URL is the base of one chain's paths, such as `https://api.blockcypher.com/v1/btc/main`. BlockCypher serves of our networks
    /// only the main one.
    BlockCypher,
    /// bitcoind's JSON-RPC, with user and password in the URL. No wallet of it is used.
    Bitcoind,
}

/// One source. Its URL may carry a token, a user and a password, so it is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct EndpointConfig {
    pub face: Face,
    pub url: String,
}

/// Everything that is configured. Made by [`BitcoinConfig::new`] and then adjusted.
#[derive(Clone)]
pub struct BitcoinConfig {
    pub name: ChainName,
    pub network: Network,
    pub endpoints: Vec<EndpointConfig>,
    /// For every BlockCypher endpoint whose URL has none. Never shown.
    pub blockcypher_token: Option<String>,
    pub trust: Trust,
    /// Longest wait for one answer.
    pub request_time_max: Span,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    #[error("chain {chain} has {got} endpoint(s), and trust = \"quorum\" needs 2 or more; add one, or set trust = \"single\"")]
    TooFewEndpoints { chain: ChainName, got: usize },
}

impl BitcoinConfig {
    /// The careful choice: a quorum.
    pub fn new(name: ChainName, network: Network, endpoints: Vec<EndpointConfig>) -> Self {
        let request_time_max = Span::from_millis(REQUEST_MILLIS_MAX);
        Self { name, network, endpoints, blockcypher_token: None, trust: Trust::Quorum, request_time_max }
    }

    pub(crate) fn time_max(&self) -> Duration {
        Duration::from_millis(self.request_time_max.millis())
    }

    /// # Errors
    /// [`ConfigError::TooFewEndpoints`].
    pub(crate) fn enough_endpoints(&self, got: usize) -> Result<(), ConfigError> {
        let least = match self.trust {
            Trust::Single => 1,
            Trust::Quorum => 2,
        };
        if got < least { Err(ConfigError::TooFewEndpoints { chain: self.name.clone(), got }) } else { Ok(()) }
    }
}

impl fmt::Debug for EndpointConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EndpointConfig({:?})", self.face)
    }
}
