//! `adit keys`: the seed that is sealed, the wallets that grow from it, and from which nonce on
//! they are ours alone.

mod adoption;
mod descriptor;

use std::io::Read as _;
use std::path::{Path, PathBuf};

use adit_core::{Keychain, LaneId, Place};
use adit_signer::{BitcoinAccount, Seed, WalletKey};
use anyhow::{Context as _, Result, bail};
use clap::Subcommand;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use crate::config::{Config, Environment};
use crate::database::make_directory_of;
use crate::output::Output;
use crate::wallets;

/// Where a seed is sealed when nothing names another place; the default of `signer.keys`.
const SEALED_DEFAULT: &str = "data/keys.sealed";
/// 24 words of at most 8 letters, and spaces.
const PHRASE_BYTES_MAX: u64 = 1_024;

#[derive(Subcommand)]
pub enum Command {
    /// Make a new seed, seal it with ADIT_KEY_PASSPHRASE, and print its words once
    Init {
        /// Where it is sealed [default: data/keys.sealed]
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
    },
    /// Seal the words on standard input with ADIT_KEY_PASSPHRASE
    Import {
        /// Where they are sealed [default: data/keys.sealed]
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
    },
    /// Print the address that pays on each chain
    Show,
    /// Print the public key with which the sealed seed takes part in Bitcoin wallets of several
    /// keys (BIP-48)
    Cosigner {
        /// "mainnet", "testnet4", "signet" or "regtest"
        #[arg(long, value_name = "NETWORK", default_value = "mainnet", value_parser = descriptor::network)]
        network: adit_bitcoin::Network,
        /// The account, counted from 0
        #[arg(long, default_value_t = 0)]
        account: u32,
        /// Where the seed is sealed [default: data/keys.sealed]
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
    },
    /// Print the descriptor of a Bitcoin wallet whose keys are elsewhere, for
    /// `chains.NAME.descriptor`
    Descriptor(descriptor::Arguments),
    /// Declare that from a nonce on the key is used by Adit alone; a halted lane starts again
    Adopt {
        #[arg(long)]
        chain: String,
        /// The wallet's transaction count, after everything that others sent is mined
        #[arg(long)]
        nonce: u64,
    },
}

/// # Errors
/// Whatever the command could not do, with what to do about it.
pub async fn run(command: Command, config: Option<&Path>, output: Output) -> Result<()> {
    let environment = Environment::of_process();
    let load = || Config::load(config, &environment);
    match command {
        Command::Init { file } => init(&place(file), &passphrase(&environment)?, output),
        Command::Import { file } => import(&place(file), &passphrase(&environment)?, output),
        Command::Show => show(&load()?, output),
        Command::Cosigner { network, account, file } => {
            let seed = wallets::open_seed(&place(file), &passphrase(&environment)?)?;
            cosigner(&seed, network, account, output)
        }
        Command::Descriptor(arguments) => descriptor::run(&arguments, output),
        Command::Adopt { chain, nonce } => adoption::adopt(&load()?, &chain, nonce, output).await,
    }
}

fn place(file: Option<PathBuf>) -> PathBuf {
    file.unwrap_or_else(|| SEALED_DEFAULT.into())
}

fn passphrase(environment: &Environment) -> Result<SecretString> {
    match environment.get("ADIT_KEY_PASSPHRASE") {
        Some(text) => Ok(text.to_owned().into()),
        None => bail!(
            "ADIT_KEY_PASSPHRASE is not set; set it to the passphrase that seals the seed, and \
             give it to `adit serve` too"
        ),
    }
}

fn init(file: &Path, passphrase: &SecretString, output: Output) -> Result<()> {
    let seed = Seed::generate()?;
    let address = seal(&seed, file, passphrase)?;
    let phrase = seed.phrase();
    let words = phrase.expose_secret();
    let text = format!(
        "sealed in {}\naddress {address}\n\nWrite these words down on paper. They are not shown \
         again, and whoever has them has the money:\n\n  {words}",
        file.display()
    );
    output.result(&json!({ "file": file, "address": address, "words": words }), &text)
}

