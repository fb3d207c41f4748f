//! API keys: `adit_` and 64 hex digits, of which only the SHA-256 is kept.
//!
//! A key that was just looked up is remembered for a few seconds, so that thousands of requests per
//! second do not each read the store. A key that another server revoked therefore works for as long
//! once more. Live connections learn of it by a look of their own.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError, RwLock};

use adit_core::{CredentialId, Hash32, Span, Timestamp};
use adit_store::{CredentialFilter, Store, StoreFault};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::Principal;

/// What a key of ours begins with, so that a leaked one is recognised.
pub const TOKEN_PREFIX: &str = "adit_";
/// How long a found credential is not looked up again.
const REMEMBERED_SECONDS: u64 = 5;
/// How many are remembered; beyond that all are looked up again.
const REMEMBERED_MAX: usize = 20_000;

/// Between two looks at what other servers revoked. A connection ends within a minute of it.
pub(crate) const LOOK_SECONDS: u64 = 20;
/// Every so many looks, what was used is written down.
pub(crate) const LOOKS_A_NOTE: u32 = 3;
const MINUTE_MICROS: i64 = 60_000_000;
/// How far back a look goes: another server's clock may be behind, and a look may fail.
const LOOK_BACK: Span = Span::from_seconds(24 * 3_600);
/// Revoked keys that a look reads.
const REVOKED_MAX: usize = 10_000;

/// Credentials by the hash of their secret.
#[derive(Default)]
pub struct KeyRing {
    known: RwLock<HashMap<Hash32, Known>>,
    revoked: RwLock<BTreeMap<CredentialId, Timestamp>>,
    /// Since the last note.
    used: Mutex<BTreeMap<CredentialId, Timestamp>>,
}

#[derive(Clone)]
struct Known {
    principal: Principal,
    until: Timestamp,
}

/// What is stored of a token.
pub fn hash_token(token: &str) -> Hash32 {
    Hash32(Sha256::digest(token.as_bytes()).into())
}

/// The token that is shown once.
pub fn new_token(secret: [u8; 32]) -> String {
    format!("{TOKEN_PREFIX}{}", hex::encode(secret))
}

impl KeyRing {
    /// Whoever was found with this hash a moment ago.
    pub fn remembered(&self, hash: Hash32, now: Timestamp) -> Option<Principal> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let principal =
            known.get(&hash).filter(|known| now < known.until).map(|known| known.principal.clone());
        principal.inspect(|principal| self.use_of(principal, now))
    }

    /// Whether this server knows that the key was revoked.
    pub fn is_revoked(&self, key: CredentialId) -> bool {
        self.revoked.read().unwrap_or_else(PoisonError::into_inner).contains_key(&key)
    }

    /// Refuses a key from now on.
    pub fn revoke(&self, key: CredentialId, at: Timestamp) {
        self.revoked.write().unwrap_or_else(PoisonError::into_inner).insert(key, at);
        self.known
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|_, known| known.principal.key != Some(key));
    }

    /// Learns what other servers revoked.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub async fn look(&self, store: &dyn Store, now: Timestamp) -> Result<(), StoreFault> {
        let revoked_since = Some(now.minus(LOOK_BACK));
        let filter = CredentialFilter { revoked_since, ..CredentialFilter::default() };
        let found = store.credentials(&filter, None, REVOKED_MAX).await?;
        self.revoked
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|_, at| revoked_since.is_some_and(|since| *at >= since));
        for record in found.into_iter().filter(|record| !self.is_revoked(record.credential.id)) {
            self.revoke(record.credential.id, now);
        }
        Ok(())
    }

    /// Writes down when keys were used. What cannot be written now is written with the next note.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub async fn note(&self, store: &dyn Store) -> Result<(), StoreFault> {
        let used = std::mem::take(&mut *self.used.lock().unwrap_or_else(PoisonError::into_inner));
        if used.is_empty() {
            return Ok(());
        }
        let noted = store.note_used(&used).await;
        if noted.is_err() {
            let mut since = self.used.lock().unwrap_or_else(PoisonError::into_inner);
            for (id, at) in used {
                since.entry(id).or_insert(at);
            }
        }
        noted
    }

    fn use_of(&self, principal: &Principal, now: Timestamp) {
        let Some(key) = principal.key else { return };
        let minute = Timestamp::from_micros(now.micros() - now.micros().rem_euclid(MINUTE_MICROS));
        self.used.lock().unwrap_or_else(PoisonError::into_inner).insert(key, minute);
    }

    /// Looks the hash up and remembers whom it belongs to. Unknown ones are not remembered: a key
    /// works from the moment it is issued.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub async fn look_up(
        &self,
        store: &dyn Store,
        hash: Hash32,
        now: Timestamp,
    ) -> Result<Option<Principal>, StoreFault> {
        let found = store.credential(hash).await?;
        let found = found.filter(|credential| bool::from(credential.hash.0.ct_eq(&hash.0)));
        let principal =
            found.as_ref().and_then(|credential| Principal::of_credential(credential, now));
        if let Some(principal) = &principal {
            let until = now.plus(Span::from_seconds(REMEMBERED_SECONDS));
            self.remember(
                hash,
                principal.clone(),
                principal.ends.map_or(until, |end| end.min(until)),
                now,
            );
            self.use_of(principal, now);
        }
        Ok(principal)
    }

    /// Remembers somebody until then.
    pub fn remember(&self, hash: Hash32, principal: Principal, until: Timestamp, now: Timestamp) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED_MAX {
            known.retain(|_, known| now < known.until);
        }
        if known.len() >= REMEMBERED_MAX {
            known.clear();
        }
        known.insert(hash, Known { principal, until });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_hashed_and_shaped() {
        let token = new_token([7; 32]);
        assert_eq!((token.len(), token.starts_with("adit_0707")), (69, true));
        // FIPS 180-2, "abc".
        assert_eq!(
            hash_token("abc").to_string(),
            "0xba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn somebody_is_forgotten_in_time() {
        let (ring, hash, start) =
            (KeyRing::default(), hash_token("a"), Timestamp::from_seconds(100));
        let ada = Principal::of_user("ada".parse().expect("a user id"), None);
        ring.remember(hash, ada.clone(), Timestamp::from_seconds(105), start);
        assert_eq!(ring.remembered(hash, Timestamp::from_seconds(104)), Some(ada));
        assert_eq!(ring.remembered(hash, Timestamp::from_seconds(105)), None);
        assert_eq!(ring.remembered(hash_token("b"), start), None);
    }

    #[test]
    fn no_more_than_the_most_are_remembered() {
        let (ring, start) = (KeyRing::default(), Timestamp::from_seconds(100));
        let ada = Principal::of_user("ada".parse().expect("a user id"), None);
        for number in 0..=REMEMBERED_MAX {
            ring.remember(
                hash_token(&number.to_string()),
                ada.clone(),
                Timestamp::from_seconds(105),
                start,
            );
        }
        assert!(ring.known.read().expect("nobody panicked").len() <= REMEMBERED_MAX);
    }
}
