//! Checks that a database belongs to this installation and this signer's journal, and that no
//! server runs on it.

use std::path::Path;

use adit_core::{Finding, JournalId, Keys, Lane, Rules, WentBack};
use adit_signer::{Signer, SignerFault};
use adit_store::Store;
use adit_store_sqlite::SqliteStore;
use anyhow::{Context as _, Result, bail};

use crate::config::{Config, Of, StoreUrl};
use crate::world::now;

use super::kept::Staged;

/// `signer` is none where its journal is lost: then a new one is pinned.
///
/// # Errors
/// What does not fit, and what to do.
pub async fn check(
    name: &str,
    store: &dyn Store,
    config: &Config,
    rules: &Rules,
    signer: Option<(&dyn Signer, Option<&Path>)>,
) -> Result<()> {
    let lanes = store.lanes().await?;
    of_these_wallets(name, &lanes, rules)?;
    of_these_chains(name, &lanes, config)?;
    if let Some((signer, socket)) = signer {
        let journal = signer.journal().await.map_err(|fault| unreached(&fault, socket))?;
        of_this_journal(name, &lanes, journal, socket)?;
    }
    match &config.store {
        // The file's lock is ours, so no server runs, whatever lease the copy remembers.
        StoreUrl::Sqlite { .. } => Ok(()),
        StoreUrl::Postgres { .. } => of_nobody_who_runs(name, store, &lanes).await,
    }
}

/// Refuses to put a database in the place of one that knows what it would forget: that it was
/// restored together with the journal, and is not released yet. What was forgotten then may still
/// be mined, and what waits may have been paid (cases F91, F96). One that cannot be read says
/// nothing; that is why it is replaced.
///
/// # Errors
/// The lane that is not released, and what to say.
pub async fn of_no_sweep(path: &Path) -> Result<()> {
    // A copy: the one in place is kept as it is.
    let Some(copy) = path.exists().then(|| Staged::copy(path, path).ok()).flatten() else {
        return Ok(());
    };
    let Ok(store) = SqliteStore::open(copy.path()).await else { return Ok(()) };
    let lanes = store.lanes().await.unwrap_or_default();
    let finding = store.incarnation().await.ok().flatten().and_then(|known| known.finding);
    store.close().await;
    let declared = matches!(finding, Some(Finding { because: WentBack::BothDeclared { .. }, .. }));
    let open = lanes.iter().find(|lane| declared || lane.restoration.is_some());
    open.map_or(Ok(()), |lane| {
        bail!(
            "the database in place was restored together with the journal, and {} is not released \
             yet: what was forgotten then may still be mined, and the copy does not know of that. \
             Nothing was changed. Restore both again, with the journal that is in place: `adit \
             restore --database FILE --journal-declared`",
            lane.id
        )
    })
}

/// Leases are judged by the database's own time, which a transaction tells.
async fn of_nobody_who_runs(name: &str, store: &dyn Store, lanes: &[Lane]) -> Result<()> {
    let now = store.load(&Keys::default(), now()).await?.take_view().lease_time();
    let leased = lanes.iter().find_map(|lane| {
        lane.lease.as_ref().filter(|lease| now < lease.until).map(|lease| (lane, lease))
    });
    match leased {
        None => Ok(()),
        Some((lane, lease)) => bail!(
            "a server still runs: the process {} has leased {} until {} in {name}. Stop every \
             server of this database, wait for five seconds, and say it again",
            lease.owner.0,
            lane.id,
            super::written(lease.until)
        ),
    }
}

/// A database without any of our wallets is another installation's, or was never served.
fn of_these_wallets(name: &str, lanes: &[Lane], rules: &Rules) -> Result<()> {
    if rules
        .chains
        .values()
        .any(|chain| lanes.iter().any(|lane| lane.id == chain.lane && lane.journal.is_some()))
    {
        return Ok(());
    }
    let ours: Vec<String> = rules.chains.values().map(|chain| chain.lane.to_string()).collect();
    let theirs: Vec<String> = lanes.iter().map(|lane| lane.id.to_string()).collect();
    let theirs = if theirs.is_empty() { "of none".to_owned() } else { theirs.join(", ") };
    bail!(
        "{name} is of another installation, or was never served: it has the wallets {theirs}, and \
         this configuration pays from {}. Name the right copy, or use the configuration and key of \
         that installation",
        ours.join(", ")
    )
}

fn of_these_chains(name: &str, lanes: &[Lane], config: &Config) -> Result<()> {
    for lane in lanes {
        let Some(chain) = config.chains.get(&lane.id.chain) else { continue };
        let (fact, configured) = match &chain.of {
            Of::Evm(evm) => ("chain_id", evm.chain_id.to_string()),
            Of::Bitcoin(bitcoin) => ("network", bitcoin.network.to_string()),
        };
        if let Some(pinned) = lane.pins.get(fact).filter(|pinned| **pinned != configured) {
            bail!(
                "{name} is of another installation: its chain {} is pinned to {fact} {pinned}, and \
                 {configured} is configured. Name the right copy, or use the configuration of that \
                 installation",
                lane.id.chain
            );
        }
    }
    Ok(())
}

fn of_this_journal(
    name: &str,
    lanes: &[Lane],
    journal: JournalId,
    socket: Option<&Path>,
) -> Result<()> {
    let Some((lane, pinned)) = lanes.iter().find_map(|lane| {
        lane.journal.filter(|pinned| *pinned != journal).map(|pinned| (lane, pinned))
    }) else {
        return Ok(());
    };
    let whose = socket.map_or_else(
        || "the configured journal".to_owned(),
        |socket| format!("the signer at {}", socket.display()),
    );
    bail!(
        "{} of {name} is pinned to the signer's journal {}, and {whose} has {}: the database is of \
         another installation, or the journal is. Put the journal of this database in place, never \
         an empty one; or name the right copy",
        lane.id,
        pinned.0,
        journal.0
    )
}

fn unreached(fault: &SignerFault, socket: Option<&Path>) -> anyhow::Error {
    let place = socket
        .map_or_else(|| "in this process".to_owned(), |socket| format!("at {}", socket.display()));
    let asked: Result<()> = Err(anyhow::anyhow!("{fault}"));
    asked
        .context(format!(
            "the signer {place} cannot be asked, and without its journal nothing can be compared"
        ))
        .unwrap_err()
}
