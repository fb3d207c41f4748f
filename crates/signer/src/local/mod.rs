//! The signer that has the keys: judges, signs, journals with one sync per batch, and only then
//! answers.

mod leases;
mod signing;
mod teaching;
mod telling;

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use adit_core::{ClockDoubt, JournalId, LaneId, Opening, PayoutId, Span, Timestamp, UserId};
use async_trait::async_trait;
use tokio::runtime::{Handle, RuntimeFlavor};

use crate::contexts::{ContextFile, Contexts, DiskContexts, Randomness};
use crate::facts::{Facts, Overlay};
use crate::hearing::Hearing;
use crate::journal::{DiskFile, Journal, JournalError, JournalFile, MemoryFile, Record, Tip};
use crate::policy::{ConfigError, Policy, SignerConfig};
use crate::{
    EntryCursor, EntryPage, JournalAt, LaneStanding, Learned, LeaseClaim, Lesson, Open,
    PAGE_BYTES_MAX, PayoutStanding, Presence, Refused, Retire, SignRequest, Signature, Signer,
    SignerFault, Supersede,
};

pub use self::leases::{RETIRED_BY_BYTES_MAX, RETIRED_REASON_BYTES_MAX};

/// Tells the time. Given from outside, so that a simulator can own it.
pub type Clock = Box<dyn Fn() -> Timestamp + Send + Sync>;

/// Tells the time since any moment, by a clock that nobody sets.
pub type Monotonic = Box<dyn Fn() -> Span + Send + Sync>;

/// Tells why the time may be wrong.
pub type Doubt = Box<dyn Fn() -> Option<ClockDoubt> + Send + Sync>;

/// Hears what time it is by a server.
pub type Witness = Box<dyn Fn(Timestamp) + Send + Sync>;

/// Why a signer does not start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// Keys, policy and the one open journal, in this process.
pub struct LocalSigner {
    inner: Arc<Inner>,
}

struct Inner {
    policy: Policy,
    clock: Clock,
    monotonic: Option<Monotonic>,
    doubt: Option<Doubt>,
    witness: Option<Witness>,
    page_bytes: usize,
    state: Mutex<State>,
}

struct State {
    journal: Journal,
    facts: Facts,
    hearing: Hearing,
    contexts: Contexts,
}

impl LocalSigner {
    /// Opens the journal at `path`, or starts one there named `new_id`, and learns everything it
    /// says. The keys of its contexts stand in a file beside it.
    ///
    /// # Errors
    /// [`OpenError`]: a configuration that contradicts itself; a journal that is in use, foreign or
    /// damaged.
    pub fn open(
        config: SignerConfig,
        path: &Path,
        new_id: JournalId,
        clock: Clock,
    ) -> Result<Self, OpenError> {
        let file = DiskFile::open_or_create(path, new_id, &config.environment)?;
        let contexts =
            DiskContexts::beside(path).map(|file| Box::new(file) as Box<dyn ContextFile>);
        Self::with_journal(config, Box::new(file), Contexts::open(contexts), clock)
    }

    /// The same on any file. An empty one becomes a journal named `new_id`. The keys of its
    /// contexts live as long as this signer.
    ///
    /// # Errors
    /// As [`LocalSigner::open`].
    pub fn with_file(
        config: SignerConfig,
        file: Box<dyn JournalFile>,
        new_id: JournalId,
        clock: Clock,
    ) -> Result<Self, OpenError> {
        Self::with_files(config, file, Box::new(MemoryFile::new()), new_id, clock)
    }

    /// The same on any two files.
    ///
    /// # Errors
    /// As [`LocalSigner::open`].
    pub fn with_files(
        config: SignerConfig,
        mut file: Box<dyn JournalFile>,
        contexts: Box<dyn ContextFile>,
        new_id: JournalId,
        clock: Clock,
    ) -> Result<Self, OpenError> {
        if file.bytes().map_err(JournalError::unusable)? == 0 {
            file = Journal::start(file, new_id, &config.environment)
                .map_err(JournalError::unusable)?
                .into_file();
        }
        Self::with_journal(config, file, Contexts::open(Ok(contexts)), clock)
    }

