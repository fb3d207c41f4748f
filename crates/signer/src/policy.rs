//! What this signer may sign, as its operator configured it: its own copy, never what a request
//! says.

use std::collections::BTreeMap;

use adit_core::{Amount, Asset, AssetForm, AssetId, ChainName, FeeRate, LaneId};
use alloy::primitives::Address;

use crate::caps::AssetCaps;
use crate::evm::address;
use crate::{BitcoinAccount, BitcoinNetwork, EnvironmentId, Key, WalletKey};

/// Satoshi are base units: a bitcoin has eight digits behind its point.
const BITCOIN_DECIMALS: u8 = 8;

/// Everything a signer is told at its start.
#[derive(Debug)]
pub struct SignerConfig {
    /// Must be the journal's.
    pub environment: EnvironmentId,
    /// One key for each lane. A key that pays on two chains is given twice.
    pub keys: Vec<(LaneId, WalletKey)>,
    pub chains: BTreeMap<ChainName, ChainPolicy>,
    pub assets: Vec<Asset>,
    /// Every asset that lives on a chain has caps; without a limit they are [`Amount::MAX`], said
    /// aloud.
    pub caps: BTreeMap<AssetId, AssetCaps>,
}

/// What holds on one chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChainPolicy {
    Evm(EvmPolicy),
    Bitcoin(BitcoinPolicy),
}

/// What holds on an EVM chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EvmPolicy {
    pub chain_id: u64,
    /// Most that one transaction may cost: gas limit × fee per gas, in wei (window F35).
    pub fee_cap: Amount,
}

/// What holds on Bitcoin, or on a test network of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BitcoinPolicy {
    pub network: BitcoinNetwork,
    /// Most that one transaction may leave to the miners, in satoshi (window F35).
    pub fee_cap: Amount,
    /// Most per virtual byte, however small the transaction (window F35). What is too little to be
    /// change goes to the miners, too, so leave room for that.
    pub feerate_cap: FeeRate,
}

/// Why a signer cannot work with its configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    #[error(
        "the key given for {lane} is the key of {wallet}; give the lane's own key, or name the \
         lane after the key"
    )]
    OtherKey { lane: LaneId, wallet: String },
    #[error("{lane} is given two keys; keep one")]
    TwoKeys { lane: LaneId },
    #[error(
        "{lane} is given a key of {key}, and its chain is one of {chain}; give it a key of its own \
         kind"
    )]
    OtherKind { lane: LaneId, key: ChainKind, chain: ChainKind },
    #[error(
        "{lane} is given an account of {key}, and its chain is {chain}; derive the account for \
         {chain}"
    )]
    OtherNetwork { lane: LaneId, key: BitcoinNetwork, chain: BitcoinNetwork },
    #[error("{subject} is on chain {chain}, which has no policy here; configure the chain")]
    UnknownChain { subject: String, chain: ChainName },
    #[error(
        "chain {chain} has chain id 0; allowed is the id that its nodes answer, 1 or more (EIP-155)"
    )]
    NoChainId { chain: ChainName },
    #[error(
        "chain {chain} has a fee cap of {fee_cap} satoshi and a feerate cap of {feerate_cap}; \
         allowed is more than 0"
    )]
    NoFee { chain: ChainName, fee_cap: Amount, feerate_cap: FeeRate },
    #[error(
        "{one} and {other} are one wallet of {network}; a coin could be spent on each, so keep \
         one, or give each its own wallet"
    )]
    SameWallet { one: LaneId, other: LaneId, network: BitcoinNetwork },
    #[error("asset {asset} has no caps; set the most per transaction and per day")]
    NoCaps { asset: AssetId },
    #[error("asset {asset} is configured twice; keep one")]
    TwoAssets { asset: AssetId },
    #[error("asset {asset}: {detail}; write the contract's address as its explorer shows it")]
    Contract { asset: AssetId, detail: String },
    #[error(
        "asset {asset} is a token on chain {chain}, and there are none on Bitcoin; name its own \
         chain"
    )]
    Token { asset: AssetId, chain: ChainName },
    #[error(
        "asset {asset} has {decimals} decimals, and a bitcoin has {BITCOIN_DECIMALS}; amounts \
         would be off by a power of ten"
    )]
    Decimals { asset: AssetId, decimals: u8 },
}

