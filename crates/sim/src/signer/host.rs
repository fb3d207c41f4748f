//! The host of the signer: one journal, and the users' keys beside it, on one disk, which survives
//! what its process does not.

use std::sync::{Arc, Mutex, MutexGuard};

use adit_core::{JournalId, Timestamp};
use adit_engine::{AnchoredClock, Clock as _, Source, Witness};
use adit_signer::{LocalSigner, MemoryFile, SignerConfig};
use uuid::Uuid;

use crate::Dice;
use crate::check::{Broken, must};
use crate::executor::Handle;
use crate::ports::SimClock;

const JOURNAL: JournalId = JournalId(Uuid::from_u128(77));
/// Of what was not synced, at most so many bytes survive a crash.
const TORN_BYTES_MAX: u64 = 400;

/// A signer that can lose power.
pub struct SignerHost {
    config: Box<dyn Fn() -> SignerConfig + Send + Sync>,
    /// Whose randomness the users' keys are.
    dice: Mutex<Dice>,
    state: Mutex<State>,
    /// What its machine's clock shows.
    machine: SimClock,
    clock: Mutex<AnchoredClock>,
}

/// What is on the signer's disk.
#[derive(Clone)]
pub struct SignerDisk {
    journal: Vec<u8>,
    contexts: Vec<u8>,
}

struct State {
    journal: MemoryFile,
    contexts: MemoryFile,
    signer: Option<Arc<LocalSigner>>,
}

impl SignerHost {
    /// # Panics
    /// When the configuration contradicts itself.
    pub fn new(
        handle: Handle,
        dice: Dice,
        config: Box<dyn Fn() -> SignerConfig + Send + Sync>,
    ) -> Self {
        let state = State { journal: MemoryFile::new(), contexts: MemoryFile::new(), signer: None };
        let machine = SimClock::new(handle);
        let clock = Mutex::new(AnchoredClock::of_signer(Arc::new(machine.clone())));
        let host =
            Self { config, dice: Mutex::new(dice), state: Mutex::new(state), machine, clock };
        host.start().expect("an empty journal opens");
        host
    }

    /// From now on its machine's clock shows so much more, or less, than the truth.
    pub fn set_skew(&self, micros: i64) {
        self.machine.set_skew(micros);
    }

    /// What time it believes it is.
    pub fn believes(&self) -> Timestamp {
        self.clock.lock().expect("nothing panics while it holds this lock").now()
    }

    /// The running signer; none while its host is down.
    pub fn signer(&self) -> Option<Arc<LocalSigner>> {
        self.state().signer.clone()
    }

    /// The power goes: what was not synced is lost, or torn.
    pub fn crash(&self, dice: &mut Dice) {
        let mut state = self.state();
        state.signer = None;
        // Whoever still holds the dead signer keeps the dead disk.
        state.journal = torn(&state.journal, dice);
        state.contexts = torn(&state.contexts, dice);
    }

    /// # Errors
    /// In words, when the journal does not open.
    pub fn start(&self) -> Result<(), String> {
        let mut state = self.state();
        let clock = AnchoredClock::of_signer(Arc::new(self.machine.clone()));
        *self.clock.lock().expect("nothing panics while it holds this lock") = clock.clone();
        let (now, doubt, hears) = (clock.clone(), clock.clone(), clock);
        let clock: adit_signer::Clock = Box::new(move || -> Timestamp { now.now() });
        let (journal, contexts) =
            (Box::new(state.journal.clone()), Box::new(state.contexts.clone()));
        let signer = LocalSigner::with_files((self.config)(), journal, contexts, JOURNAL, clock)
            .map_err(|error| error.to_string())?;
        let signer = signer.with_doubt(Box::new(move || doubt.doubt())).with_witness(Box::new(
            move |time| {
                hears.hear(&Witness::clock(Source::Server, time));
            },
        ));
        let mut dice = self.dice.lock().expect("nothing panics while it holds this lock").fork();
        let randomness = move |bytes: &mut [u8]| {
            bytes.iter_mut().for_each(|byte| *byte = dice.bytes()[0]);
            Ok(())
        };
        state.signer =
            Some(Arc::new(signer.with_randomness(Box::new(randomness)).serving_others()));
        Ok(())
    }

    /// # Errors
    /// [`Broken`] where the journal holds something that a loss of power would take away.
    pub fn has_synced(&self) -> Result<(), Broken> {
        let state = self.state();
        must(
            state.journal.is_synced() && state.contexts.is_synced(),
            "journal before signature",
            || "a signature has left and its record is not on disk".to_owned(),
        )
    }

    /// Its disk as it is now.
    pub fn disk(&self) -> SignerDisk {
        let state = self.state();
        SignerDisk { journal: state.journal.contents(), contexts: state.contexts.contents() }
    }

    /// An older disk takes the place of this one, as after a restored snapshot of the machine.
    pub fn roll_back(&self, disk: SignerDisk) {
        let mut state = self.state();
        state.signer = None;
        state.journal = MemoryFile::holding(disk.journal);
        state.contexts = MemoryFile::holding(disk.contexts);
    }

    /// Whether its disk is full from now on.
    pub fn set_full(&self, full: bool) {
        let state = self.state();
        state.journal.set_room(full.then_some(50));
        state.contexts.set_room(full.then_some(50));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics while it holds this lock")
    }
}

/// What a loss of power leaves of a file.
fn torn(file: &MemoryFile, dice: &mut Dice) -> MemoryFile {
    file.crash(usize::try_from(dice.between(0, TORN_BYTES_MAX)).expect("small"));
    MemoryFile::holding(file.contents())
}
