//! A backup of the servers' database, taken while they run, and its ways back.
//!
//! SQLite: the copy that `adit backup` makes. Postgres: `pg_dump`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::devnet::{DATABASE, Devnet};

const COMMAND_BOUND: Duration = Duration::from_secs(60);
/// What SQLite keeps of a database.
const FILES: [&str; 3] = ["adit.db", "adit.db-wal", "adit.db-shm"];

pub struct Backup {
    path: PathBuf,
}

impl Backup {
    /// Takes one; nothing is at `path` yet.
    ///
    /// # Errors
    /// Fails if the database's tool does.
    pub async fn take(devnet: &Devnet, path: PathBuf) -> Result<Self> {
        match devnet.postgres() {
            Some(postgres) => postgres.dump(DATABASE, &path).await?,
            None => {
                let to = path.to_str().context("the path of a backup is text")?;
                devnet.command(&["backup", "--to", to]).run(COMMAND_BOUND).await?;
            }
        }
        Ok(Self { path })
    }

    /// The copy, where the database is in SQLite.
    pub fn file(&self) -> PathBuf {
        self.path.join(FILES[0])
    }

    /// Puts it in the place of the database below `state`, as somebody does who has no `adit
    /// restore`.
    ///
    /// # Errors
    /// Fails if it does not go there.
    pub async fn put_back(&self, devnet: &Devnet, state: &Path) -> Result<()> {
        if let Some(postgres) = devnet.postgres() {
            return postgres.restore(DATABASE, &self.path).await;
        }
        for name in FILES {
            std::fs::remove_file(state.join(name)).ok();
        }
        std::fs::copy(self.file(), state.join(FILES[0]))
            .context("cannot put the backup back")
            .map(drop)
    }
}
