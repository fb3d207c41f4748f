//! The signer: in this process, or behind the socket of another, which `adit signer` is.

use std::collections::BTreeMap;
use std::sync::Arc;

use adit_core::{AssetForm, ChainName, Destination, JournalId, LaneId};
use adit_signer::{ChainPolicy, EvmPolicy, Key, LocalSigner, Seed, Signer, SignerConfig, SignerSocket, SocketSigner, WalletKey};
use anyhow::{Context as _, Result, bail};
use secrecy::ExposeSecret as _;

use crate::config::Config;
use crate::database::make_directory_of;
use crate::direct::uuid;
use crate::output::Output;
use crate::world::now;
use crate::{serve, telemetry};

/// Whoever signs, and the wallet that pays on each chain.
pub struct Signing {
    pub signer: Arc<dyn Signer>,
    pub wallets: BTreeMap<ChainName, Destination>,
}

/// # Errors
/// When there is no key, or the journal cannot be used.
pub fn open(config: &Config) -> Result<Signing> {
    match &config.signer.socket {
        None => local(config),
        Some(socket) => Ok(Signing { signer: Arc::new(SocketSigner::new(socket)), wallets: named_wallets(config)? }),
    }
}

/// `adit signer`.
///
/// # Errors
/// When there is no socket configured, or as [`open`].
pub async fn run(config: Config, output: Output) -> Result<()> {
    telemetry::start(output.json);
    let Some(socket) = &config.signer.socket else {
        bail!("signer.socket is empty; give the path of a Unix socket, the same one to this signer and to its servers");
    };
    make_directory_of(socket)?;
    let Signing { signer, wallets } = local(&config)?;
    for (chain, wallet) in &wallets {
        tracing::info!(%chain, %wallet, "signs for");
    }
    let offered = SignerSocket::bind(socket)?;
    let stop = serve::stop_signal()?;
    tracing::info!(socket = %socket.display(), journal = %signer.journal().await?.0, environment = config.signer.environment.as_str(), "the signer is ready");
    tokio::select! {
        () = offered.serve(signer) => {}
        () = stop => {}
    }
    Ok(())
}

fn local(config: &Config) -> Result<Signing> {
    let keys = keys(config)?;
    let wallets = keys.iter().map(|(lane, _)| (lane.chain.clone(), lane.wallet.clone())).collect();
    make_directory_of(&config.signer.journal)?;
    let policy =
        |chain: &crate::config::Chain| ChainPolicy::Evm(EvmPolicy { chain_id: chain.chain_id, fee_cap: chain.fee_per_transaction_max });
    let paid = config.assets.values().map(|rules| &rules.asset).filter(|asset| asset.form != AssetForm::Points);
    let signer_config = SignerConfig {
        environment: config.signer.environment.clone(),
        keys,
        chains: config.chains.values().map(|chain| (chain.name.clone(), policy(chain))).collect(),
        assets: paid.clone().cloned().collect(),
        caps: paid.map(|asset| (asset.id.clone(), config.signer.caps_of(&asset.id))).collect(),
    };
    let signer = LocalSigner::open(signer_config, &config.signer.journal, JournalId(uuid()), Box::new(now));
    let signer = signer.with_context(|| format!("the signer cannot work with {}", config.signer.journal.display()))?;
    Ok(Signing { signer: Arc::new(signer), wallets })
}

/// One key pays on every chain.
///
/// # Errors
/// When there is none.
pub fn keys(config: &Config) -> Result<Vec<(LaneId, WalletKey)>> {
    let lanes = |make: &dyn Fn() -> Result<Key>| {
        let of = |chain: &ChainName| make().map(|key| (key.lane(chain.clone()), WalletKey::from(key)));
        config.chains.keys().map(of).collect()
    };
    if let Some(text) = &config.secrets.private_key {
        return lanes(&|| Key::from_hex(text.expose_secret()).context("LOCK_MANAGER_PRIVATE_KEY"));
    }
    let path = &config.signer.keys;
    if !path.exists() {
        bail!("there is no key to pay with: set LOCK_MANAGER_PRIVATE_KEY, or seal a new seed at {} with `adit keys init`", path.display());
    }
    let Some(passphrase) = &config.secrets.passphrase else {
        bail!("{} is sealed; set ADIT_KEY_PASSPHRASE to its passphrase", path.display());
    };
    let seed = Seed::open(path, passphrase)?;
    lanes(&|| Ok(seed.key(config.signer.key_index)?))
}

/// The wallet that pays on each chain, without touching the journal.
///
/// # Errors
/// When neither a key nor the configuration says it.
pub fn wallets(config: &Config) -> Result<BTreeMap<ChainName, Destination>> {
    match &config.signer.socket {
        None => Ok(keys(config)?.into_iter().map(|(lane, _)| (lane.chain, lane.wallet)).collect()),
        Some(_) => named_wallets(config),
    }
}

/// The key is elsewhere, so the configuration has to say whose it is.
fn named_wallets(config: &Config) -> Result<BTreeMap<ChainName, Destination>> {
    let named = config.chains.values().map(|chain| match &chain.wallet {
        Some(wallet) => Ok((chain.name.clone(), wallet.clone())),
        None => bail!(
            "chains.{}.wallet is missing: signer.socket names another process that has the key, so give the address that `adit keys show` prints there",
            chain.name
        ),
    });
    named.collect()
}
