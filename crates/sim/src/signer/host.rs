//! The host of the signer: one journal on one disk, which survives what its process does not.

use std::sync::{Arc, Mutex, MutexGuard};

use adit_core::{JournalId, Timestamp};
use adit_signer::{LocalSigner, MemoryFile, SignerConfig};
use uuid::Uuid;

use crate::Dice;
use crate::check::{Broken, must};
use crate::executor::Handle;
use crate::ports;

const JOURNAL: JournalId = JournalId(Uuid::from_u128(77));
/// Of what was not synced, at most so many bytes survive a crash.
const TORN_BYTES_MAX: u64 = 400;

/// A signer that can lose power.
pub struct SignerHost {
    handle: Handle,
    config: Box<dyn Fn() -> SignerConfig + Send + Sync>,
    state: Mutex<State>,
}

/// What is on the signer's disk.
#[derive(Clone)]
pub struct SignerDisk {
    journal: Vec<u8>,
}

struct State {
    disk: MemoryFile,
    signer: Option<Arc<LocalSigner>>,
}

impl SignerHost {
    /// # Panics
    /// When the configuration contradicts itself.
    pub fn new(handle: Handle, config: Box<dyn Fn() -> SignerConfig + Send + Sync>) -> Self {
        let host = Self { handle, config, state: Mutex::new(State { disk: MemoryFile::new(), signer: None }) };
        host.start().expect("an empty journal opens");
        host
    }

    /// The running signer; none while its host is down.
    pub fn signer(&self) -> Option<Arc<LocalSigner>> {
        self.state().signer.clone()
    }

    /// The power goes: what was not synced is lost, or torn.
    pub fn crash(&self, dice: &mut Dice) {
        let mut state = self.state();
        state.signer = None;
        let kept = dice.between(0, TORN_BYTES_MAX);
        state.disk.crash(usize::try_from(kept).expect("small"));
        // Whoever still holds the dead signer keeps the dead disk.
        state.disk = MemoryFile::holding(state.disk.contents());
    }

    /// # Errors
    /// In words, when the journal does not open.
    pub fn start(&self) -> Result<(), String> {
        let mut state = self.state();
        let handle = self.handle.clone();
        let clock: adit_signer::Clock = Box::new(move || -> Timestamp { ports::now(&handle) });
        let signer = LocalSigner::with_file((self.config)(), Box::new(state.disk.clone()), JOURNAL, clock);
        state.signer = Some(Arc::new(signer.map_err(|error| error.to_string())?));
        Ok(())
    }

    /// # Errors
    /// [`Broken`] where the journal holds something that a loss of power would take away.
    pub fn has_synced(&self) -> Result<(), Broken> {
        must(self.state().disk.is_synced(), "journal before signature", || "a signature has left and its record is not on disk".to_owned())
    }

    /// Its disk as it is now.
    pub fn disk(&self) -> SignerDisk {
        SignerDisk { journal: self.state().disk.contents() }
    }

    /// An older disk takes the place of this one, as after a restored snapshot of the machine.
    pub fn roll_back(&self, disk: SignerDisk) {
        let mut state = self.state();
        state.signer = None;
        state.disk = MemoryFile::holding(disk.journal);
    }

    /// Whether its disk is full from now on.
    pub fn set_full(&self, full: bool) {
        self.state().disk.set_room(full.then_some(50));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics while it holds this lock")
    }
}
