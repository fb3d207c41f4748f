//! The wallets that pay: their keys where this process has them, and what everybody may know of
//! them.

mod shared;

use std::collections::BTreeMap;
use std::path::Path;

use adit_bitcoin::Wallet;
use adit_core::{ChainName, Destination, Keychain, LaneId};
use adit_signer::{BitcoinAccount, BitcoinNetwork, Key, Seed, WalletKey};
use anyhow::{Context as _, Result, anyhow, bail};
use secrecy::{ExposeSecret as _, SecretString};

use crate::config::{BitcoinChain, Chain, Config, Of, quoted, unquoted};

pub use shared::refuse_renamed;

/// The wallet of each chain, without its key.
#[derive(Debug, Clone, Default)]
pub struct Wallets {
    pub addresses: BTreeMap<ChainName, Destination>,
    /// Of Bitcoin chains: external and internal addresses, as descriptors.
    pub descriptors: BTreeMap<ChainName, [String; 2]>,
}

impl Wallets {
    /// Without touching the signer's journal.
    ///
    /// # Errors
    /// When neither a key nor the configuration says which they are, or two chains are one with one
    /// wallet.
    pub fn of(config: &Config) -> Result<Self> {
        match &config.signer.socket {
            None => Self::of_keys(config, &keys(config)?),
            Some(_) => Self::named(config),
        }
    }

    /// # Errors
    /// When two chains are one with one wallet.
    pub fn of_keys(config: &Config, keys: &[(LaneId, WalletKey)]) -> Result<Self> {
        let descriptors = keys.iter().filter_map(|(lane, key)| match key {
            WalletKey::Evm(_) => None,
            WalletKey::Bitcoin(account) => Some((
                lane.chain.clone(),
                Keychain::ALL.map(|keychain| account.descriptor(keychain)),
            )),
        });
        let wallets = Self {
            addresses: keys
                .iter()
                .map(|(lane, _)| (lane.chain.clone(), lane.wallet.clone()))
                .collect(),
            descriptors: descriptors.collect(),
        };
        shared::refuse_shared(config, &wallets)?;
        Ok(wallets)
    }

    /// The lane of a configured chain.
    pub fn lane(&self, chain: &ChainName) -> Option<LaneId> {
        Some(LaneId { chain: chain.clone(), wallet: self.addresses.get(chain)?.clone() })
    }

    /// The keys are in another process, so the configuration has to say whose they are.
    ///
    /// # Errors
    /// When it does not, or two chains are one with one wallet.
    pub fn named(config: &Config) -> Result<Self> {
        let mut wallets = Self::default();
        for (name, chain) in &config.chains {
            match &chain.of {
                Of::Evm(_) => wallets.addresses.insert(name.clone(), named_address(chain)?),
                Of::Bitcoin(bitcoin) => {
                    let wallet = named_descriptor(chain, bitcoin)?;
                    wallets.descriptors.insert(
                        name.clone(),
                        Keychain::ALL.map(|keychain| wallet.descriptor(keychain)),
                    );
                    let first = wallet
                        .address(adit_core::Place { keychain: Keychain::External, index: 0 })?;
                    wallets.addresses.insert(name.clone(), first.destination().clone())
                }
            };
        }
        shared::refuse_shared(config, &wallets)?;
        Ok(wallets)
    }
}

fn named_address(chain: &Chain) -> Result<Destination> {
    match &chain.wallet {
        Some(wallet) => Ok(wallet.clone()),
        None => bail!(
            "chains.{}.wallet is missing: signer.socket names another process that has the key, so \
             give the address that `adit keys show` prints there",
            chain.name
        ),
    }
}

fn named_descriptor(chain: &Chain, bitcoin: &BitcoinChain) -> Result<Wallet> {
    let Some(descriptor) = &bitcoin.descriptor else {
        bail!(
            "chains.{}.descriptor is missing: signer.socket names another process that has the \
             keys, so give the descriptor that `adit keys show` prints there",
            chain.name
        );
    };
    Wallet::of_descriptor(bitcoin.network, descriptor)
        .with_context(|| format!("chains.{}.descriptor", chain.name))
}

