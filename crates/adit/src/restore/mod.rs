//! `adit restore`: puts an earlier state of the database in place, or takes note that an admin's
//! own tools did.
//!
//! Compares it with the signer's journal, says what was found and what will happen, writes the
//! finding, and stops: `adit serve` does the rest. Whatever is refused is refused before anything
//! is changed.
//!
//! If the journal was brought back, too, a payment that neither remembers may still be mined: the
//! lanes sweep, and two admins release the withdrawals that wait (cases F91, F96).
//!
//! If the journal alone was lost, its copy is taught what the database recorded, and the lanes go
//! by it from then on.

mod ahead;
mod belongs;
mod follow;
mod found;
mod journal;
mod kept;
mod taught;
mod told;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use adit_core::{Command, IncarnationId, Rules, Timestamp, WentBack};
use adit_store::{Glance, Store};
use adit_store_sqlite::SqliteStore;
use anyhow::{Context as _, Result, bail};
use clap::Args;

use crate::cli::Server;
use crate::config::{Config, StoreUrl};
use crate::database::{self, Database, make_directory_of};
use crate::lock::ProcessLock;
use crate::output::Output;
use crate::signing::{self, Signing};
use crate::{direct, remote};

use self::found::Found;
use self::kept::Staged;

pub use self::kept::staging;

#[derive(Args)]
pub struct Arguments {
    /// SQLite: this copy becomes the database; the one that is there is kept beside it
    #[arg(long, value_name = "FILE", conflicts_with = "declared")]
    database: Option<PathBuf>,
    /// The database of store.url was brought back to an earlier state with its own tools
    #[arg(long)]
    declared: bool,
    /// The signer's journal is lost, and this copy takes its place; the one that is there is kept
    /// beside it. Alone where the database is whole: then the copy is taught what that recorded
    #[arg(long, value_name = "FILE", conflicts_with = "journal_declared")]
    journal: Option<PathBuf>,
    /// The signer's journal was brought back with your own tools, on whatever host the signer runs
    #[arg(long, conflicts_with = "journal_lost")]
    journal_declared: bool,
    /// The signer's journal is lost, and there is no copy: a new one begins
    #[arg(long, conflicts_with = "journal")]
    journal_lost: bool,
    /// No process serves an older or another state of the database any more: the signer need not
    /// wait for a minute of silence
    #[arg(long)]
    take_over: bool,
    /// Follow the running server until every lane has read the signer's journal and runs, or says
    /// why it does not
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    server: Server,
}

/// # Errors
/// Whatever keeps the database from being restored, with what to do about it; then nothing was
/// changed.
pub async fn run(
    load: impl Fn() -> Result<Config>,
    arguments: Arguments,
    output: Output,
) -> Result<()> {
    let follows = arguments.wait.then(|| arguments.server.connect()).transpose()?;
    let how = How {
        take_over: arguments.take_over,
        both: arguments.journal.is_some() || arguments.journal_declared || arguments.journal_lost,
        lost: arguments.journal_lost,
    };
    match (&arguments.database, arguments.declared) {
        (Some(file), false) => {
            replace(&load()?, file, arguments.journal.as_deref(), how, output).await?
        }
        (None, true) => declare(&load()?, arguments.journal.as_deref(), how, output).await?,
        (None, false) if how.both && how.take_over => {
            bail!("--take-over goes with --database FILE or --declared")
        }
        (None, false) if how.both => {
            taught::run(&load()?, arguments.journal.as_deref(), how.lost, output).await?
        }
        (None, false) if arguments.take_over => {
            bail!("--take-over goes with --database FILE or --declared")
        }
        (None, false) if follows.is_none() => {
            bail!(
                "say what was restored: --database FILE (SQLite: FILE becomes the database), \
                 --declared (your own tools restored it), or --journal FILE (the signer's journal)"
            )
        }
        (None, false) => {}
        (Some(_), true) => bail!("--database and --declared exclude each other; give one"),
    }
    // Neither the lock of the database nor the journal is held any more: a server can start.
    match follows {
        Some(server) => wait(&server, output).await,
        None => Ok(()),
    }
}

async fn wait(server: &remote::Remote, output: Output) -> Result<()> {
    follow::to_the_end(server, output).await
}

/// `--database FILE`.
async fn replace(
    config: &Config,
    file: &Path,
    journal: Option<&Path>,
    how: How,
    output: Output,
) -> Result<()> {
    let StoreUrl::Sqlite { path } = &config.store else {
        bail!(
            "--database is for SQLite, and store.url is a Postgres database: restore it with its \
             own tools (pg_restore, a base backup with a WAL archive), then `adit restore \
             --declared`"
        );
    };
    kept::check(file, path)?;
    make_directory_of(path)?;
    let _only_process = ProcessLock::take(path)?;
    if !how.both {
        belongs::of_no_sweep(path).await?;
    }
    let journal = staged_journal(config, journal)?;
    let staged = Staged::copy(file, path)?;
    let glance = ours(SqliteStore::glance(staged.path()).await, &file.display().to_string())?;
    let store = SqliteStore::open(staged.path())
        .await
        .with_context(|| format!("{} cannot be restored", file.display()))?;
    let restored =
        Restored { name: file.display().to_string(), glance, store: Arc::new(store.clone()) };
    let judged = restored.judge(config, journal.as_ref(), how).await?;
    judged.tell(output)?;
    judged.declare().await?;
    store.close().await;
    // The database first: whoever starts between the two finds that both went back.
    let before = staged.put_in_place()?;
    let journal_before = journal.map(journal::Staged::put_in_place).transpose()?.flatten();
    judged.result(
        output,
        &told::Kept { database: before.as_deref(), journal: journal_before.as_deref() },
    )
}

