//! The wallet that pays on a devnet's Bitcoin chain: an account of a seed that everybody knows,
//! sealed by the server's own command and shown by it.

use std::path::Path;

use anyhow::{Context, Result};
use bitcoin::address::NetworkUnchecked;
use bitcoin::{Address, Network};
use serde::Deserialize;

use crate::command;
use crate::config::Config;

/// The first of BIP-39's published test vectors: worthless anywhere else.
const WORDS: &str =
    "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about";
/// Opens the sealed seed of every devnet.
const PASSPHRASE: &str = "published with the devnet";

/// What everybody may know of it.
#[derive(Debug, Clone)]
pub struct Wallet {
    /// Of both keychains, with checksum.
    pub descriptor: String,
    /// The first that it receives at.
    pub addresses: Vec<Address>,
}

#[derive(Deserialize)]
struct Shown {
    wallets: Vec<ShownWallet>,
}

#[derive(Deserialize)]
struct ShownWallet {
    chain: String,
    #[serde(default)]
    descriptor: String,
    #[serde(default)]
    addresses: Vec<Address<NetworkUnchecked>>,
}

/// With which whoever signs opens the seed.
pub fn passphrase() -> (String, String) {
    ("ADIT_KEY_PASSPHRASE".to_owned(), PASSPHRASE.to_owned())
}

/// Seals the words in a new file.
///
/// # Errors
/// When the command fails.
pub async fn seal(file: &Path) -> Result<()> {
    let file = file.to_str().context("the path of the seed is no text")?;
    command::run(&["keys", "import", "--file", file], &[passphrase()], WORDS).await.map(drop)
}

/// The key with which the seed that is sealed there takes part in wallets of several keys.
///
/// # Errors
/// When the command fails.
pub async fn cosigner_key(file: &Path) -> Result<String> {
    let file = file.to_str().context("the path of the seed is no text")?;
    let text = command::run(
        &["keys", "cosigner", "--network", "regtest", "--file", file],
        &[passphrase()],
        "",
    )
    .await?;
    Ok(text.trim().to_owned())
}

impl Wallet {
    /// That of a chain, as the server says it, from its own configuration (written to `file`) and
    /// the sealed seed.
    ///
    /// # Errors
    /// When the command fails, or shows no wallet of the chain.
    pub async fn shown(
        config: &Config,
        chain: &str,
        file: &Path,
        environment: &[(String, String)],
    ) -> Result<Self> {
        config.write(file)?;
        let path = file.to_str().context("the path of the configuration is no text")?;
        let text =
            command::run(&["--json", "keys", "show", "--config", path], environment, "").await?;
        let shown: Shown = serde_json::from_str(&text)
            .with_context(|| format!("another answer of `adit keys show` than expected: {text}"))?;
        let wallet = shown
            .wallets
            .into_iter()
            .find(|wallet| wallet.chain == chain)
            .with_context(|| format!("no wallet of {chain} is shown"))?;
        let addresses: Result<Vec<Address>, _> =
            wallet.addresses.into_iter().map(|one| one.require_network(Network::Regtest)).collect();
        Ok(Self {
            descriptor: wallet.descriptor,
            addresses: addresses.context("an address of another network")?,
        })
    }
}
