//! What a source must serve before it is heard: the first block of the configured network (window
//! F41).

use std::collections::BTreeMap;

use adit_chain::{Endpoint, Fault, NetworkCheck};
use adit_core::{BlockRef, EndpointName};
use async_trait::async_trait;
use bdk_wallet::bitcoin::constants::genesis_block;

use super::Face;
use crate::Network;
use crate::source::{Memory, Source, block_ref};

/// The configured network, and the face of each endpoint.
pub(super) struct Served {
    pub chain: String,
    pub network: Network,
    pub faces: BTreeMap<EndpointName, Face>,
    /// Of those that count their questions.
    pub memories: BTreeMap<EndpointName, Memory>,
}

impl Served {
    pub(super) fn source<'a>(&'a self, endpoint: &'a Endpoint) -> Source<'a> {
        let face = self.faces.get(endpoint.name()).expect("every endpoint was given with its face");
        Source {
            endpoint,
            face: *face,
            network: self.network,
            memory: self.memories.get(endpoint.name()),
        }
    }
}

/// Block 0. It tells the main network, testnet 4 and signet apart. One custom signet has the same
/// as another, and one regtest as another.
pub(super) fn genesis(network: Network) -> BlockRef {
    block_ref(0, genesis_block(network.inner()).block_hash())
}

#[async_trait]
impl NetworkCheck for Served {
    async fn check(&self, endpoint: &Endpoint) -> Result<(), Fault> {
        let pinned = genesis(self.network);
        // Nothing that it said before counts: it is asked because it failed, or has yet to say
        // anything.
        let source = Source { memory: None, ..self.source(endpoint) };
        let seen = source.blocks_at(&[0]).await?.into_iter().flatten().next();
        if seen == Some(pinned) {
            return Ok(());
        }
        let seen = seen.map_or("a chain without a first block".to_owned(), |seen| {
            format!("genesis {}", seen.hash.hex())
        });
        let pinned = format!("{} with genesis {}", self.network, pinned.hash.hex());
        Err(Fault::WrongNetwork {
            chain: self.chain.clone(),
            endpoint: endpoint.name().clone(),
            pinned,
            seen,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From `kernel/chainparams.cpp` of Bitcoin Core.
    #[test]
    fn f41_every_network_begins_with_its_own_block() {
        let hashes = Network::ALL.map(|network| genesis(network).hash.to_string());
        assert_eq!(
            hashes,
            [
                "0x000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f",
                "0x00000000da84f2bafbbc53dee25a72ae507ff4914b867c565be350b0da8bf043",
                "0x00000008819873e925422c1ff0f99f7cc9bbb232af63a077a480a3633bee1ef6",
                "0x0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206",
            ]
        );
    }
}
