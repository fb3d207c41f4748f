//! The journal's file on a real disk, locked against every other process.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use adit_core::JournalId;

use crate::new_file::{replace, write_new};

use super::{EnvironmentId, Header, JournalError, JournalFile, header_line};

/// A file under an exclusive lock, which the system releases when the process ends, however it
/// ends.
#[derive(Debug)]
pub struct DiskFile {
    path: PathBuf,
    file: File,
    bytes: u64,
}

impl DiskFile {
    /// Opens the journal at `path`, and creates it with a header where there is none.
    ///
    /// # Errors
    /// [`JournalError::Locked`] when another process has it, [`JournalError::File`] for the rest.
    pub fn open_or_create(
        path: &Path,
        id: JournalId,
        environment: &EnvironmentId,
    ) -> Result<Self, JournalError> {
        let wrong = |error: io::Error| JournalError::File {
            detail: format!("{}: {error}", path.display()),
        };
        if !path.try_exists().map_err(wrong)? {
            create(path, id, environment).map_err(wrong)?;
        }
        let file = OpenOptions::new().read(true).write(true).open(path).map_err(wrong)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(JournalError::Locked { path: path.to_owned() });
            }
            Err(TryLockError::Error(error)) => return Err(wrong(error)),
        }
        let bytes = file.metadata().map_err(wrong)?.len();
        Ok(Self { path: path.to_owned(), file, bytes })
    }
}

impl JournalFile for DiskFile {
    fn bytes(&mut self) -> io::Result<u64> {
        Ok(self.bytes)
    }

    fn read_at(&mut self, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; length];
        self.file.read_exact_at(&mut bytes, offset)?;
        Ok(bytes)
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all_at(bytes, self.bytes)?;
        self.bytes += u64::try_from(bytes.len()).expect("usize has at most 64 bits");
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data()
    }

    /// Beside the journal, in a file of the offset's name. A crash before the cut finds it there
    /// already.
    fn keep_aside(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut aside = self.path.as_os_str().to_owned();
        aside.push(format!(".torn-{offset}"));
        replace(Path::new(&aside), bytes)
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.file.set_len(length)?;
        self.bytes = length;
        Ok(())
    }
}

/// A journal that exists always has its whole header, so an empty one is a sign of damage and never
/// of a new start. Two processes that start at once agree on one journal.
fn create(path: &Path, id: JournalId, environment: &EnvironmentId) -> io::Result<()> {
    let (bytes, _) = header_line(&Header::new(id, environment.clone()));
    write_new(path, &bytes).or_else(|error| {
        if error.kind() == io::ErrorKind::AlreadyExists { Ok(()) } else { Err(error) }
    })
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    /// Both found no journal. Whoever comes second goes on with what the first one has written.
    #[test]
    fn two_that_start_at_once_agree_on_one_journal() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("journal");
        let environment = EnvironmentId::new("test").expect("a name");
        let id = |number| JournalId(Uuid::from_u128(number));
        create(&path, id(1), &environment).expect("written");
        create(&path, id(2), &environment).expect("there already");
        let (first, _) = header_line(&Header::new(id(1), environment.clone()));
        assert_eq!(std::fs::read(&path).expect("read"), first);
        assert!(create(&directory.path().join("no/where"), id(1), &environment).is_err());
    }
}
