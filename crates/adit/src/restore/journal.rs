//! `--journal FILE`: an earlier copy of the signer's journal, which is checked before anything is
//! changed and put in place after the database. The journal of before is kept.

use std::fs::{self, File};
use std::io::{BufReader, Read as _};
use std::path::{Path, PathBuf};

use adit_core::{JournalId, Timestamp};
use adit_signer::{DiskFile, EnvironmentId, Journal, JournalError, Record};
use anyhow::{Context as _, Result, bail};

use super::kept;

/// Keys of what the journal keeps of each payment's user, beside it.
const CONTEXTS: &str = ".contexts";

/// A journal as it was read.
#[derive(Debug, Clone, Copy, Default)]
pub struct Read {
    pub records: u64,
    /// When the newest record was written; none where there is none.
    pub newest: Option<Timestamp>,
}

/// The copy beside the journal, until it takes its place. Dropped, it is gone, and nothing was
/// changed.
pub struct Staged {
    journal: PathBuf,
    copy: PathBuf,
    pub read: Read,
    /// The journal of before, held so that no signer starts on it meanwhile.
    before: Option<Journal>,
    moving: bool,
}

impl Staged {
    /// Copies the file and the keys of its contexts, and reads it whole.
    ///
    /// # Errors
    /// When it is no journal of this installation, a signer still runs on the one in place, or that
    /// one is newer.
    pub fn copy(file: &Path, journal: &Path, environment: &EnvironmentId) -> Result<Self> {
        let unread =
            || format!("{} cannot be read; name the copy of the signer's journal", file.display());
        let at = file.canonicalize().with_context(unread)?;
        if !at.is_file() {
            bail!(
                "{} is no file; name the journal in it, such as {}",
                file.display(),
                file.join("signer.journal").display()
            );
        }
        if journal.canonicalize().is_ok_and(|journal| journal == at) {
            bail!(
                "{} is the configured journal itself; if it was brought back already, say \
                 --journal-declared instead of --journal FILE, else name a copy",
                file.display()
            );
        }
        let before = held(journal, environment)?;
        refuse_older(file, journal)?;
        let copy = kept::staging(journal);
        let mut staged = Self {
            journal: journal.to_owned(),
            copy,
            read: Read::default(),
            before,
            moving: false,
        };
        staged.remove();
        fs::copy(file, &staged.copy)
            .and_then(|_| match beside(file, CONTEXTS) {
                contexts if contexts.exists() => {
                    fs::copy(contexts, beside(&staged.copy, CONTEXTS)).map(drop)
                }
                _none => Ok(()),
            })
            .with_context(|| {
                format!(
                    "{} cannot be copied to {}; check the disk and its owner",
                    file.display(),
                    staged.copy.display()
                )
            })?;
        staged.read = read(&staged.copy, environment).map_err(|error| misfit(file, &error))?;
        Ok(staged)
    }

    pub fn path(&self) -> &Path {
        &self.copy
    }

    /// Puts the copy in the journal's place, and returns where the one before is kept.
    ///
    /// # Errors
    /// When a file cannot be moved.
    pub fn put_in_place(mut self) -> Result<Option<PathBuf>> {
        self.moving = true;
        let old = kept::with(&self.journal, &format!(".before-restore-{}", kept::moment()));
        let there = self.journal.exists();
        let moved = self.keep_old(&old).and_then(|()| self.place());
        // Its lock goes with it.
        drop(self.before.take());
        let told = || {
            format!(
                "the journal could not be moved; the one of before is {} or {}: say `adit restore` \
                 again",
                self.journal.display(),
                old.display()
            )
        };
        moved.with_context(told)?;
        Ok(there.then_some(old))
    }

    /// Under a second name: there is no moment without a journal, in which a signer would begin an
    /// empty one.
    fn keep_old(&self, old: &Path) -> std::io::Result<()> {
        for suffix in ["", CONTEXTS] {
            let from = beside(&self.journal, suffix);
            if from.exists() {
                fs::hard_link(&from, beside(old, suffix))
                    .or_else(|_| fs::copy(&from, beside(old, suffix)).map(drop))?;
            }
        }
        Ok(())
    }

