//! How one Bitcoin chain is reached.

use std::fmt;
use std::time::Duration;

use adit_chain::{EndpointError, REQUEST_MILLIS_MAX};
use adit_core::{ChainName, Span, Trust};

use crate::Network;

/// How often a BlockCypher source is asked for its newest block and its estimates: 60 questions an
/// hour, and its free plan has 100 to 200.
pub const BLOCKCYPHER_LOOK_EVERY: Span = Span::from_seconds(60);

/// In which API a source answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Face {
    /// Blockstream's Esplora, or any server of that API. The URL is the base of its paths, such as
    /// `https://blockstream.info/api`.
    Esplora,
    /// The URL is the base of one chain's paths, such as `https://api.blockcypher.com/v1/btc/main`.
    /// BlockCypher serves of our networks only the main one.
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
    /// How long the newest block and the estimates of a BlockCypher source count; a quarter of it
    /// where others tell of another block.
    pub blockcypher_look_every: Span,
    pub trust: Trust,
    /// Longest wait for one answer.
    pub request_time_max: Span,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    #[error(
        "chain {chain} has {got} endpoint(s), and trust = \"quorum\" needs 2 or more; add one, or \
         set trust = \"single\""
    )]
    TooFewEndpoints { chain: ChainName, got: usize },
    #[error(
        "chain {chain} names the same URL twice, the second time at place {position}: one source \
         would be its own witness; name different ones"
    )]
    SameUrl { chain: ChainName, position: usize },
    #[error(
        "the BlockCypher token of chain {chain} is not made of letters and digits only; copy it \
         again from your account"
    )]
    Token { chain: ChainName },
}

impl BitcoinConfig {
    /// The careful choice: a quorum.
    pub fn new(name: ChainName, network: Network, endpoints: Vec<EndpointConfig>) -> Self {
        let request_time_max = Span::from_millis(REQUEST_MILLIS_MAX);
        Self {
            name,
            network,
            endpoints,
            blockcypher_token: None,
            blockcypher_look_every: BLOCKCYPHER_LOOK_EVERY,
            trust: Trust::Quorum,
            request_time_max,
        }
    }

    /// What is asked, in the order of the endpoints, with the token where it belongs.
    ///
    /// # Errors
    /// [`ConfigError::SameUrl`], [`ConfigError::Token`].
    pub(crate) fn urls(&self) -> Result<Vec<String>, ConfigError> {
        let token = self.blockcypher_token.as_deref();
        if token.is_some_and(|token| {
            token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_alphanumeric())
        }) {
            return Err(ConfigError::Token { chain: self.name.clone() });
        }
        let plain: Vec<&str> = self
            .endpoints
            .iter()
            .map(|endpoint| endpoint.url.trim().trim_end_matches('/'))
            .collect();
        let again =
            |(index, url): (usize, &&str)| plain[..index].contains(url).then_some(index + 1);
        if let Some(position) = plain.iter().enumerate().find_map(again) {
            return Err(ConfigError::SameUrl { chain: self.name.clone(), position });
        }
        Ok(self.endpoints.iter().map(|endpoint| endpoint.with(token)).collect())
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
        if got < least {
            Err(ConfigError::TooFewEndpoints { chain: self.name.clone(), got })
        } else {
            Ok(())
        }
    }
}

impl EndpointConfig {
    fn with(&self, token: Option<&str>) -> String {
        let url = self.url.trim();
        match token {
            Some(token) if self.face == Face::BlockCypher && !url.contains("token=") => {
                let joint = if url.contains('?') { '&' } else { '?' };
                format!("{url}{joint}token={token}")
            }
            Some(_) | None => url.to_owned(),
        }
    }
}

impl fmt::Debug for EndpointConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EndpointConfig({:?})", self.face)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(endpoints: &[(Face, &str)]) -> BitcoinConfig {
        let endpoint =
            |(face, url): &(Face, &str)| EndpointConfig { face: *face, url: (*url).to_owned() };
        let name = ChainName::new("bitcoin").expect("a name");
        BitcoinConfig::new(name, Network::Mainnet, endpoints.iter().map(endpoint).collect())
    }

    #[test]
    fn the_token_goes_where_there_is_none_and_nowhere_else() {
        let endpoints = [
            (Face::BlockCypher, "https://cypher.example/v1/btc/main"),
            (Face::BlockCypher, "https://cypher.example/v1/btc/main?token=own"),
            (Face::Esplora, "https://esplora.example/api"),
        ];
        let config =
            BitcoinConfig { blockcypher_token: Some("abc1".to_owned()), ..config(&endpoints) };
        let urls = config.urls().expect("fine");
        assert_eq!(urls[0], "https://cypher.example/v1/btc/main?token=abc1");
        assert_eq!(urls[1..], [endpoints[1].1, endpoints[2].1]);
        let odd = BitcoinConfig { blockcypher_token: Some("a&b".to_owned()), ..config };
        assert!(matches!(odd.urls(), Err(ConfigError::Token { .. })));
    }

    #[test]
    fn one_source_is_not_its_own_witness() {
        let twice = config(&[
            (Face::Esplora, "https://esplora.example/api"),
            (Face::Esplora, "https://esplora.example/api/"),
        ]);
        assert_eq!(
            twice.urls(),
            Err(ConfigError::SameUrl { chain: twice.name.clone(), position: 2 })
        );
    }

    #[test]
    fn what_is_secret_is_not_shown() {
        let endpoint = EndpointConfig {
            face: Face::Bitcoind,
            url: "http://user:secret@127.0.0.1:8332".to_owned(),
        };
        assert_eq!(format!("{endpoint:?}"), "EndpointConfig(Bitcoind)");
    }
}