/// What an admin says besides.
#[derive(Clone, Copy)]
struct How {
    take_over: bool,
    /// The journal went back, too.
    both: bool,
    /// There is none: a new one begins.
    lost: bool,
}

/// `--journal FILE`.
fn staged_journal(config: &Config, file: Option<&Path>) -> Result<Option<journal::Staged>> {
    let Some(file) = file else { return Ok(None) };
    if let Some(socket) = &config.signer.socket {
        bail!(
            "--journal is for a signer in the server's own process, and another one signs at {}. \
             Stop that signer, put the journal in place where it runs, start it, then say \
             --journal-declared here",
            socket.display()
        );
    }
    make_directory_of(&config.signer.journal)?;
    journal::Staged::copy(file, &config.signer.journal, &config.signer.environment).map(Some)
}

/// `--declared`.
async fn declare(config: &Config, journal: Option<&Path>, how: How, output: Output) -> Result<()> {
    let name = database_name(config)?;
    let glance = ours(database::glance(&config.store).await, &name)?;
    let database = Database::open(&config.store).await?;
    let journal = staged_journal(config, journal)?;
    let judged = Restored { name, glance, store: database.store.clone() }
        .judge(config, journal.as_ref(), how)
        .await?;
    judged.tell(output)?;
    judged.declare().await?;
    let journal_before = journal.map(journal::Staged::put_in_place).transpose()?.flatten();
    judged.result(output, &told::Kept { database: None, journal: journal_before.as_deref() })
}

/// The database of the configuration, as it is called here.
fn database_name(config: &Config) -> Result<String> {
    match &config.store {
        StoreUrl::Sqlite { path } if !path.exists() => {
            bail!(
                "there is no database at {}; put it in place first, or check store.url",
                path.display()
            )
        }
        StoreUrl::Sqlite { path } => Ok(path.display().to_string()),
        StoreUrl::Postgres { .. } => Ok("the database of store.url".to_owned()),
    }
}

fn ours(glance: Result<Option<Glance>, adit_store::StoreFault>, name: &str) -> Result<Glance> {
    let unread =
        || format!("{name} cannot be read; check its path or address, its owner, and that it runs");
    let not_ours = || {
        format!(
            "{name} is no database of Adit; name a copy that `adit backup` made, or the database \
             that this installation used"
        )
    };
    glance.with_context(unread)?.with_context(not_ours)
}

/// The earlier state.
struct Restored {
    name: String,
    glance: Glance,
    store: Arc<dyn Store>,
}

/// The same, after it was compared with the signer's journal.
struct Judged {
    restored: Restored,
    rules: Rules,
    found: Found,
    /// What follows where both went back.
    ahead: Option<ahead::Ahead>,
    next: IncarnationId,
    how: How,
}

impl Restored {
    async fn judge(
        self,
        config: &Config,
        journal: Option<&journal::Staged>,
        how: How,
    ) -> Result<Judged> {
        let Signing { signer, wallets } = match journal {
            Some(staged) => signing::open_copy(config, staged.path())?,
            None if how.lost => signing::open_new(config)?,
            None => signing::open_existing(config)?,
        };
        let rules = config.rules(&wallets.addresses);
        let by = config.signer.socket.as_deref();
        let whose = (!how.lost).then_some((signer.as_ref(), by));
        belongs::check(&self.name, self.store.as_ref(), config, &rules, whose).await?;
        let found =
            found::compare(self.store.as_ref(), &rules, signer.as_ref(), self.glance.newest_commit)
                .await?;
        let found = Found { copied: journal.map(|staged| staged.read), ..found };
        if how.both {
            // It only restricts: an older journal, or a new one, knows at least what this state of
            // the database does.
            let lanes: Vec<_> = rules.chains.values().map(|chain| chain.lane.clone()).collect();
            let taught = adit_engine::teach(self.store.as_ref(), signer.as_ref(), &lanes).await;
            taught.context(
                "the journal cannot be taught what this database recorded, and nothing \
                was declared",
            )?;
        }
        let ahead = match how.both {
            true => Some(ahead::look(self.store.as_ref(), config, &wallets, &rules).await?),
            false => None,
        };
        Ok(Judged { restored: self, rules, found, ahead, next: IncarnationId(direct::uuid()), how })
    }
}

impl Judged {
    fn tell(&self, output: Output) -> Result<()> {
        if output.json {
            return Ok(());
        }
        let ahead = self.ahead.as_ref().map_or_else(String::new, told::ahead);
        output.text(&format!(
            "{}\n{ahead}\n",
            told::found(&self.restored.name, &self.found, self.how.take_over)
        ))
    }

    /// Writes down that the store went back. From then on nothing is leased, signed or given back
    /// before the next life begins.
    async fn declare(&self) -> Result<()> {
        let what = match self.restored.glance.newest_commit {
            Some(newest) => {
                format!("{}, whose newest commit is of {}", self.restored.name, written(newest))
            }
            None => self.restored.name.clone(),
        };
        let because = if self.how.both {
            WentBack::BothDeclared { what }
        } else {
            WentBack::Declared { what }
        };
        let command =
            Command::FindWentBack { because, next: self.next, take_over: self.how.take_over };
        direct::submit(self.restored.store.as_ref(), &self.rules, command).await.map(drop)
    }

    fn result(&self, output: Output, kept: &told::Kept) -> Result<()> {
        let report = told::Report::new(
            &self.found,
            self.ahead.as_ref(),
            self.next,
            self.how.take_over,
            kept,
        );
        output.result(&serde_json::to_value(&report)?, &told::done(kept, self.ahead.is_some()))
    }
}

fn written(at: Timestamp) -> String {
    adit_api::rfc3339(at)
}
