//! One process per SQLite database: a lock beside the file, released by the system however the process ends.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

/// Held as long as it lives.
#[derive(Debug)]
pub struct ProcessLock {
    _file: File,
}

impl ProcessLock {
    /// # Errors
    /// When another process has the database.
    pub fn take(database: &Path) -> Result<Self> {
        let path = beside(database);
        let open = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let file = open.with_context(|| format!("the lock {} cannot be made; check the directory and its owner", path.display()))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => bail!(
                "another adit process uses {}. A SQLite database has one: stop that process first, talk to it over its API, or use Postgres for several",
                database.display()
            ),
            Err(TryLockError::Error(error)) => {
                Err(error).with_context(|| format!("{} cannot be locked; put the database on a local disk", path.display()))
            }
        }
    }
}

fn beside(database: &Path) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push(".lock");
    path.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_holder_is_refused_until_the_first_is_gone() {
        let directory = tempfile::tempdir().expect("a directory");
        let database = directory.path().join("adit.db");
        let first = ProcessLock::take(&database).expect("free");
        let said = ProcessLock::take(&database).expect_err("taken").to_string();
        assert!(said.contains("another adit process") && said.contains("stop that process"), "{said}");
        drop(first);
        ProcessLock::take(&database).expect("free again");
    }
}
