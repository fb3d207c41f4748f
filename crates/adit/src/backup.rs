//! `adit backup`: database, signer journal with its contexts, and sealed keys, in this order: the
//! journal then knows at least what the database does.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use adit_store_sqlite::SqliteStore;
use anyhow::{Context as _, Result, bail};
use clap::Args;
use serde_json::json;

use crate::config::{Config, StoreUrl};
use crate::output::Output;

/// Only its owner reads who was paid what.
const DIRECTORY_MODE: u32 = 0o700;

#[derive(Args)]
pub struct Arguments {
    /// A directory that does not exist yet
    #[arg(long, value_name = "DIRECTORY")]
    to: PathBuf,
}

/// Works beside a running server, also one of another version: the database is read, and keeps its
/// schema.
///
/// # Errors
/// When something cannot be copied. What was copied before stays, and is no backup.
pub async fn run(config: &Config, arguments: &Arguments, output: Output) -> Result<()> {
    let StoreUrl::Sqlite { path } = &config.store else {
        bail!(
            "a Postgres database is backed up by its own tools: `pg_dump --format=custom`, or a \
             base backup with a WAL archive; copy the signer's journal {} after it",
            config.signer.journal.display()
        );
    };
    if !path.exists() {
        bail!("there is no database at {}; check store.url", path.display());
    }
    let to = &arguments.to;
    DirBuilder::new().mode(DIRECTORY_MODE).create(to).with_context(|| {
        format!("{} cannot be made; name a directory that does not exist yet", to.display())
    })?;
    let database = to.join("adit.db");
    SqliteStore::copy(path, &database).await.with_context(|| {
        format!(
            "the database {} cannot be copied; check the file, its owner and the disk",
            path.display()
        )
    })?;
    let mut copied = vec![database];
    let journal = &config.signer.journal;
    for file in [journal, &contexts_of(journal), &config.signer.keys] {
        copied.extend(copy(file, to)?);
    }
    let text: Vec<String> = copied.iter().map(|file| file.display().to_string()).collect();
    let keep = "Before a restored copy runs, put the newest journal beside it: an old one does not know \
         what was signed since.";
    output.result(&json!({ "copied": copied }), &format!("copied\n  {}\n{keep}", text.join("\n  ")))
}

/// Keys of what the journal keeps of each payment's user, beside the journal.
fn contexts_of(journal: &Path) -> PathBuf {
    let mut path = journal.as_os_str().to_owned();
    path.push(".contexts");
    path.into()
}

/// None where there is none: the key may come from the environment, the journal be in another
/// process.
fn copy(file: &Path, to: &Path) -> Result<Option<PathBuf>> {
    let Some(name) = file.file_name().filter(|_| file.exists()) else { return Ok(None) };
    let copy = to.join(name);
    let copied = std::fs::copy(file, &copy).and_then(|_| std::fs::File::open(&copy)?.sync_all());
    copied.with_context(|| format!("{} cannot be copied to {}", file.display(), copy.display()))?;
    Ok(Some(copy))
}
