//! API keys: `adit_` and 64 hex digits, of which only the SHA-256 is kept.
//!
//! A key that was just looked up is remembered for a few seconds, so that thousands of requests per second do not each read the
//! store. A revoked key therefore works for as long once more.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use adit_core::{Hash32, Span, Timestamp};
use adit_store::{Store, StoreFault};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::Principal;

/// What a key of ours begins with, so that a leaked one is recognised.
pub const TOKEN_PREFIX: &str = "adit_";
/// How long a found credential is not looked up again.
const REMEMBERED_SECONDS: u64 = 5;
/// How many are remembered; beyond that all are looked up again.
const REMEMBERED_MAX: usize = 20_000;

/// Credentials by the hash of their secret.
#[derive(Default)]
pub struct KeyRing {
    known: RwLock<HashMap<Hash32, Known>>,
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
        known.get(&hash).filter(|known| now < known.until).map(|known| known.principal.clone())
    }

    /// Looks the hash up and remembers whom it belongs to. Unknown ones are not remembered: a key works from the moment it is issued.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub async fn look_up(&self, store: &dyn Store, hash: Hash32, now: Timestamp) -> Result<Option<Principal>, StoreFault> {
        let found = store.credential(hash).await?;
        let found = found.filter(|credential| bool::from(credential.hash.0.ct_eq(&hash.0)));
        let principal = found.as_ref().and_then(Principal::of_credential);
        if let Some(principal) = &principal {
            self.remember(hash, principal.clone(), now.plus(Span::from_seconds(REMEMBERED_SECONDS)), now);
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
        assert_eq!(hash_token("abc").to_string(), "0xba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn somebody_is_forgotten_in_time() {
        let (ring, hash, start) = (KeyRing::default(), hash_token("a"), Timestamp::from_seconds(100));
        let ada = Principal::of_user("ada".parse().expect("a user id"));
        ring.remember(hash, ada.clone(), Timestamp::from_seconds(105), start);
        assert_eq!(ring.remembered(hash, Timestamp::from_seconds(104)), Some(ada));
        assert_eq!(ring.remembered(hash, Timestamp::from_seconds(105)), None);
        assert_eq!(ring.remembered(hash_token("b"), start), None);
    }

    #[test]
    fn no_more_than_the_most_are_remembered() {
        let (ring, start) = (KeyRing::default(), Timestamp::from_seconds(100));
        let ada = Principal::of_user("ada".parse().expect("a user id"));
        for number in 0..=REMEMBERED_MAX {
            ring.remember(hash_token(&number.to_string()), ada.clone(), Timestamp::from_seconds(105), start);
        }
        assert!(ring.known.read().expect("nobody panicked").len() <= REMEMBERED_MAX);
    }
}