fn import(file: &Path, passphrase: &SecretString, output: Output) -> Result<()> {
    let mut words = String::new();
    std::io::stdin()
        .take(PHRASE_BYTES_MAX)
        .read_to_string(&mut words)
        .context("the words on standard input cannot be read")?;
    let seed = Seed::from_phrase(&words)?;
    let address = seal(&seed, file, passphrase)?;
    output.result(
        &json!({ "file": file, "address": address }),
        &format!("sealed in {}\naddress {address}", file.display()),
    )
}

fn seal(seed: &Seed, file: &Path, passphrase: &SecretString) -> Result<String> {
    make_directory_of(file)?;
    let address = seed.key(0)?.wallet().to_string();
    seed.seal(file, passphrase)?;
    Ok(address)
}

/// Addresses of a Bitcoin wallet that are printed.
const FIRST_ADDRESSES: u32 = 5;

fn show(config: &Config, output: Output) -> Result<()> {
    let keys = wallets::keys(config)?;
    let text: Vec<String> = keys.iter().map(|(lane, key)| told(lane, key)).collect();
    let value: Vec<Value> = keys.iter().map(|(lane, key)| described(lane, key)).collect();
    output.result(&json!({ "wallets": value }), &text.join("\n"))
}

fn told(lane: &LaneId, key: &WalletKey) -> String {
    match key {
        WalletKey::Evm(_) => format!("{}  {}", lane.chain, lane.wallet),
        WalletKey::Bitcoin(account) => {
            let addresses = first_addresses(account).join("\n  ");
            let [external, internal] = Keychain::ALL.map(|keychain| account.descriptor(keychain));
            let both = account.descriptor_of_both();
            format!(
                "{}  {}\n  {}\n  receives at\n  {addresses}\n  descriptor\n  {both}\n  and one for \
                 each keychain\n  {external}\n  {internal}",
                lane.chain,
                lane.wallet,
                signed_by(account)
            )
        }
    }
}

fn described(lane: &LaneId, key: &WalletKey) -> Value {
    match key {
        WalletKey::Evm(_) => json!({ "chain": lane.chain, "address": lane.wallet }),
        WalletKey::Bitcoin(account) => json!({
            "chain": lane.chain,
            "address": lane.wallet,
            "addresses": first_addresses(account),
            "keys": account.public_keys(),
            "fingerprint": account.fingerprint(),
            "signatures": { "needed": account.signatures().0, "keys": account.signatures().1 },
            "signsAlone": account.signs_alone(),
            "descriptor": account.descriptor_of_both(),
            "descriptors": Keychain::ALL.map(|keychain| account.descriptor(keychain)),
        }),
    }
}

/// Whose signatures spend, and whether one of the keys is here.
fn signed_by(account: &BitcoinAccount) -> String {
    let (needed, keys) = account.signatures();
    match (account.signs_alone(), account.fingerprint()) {
        (true, Some(fingerprint)) => format!("signed here, by the seed {fingerprint}"),
        (_, Some(fingerprint)) => format!(
            "{needed} of {keys} keys sign: that of the seed {fingerprint} here, the others by \
             `adit psbt`"
        ),
        (_, None) => format!("{needed} of {keys} keys sign, none of which is here: by `adit psbt`"),
    }
}

fn cosigner(
    seed: &Seed,
    network: adit_bitcoin::Network,
    account: u32,
    output: Output,
) -> Result<()> {
    let key = seed.bitcoin_cosigner(wallets::signers(network), account)?;
    output.result(&json!({ "network": network.to_string(), "account": account, "key": key }), &key)
}

fn first_addresses(account: &BitcoinAccount) -> Vec<String> {
    let at = |index| account.address(Place { keychain: Keychain::External, index });
    (0..FIRST_ADDRESSES).filter_map(at).map(|address| address.to_string()).collect()
}
