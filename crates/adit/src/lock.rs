//! One process per SQLite database: a lock beside the file, released by the system however the
//! process ends.

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
        let path = beside(&followed(database));
        let open = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let file = open.with_context(|| {
            format!("the lock {} cannot be made; check the directory and its owner", path.display())
        })?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => bail!(
                "another adit process uses {}. A SQLite database has one: stop that process first, \
                 talk to it over its API, or use Postgres for several",
                database.display()
            ),
            Err(TryLockError::Error(error)) => Err(error).with_context(|| {
                format!("{} cannot be locked; put the database on a local disk", path.display())
            }),
        }
    }
}

/// The file itself, however it is named: through links there is one lock for it, too.
fn followed(database: &Path) -> PathBuf {
    if let Ok(found) = database.canonicalize() {
        return found;
    }
    // Not made yet: its folder is there, and a link may lead to it already.
    let named = database.read_link().map_or_else(
        |_| database.to_owned(),
        |target| match database.parent() {
            Some(folder) => folder.join(target),
            None => target,
        },
    );
    let folder =
        named.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match (folder.canonicalize(), named.file_name()) {
        (Ok(folder), Some(name)) => folder.join(name),
        _ => named,
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

    /// F73: one file has one lock, by its path, by a link, and through a folder that is one; before
    /// it is made, too.
    #[test]
    fn a_link_leads_to_the_same_lock() {
        let directory = tempfile::tempdir().expect("a directory");
        let (data, by_folder) = (directory.path().join("data"), directory.path().join("folder"));
        std::fs::create_dir(&data).expect("made");
        std::os::unix::fs::symlink(&data, &by_folder).expect("linked");
        let (database, by_link) = (data.join("adit.db"), directory.path().join("link.db"));
        std::os::unix::fs::symlink(&database, &by_link).expect("linked");
        for made in [false, true] {
            if made {
                std::fs::write(&database, "").expect("written");
            }
            let _first = ProcessLock::take(&database).expect("free");
            for other in [&by_link, &by_folder.join("adit.db")] {
                ProcessLock::take(other).expect_err("the same file");
            }
        }
    }

    #[test]
    fn a_second_holder_is_refused_until_the_first_is_gone() {
        let directory = tempfile::tempdir().expect("a directory");
        let database = directory.path().join("adit.db");
        let first = ProcessLock::take(&database).expect("free");
        let said = ProcessLock::take(&database).expect_err("taken").to_string();
        assert!(
            said.contains("another adit process") && said.contains("stop that process"),
            "{said}"
        );
        drop(first);
        ProcessLock::take(&database).expect("free again");
    }
}
