//! The third witness as a file on another volume (case F91): written beside, synced and renamed,
//! under a lock, and only in the place of what was read.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use adit_engine::{ThirdWitness, WitnessFault};
use async_trait::async_trait;

/// It names leases and counts; only the server's own user reads it.
const FILE_MODE: u32 = 0o600;
/// Of a server's lanes it has some hundred bytes each.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

#[derive(Debug, Clone)]
pub struct FileWitness {
    path: PathBuf,
}

impl FileWitness {
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: fn(&Path, Work) -> io::Result<T>,
        with: Work,
    ) -> Result<T, WitnessFault> {
        let path = self.path.clone();
        let done = tokio::task::spawn_blocking(move || work(&path, with))
            .await
            .map_err(io::Error::other)
            .flatten();
        done.map_err(|error| {
            let detail = format!(
                "{}: {error}; mount its volume, free space on it, or name another file in \
                    witness.file",
                self.path.display()
            );
            WitnessFault { detail }
        })
    }
}

/// What was read, and what is to stand there; both empty for a read.
#[derive(Default)]
struct Work {
    was: Option<String>,
    text: String,
}

#[async_trait]
impl ThirdWitness for FileWitness {
    async fn read(&self) -> Result<Option<String>, WitnessFault> {
        self.blocking(|path, _| read(path), Work::default()).await
    }

    async fn write(&self, was: Option<&str>, text: &str) -> Result<bool, WitnessFault> {
        self.blocking(write, Work { was: was.map(str::to_owned), text: text.to_owned() }).await
    }
}

/// A file that is not there, in a directory that is, was never written. A directory that is not
/// there is a volume that is not mounted.
fn read(path: &Path) -> io::Result<Option<String>> {
    match path.metadata() {
        Ok(found) if found.len() > FILE_BYTES_MAX => {
            Err(io::Error::other(format!("{} bytes are no witness of ours", found.len())))
        }
        Ok(_) => match String::from_utf8(std::fs::read(path)?) {
            Ok(text) => Ok(Some(text)),
            // It is said in words what stands there; it is never written over.
            Err(error) => Ok(Some(String::from_utf8_lossy(error.as_bytes()).into_owned())),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound && directory(path).is_dir() => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

fn write(path: &Path, Work { was, text }: Work) -> io::Result<bool> {
    let lock = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(FILE_MODE)
        .open(suffixed(path, ".lock"))?;
    // Held until this returns, however it does.
    lock.lock()?;
    if read(path)? != was {
        return Ok(false);
    }
    let beside = suffixed(path, ".new");
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(FILE_MODE).open(&beside)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&beside, path)?;
    File::open(directory(path))?.sync_all()?;
    Ok(true)
}

fn directory(path: &Path) -> &Path {
    match path.parent() {
        Some(directory) if !directory.as_os_str().is_empty() => directory,
        Some(_) | None => Path::new("."),
    }
}

fn suffixed(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
