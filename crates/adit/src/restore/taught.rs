//! `--journal FILE` alone: the database is whole, and the signer's journal is lost. An earlier
//! copy, or a new one, is taught what the database recorded, and the lanes go by it from then on
//! (case F96).

use std::path::Path;

use adit_core::Command;
use adit_engine::{Lessons, Taught, teach};
use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::{belongs, database_name, staged_journal};
use crate::config::{Config, StoreUrl};
use crate::database::Database;
use crate::direct;
use crate::lock::ProcessLock;
use crate::output::Output;
use crate::signing::{self, Signing};

/// # Errors
/// Whatever keeps the journal from being taught; then the one in place is as it was, and the lanes
/// go by it.
pub async fn run(config: &Config, file: Option<&Path>, lost: bool, output: Output) -> Result<()> {
    let name = database_name(config)?;
    // The same lock that opening the database takes, before anything is copied.
    let only_process = match &config.store {
        StoreUrl::Sqlite { path } => Some(ProcessLock::take(path)?),
        StoreUrl::Postgres { .. } => None,
    };
    let staged = staged_journal(config, file)?;
    drop(only_process);
    let database = Database::open(&config.store).await?;
    let Signing { signer, wallets } = match &staged {
        Some(staged) => signing::open_copy(config, staged.path())?,
        None if lost => signing::open_new(config)?,
        None => signing::open_existing(config)?,
    };
    let rules = config.rules(&wallets.addresses);
    let whose = (!lost).then_some((signer.as_ref(), config.signer.socket.as_deref()));
    belongs::check(&name, database.store.as_ref(), config, &rules, whose).await?;
    let known: Vec<_> = database.store.lanes().await?.into_iter().map(|lane| lane.id).collect();
    let (lanes, former): (Vec<_>, Vec<_>) =
        known.into_iter().partition(|id| rules.chains.values().any(|chain| chain.lane == *id));
    for id in former {
        eprintln!(
            "{id} is no longer configured, so its payments are not taught; configure it first if \
             anything of it may still be mined"
        );
    }
    let taught = teach(database.store.as_ref(), signer.as_ref(), &lanes).await;
    let taught = taught.context(
        "the journal was not taught, and nothing goes by it; what was written to the copy only \
         restricts",
    )?;
    let journal = signer.journal().await?;
    drop(signer);
    // Before the files are moved: who starts between the two finds that the journal in place is not
    // the one.
    for lane in lanes {
        direct::submit(
            database.store.as_ref(),
            &rules,
            Command::TrustJournal { lane, journal, tip: taught.tip },
        )
        .await?;
    }
    let kept = staged.map(super::journal::Staged::put_in_place).transpose()?.flatten();
    output.result(&report(&taught, kept.as_deref()), &told(&taught, kept.as_deref()))
}

fn report(taught: &Taught, kept: Option<&Path>) -> Value {
    let of = |lessons: Lessons| json!({ "taught": lessons.taught, "known": lessons.known });
    json!({
        "attempts": of(taught.attempts),
        "retirements": of(taught.retirements),
        "endings": of(taught.endings),
        "records": taught.tip.records,
        "journalKept": kept,
    })
}

fn told(taught: &Taught, kept: Option<&Path>) -> String {
    let of = |lessons: Lessons, what: &str| {
        format!("  {} {what}, and knew {}", lessons.taught, lessons.known)
    };
    let before = kept.map_or_else(String::new, |kept| {
        format!("\nThe journal of before is kept as {}.", kept.display())
    });
    format!(
        "the journal was taught\n{}\n{}\n{}\nIt has {} records now, and the lanes go by \
         it.{before}\nWhat was signed and not recorded, as in a crash between the two, is in no \
         row.",
        of(taught.attempts, "signatures"),
        of(taught.retirements, "payouts that are never signed again"),
        of(taught.endings, "lineages that ended"),
        taught.tip.records,
    )
}
