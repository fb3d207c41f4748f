//! The files of a SQLite database: the copy that is checked before anything is changed, and the old
//! one, which is kept.
//!
//! The finding is written into the copy, so no process ever sees the restored database without it.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::world::now;

/// The files that SQLite keeps beside a database: the log of commits that are not in the file yet,
/// and its index.
const BESIDE: [&str; 2] = ["-wal", "-shm"];

/// Refuses a file that cannot become the database.
///
/// # Errors
/// When it is not there, is no file, or is the database itself.
pub fn check(file: &Path, database: &Path) -> Result<()> {
    let canonical = file.canonicalize();
    let file_at = canonical.with_context(|| {
        format!("{} cannot be read; name the copy that is to become the database", file.display())
    })?;
    if !file_at.is_file() {
        bail!(
            "{} is no file; name the database in it, such as {}",
            file.display(),
            file.join("adit.db").display()
        );
    }
    if database.canonicalize().is_ok_and(|database| database == file_at) {
        bail!(
            "{} is the configured database itself; if it was brought back already, say `adit \
             restore --declared`, else name a copy",
            file.display()
        );
    }
    Ok(())
}

/// Where a copy stands until it takes the database's place.
pub fn staging(database: &Path) -> PathBuf {
    with(database, ".restoring")
}

/// A copy beside the database. Dropped, it is gone, and nothing was changed.
pub struct Staged {
    database: PathBuf,
    copy: PathBuf,
    /// The old database is being moved away.
    moving: bool,
}

impl Staged {
    /// Copies the file, and the log beside it.
    ///
    /// # Errors
    /// When it cannot be read, or there is no room for it.
    pub fn copy(file: &Path, database: &Path) -> Result<Self> {
        let staged = Self { database: database.to_owned(), copy: staging(database), moving: false };
        staged.remove();
        let copied = fs::copy(file, &staged.copy).and_then(|_| copy_log(file, &staged.copy));
        copied.with_context(|| {
            format!(
                "{} cannot be copied to {}; check the disk and its owner",
                file.display(),
                staged.copy.display()
            )
        })?;
        Ok(staged)
    }

    pub fn path(&self) -> &Path {
        &self.copy
    }

    /// Puts the copy in the database's place, and returns where the one before is kept. The copy's
    /// connections are closed.
    ///
    /// A crash on the way leaves the copy where it is, and then no server makes a new database: see
    /// [`crate::database`].
    ///
    /// # Errors
    /// When a file cannot be moved.
    pub fn put_in_place(mut self) -> Result<Option<PathBuf>> {
        let log = with(&self.copy, BESIDE[0]);
        if log.metadata().is_ok_and(|log| log.len() > 0) {
            bail!(
                "{} has commits that are not in its file; nothing was changed, try again",
                self.copy.display()
            );
        }
        self.moving = true;
        let kept = with(&self.database, &format!(".before-restore-{}", moment()));
        let moved = self.keep_old(&kept).and_then(|old| self.place().map(|()| old));
        let told = || {
            format!(
                "the files could not be moved; the database of before is {} or {}: say `adit \
                 restore` again",
                self.database.display(),
                kept.display()
            )
        };
        Ok(moved.with_context(told)?.then_some(kept))
    }

    fn keep_old(&self, kept: &Path) -> io::Result<bool> {
        let there = self.database.exists();
        for suffix in std::iter::once("").chain(BESIDE) {
            let old = with(&self.database, suffix);
            if old.exists() {
                fs::rename(&old, with(kept, suffix))?;
            }
        }
        Ok(there)
    }

    fn place(&self) -> io::Result<()> {
        File::open(&self.copy)?.sync_all()?;
        fs::rename(&self.copy, &self.database)?;
        let directory =
            self.database.parent().filter(|directory| !directory.as_os_str().is_empty());
        File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
    }

    fn remove(&self) {
        for suffix in std::iter::once("").chain(BESIDE) {
            let _not_there = fs::remove_file(with(&self.copy, suffix));
        }
    }
}

impl Drop for Staged {
    /// Keeps the copy if the old database was moved and the copy did not get into its place: then
    /// it is all there is.
    fn drop(&mut self) {
        if !self.moving {
            self.remove();
        }
    }
}

fn copy_log(file: &Path, copy: &Path) -> io::Result<()> {
    let log = with(file, BESIDE[0]);
    if log.exists() { fs::copy(&log, with(copy, BESIDE[0])).map(drop) } else { Ok(()) }
}

pub fn with(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}

/// `20261129T181500Z`.
pub fn moment() -> String {
    let text = super::written(now());
    let seconds = text.split(['.', 'Z']).next().unwrap_or_default();
    format!("{}Z", seconds.replace(['-', ':'], ""))
}
