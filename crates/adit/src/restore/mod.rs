//! `adit restore`: puts an earlier state of the database in place, or takes note that an admin's own tools did.
//!
//! Compares it with the signer's journal, says what was found and what will happen, writes the finding, and stops:
//! `adit serve` does the rest. Whatever is refused is refused before anything is changed.

mod belongs;
mod follow;
mod found;
mod kept;
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
    /// No process serves an older or another state of the database any more: the signer need not wait for a minute of silence
    #[arg(long)]
    take_over: bool,
    /// Follow the running server until every lane has read the signer's journal and runs, or says why it does not
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    server: Server,
}

/// # Errors
/// Whatever keeps the database from being restored, with what to do about it; then nothing was changed.
pub async fn run(load: impl Fn() -> Result<Config>, arguments: Arguments, output: Output) -> Result<()> {
    let follows = arguments.wait.then(|| arguments.server.connect()).transpose()?;
    match (&arguments.database, arguments.declared) {
        (Some(file), false) => replace(&load()?, file, arguments.take_over, output).await?,
        (None, true) => declare(&load()?, arguments.take_over, output).await?,
        (None, false) if arguments.take_over => bail!("--take-over goes with --database FILE or --declared"),
        (None, false) if follows.is_none() => {
            bail!("say what was restored: --database FILE (SQLite: FILE becomes the database), or --declared (your own tools restored it)")
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
async fn replace(config: &Config, file: &Path, take_over: bool, output: Output) -> Result<()> {
    let StoreUrl::Sqlite { path } = &config.store else {
        bail!(
            "--database is for SQLite, and store.url is a Postgres database: restore it with its own tools (pg_restore, a base backup with a WAL archive), then `adit restore --declared`"
        );
    };
    kept::check(file, path)?;
    make_directory_of(path)?;
    let _only_process = ProcessLock::take(path)?;
    let staged = Staged::copy(file, path)?;
    let glance = ours(SqliteStore::glance(staged.path()).await, &file.display().to_string())?;
    let store = SqliteStore::open(staged.path()).await.with_context(|| format!("{} cannot be restored", file.display()))?;
    let restored = Restored { name: file.display().to_string(), glance, store: Arc::new(store.clone()) };
    let judged = restored.judge(config).await?;
    judged.tell(output, take_over)?;
    judged.declare(take_over).await?;
    store.close().await;
    let before = staged.put_in_place()?;
    judged.result(output, take_over, before.as_deref())
}

/// `--declared`.
async fn declare(config: &Config, take_over: bool, output: Output) -> Result<()> {
    let name = match &config.store {
        StoreUrl::Sqlite { path } if !path.exists() => {
            bail!("there is no database at {}; put it in place first, or check store.url", path.display())
        }
        StoreUrl::Sqlite { path } => path.display().to_string(),
        StoreUrl::Postgres { .. } => "the database of store.url".to_owned(),
    };
    let glance = ours(database::glance(&config.store).await, &name)?;
    let database = Database::open(&config.store).await?;
    let judged = Restored { name, glance, store: database.store.clone() }.judge(config).await?;
    judged.tell(output, take_over)?;
    judged.declare(take_over).await?;
    judged.result(output, take_over, None)
}

fn ours(glance: Result<Option<Glance>, adit_store::StoreFault>, name: &str) -> Result<Glance> {
    let unread = || format!("{name} cannot be read; check its path or address, its owner, and that it runs");
    let not_ours =
        || format!("{name} is no database of Adit; name a copy that `adit backup` made, or the database that this installation used");
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
    next: IncarnationId,
}

impl Restored {
    async fn judge(self, config: &Config) -> Result<Judged> {
        let Signing { signer, wallets } = signing::open_existing(config)?;
        let rules = config.rules(&wallets.addresses);
        let by = config.signer.socket.as_deref();
        belongs::check(&self.name, self.store.as_ref(), config, &rules, (signer.as_ref(), by)).await?;
        let found = found::compare(self.store.as_ref(), &rules, signer.as_ref(), self.glance.newest_commit).await?;
        Ok(Judged { restored: self, rules, found, next: IncarnationId(direct::uuid()) })
    }
}

impl Judged {
    fn tell(&self, output: Output, take_over: bool) -> Result<()> {
        if output.json {
            return Ok(());
        }
        output.text(&format!("{}\n\n", told::found(&self.restored.name, &self.found, take_over)))
    }

    /// Writes down that the store went back. From then on nothing is leased, signed or given back before the next life begins.
    async fn declare(&self, take_over: bool) -> Result<()> {
        let what = match self.restored.glance.newest_commit {
            Some(newest) => format!("{}, whose newest commit is of {}", self.restored.name, written(newest)),
            None => self.restored.name.clone(),
        };
        let command = Command::FindWentBack { because: WentBack::Declared { what }, next: self.next, take_over };
        direct::submit(self.restored.store.as_ref(), &self.rules, command).await.map(drop)
    }

    fn result(&self, output: Output, take_over: bool, before: Option<&Path>) -> Result<()> {
        let report = told::Report::new(&self.found, self.next, take_over, before);
        output.result(&serde_json::to_value(&report)?, &told::done(before))
    }
}

fn written(at: Timestamp) -> String {
    adit_api::rfc3339(at)
}
