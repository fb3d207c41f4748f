//! The signer: in this process, or behind the socket of another, which `adit signer` is.

use std::path::Path;
use std::sync::Arc;

use adit_core::{AssetForm, FeeRate, JournalId, LaneId, Timestamp};
use adit_engine::{AnchoredClock, Clock as _, Source, Witness};
use adit_signer::{
    BitcoinPolicy, ChainPolicy, DiskFile, EvmPolicy, Journal, LocalSigner, Signer, SignerConfig,
    SignerSocket, SocketSigner, WalletKey,
};
use anyhow::{Context as _, Result, bail};

use crate::config::{Chain, Config, Of};
use crate::database::make_directory_of;
use crate::direct::uuid;
use crate::output::Output;
use crate::wallets::{self, Wallets};
use crate::world::SystemClock;
use crate::{serve, telemetry};

/// Whoever signs, and the wallet that pays on each chain.
pub struct Signing {
    pub signer: Arc<dyn Signer>,
    pub wallets: Wallets,
}

/// # Errors
/// When there is no key, or the journal cannot be used.
pub fn open(config: &Config, clock: &AnchoredClock) -> Result<Signing> {
    match &config.signer.socket {
        None => Ok(local(config, &config.signer.journal, clock)?.shared()),
        Some(socket) => Ok(Signing {
            signer: Arc::new(SocketSigner::new(socket)),
            wallets: Wallets::named(config)?,
        }),
    }
}

/// The same, for reading: a journal that is not there is not made.
///
/// # Errors
/// When there is no journal, or as [`open`]; a server of this journal that runs has it for itself.
pub fn open_existing(config: &Config) -> Result<Signing> {
    let journal = &config.signer.journal;
    if config.signer.socket.is_none() && !journal.exists() {
        bail!(
            "there is no journal at {}; put the newest one in place (a volume that is not mounted, \
             another path in signer.journal). Without it nobody knows what was signed",
            journal.display()
        );
    }
    open(config, &AnchoredClock::over(Arc::new(SystemClock)))
}

/// The same, where the journal is lost: a new one begins. Of a signer in another process it is
/// whatever that one has.
///
/// # Errors
/// When there is a journal, or as [`open`].
pub fn open_new(config: &Config) -> Result<Signing> {
    let journal = &config.signer.journal;
    // One without a record is the new one, of a command that was refused or ended on the way.
    if config.signer.socket.is_none() && journal.exists() && !is_empty(config)? {
        bail!(
            "there is a journal at {}, so it is not lost; if it is an older copy say \
             --journal-declared, and if it cannot be read move it away first",
            journal.display()
        );
    }
    open(config, &AnchoredClock::over(Arc::new(SystemClock)))
}

fn is_empty(config: &Config) -> Result<bool> {
    let mut records = 0u64;
    let (journal, environment) = (&config.signer.journal, &config.signer.environment);
    let opened = DiskFile::open_or_create(journal, JournalId(uuid()), environment)
        .and_then(|file| Journal::open(Box::new(file), environment, |_, _| records += 1));
    opened.with_context(|| format!("{} cannot be read; move it away first", journal.display()))?;
    Ok(records == 0)
}

/// The same, on another file than the configured journal: an earlier copy, before it takes that
/// one's place.
///
/// # Errors
/// As [`open`].
pub fn open_copy(config: &Config, journal: &Path) -> Result<Signing> {
    Ok(local(config, journal, &AnchoredClock::over(Arc::new(SystemClock)))?.shared())
}

/// `adit signer`.
///
/// # Errors
/// When there is no socket configured, or as [`open`].
pub async fn run(config: Config, output: Output) -> Result<()> {
    telemetry::start(output.json);
    let Some(socket) = &config.signer.socket else {
        bail!(
            "signer.socket is empty; give the path of a Unix socket, the same one to this signer \
             and to its servers"
        );
    };
    make_directory_of(socket)?;
    let clock = AnchoredClock::of_signer(Arc::new(SystemClock));
    let Local { signer, wallets } = local(&config, &config.signer.journal, &clock)?;
    let servers = Box::new(move |now| {
        clock.hear(&Witness::clock(Source::Server, now));
    });
    let signer: Arc<dyn Signer> = Arc::new(signer.with_witness(servers).serving_others());
    for (chain, wallet) in &wallets.addresses {
        tracing::info!(%chain, %wallet, "signs for");
    }
    let offered = SignerSocket::bind(socket)?;
    let stop = serve::stop_signal()?;
    tracing::info!(
        socket = %socket.display(),
        journal = %signer.journal().await?.0,
        environment = config.signer.environment.as_str(),
        "the signer is ready"
    );
    tokio::select! {
        () = offered.serve(signer) => {}
        () = stop => {}
    }
    Ok(())
}

/// A signer in this process.
struct Local {
    signer: LocalSigner,
    wallets: Wallets,
}

impl Local {
    fn shared(self) -> Signing {
        Signing { signer: Arc::new(self.signer), wallets: self.wallets }
    }
}

/// Its day is that of `clock`, and it signs nothing new while that is in doubt.
fn local(config: &Config, journal: &Path, clock: &AnchoredClock) -> Result<Local> {
    let keys = wallets::keys(config)?;
    keys.iter().for_each(|(lane, key)| tell_cosigners(lane, key));
    let wallets = Wallets::of_keys(config, &keys)?;
    make_directory_of(journal)?;
    let paid = config
        .assets
        .values()
        .map(|rules| &rules.asset)
        .filter(|asset| asset.form != AssetForm::Points);
    let signer_config = SignerConfig {
        environment: config.signer.environment.clone(),
        keys,
        chains: config.chains.values().map(|chain| (chain.name.clone(), policy(chain))).collect(),
        assets: paid.clone().cloned().collect(),
        caps: paid.map(|asset| (asset.id.clone(), config.signer.caps_of(&asset.id))).collect(),
    };
    let (now, uptime, doubt) = (clock.clone(), clock.clone(), clock.clone());
    let signer =
        LocalSigner::open(signer_config, journal, JournalId(uuid()), Box::new(move || now.now()));
    let signer =
        signer.with_context(|| format!("the signer cannot work with {}", journal.display()))?;
    let signer = signer
        .with_monotonic(Box::new(move || uptime.uptime().since(Timestamp::default())))
        .with_doubt(Box::new(move || doubt.doubt()));
    Ok(Local { signer, wallets })
}

fn tell_cosigners(lane: &LaneId, key: &WalletKey) {
    let WalletKey::Bitcoin(account) = key else { return };
    let ((needed, keys), here) = (account.signatures(), account.fingerprint().is_some());
    if !account.signs_alone() {
        tracing::info!(
            chain = %lane.chain,
            needed,
            keys,
            here,
            "others sign what this wallet pays: see `adit psbt`"
        );
    }
}

/// What holds on a chain, whatever a request says.
fn policy(chain: &Chain) -> ChainPolicy {
    let fee_cap = chain.fee_per_transaction_max;
    match &chain.of {
        Of::Evm(evm) => ChainPolicy::Evm(EvmPolicy { chain_id: evm.chain_id, fee_cap }),
        Of::Bitcoin(bitcoin) => ChainPolicy::Bitcoin(BitcoinPolicy {
            network: wallets::network_of(bitcoin),
            fee_cap,
            feerate_cap: FeeRate::from_sat_per_kvb(
                u64::try_from(chain.offer_max).unwrap_or(u64::MAX),
            ),
        }),
    }
}
