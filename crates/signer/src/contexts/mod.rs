//! What a payout's transaction does not say, sealed in the journal under a key per user (case F95).
//!
//! The keys stand in a file of their own. Whoever is forgotten loses their key there, and what the
//! journal has of them is noise from then on. Nothing here keeps the signer from signing what was
//! journalled before: a key that is lost costs a context, never a payment. A key is on disk before
//! anything that it seals.

mod compact;
mod file;
mod key;
mod sealed;

use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use adit_core::{PayoutContext, PayoutId, UserId};

use self::key::UserKey;
use crate::SignRequest;

pub use self::file::ContextFile;
pub(crate) use self::file::DiskContexts;
pub use self::key::KeyId;
pub use self::sealed::{CONTEXT_BYTES_MAX, SealedContext};

/// Fills a buffer with randomness. Given from outside where a simulator owns it.
pub type Randomness = Box<dyn FnMut(&mut [u8]) -> io::Result<()> + Send>;

/// The keys of all users, and their file.
pub(crate) struct Contexts {
    /// None where it could not be opened: nothing is sealed then, and nothing opened.
    file: Option<Box<dyn ContextFile>>,
    randomness: Randomness,
    keys: HashMap<KeyId, Arc<UserKey>>,
    newest: HashMap<UserId, Arc<UserKey>>,
    /// Drawn, and not on disk yet.
    drawn: Vec<Arc<UserKey>>,
    /// What is on disk for sure, in bytes.
    durable: u64,
    /// The file's last line was cut short, or may have been.
    is_torn: bool,
}

impl Contexts {
    /// Reads the keys. What cannot be read is told in the log, and does without.
    pub(crate) fn open(file: io::Result<Box<dyn ContextFile>>) -> Self {
        let read = file.and_then(|mut file| file.read().map(|bytes| (file, bytes)));
        let (file, bytes) = match read {
            Ok((file, bytes)) => (Some(file), bytes),
            Err(error) => {
                tracing::warn!(
                    %error,
                    "the keys of the payments' contexts cannot be read; what a lost database knew is not told from the journal"
                );
                (None, Vec::new())
            }
        };
        let randomness =
            Box::new(|bytes: &mut [u8]| getrandom::fill(bytes).map_err(io::Error::other));
        let is_torn = bytes.last().is_some_and(|last| *last != b'\n');
        let mut contexts = Self {
            file,
            randomness,
            keys: HashMap::new(),
            newest: HashMap::new(),
            drawn: Vec::new(),
            durable: wide(&bytes),
            is_torn,
        };
        let mut damaged = 0;
        for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            match UserKey::parse(line) {
                Some(key) => contexts.learn(&Arc::new(key)),
                None => damaged += 1,
            }
        }
        if damaged > 0 {
            tracing::warn!(
                lines = damaged,
                "keys of the payments' contexts are damaged or were cut short; what they seal \
                 stays sealed"
            );
        }
        contexts
    }

    pub(crate) fn set_randomness(&mut self, randomness: Randomness) {
        self.randomness = randomness;
    }

    /// Seals the contexts of the payouts that are paid. Their keys are on disk after
    /// [`Contexts::commit`] only.
    ///
    /// # Errors
    /// When there is no randomness.
    pub(crate) fn seal(&mut self, request: &SignRequest) -> io::Result<Vec<SealedContext>> {
        let of = |payout: PayoutId| {
            request
                .contexts
                .iter()
                .find(|(of, _)| *of == payout)
                .map(|(_, context)| (payout, context))
        };
        let contexts: Vec<_> =
            request.approved.iter().filter_map(|approved| of(approved.payout)).collect();
        if contexts.is_empty() || self.file.is_none() {
            return Ok(Vec::new());
        }
        contexts
            .into_iter()
            .map(|(payout, context)| {
                Ok(sealed::seal(&*self.key_of(&context.user)?, payout, context))
            })
            .collect()
    }

    /// The contexts that can be opened.
    pub(crate) fn unseal(&self, sealed: &[SealedContext]) -> Vec<(PayoutId, PayoutContext)> {
        let open = |context: &SealedContext| {
            Some((context.payout, sealed::open(self.keys.get(&context.key)?, context)?))
        };
        sealed.iter().filter_map(open).collect()
    }

    /// Makes the keys durable that were drawn: all of them, or the file is cut back to what it had.
    /// So a user's name or secret stands in no line that nobody knows of, where an erasure would
    /// not find it.
    ///
    /// # Errors
    /// When they could not be written: what they seal must not be journalled.
    pub(crate) fn commit(&mut self) -> io::Result<()> {
        let drawn = std::mem::take(&mut self.drawn);
        let Some(file) = self.file.as_mut().filter(|_| !drawn.is_empty()) else { return Ok(()) };
        let mut lines =
            zeroize::Zeroizing::new(if self.is_torn { "\n".to_owned() } else { String::new() });
        drawn.iter().for_each(|key| lines.push_str(&key.line()));
        let written = file.append(lines.as_bytes());
        match &written {
            Ok(()) => (self.durable, self.is_torn) = (self.durable + wide(lines.as_bytes()), false),
            Err(_) => {
                // Where not even the cut succeeds, the next line begins behind whatever is there.
                self.is_torn |= file.truncate(self.durable).is_err();
                self.unlearn(&drawn);
            }
        }
        written
    }

    /// Forgets the keys that were drawn.
    pub(crate) fn discard(&mut self) {
        let drawn = std::mem::take(&mut self.drawn);
        self.unlearn(&drawn);
    }

    /// Deletes a user's keys: what they seal is never opened again. False where there was none.
    /// What a crash or a failing disk left at the file's end may be a part of one, so that goes
    /// too.
    ///
    /// # Errors
    /// When the file could not be written anew; then they are still there.
    pub(crate) fn forget(&mut self, user: &UserId) -> io::Result<bool> {
        let is_known = self.keys.values().any(|key| key.user == *user);
        let Some(file) = self.file.as_mut().filter(|_| is_known || self.is_torn) else {
            return Ok(false);
        };
        let mut lines = zeroize::Zeroizing::new(String::new());
        self.keys
            .values()
            .filter(|key| key.user != *user)
            .for_each(|key| lines.push_str(&key.line()));
        file.replace(lines.as_bytes())?;
        (self.durable, self.is_torn) = (wide(lines.as_bytes()), false);
        self.keys.retain(|_, key| key.user != *user);
        self.newest.remove(user);
        Ok(is_known)
    }

    fn key_of(&mut self, user: &UserId) -> io::Result<Arc<UserKey>> {
        if let Some(key) = self.newest.get(user) {
            return Ok(Arc::clone(key));
        }
        let key = Arc::new(UserKey::draw(user, &mut *self.randomness)?);
        self.learn(&key);
        self.drawn.push(Arc::clone(&key));
        Ok(key)
    }

    fn learn(&mut self, key: &Arc<UserKey>) {
        self.keys.insert(key.id, Arc::clone(key));
        self.newest.insert(key.user.clone(), Arc::clone(key));
    }

    fn unlearn(&mut self, drawn: &[Arc<UserKey>]) {
        for key in drawn {
            self.keys.remove(&key.id);
            self.newest.remove(&key.user);
        }
    }
}

fn wide(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).expect("usize has at most 64 bits")
}
