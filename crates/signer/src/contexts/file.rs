//! Where the users' keys are kept: beside the journal, never in the database, and in no copy that
//! outlives an erasure.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::journal::JournalFile as _;
use crate::journal::MemoryFile;
use crate::new_file::{FILE_MODE, replace};

/// A small file that is read whole.
pub trait ContextFile: Send + 'static {
    /// # Errors
    /// When it cannot be read.
    fn read(&mut self) -> io::Result<Vec<u8>>;

    /// Adds bytes at the end, and makes them durable. An error may leave a part of them.
    ///
    /// # Errors
    /// When the disk is full, read-only or failing.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Cuts the file to so many bytes, durably.
    ///
    /// # Errors
    /// When the disk is read-only or failing; what the file has is then unknown.
    fn truncate(&mut self, bytes: u64) -> io::Result<()>;

    /// Puts other content in its place, durably: all of it, or nothing changes.
    ///
    /// # Errors
    /// When the disk is full, read-only or failing.
    fn replace(&mut self, bytes: &[u8]) -> io::Result<()>;
}

impl ContextFile for MemoryFile {
    fn read(&mut self) -> io::Result<Vec<u8>> {
        Ok(self.contents())
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        crate::journal::JournalFile::append(self, bytes)?;
        self.sync()
    }

    fn truncate(&mut self, bytes: u64) -> io::Result<()> {
        crate::journal::JournalFile::truncate(self, bytes)?;
        self.sync()
    }

    fn replace(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.overwrite(bytes)
    }
}

/// The keys' file on a real disk. The journal's lock is its lock too.
pub(crate) struct DiskContexts {
    path: PathBuf,
    file: File,
}

impl DiskContexts {
    /// Opens `<journal>.contexts`, and creates it where there is none.
    pub(crate) fn beside(journal: &Path) -> io::Result<Self> {
        let mut path = journal.as_os_str().to_owned();
        path.push(".contexts");
        let path = PathBuf::from(path);
        let file = open(&path)?;
        Ok(Self { path, file })
    }
}

impl ContextFile for DiskContexts {
    fn read(&mut self) -> io::Result<Vec<u8>> {
        std::fs::read(&self.path)
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all_at(bytes, self.file.metadata()?.len())?;
        self.file.sync_all()
    }

    fn truncate(&mut self, bytes: u64) -> io::Result<()> {
        self.file.set_len(bytes)?;
        self.file.sync_all()
    }

    fn replace(&mut self, bytes: &[u8]) -> io::Result<()> {
        replace(&self.path, bytes)?;
        self.file = open(&self.path)?;
        Ok(())
    }
}

fn open(path: &Path) -> io::Result<File> {
    if !path.try_exists()? {
        crate::new_file::write_new(path, b"")?;
    }
    OpenOptions::new().read(true).write(true).mode(FILE_MODE).open(path)
}
