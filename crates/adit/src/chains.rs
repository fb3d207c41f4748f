//! Every configured chain, behind its endpoints.

use std::collections::BTreeMap;
use std::sync::Arc;

use adit_bitcoin::{BitcoinConfig, BitcoinLane, EndpointConfig, LaneSettings, Wallet};
use adit_chain::Chain as Port;
use adit_core::{ChainName, Destination, Finality};
use adit_evm::{EvmChain, EvmConfig};
use anyhow::{Context as _, Result};

use crate::config::{BitcoinChain, Chain, Config, EvmChain as EvmSection, Membership, Of};
use crate::wallets::Wallets;

/// All of them, by what they are.
#[derive(Clone, Default)]
pub struct Chains {
    pub evm: BTreeMap<ChainName, Arc<EvmChain>>,
    pub bitcoin: BTreeMap<ChainName, Arc<BitcoinLane>>,
}

impl Chains {
    /// Contacts nobody yet.
    ///
    /// # Errors
    /// When a chain's configuration contradicts itself.
    pub fn open(config: &Config, wallets: &Wallets) -> Result<Self> {
        let mut chains = Self::default();
        for (name, chain) in &config.chains {
            match &chain.of {
                Of::Evm(section) => {
                    let opened = EvmChain::new(evm(config, chain, section, wallets))?;
                    chains.evm.insert(name.clone(), Arc::new(opened));
                }
                Of::Bitcoin(section) => {
                    let opened =
                        BitcoinLane::new(bitcoin(chain, section), lane(chain, section, wallets)?)?;
                    chains.bitcoin.insert(name.clone(), Arc::new(opened));
                }
            }
        }
        Ok(chains)
    }

    /// As the engine asks them.
    pub fn ports(&self) -> BTreeMap<ChainName, Arc<dyn Port>> {
        let evm =
            self.evm.iter().map(|(name, chain)| (name.clone(), chain.clone() as Arc<dyn Port>));
        evm.chain(
            self.bitcoin.iter().map(|(name, lane)| (name.clone(), lane.clone() as Arc<dyn Port>)),
        )
        .collect()
    }
}

fn evm(config: &Config, chain: &Chain, section: &EvmSection, wallets: &Wallets) -> EvmConfig {
    let endpoints = section.rpc.iter().map(|url| url.expose().to_owned()).collect();
    let paying = |(name, wallet): (&ChainName, &Destination)| {
        (!wallets.descriptors.contains_key(name)).then(|| wallet.clone())
    };
    EvmConfig {
        trust: chain.trust,
        finality: chain.finality,
        assets: config.assets.values().map(|rules| rules.asset.clone()).collect(),
        wallets: wallets.addresses.iter().filter_map(paying).collect(),
        forbidden: forbidden(config, chain),
        lower_case_addresses: section.lower_case_addresses,
        compact_signatures: config.claims.as_ref().is_some_and(|claims| claims.compact_signatures),
        undeployed_wallets: config.claims.as_ref().is_some_and(|claims| claims.undeployed_wallets),
        op_stack: section.op_stack,
        ..EvmConfig::new(chain.name.clone(), section.chain_id, endpoints)
    }
}

fn bitcoin(chain: &Chain, section: &BitcoinChain) -> BitcoinConfig {
    let source = |(face, url): &(_, crate::config::Hidden)| EndpointConfig {
        face: *face,
        url: url.expose().to_owned(),
    };
    BitcoinConfig {
        blockcypher_token: section
            .blockcypher_token
            .as_ref()
            .map(|token| token.expose().to_owned()),
        blockcypher_look_every: section.blockcypher_look_every,
        trust: chain.trust,
        ..BitcoinConfig::new(
            chain.name.clone(),
            section.network,
            section.sources.iter().map(source).collect(),
        )
    }
}

fn lane(chain: &Chain, section: &BitcoinChain, wallets: &Wallets) -> Result<LaneSettings> {
    let [external, internal] =
        wallets.descriptors.get(&chain.name).expect("every Bitcoin chain has its wallet");
    let wallet = Wallet::of_descriptors(section.network, external, internal);
    let wallet = wallet.with_context(|| format!("the wallet of chain {}", chain.name))?;
    let settings = LaneSettings::new(chain.native.clone(), wallet);
    let final_blocks = match chain.finality {
        Finality::Depth { blocks } => blocks,
        Finality::Tag => adit_bitcoin::FINAL_BLOCKS,
    };
    Ok(LaneSettings {
        final_blocks,
        deeper: section.deeper.clone(),
        outputs_max: section.outputs_max,
        fee_max: chain.fee_per_transaction_max,
        look_every: section.look_every,
        signs_alone: settings.signs_alone && !section.keys_elsewhere,
        ..settings
    })
}

/// Nobody means to be paid at the lock.
fn forbidden(config: &Config, chain: &Chain) -> BTreeMap<Destination, String> {
    let here = config.claims_chain().is_some_and(|claimed| claimed.name == chain.name);
    match &config.membership {
        Membership::Required { lock } | Membership::Tiered { lock, .. } if here => {
            BTreeMap::from([(lock.clone(), "the lock of the members".to_owned())])
        }
        Membership::Required { .. } | Membership::Tiered { .. } | Membership::Open => {
            BTreeMap::new()
        }
    }
}