/// Kinds of chains, in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChainKind {
    Evm,
    Bitcoin,
}

/// The configuration, checked.
#[derive(Debug)]
pub(crate) struct Policy {
    keys: BTreeMap<LaneId, WalletKey>,
    chains: BTreeMap<ChainName, ChainPolicy>,
    assets: BTreeMap<AssetId, PaidAsset>,
}

/// A lane's keys, with what holds on its chain.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Wallet<'a> {
    Evm { key: &'a Key, chain: &'a EvmPolicy },
    Bitcoin { account: &'a BitcoinAccount, chain: &'a BitcoinPolicy },
}

/// An asset that this signer pays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PaidAsset {
    pub paid_as: PaidAs,
    pub caps: AssetCaps,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PaidAs {
    Evm { chain_id: u64, form: EvmForm },
    Bitcoin { network: BitcoinNetwork },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EvmForm {
    Native,
    Token { contract: Address },
}

impl Policy {
    /// # Errors
    /// [`ConfigError`], naming what is wrong.
    pub(crate) fn new(
        keys: Vec<(LaneId, WalletKey)>,
        chains: BTreeMap<ChainName, ChainPolicy>,
        assets: Vec<Asset>,
        caps: &BTreeMap<AssetId, AssetCaps>,
    ) -> Result<Self, ConfigError> {
        chains.iter().try_for_each(|(chain, policy)| policy.check(chain))?;
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

    /// The lane's keys and what holds on its chain.
    pub(crate) fn lane(&self, lane: &LaneId) -> Option<Wallet<'_>> {
        wallet(self.keys.get(lane)?, self.chains.get(&lane.chain)?)
    }

    fn add_key(&mut self, lane: LaneId, key: WalletKey) -> Result<(), ConfigError> {
        let chain = self.chain(lane.to_string(), &lane.chain)?;
        match wallet(&key, chain) {
            None => {
                return Err(ConfigError::OtherKind { key: key.kind(), chain: chain.kind(), lane });
            }
            Some(Wallet::Bitcoin { account, chain }) if account.network() != chain.network => {
                return Err(ConfigError::OtherNetwork {
                    key: account.network(),
                    chain: chain.network,
                    lane,
                });
            }
            Some(Wallet::Evm { .. } | Wallet::Bitcoin { .. }) => {}
        }
        if key.wallet() != lane.wallet {
            return Err(ConfigError::OtherKey { lane, wallet: key.wallet().to_string() });
        }
        self.check_wallet(&lane, &key)?;
        match self.keys.insert(lane.clone(), key) {
            None => Ok(()),
            Some(_) => Err(ConfigError::TwoKeys { lane }),
        }
    }

    /// One wallet on two chains of one network would be two lines of payments over the same coins:
    /// the journal knows a coin by its outpoint.
    fn check_wallet(&self, lane: &LaneId, key: &WalletKey) -> Result<(), ConfigError> {
        let WalletKey::Bitcoin(account) = key else { return Ok(()) };
        let same = |chain: &ChainName| match self.chains.get(chain) {
            Some(ChainPolicy::Bitcoin(policy)) => policy.network == account.network(),
            Some(ChainPolicy::Evm(_)) | None => false,
        };
        match self.keys.keys().find(|known| {
            known.wallet == lane.wallet && known.chain != lane.chain && same(&known.chain)
        }) {
            Some(one) => Err(ConfigError::SameWallet {
                one: one.clone(),
                other: lane.clone(),
                network: account.network(),
            }),
            None => Ok(()),
        }
    }

    fn add_asset(
        &mut self,
        asset: Asset,
        caps: &BTreeMap<AssetId, AssetCaps>,
    ) -> Result<(), ConfigError> {
        let Some(paid_as) = self.paid_as(&asset)? else { return Ok(()) };
        let id = asset.id;
        let caps = *caps.get(&id).ok_or_else(|| ConfigError::NoCaps { asset: id.clone() })?;
        match self.assets.insert(id.clone(), PaidAsset { paid_as, caps }) {
            None => Ok(()),
            Some(_) => Err(ConfigError::TwoAssets { asset: id }),
        }
    }

    /// How an asset is paid; none where it lives on no chain.
    fn paid_as(&self, Asset { id, decimals, form }: &Asset) -> Result<Option<PaidAs>, ConfigError> {
        let (chain, token) = match form {
            AssetForm::Points => return Ok(None),
            AssetForm::Native { chain } => (chain, None),
            AssetForm::Token { chain, contract } => (chain, Some(contract)),
        };
        match (self.chain(format!("asset {id}"), chain)?, token) {
            (ChainPolicy::Evm(EvmPolicy { chain_id, .. }), None) => {
                Ok(Some(PaidAs::Evm { chain_id: *chain_id, form: EvmForm::Native }))
            }
            (ChainPolicy::Evm(EvmPolicy { chain_id, .. }), Some(contract)) => {
                let contract = address(contract)
                    .map_err(|detail| ConfigError::Contract { asset: id.clone(), detail })?;
                Ok(Some(PaidAs::Evm { chain_id: *chain_id, form: EvmForm::Token { contract } }))
            }
            (ChainPolicy::Bitcoin(_), Some(_)) => {
                Err(ConfigError::Token { asset: id.clone(), chain: chain.clone() })
            }
            (ChainPolicy::Bitcoin(_), None) if *decimals != BITCOIN_DECIMALS => {
                Err(ConfigError::Decimals { asset: id.clone(), decimals: *decimals })
            }
            (ChainPolicy::Bitcoin(BitcoinPolicy { network, .. }), None) => {
                Ok(Some(PaidAs::Bitcoin { network: *network }))
            }
        }
    }

    fn chain(&self, subject: String, chain: &ChainName) -> Result<&ChainPolicy, ConfigError> {
        self.chains
            .get(chain)
            .ok_or_else(|| ConfigError::UnknownChain { subject, chain: chain.clone() })
    }
}

/// None where the key is of another kind than the chain.
fn wallet<'a>(key: &'a WalletKey, chain: &'a ChainPolicy) -> Option<Wallet<'a>> {
    match (key, chain) {
        (WalletKey::Evm(key), ChainPolicy::Evm(chain)) => Some(Wallet::Evm { key, chain }),
        (WalletKey::Bitcoin(account), ChainPolicy::Bitcoin(chain)) => {
            Some(Wallet::Bitcoin { account, chain })
        }
        (WalletKey::Evm(_), ChainPolicy::Bitcoin(_))
        | (WalletKey::Bitcoin(_), ChainPolicy::Evm(_)) => None,
    }
}

impl ChainPolicy {
    fn kind(&self) -> ChainKind {
        match self {
            Self::Evm(_) => ChainKind::Evm,
            Self::Bitcoin(_) => ChainKind::Bitcoin,
        }
    }

    fn check(&self, chain: &ChainName) -> Result<(), ConfigError> {
        match *self {
            Self::Evm(EvmPolicy { chain_id: 0, .. }) => {
                Err(ConfigError::NoChainId { chain: chain.clone() })
            }
            Self::Bitcoin(BitcoinPolicy { fee_cap, feerate_cap, .. })
                if fee_cap.is_zero() || feerate_cap == FeeRate::ZERO =>
            {
                Err(ConfigError::NoFee { chain: chain.clone(), fee_cap, feerate_cap })
            }
            Self::Evm(_) | Self::Bitcoin(_) => Ok(()),
        }
    }
}

impl WalletKey {
    fn kind(&self) -> ChainKind {
        match self {
            Self::Evm(_) => ChainKind::Evm,
            Self::Bitcoin(_) => ChainKind::Bitcoin,
        }
    }
}

impl std::fmt::Display for ChainKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Evm => "Ethereum's kind",
            Self::Bitcoin => "Bitcoin's kind",
        })
    }
}
