//! The signer that has the keys: judges, signs, journals with one sync per batch, and only then answers.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use adit_core::{Epoch, JournalId, LaneId, Timestamp};
use async_trait::async_trait;
use tokio::runtime::{Handle, RuntimeFlavor};

use crate::facts::{Facts, Overlay};
use crate::journal::{DiskFile, Journal, JournalError, JournalFile, Place, Record, Tip};
use crate::judge::{Verdict, check_again, judge, judge_supersede};
use crate::policy::{ConfigError, Policy, SignerConfig};
use crate::{JournalEntry, Refused, SignRequest, Signature, Signer, SignerFault, Supersede};

/// Tells the time. Given from outside, so that a simulator can own it.
pub type Clock = Box<dyn Fn() -> Timestamp + Send + Sync>;

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
    state: Mutex<State>,
}

struct State {
    journal: Journal,
    facts: Facts,
}

impl LocalSigner {
    /// Opens the journal at `path`, or starts one there named `new_id`, and learns everything it says.
    ///
    /// # Errors
    /// [`OpenError`]: a configuration that contradicts itself; a journal that is in use, foreign or damaged.
    pub fn open(config: SignerConfig, path: &Path, new_id: JournalId, clock: Clock) -> Result<Self, OpenError> {
        let file = DiskFile::open_or_create(path, new_id, &config.environment)?;
        Self::with_journal(config, Box::new(file), clock)
    }

    /// The same on any file. An empty one becomes a journal named `new_id`.
    ///
    /// # Errors
    /// As [`LocalSigner::open`].
    pub fn with_file(config: SignerConfig, mut file: Box<dyn JournalFile>, new_id: JournalId, clock: Clock) -> Result<Self, OpenError> {
        if file.bytes().map_err(JournalError::unusable)? == 0 {
            file = Journal::start(file, new_id, &config.environment).map_err(JournalError::unusable)?.into_file();
        }
        Self::with_journal(config, file, clock)
    }

    /// Here an empty file is damage: whoever emptied it made the signer forget.
    fn with_journal(config: SignerConfig, file: Box<dyn JournalFile>, clock: Clock) -> Result<Self, OpenError> {
        let SignerConfig { environment, keys, chains, assets, caps } = config;
        let policy = Policy::new(keys, chains, assets, &caps)?;
        let nothing = Facts::default();
        let mut known = Overlay::new(&nothing);
        let journal = Journal::open(file, &environment, |record, place| known.apply(&record, place))?;
        let mut facts = Facts::default();
        known.into_fresh().absorb_into(&mut facts);
        Ok(Self { inner: Arc::new(Inner { policy, clock, state: Mutex::new(State { journal, facts }) }) })
    }

    /// How far the journal goes, to be noted elsewhere.
    ///
    /// # Errors
    /// [`SignerFault::Journal`] after a panic.
    pub fn tip(&self) -> Result<Tip, SignerFault> {
        Ok(self.inner.lock()?.journal.tip())
    }

    /// Signing and syncing block, so a Tokio runtime gets them on its blocking threads; anywhere else (a simulator's
    /// executor) they run in place.
    async fn run<T: Send + 'static>(&self, work: impl FnOnce(&Inner) -> Result<T, SignerFault> + Send + 'static) -> Result<T, SignerFault> {
        let inner = Arc::clone(&self.inner);
        match Handle::try_current() {
            Ok(handle) if handle.runtime_flavor() == RuntimeFlavor::MultiThread => handle
                .spawn_blocking(move || work(&inner))
                .await
                .map_err(|error| SignerFault::Unreachable { detail: format!("its thread ended: {error}") })?,
            Ok(_) | Err(_) => work(&inner),
        }
    }
}

#[async_trait]
impl Signer for LocalSigner {
    async fn journal(&self) -> Result<JournalId, SignerFault> {
        Ok(self.inner.lock()?.journal.id())
    }

    async fn dry_run(&self, requests: &[SignRequest]) -> Result<Vec<Result<(), Refused>>, SignerFault> {
        let requests = requests.to_vec();
        self.run(move |inner| inner.dry_run(&requests)).await
    }

    async fn sign(&self, requests: &[SignRequest]) -> Result<Vec<Result<Signature, Refused>>, SignerFault> {
        let requests = requests.to_vec();
        self.run(move |inner| inner.sign(&requests)).await
    }

    async fn supersede(&self, supersede: &Supersede) -> Result<Result<(), Refused>, SignerFault> {
        let supersede = supersede.clone();
        self.run(move |inner| inner.supersede(&supersede)).await
    }

    async fn entries(&self, lane: &LaneId, from_nonce: u64, limit: usize) -> Result<Vec<JournalEntry>, SignerFault> {
        let lane = lane.clone();
        self.run(move |inner| inner.entries(&lane, from_nonce, limit)).await
    }
}

impl Inner {
    fn sign(&self, requests: &[SignRequest]) -> Result<Vec<Result<Signature, Refused>>, SignerFault> {
        let mut state = self.lock()?;
        let State { journal, facts } = &mut *state;
        let mut known = Overlay::new(facts);
        let at = known.moment((self.clock)());
        let answers = requests.iter().map(|request| self.sign_one(journal, &mut known, request, at)).collect::<Result<Vec<_>, _>>();
        let answers = answers.inspect_err(|_| journal.discard())?;
        self.note_epochs(journal, &mut known, requests.iter().map(|request| (&request.lane, request.epoch)), at);
        let fresh = known.into_fresh();
        journal.commit().map_err(unwritten)?;
        fresh.absorb_into(facts);
        Ok(answers)
    }