    /// Each file takes the place of the one before at once. The contexts first: a journal without
    /// them knows no users.
    fn place(&self) -> std::io::Result<()> {
        for suffix in [CONTEXTS, ""] {
            let from = beside(&self.copy, suffix);
            if from.exists() {
                File::open(&from)?.sync_all()?;
                fs::rename(&from, beside(&self.journal, suffix))?;
            }
        }
        let directory = self.journal.parent().filter(|directory| !directory.as_os_str().is_empty());
        File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
    }

    fn remove(&self) {
        for suffix in ["", CONTEXTS] {
            let _not_there = fs::remove_file(beside(&self.copy, suffix));
        }
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if !self.moving {
            self.remove();
        }
    }
}

/// Reads a journal to its end, and lets go of it.
///
/// # Errors
/// [`JournalError`].
fn read(path: &Path, environment: &EnvironmentId) -> Result<Read, JournalError> {
    let (mut records, mut newest) = (0, None);
    let file = DiskFile::open_or_create(path, JournalId(uuid::Uuid::nil()), environment)?;
    Journal::open(Box::new(file), environment, |record, _| {
        records += 1;
        newest = written_at(&record).or(newest);
    })?;
    Ok(Read { records, newest })
}

fn written_at(record: &Record) -> Option<Timestamp> {
    match record {
        Record::Signed { at, .. }
        | Record::Superseded { at, .. }
        | Record::Epoch { at, .. }
        | Record::Lease { at, .. }
        | Record::Opened { at, .. }
        | Record::Retired { at, .. } => Some(*at),
        Record::Format { .. } => None,
    }
}

/// The journal in place, locked. None where there is none, or where it is damaged: that is why it
/// is replaced.
fn held(journal: &Path, environment: &EnvironmentId) -> Result<Option<Journal>> {
    if !journal.exists() {
        return Ok(None);
    }
    let opened = DiskFile::open_or_create(journal, JournalId(uuid::Uuid::nil()), environment)
        .and_then(|file| Journal::open(Box::new(file), environment, |_, _| {}));
    match opened {
        Ok(journal) => Ok(Some(journal)),
        Err(JournalError::Locked { .. }) => {
            bail!(
                "a signer or a server still runs on {}: nothing was changed. Stop it, and say it \
                 again",
                journal.display()
            )
        }
        Err(error) => {
            eprintln!(
                "the journal in place cannot be read ({error}); it is kept beside the one that \
                 takes its place"
            );
            Ok(None)
        }
    }
}

/// Where the journal in place goes on from where the copy ends, it is the newer one, and is needed.
fn refuse_older(file: &Path, journal: &Path) -> Result<()> {
    let (Ok(copy), Ok(place)) = (File::open(file), File::open(journal)) else { return Ok(()) };
    let (ours, theirs) = (place.metadata()?.len(), copy.metadata()?.len());
    if ours < theirs || !same_bytes(place, copy, theirs)? {
        return Ok(());
    }
    bail!(
        "the journal in place, {}, has everything that {} has, and {} bytes more: it is the newer \
         one, and knows what was signed since. Keep it, and restore the database alone: `adit \
         restore --database FILE`",
        journal.display(),
        file.display(),
        ours - theirs
    )
}

fn same_bytes(place: File, copy: File, bytes: u64) -> std::io::Result<bool> {
    let (mut place, mut copy) =
        (BufReader::new(place).take(bytes), BufReader::new(copy).take(bytes));
    let (mut ours, mut theirs) = (vec![0; 64 * 1024], vec![0; 64 * 1024]);
    loop {
        let read = copy.read(&mut theirs)?;
        if read == 0 {
            return Ok(true);
        }
        place.read_exact(&mut ours[..read])?;
        if ours[..read] != theirs[..read] {
            return Ok(false);
        }
    }
}

fn misfit(file: &Path, error: &JournalError) -> anyhow::Error {
    anyhow::anyhow!(
        "{} is no journal that can be used here: {error}. Name a copy of this installation's \
         journal",
        file.display()
    )
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    kept::with(path, suffix)
}
