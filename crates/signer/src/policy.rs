//! What this signer may sign, as its operator configured it: its own copy, never what a request says.

use std::collections::BTreeMap;

use adit_core::{Amount, Asset, AssetForm, AssetId, ChainName, LaneId};
use alloy::primitives::Address;

use crate::caps::AssetCaps;
use crate::transaction::address;
use crate::{EnvironmentId, Key};

/// Everything a signer is told at its start.
#[derive(Debug)]
pub struct SignerConfig {
    /// Must be the journal's.
    pub environment: EnvironmentId,
    /// One key for each lane. A key that pays on two chains is given twice.
    pub keys: Vec<(LaneId, Key)>,
    pub chains: BTreeMap<ChainName, ChainPolicy>,
    pub assets: Vec<Asset>,
    /// Every asset that lives on a chain has caps; without a limit they are [`Amount::MAX`], said aloud.
    pub caps: BTreeMap<AssetId, AssetCaps>,
}

/// What holds on one chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChainPolicy {
    pub chain_id: u64,
    /// Most that one transaction may cost: gas limit × fee per gas, in wei (window F35).
    pub fee_cap: Amount,
}

/// Why a signer cannot work with its configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    #[error("the key given for {lane} is the key of {wallet}; give the lane's own key, or name the lane after the key")]
    OtherKey { lane: LaneId, wallet: String },
    #[error("{lane} is given two keys; keep one")]
    TwoKeys { lane: LaneId },
    #[error("{subject} is on chain {chain}, which has no chain id and fee cap here; configure the chain")]
    UnknownChain { subject: String, chain: ChainName },
    #[error("chain {chain} has chain id 0; allowed is the id that its nodes answer, 1 or more (EIP-155)")]
    NoChainId { chain: ChainName },
    #[error("asset {asset} has no caps; set the most per transaction and per day")]
    NoCaps { asset: AssetId },
    #[error("asset {asset} is configured twice; keep one")]
    TwoAssets { asset: AssetId },
    #[error("asset {asset}: {detail}; write the contract's address as its explorer shows it")]
    Contract { asset: AssetId, detail: String },
}

/// The configuration, checked.
#[derive(Debug)]
pub(crate) struct Policy {
    keys: BTreeMap<LaneId, Key>,
    chains: BTreeMap<ChainName, ChainPolicy>,
    assets: BTreeMap<AssetId, PaidAsset>,
}

/// An asset that this signer pays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PaidAsset {
    pub chain_id: u64,
    pub paid_as: PaidAs,
    pub caps: AssetCaps,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PaidAs {
    Native,
    Token { contract: Address },
}

impl Policy {
    /// # Errors
    /// [`ConfigError`], naming what is wrong.
    pub(crate) fn new(
        keys: Vec<(LaneId, Key)>,
        chains: BTreeMap<ChainName, ChainPolicy>,
        assets: Vec<Asset>,
        caps: &BTreeMap<AssetId, AssetCaps>,
    ) -> Result<Self, ConfigError> {
        if let Some((chain, _)) = chains.iter().find(|(_, policy)| policy.chain_id == 0) {
            return Err(ConfigError::NoChainId { chain: chain.clone() });
        }
        let mut policy = Self { keys: BTreeMap::new(), chains, assets: BTreeMap::new() };
        for (lane, key) in keys {
            policy.add_key(lane, key)?;
        }
        for asset in assets {
            policy.add_asset(asset, caps)?;
        }
        Ok(policy)
    }

    pub(crate) fn asset(&self, id: &AssetId) -> Option<&PaidAsset> {
        self.assets.get(id)
    }

    /// The lane's key and what holds on its chain.
    pub(crate) fn lane(&self, lane: &LaneId) -> Option<(&Key, &ChainPolicy)> {
        Some((self.keys.get(lane)?, self.chains.get(&lane.chain)?))
    }

    fn add_key(&mut self, lane: LaneId, key: Key) -> Result<(), ConfigError> {
        self.chain(lane.to_string(), &lane.chain)?;
        if key.wallet() != lane.wallet {
            return Err(ConfigError::OtherKey { lane, wallet: key.wallet().to_string() });
        }
        match self.keys.insert(lane.clone(), key) {
            None => Ok(()),
            Some(_) => Err(ConfigError::TwoKeys { lane }),
        }
    }

    fn add_asset(&mut self, asset: Asset, caps: &BTreeMap<AssetId, AssetCaps>) -> Result<(), ConfigError> {
        let Asset { id, form, .. } = asset;
        let (chain, paid_as) = match form {
            AssetForm::Points => return Ok(()),
            AssetForm::Native { chain } => (chain, PaidAs::Native),
            AssetForm::Token { chain, contract } => {
                let contract = address(&contract).map_err(|detail| ConfigError::Contract { asset: id.clone(), detail })?;
                (chain, PaidAs::Token { contract })
            }
        };
        let chain_id = self.chain(format!("asset {id}"), &chain)?.chain_id;
        let caps = *caps.get(&id).ok_or_else(|| ConfigError::NoCaps { asset: id.clone() })?;
        match self.assets.insert(id.clone(), PaidAsset { chain_id, paid_as, caps }) {
            None => Ok(()),
            Some(_) => Err(ConfigError::TwoAssets { asset: id }),
        }
    }

    fn chain(&self, subject: String, chain: &ChainName) -> Result<&ChainPolicy, ConfigError> {
        self.chains.get(chain).ok_or_else(|| ConfigError::UnknownChain { subject, chain: chain.clone() })
    }
}
