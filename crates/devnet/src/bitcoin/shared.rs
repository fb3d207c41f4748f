//! A wallet of which two of three keys sign: the server's seed has one, and two wallets of the
//! bitcoind have the others.

use std::path::Path;

use anyhow::{Context, Result};

use super::Rpc;
use super::cosigner::{Cosigner, shared_wallet};
use super::wallet::{Wallet, cosigner_key};
use crate::config::{Asset, BTC_MULTISIG, BitcoinChain, MULTISIG};
use crate::progress;
use crate::setup::Setup;

const NAMES: [&str; 2] = ["cosigner-one", "cosigner-two"];
const NEEDED: usize = 2;

pub struct SharedWallet {
    pub wallet: Wallet,
    pub cosigners: Vec<Cosigner>,
}

impl SharedWallet {
    /// Makes the others' wallets, and lets the server's configuration know a chain more, like the
    /// one it has but for the wallet. `seed` is the server's sealed one; `file` takes its
    /// configuration.
    ///
    /// # Errors
    /// When the node makes no wallet, or the server's command does not take the descriptor.
    pub async fn build(node: &Rpc, seed: &Path, file: &Path, setup: &mut Setup) -> Result<Self> {
        progress::step("making a Bitcoin wallet of three keys, of which the server has one");
        let mut keys = vec![cosigner_key(seed).await?];
        let mut cosigners = Vec::new();
        for name in NAMES {
            let cosigner = Cosigner::new(node, name).await?;
            keys.push(cosigner.key());
            cosigners.push(cosigner);
        }
        let descriptor = shared_wallet(node, NEEDED, &keys).await?;
        for cosigner in &cosigners {
            cosigner.join(&descriptor).await?;
        }
        let like: BitcoinChain =
            setup.config.chains.bitcoin.clone().context("a wallet of one key comes first")?;
        let chain =
            BitcoinChain { native: Some(BTC_MULTISIG), descriptor: Some(descriptor), ..like };
        setup.config.chains.multisig = Some(chain);
        setup.config.assets.insert(BTC_MULTISIG.to_owned(), Asset::bitcoin(MULTISIG));
        let wallet =
            Wallet::shown(&setup.config, MULTISIG, file, &setup.signing_environment).await?;
        Ok(Self { wallet, cosigners })
    }
}
