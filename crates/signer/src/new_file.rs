//! A file that is there whole and on disk, or not at all, and never in another one's place.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// Only its owner reads it.
pub(crate) const FILE_MODE: u32 = 0o600;

/// Writes a new file. Two writers at once: one of them gets [`io::ErrorKind::AlreadyExists`].
///
/// # Errors
/// When the file exists, or the disk is full, read-only or failing; then nothing is left of it.
pub(crate) fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside = name_beside(path)?;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(&beside)?;
    let written =
        file.write_all(bytes).and_then(|()| file.sync_all()).and_then(|()| publish(&beside, path));
    let removed = std::fs::remove_file(&beside);
    written?;
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => sync_directory(path),
    }
}

/// Writes a file in the place of the one that is there.
///
/// # Errors
/// When the disk is full, read-only or failing; then the one that was there is unchanged.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside = name_beside(path)?;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(&beside)?;
    let written = file
        .write_all(bytes)
        .and_then(|()| file.sync_all())
        .and_then(|()| std::fs::rename(&beside, path));
    if written.is_err() {
        let _best_effort = std::fs::remove_file(&beside);
    }
    written?;
    sync_directory(path)
}

/// Random, since a process's id is 1 again in every container; short, since a socket's path has 107
/// bytes at most.
pub(crate) fn name_beside(path: &Path) -> io::Result<PathBuf> {
    let mut random = [0; 4];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}", hex::encode(random)));
    Ok(PathBuf::from(beside))
}

/// A link never replaces what is there. A rename would, and only serves file systems that have no
/// links.
fn publish(beside: &Path, path: &Path) -> io::Result<()> {
    match std::fs::hard_link(beside, path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(error),
        Err(_) if path.symlink_metadata().is_ok() => Err(io::ErrorKind::AlreadyExists.into()),
        Err(_) => std::fs::rename(beside, path),
        Ok(()) => Ok(()),
    }
}

/// Makes the name durable, not only the bytes.
fn sync_directory(path: &Path) -> io::Result<()> {
    let directory = match path.parent() {
        Some(directory) if !directory.as_os_str().is_empty() => directory,
        Some(_) | None => Path::new("."),
    };
    File::open(directory)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_new_file_is_whole_private_and_alone() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("new");
        write_new(&path, b"first").expect("written");
        assert_eq!(path.metadata().expect("there").permissions().mode() & 0o777, FILE_MODE);
        assert_eq!(
            write_new(&path, b"second").expect_err("taken").kind(),
            io::ErrorKind::AlreadyExists
        );
        assert_eq!(std::fs::read(&path).expect("read"), b"first");
        assert_eq!(directory.path().read_dir().expect("a directory").count(), 1);
        assert!(write_new(&directory.path().join("no/where"), b"").is_err());
    }
}