    /// Here an empty file is damage: whoever emptied it made the signer forget.
    fn with_journal(
        config: SignerConfig,
        file: Box<dyn JournalFile>,
        contexts: Contexts,
        clock: Clock,
    ) -> Result<Self, OpenError> {
        let SignerConfig { environment, keys, chains, assets, caps } = config;
        let policy = Policy::new(keys, chains, assets, &caps)?;
        let nothing = Facts::default();
        let mut known = Overlay::new(&nothing);
        let journal =
            Journal::open(file, &environment, |record, place| known.apply(&record, place))?;
        let mut facts = Facts::default();
        known.into_fresh().absorb_into(&mut facts);
        let state = Mutex::new(State { journal, facts, hearing: Hearing::default(), contexts });
        Ok(Self {
            inner: Arc::new(Inner {
                policy,
                clock,
                monotonic: None,
                doubt: None,
                witness: None,
                page_bytes: PAGE_BYTES_MAX,
                state,
            }),
        })
    }

    /// Measures silence by this clock instead of the wall's.
    #[must_use]
    pub fn with_monotonic(mut self, monotonic: Monotonic) -> Self {
        self.own().monotonic = Some(monotonic);
        self
    }

    /// Signs nothing new while this says that the time may be wrong (case F97).
    #[must_use]
    pub fn with_doubt(mut self, doubt: Doubt) -> Self {
        self.own().doubt = Some(doubt);
        self
    }

    /// Hands on what servers say of the time: a signer in a process of its own has nobody else to
    /// ask.
    #[must_use]
    pub fn with_witness(mut self, witness: Witness) -> Self {
        self.own().witness = Some(witness);
        self
    }

    /// Serves other processes: whom it has not heard since its start may be there all the same, so
    /// that a new incarnation of the store waits from now on as if one had been heard. Without this
    /// the journal's lock proves that nobody else speaks with it.
    #[must_use]
    pub fn serving_others(mut self) -> Self {
        let inner = self.own();
        let now = inner.elapsed();
        inner.state.get_mut().expect("nobody had it yet").hearing = Hearing::listening_since(now);
        self
    }

    /// Tells entries in pages of at most so many bytes, for tests of who reads them.
    #[must_use]
    pub fn with_page_bytes(mut self, bytes: usize) -> Self {
        self.own().page_bytes = bytes;
        self
    }

    /// Draws users' keys and their ids from here, instead of the system's randomness.
    #[must_use]
    pub fn with_randomness(mut self, randomness: Randomness) -> Self {
        self.own().state.get_mut().expect("nobody had it yet").contexts.set_randomness(randomness);
        self
    }

    /// Deletes the key of a user's contexts. What was journalled of their payouts stays, and says
    /// no more whose they were. False where there was none.
    ///
    /// # Errors
    /// [`SignerFault::Journal`] when the keys' file could not be written anew; then it is still
    /// there.
    pub async fn forget_user(&self, user: &UserId) -> Result<bool, SignerFault> {
        let user = user.clone();
        self.run(move |inner| inner.forget_user(&user)).await
    }

    fn own(&mut self) -> &mut Inner {
        Arc::get_mut(&mut self.inner).expect("nothing was asked yet, so nobody shares it")
    }

    /// How far the journal goes, to be noted elsewhere.
    ///
    /// # Errors
    /// [`SignerFault::Journal`] after a panic.
    pub fn tip(&self) -> Result<Tip, SignerFault> {
        Ok(self.inner.lock()?.journal.tip())
    }

    /// Signing and syncing block, so a Tokio runtime gets them on its blocking threads; anywhere
    /// else (a simulator's executor) they run in place.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> Result<T, SignerFault> + Send + 'static,
    ) -> Result<T, SignerFault> {
        let inner = Arc::clone(&self.inner);
        match Handle::try_current() {
            Ok(handle) if handle.runtime_flavor() == RuntimeFlavor::MultiThread => {
                handle.spawn_blocking(move || work(&inner)).await.map_err(|error| {
                    SignerFault::Unreachable { detail: format!("its thread ended: {error}") }
                })?
            }
            Ok(_) | Err(_) => work(&inner),
        }
    }
}

#[async_trait]
impl Signer for LocalSigner {
    async fn journal(&self) -> Result<JournalId, SignerFault> {
        Ok(self.inner.lock()?.journal.id())
    }

