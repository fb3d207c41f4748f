//! `target/devnet.json`: all that somebody else's test needs to know about a running devnet.

use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::bitcoin::shared::SharedWallet;
use crate::bitcoin::stage::BitcoinStage;
use crate::config::{BTC_MULTISIG, MULTISIG};

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// The first server's address.
    pub api: String,
    /// Also a service key.
    pub admin_token: String,
    /// The first server's.
    pub server_pid: u32,
    /// Every server, the first included.
    pub replicas: Vec<Replica>,
    pub evm: Evm,
    /// Absent where there is no bitcoind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bitcoin: Option<Bitcoin>,
    pub users: Vec<User>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Replica {
    pub api: String,
    pub pid: u32,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Evm {
    pub rpc: String,
    pub chain_id: u64,
    pub token: String,
    pub lock: String,
    pub hot_wallet: String,
    pub deployer_key: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Bitcoin {
    /// bitcoind's, with user and password.
    pub rpc: String,
    pub esplora: String,
    pub blockcypher: String,
    /// The wallet that pays: both keychains, with checksum.
    pub descriptor: String,
    /// Its first addresses, which have coins.
    pub wallet_addresses: Vec<String>,
    /// A second wallet, of three keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub multisig: Option<Multisig>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Multisig {
    /// Its chain and the asset that it pays, as the configuration names them.
    pub chain: String,
    pub asset: String,
    /// Two of its three keys sign: both keychains, with checksum.
    pub descriptor: String,
    pub wallet_addresses: Vec<String>,
    /// Wallets of the bitcoind that have the two keys which the server does not have.
    pub cosigners: Vec<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct User {
    pub id: String,
    pub token: String,
    pub wallet: String,
    pub private_key: String,
    /// The same key's on the Bitcoin chain (P2WPKH on regtest).
    pub bitcoin_address: String,
    /// In whole points.
    pub xp: u64,
    pub member: bool,
}

impl Bitcoin {
    pub fn of(stage: &BitcoinStage) -> Self {
        Self {
            rpc: stage.world.rpc().url_with_password(),
            esplora: stage.world.esplora_url().to_owned(),
            blockcypher: stage.world.blockcypher_url().to_owned(),
            descriptor: stage.wallet.descriptor.clone(),
            wallet_addresses: stage.wallet.addresses.iter().map(ToString::to_string).collect(),
            multisig: stage.shared.as_ref().map(Multisig::of),
        }
    }
}

impl Multisig {
    fn of(shared: &SharedWallet) -> Self {
        Self {
            chain: MULTISIG.to_owned(),
            asset: BTC_MULTISIG.to_owned(),
            descriptor: shared.wallet.descriptor.clone(),
            wallet_addresses: shared.wallet.addresses.iter().map(ToString::to_string).collect(),
            cosigners: shared.cosigners.iter().map(|cosigner| cosigner.name().to_owned()).collect(),
        }
    }
}

impl Manifest {
    /// Written beside and renamed, so that nobody reads half of it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self)
            .context("the manifest is not expressible in JSON")?;
        let draft = path.with_extension("json.new");
        std::fs::write(&draft, text)
            .with_context(|| format!("cannot write {}", draft.display()))?;
        std::fs::rename(&draft, path).with_context(|| format!("cannot write {}", path.display()))
    }
}