    /// Stages what it signs. The fault is a journal that cannot be read.
    fn sign_one(
        &self,
        journal: &mut Journal,
        known: &mut Overlay<'_>,
        request: &SignRequest,
        at: Timestamp,
    ) -> Result<Result<Signature, Refused>, SignerFault> {
        let checked = match judge(&self.policy, known, request, at) {
            Err(refused) => return Ok(Err(refused)),
            Ok(Verdict::Again { place }) => return again(journal, place, request),
            Ok(Verdict::Sign(checked)) => checked,
        };
        let signed = match checked.sign() {
            Err(refused) => return Ok(Err(refused)),
            Ok(signed) => signed,
        };
        let record = Record::Signed { at, entry: JournalEntry { request: request.clone(), signed: signed.clone() } };
        let place = journal.stage(&record);
        known.apply(&record, place);
        Ok(Ok(Signature { attempt: request.attempt, signed }))
    }

    fn dry_run(&self, requests: &[SignRequest]) -> Result<Vec<Result<(), Refused>>, SignerFault> {
        let mut state = self.lock()?;
        let State { journal, facts } = &mut *state;
        let mut known = Overlay::new(facts);
        let at = known.moment((self.clock)());
        requests.iter().map(|request| self.try_one(journal, &mut known, request, at)).collect()
    }

    fn try_one(
        &self,
        journal: &mut Journal,
        known: &mut Overlay<'_>,
        request: &SignRequest,
        at: Timestamp,
    ) -> Result<Result<(), Refused>, SignerFault> {
        match judge(&self.policy, known, request, at) {
            Err(refused) => Ok(Err(refused)),
            Ok(Verdict::Again { place }) if place == NOWHERE => Ok(Ok(())),
            Ok(Verdict::Again { place }) => Ok(again(journal, place, request)?.map(drop)),
            Ok(Verdict::Sign(_)) => {
                known.apply_signed(at, request, NOWHERE);
                Ok(Ok(()))
            }
        }
    }

    fn supersede(&self, supersede: &Supersede) -> Result<Result<(), Refused>, SignerFault> {
        let mut state = self.lock()?;
        let State { journal, facts } = &mut *state;
        let mut known = Overlay::new(facts);
        let at = known.moment((self.clock)());
        let verdict = judge_supersede(&self.policy, &known, supersede);
        if let Ok(true) = verdict {
            let record = Record::Superseded { at, supersede: supersede.clone() };
            let place = journal.stage(&record);
            known.apply(&record, place);
        }
        self.note_epochs(journal, &mut known, [(&supersede.lane, supersede.epoch)], at);
        let fresh = known.into_fresh();
        journal.commit().map_err(unwritten)?;
        fresh.absorb_into(facts);
        Ok(verdict.map(drop))
    }

    fn entries(&self, lane: &LaneId, from_nonce: u64, limit: usize) -> Result<Vec<JournalEntry>, SignerFault> {
        let mut state = self.lock()?;
        let State { journal, facts } = &mut *state;
        let places = facts.signed_from(lane, from_nonce, limit);
        places.into_iter().map(|place| entry(journal, place)).collect()
    }

    /// A newer lease that signed nothing still makes the older one stale, after a restart too (rule R7).
    fn note_epochs<'a>(
        &self,
        journal: &mut Journal,
        known: &mut Overlay<'_>,
        seen: impl IntoIterator<Item = (&'a LaneId, Epoch)>,
        at: Timestamp,
    ) {
        let mut newest: BTreeMap<&LaneId, Epoch> = BTreeMap::new();
        for (lane, epoch) in seen {
            let kept = newest.entry(lane).or_default();
            *kept = epoch.max(*kept);
        }
        for (lane, epoch) in newest {
            if epoch > known.epoch(lane) && self.policy.lane(lane).is_some() {
                let record = Record::Epoch { at, lane: lane.clone(), epoch };
                let place = journal.stage(&record);
                known.apply(&record, place);
            }
        }
    }

    fn lock(&self) -> Result<MutexGuard<'_, State>, SignerFault> {
        let panicked = "an earlier request ended in a panic; restart the signer";
        self.state.lock().map_err(|_| SignerFault::Journal { detail: panicked.to_owned() })
    }
}

/// The place of what a dry run would have signed: before the header, where no record is.
const NOWHERE: Place = Place { offset: 0, bytes: 0 };

/// The journalled bytes, if it is the journalled request.
fn again(journal: &mut Journal, place: Place, request: &SignRequest) -> Result<Result<Signature, Refused>, SignerFault> {
    let entry = entry(journal, place)?;
    Ok(check_again(&entry.request, request).map(|()| Signature { attempt: request.attempt, signed: entry.signed }))
}

fn entry(journal: &mut Journal, place: Place) -> Result<JournalEntry, SignerFault> {
    match journal.read(place).map_err(unwritten)? {
        Record::Signed { entry, .. } => Ok(entry),
        Record::Superseded { .. } | Record::Epoch { .. } => Err(SignerFault::Journal { detail: "a line of it changed on disk".to_owned() }),
    }
}

fn unwritten(error: io::Error) -> SignerFault {
    SignerFault::Journal { detail: error.to_string() }
}