/// Keys of every chain: on EVM chains one key for all, on each Bitcoin chain an account of the
/// seed.
///
/// # Errors
/// When one is missing.
pub fn keys(config: &Config) -> Result<Vec<(LaneId, WalletKey)>> {
    let mut seed = Opened { config, seed: None };
    config
        .chains
        .values()
        .map(|chain| key(config, chain, &mut seed).map(|key| (key.lane(chain.name.clone()), key)))
        .collect()
}

fn key(config: &Config, chain: &Chain, seed: &mut Opened<'_>) -> Result<WalletKey> {
    match &chain.of {
        Of::Evm(_) => match &config.secrets.private_key {
            Some(text) => {
                Ok(Key::from_hex(text.expose_secret()).context("LOCK_MANAGER_PRIVATE_KEY")?.into())
            }
            None => Ok(seed
                .get("there is no key to pay with: set LOCK_MANAGER_PRIVATE_KEY")?
                .key(config.signer.key_index)?
                .into()),
        },
        Of::Bitcoin(bitcoin) => account(chain, bitcoin, seed).map(WalletKey::from),
    }
}

/// The seed's own account, or the wallet that a descriptor says. That the seed has none of its keys
/// has to be said: a seed that is missing or wrong would else hand out payments without its
/// signature.
fn account(chain: &Chain, bitcoin: &BitcoinChain, seed: &mut Opened<'_>) -> Result<BitcoinAccount> {
    let (network, name) = (network_of(bitcoin), &chain.name);
    let missing = format!("there is no seed for chains.{name}");
    let wrong = |wrong: String| anyhow!("chains.{name}.descriptor: {wrong}");
    match &bitcoin.descriptor {
        None if bitcoin.keys_elsewhere => {
            bail!(
                "chains.{name}.keys is \"elsewhere\", and chains.{name}.descriptor does not say of \
                 which wallet"
            )
        }
        None => Ok(seed.get(&missing)?.bitcoin(network, bitcoin.addresses, bitcoin.account)?),
        Some(descriptor) if bitcoin.keys_elsewhere => {
            BitcoinAccount::watched(network, descriptor).map_err(wrong)
        }
        Some(descriptor) => {
            let account = seed.get(&missing)?.bitcoin_wallet(network, descriptor).map_err(wrong)?;
            if account.fingerprint().is_none() {
                bail!(
                    "none of the keys of chains.{name}.descriptor is of the sealed seed; seal the \
                     right seed, or say keys = \"elsewhere\" where others sign everything"
                );
            }
            Ok(account)
        }
    }
}

/// Opens a sealed seed with `ADIT_KEY_PASSPHRASE`.
///
/// # Errors
/// When it does not open it; quotes that came along are named.
pub fn open_seed(path: &Path, passphrase: &SecretString) -> Result<Seed> {
    let opened = Seed::open(path, passphrase).map_err(anyhow::Error::new);
    match unquoted(passphrase.expose_secret()) {
        Some(_) => opened.with_context(|| quoted("ADIT_KEY_PASSPHRASE")),
        None => opened,
    }
}

/// The sealed seed, opened when it is first needed.
struct Opened<'a> {
    config: &'a Config,
    seed: Option<Seed>,
}

impl Opened<'_> {
    fn get(&mut self, missing: &str) -> Result<&Seed> {
        if self.seed.is_none() {
            self.seed = Some(self.open(missing)?);
        }
        Ok(self.seed.as_ref().expect("just opened"))
    }

    fn open(&self, missing: &str) -> Result<Seed> {
        let path = &self.config.signer.keys;
        if !path.exists() {
            bail!("{missing}; or seal a new seed at {} with `adit keys init`", path.display());
        }
        let Some(passphrase) = &self.config.secrets.passphrase else {
            bail!("{} is sealed; set ADIT_KEY_PASSPHRASE to its passphrase", path.display());
        };
        open_seed(path, passphrase)
    }
}

pub fn network_of(bitcoin: &BitcoinChain) -> BitcoinNetwork {
    signers(bitcoin.network)
}

/// The signer has its own list, as it has its own of everything.
pub fn signers(network: adit_bitcoin::Network) -> BitcoinNetwork {
    match network {
        adit_bitcoin::Network::Mainnet => BitcoinNetwork::Mainnet,
        adit_bitcoin::Network::Testnet4 => BitcoinNetwork::Testnet4,
        adit_bitcoin::Network::Signet => BitcoinNetwork::Signet,
        adit_bitcoin::Network::Regtest => BitcoinNetwork::Regtest,
    }
}