    async fn journal_at(&self, records: u64) -> Result<JournalAt, SignerFault> {
        self.run(move |inner| inner.journal_at(records)).await
    }

    async fn attend(&self, presence: &Presence) -> Result<Result<(), Refused>, SignerFault> {
        self.inner.attend(*presence)
    }

    async fn hear_time(&self, now: Timestamp) -> Result<Timestamp, SignerFault> {
        if let Some(witness) = &self.inner.witness {
            witness(now);
        }
        Ok((self.inner.clock)())
    }

    async fn lease(&self, claim: &LeaseClaim) -> Result<Result<(), Refused>, SignerFault> {
        let claim = claim.clone();
        self.run(move |inner| inner.lease(&claim)).await
    }

    async fn open(&self, open: &Open) -> Result<Result<Opening, Refused>, SignerFault> {
        let open = open.clone();
        self.run(move |inner| inner.open(&open)).await
    }

    async fn retire(&self, retire: &Retire) -> Result<Result<(), Refused>, SignerFault> {
        let retire = retire.clone();
        self.run(move |inner| inner.retire(&retire)).await
    }

    async fn standing(&self, payouts: &[PayoutId]) -> Result<Vec<PayoutStanding>, SignerFault> {
        self.inner.standing(payouts)
    }

    async fn lanes(&self) -> Result<Vec<LaneStanding>, SignerFault> {
        self.inner.lanes()
    }

    async fn dry_run(
        &self,
        requests: &[SignRequest],
    ) -> Result<Vec<Result<(), Refused>>, SignerFault> {
        let requests = requests.to_vec();
        self.run(move |inner| inner.dry_run(&requests)).await
    }

    async fn sign(
        &self,
        requests: &[SignRequest],
    ) -> Result<Vec<Result<Signature, Refused>>, SignerFault> {
        let requests = requests.to_vec();
        self.run(move |inner| inner.sign(&requests)).await
    }

    async fn supersede(&self, supersede: &Supersede) -> Result<Result<(), Refused>, SignerFault> {
        let supersede = supersede.clone();
        self.run(move |inner| inner.supersede(&supersede)).await
    }

    async fn teach(
        &self,
        lessons: &[Lesson],
    ) -> Result<Vec<Result<Learned, Refused>>, SignerFault> {
        let lessons = lessons.to_vec();
        self.run(move |inner| inner.teach(&lessons)).await
    }

    async fn entries(
        &self,
        lane: &LaneId,
        from: EntryCursor,
        limit: usize,
    ) -> Result<EntryPage, SignerFault> {
        let lane = lane.clone();
        self.run(move |inner| inner.entries(&lane, from, limit)).await
    }
}

impl Inner {
    /// Judges on what is known, and journals the record that the verdict asks for, if it asks for
    /// one.
    fn journal_one(
        &self,
        judge: impl FnOnce(&Overlay<'_>, &mut Hearing, Timestamp) -> Result<Option<Record>, Refused>,
    ) -> Result<Result<(), Refused>, SignerFault> {
        let mut state = self.lock()?;
        let State { journal, facts, hearing, .. } = &mut *state;
        let mut known = Overlay::new(facts).doubting(self.clock_doubt());
        let at = known.moment((self.clock)());
        let record = match judge(&known, hearing, at) {
            Err(refused) => return Ok(Err(refused)),
            Ok(None) => return Ok(Ok(())),
            Ok(Some(record)) => record,
        };
        let place = journal.stage(&record);
        known.apply(&record, place);
        let fresh = known.into_fresh();
        journal.commit().map_err(unwritten)?;
        fresh.absorb_into(facts);
        Ok(Ok(()))
    }

    fn clock_doubt(&self) -> Option<ClockDoubt> {
        self.doubt.as_ref().and_then(|doubt| doubt())
    }

    fn elapsed(&self) -> Span {
        match &self.monotonic {
            Some(monotonic) => monotonic(),
            None => (self.clock)().since(Timestamp::default()),
        }
    }

    fn lock(&self) -> Result<MutexGuard<'_, State>, SignerFault> {
        let panicked = "an earlier request ended in a panic; restart the signer";
        self.state.lock().map_err(|_| SignerFault::Journal { detail: panicked.to_owned() })
    }
}

fn unwritten(error: io::Error) -> SignerFault {
    SignerFault::Journal { detail: error.to_string() }
}
