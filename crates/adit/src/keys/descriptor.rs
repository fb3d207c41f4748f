//! `adit keys descriptor`: public keys that others gave become the descriptor of a wallet.

use adit_bitcoin::{Cosigner, KeyWallet, Network, Wallet};
use adit_core::{Keychain, Place};
use anyhow::{Result, bail};
use clap::{Args, ValueEnum};
use serde_json::json;

use crate::output::Output;

#[derive(Args)]
pub struct Arguments {
    /// "mainnet", "testnet4", "signet" or "regtest"
    #[arg(long, value_name = "NETWORK", default_value = "mainnet", value_parser = network)]
    network: Network,
    /// How many of the keys must sign; of one key it is that one
    #[arg(long, value_name = "COUNT")]
    needed: Option<usize>,
    /// How a wallet of one key pays
    #[arg(long, default_value = "segwit")]
    addresses: Addresses,
    /// Account keys with their origins: "[73c5da0a/84'/0'/0']xpub…"
    #[arg(required = true)]
    keys: Vec<String>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Addresses {
    /// P2WPKH (BIP-84)
    Segwit,
    /// P2TR (BIP-86)
    Taproot,
}

/// # Errors
/// When they make no wallet.
pub fn run(arguments: &Arguments, output: Output) -> Result<()> {
    let wallet = wallet(arguments)?;
    let first =
        wallet.address(Place { keychain: Keychain::External, index: 0 })?.destination().clone();
    let descriptor = wallet.descriptor_of_both();
    let text =
        format!("{descriptor}\nits first address is {first}: every signer must see the same one");
    output.result(&json!({ "descriptor": descriptor, "address": first }), &text)
}

fn wallet(arguments: &Arguments) -> Result<Wallet> {
    let cosigners: Vec<Cosigner> =
        arguments.keys.iter().map(|key| Cosigner::parse(key)).collect::<Result<_, _>>()?;
    match (arguments.keys.as_slice(), arguments.needed) {
        ([key], None | Some(1)) => {
            let kind = match arguments.addresses {
                Addresses::Segwit => KeyWallet::Segwit,
                Addresses::Taproot => KeyWallet::Taproot,
            };
            Ok(Wallet::of_account(arguments.network, kind, key)?)
        }
        (_, Some(needed)) => Ok(Wallet::multisig(arguments.network, needed, &cosigners)?),
        (keys, None) => {
            bail!("--needed is missing; say how many of the {} keys must sign", keys.len())
        }
    }
}

/// # Errors
/// What is allowed, of another name.
pub fn network(text: &str) -> Result<Network, String> {
    let known = Network::ALL.into_iter().find(|network| network.name() == text);
    known.ok_or_else(|| format!("allowed are {}", Network::ALL.map(Network::name).join(", ")))
}
