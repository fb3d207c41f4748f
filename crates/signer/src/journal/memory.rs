//! A journal's file in memory, for simulators and tests: it can be full, fail, and lose what was
//! not synced.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use super::JournalFile;

/// Clones are handles of one disk. Give one to the signer, keep another, and crash it.
#[derive(Debug, Clone, Default)]
pub struct MemoryFile {
    disk: Arc<Mutex<Disk>>,
}

#[derive(Debug, Default)]
struct Disk {
    bytes: Vec<u8>,
    synced: usize,
    syncs: u64,
    room: Option<usize>,
    sync_fails: bool,
    truncate_fails: bool,
}

impl MemoryFile {
    pub fn new() -> Self {
        Self::default()
    }

    /// A disk with these bytes on it.
    pub fn holding(bytes: Vec<u8>) -> Self {
        let synced = bytes.len();
        Self { disk: Arc::new(Mutex::new(Disk { bytes, synced, ..Disk::default() })) }
    }

    /// Everything on it now, synced or not.
    pub fn contents(&self) -> Vec<u8> {
        self.disk().bytes.clone()
    }

    /// How often it was synced.
    pub fn syncs(&self) -> u64 {
        self.disk().syncs
    }

    /// Whether a loss of power now would lose nothing.
    pub fn is_synced(&self) -> bool {
        let disk = self.disk();
        disk.synced == disk.bytes.len()
    }

    /// The power fails: of what was not synced, the first `kept` bytes stay.
    pub fn crash(&self, kept: usize) {
        let mut disk = self.disk();
        let length = disk.bytes.len().min(disk.synced + kept);
        disk.bytes.truncate(length);
        disk.synced = length;
    }

    /// From now on only `bytes` more fit; `None` lifts that.
    pub fn set_room(&self, bytes: Option<usize>) {
        self.disk().room = bytes;
    }

    /// Whether syncs fail from now on.
    pub fn set_sync_fails(&self, fails: bool) {
        self.disk().sync_fails = fails;
    }

    /// Whether cutting fails from now on.
    pub fn set_truncate_fails(&self, fails: bool) {
        self.disk().truncate_fails = fails;
    }

    /// Puts other bytes in the place of all, durably: the whole of them or nothing.
    ///
    /// # Errors
    /// When there is no room for them, or syncs fail.
    pub(crate) fn overwrite(&self, bytes: &[u8]) -> io::Result<()> {
        let mut disk = self.disk();
        if disk.sync_fails {
            return Err(io::Error::other("the disk failed"));
        }
        if disk.room.is_some_and(|room| room < bytes.len()) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        disk.bytes = bytes.to_vec();
        disk.synced = disk.bytes.len();
        disk.syncs += 1;
        Ok(())
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.disk.lock().expect("no holder of this lock panics")
    }
}

impl JournalFile for MemoryFile {
    fn bytes(&mut self) -> io::Result<u64> {
        Ok(u64::try_from(self.disk().bytes.len()).expect("usize has at most 64 bits"))
    }

    fn read_at(&mut self, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let start = usize::try_from(offset).map_err(io::Error::other)?;
        let disk = self.disk();
        disk.bytes
            .get(start..start + length)
            .map(<[u8]>::to_vec)
            .ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    /// A full disk takes what fits and then fails, as real ones do.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut disk = self.disk();
        let fits = disk.room.unwrap_or(usize::MAX).min(bytes.len());
        disk.bytes.extend_from_slice(&bytes[..fits]);
        disk.room = disk.room.map(|room| room - fits);
        if fits < bytes.len() { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut disk = self.disk();
        if disk.sync_fails {
            return Err(io::Error::other("the disk failed"));
        }
        disk.synced = disk.bytes.len();
        disk.syncs += 1;
        Ok(())
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        let mut disk = self.disk();
        if disk.truncate_fails {
            return Err(io::Error::other("the disk failed"));
        }
        let length = usize::try_from(length).map_err(io::Error::other)?;
        disk.bytes.truncate(length);
        disk.synced = disk.synced.min(length);
        Ok(())
    }
}
