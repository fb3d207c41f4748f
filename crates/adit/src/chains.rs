//! Every configured chain, behind its endpoints.

use std::collections::BTreeMap;
use std::sync::Arc;

use adit_core::{ChainName, Destination};
use adit_evm::{EvmChain, EvmConfig};
use anyhow::Result;

use crate::config::{Chain, Config, Membership};

/// Contacts nobody yet.
///
/// # Errors
/// When a chain's configuration contradicts itself.
pub fn open(config: &Config, wallets: &BTreeMap<ChainName, Destination>) -> Result<BTreeMap<ChainName, Arc<EvmChain>>> {
    let open = |chain: &Chain| Ok((chain.name.clone(), Arc::new(EvmChain::new(settings(config, chain, wallets))?)));
    config.chains.values().map(open).collect()
}

fn settings(config: &Config, chain: &Chain, wallets: &BTreeMap<ChainName, Destination>) -> EvmConfig {
    let endpoints = chain.rpc.iter().map(|url| url.expose().to_owned()).collect();
    EvmConfig {
        trust: chain.trust,
        finality: chain.finality,
        assets: config.assets.values().map(|rules| rules.asset.clone()).collect(),
        wallets: wallets.values().cloned().collect(),
        forbidden: forbidden(config, chain),
        lower_case_addresses: chain.lower_case_addresses,
        compact_signatures: config.claims.as_ref().is_some_and(|claims| claims.compact_signatures),
        op_stack: chain.op_stack,
        ..EvmConfig::new(chain.name.clone(), chain.chain_id, endpoints)
    }
}

/// Nobody means to be paid at the lock.
fn forbidden(config: &Config, chain: &Chain) -> BTreeMap<Destination, String> {
    let here = config.claims_chain().is_some_and(|claimed| claimed.name == chain.name);
    match &config.membership {
        Membership::Required { lock } | Membership::Tiered { lock, .. } if here => {
            BTreeMap::from([(lock.clone(), "the lock of the members".to_owned())])
        }
        Membership::Required { .. } | Membership::Tiered { .. } | Membership::Open => BTreeMap::new(),
    }
}
