//! Tries whether a store keeps the conditions of a write. One that ignores them would let an old
//! writer overwrite a newer one, and the witness would say what that one knew.
//!
//! It is tried at an object of its own, beside the witness, which stays there.

use std::time::Duration;

use adit_engine::Entropy as _;
use uuid::Uuid;

use super::request::Condition;
use super::store::{Fault, Found, Store, Written};
use super::{PAUSE_MILLIS, PUTS_MAX, pause};
use crate::world::SystemEntropy;

/// The name of the tried object is the key of the witness with this.
const SUFFIX: &str = ".probe";
/// An `ETag` of no object. Real ones are digests of content, or a count.
const NOBODYS_ETAG: &str = "\"00000000000000000000000000000000\"";
/// Other servers prove the same at the same object, and each write of theirs makes ours fail.
const TRIES_MAX: u32 = 10;

/// The result of the trial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    Keeps,
    /// It does not, in words.
    Fails(String),
}

/// Tries the conditions of a store.
///
/// # Errors
/// When it gives no answer that proves either.
pub async fn of(store: &Store, key: &str) -> Result<Proof, Fault> {
    let trial = Trial {
        store,
        key: format!("{key}{SUFFIX}"),
        run: uuid::Builder::from_random_bytes(SystemEntropy.bytes()).into_uuid(),
    };
    let fails = trial.failure().await?;
    Ok(fails.map_or(Proof::Keeps, |wrong| {
        Proof::Fails(format!(
            "{} {wrong}; a witness needs conditional writes (If-None-Match: * and If-Match): use \
             another store, or witness.file",
            store.place(&trial.key)
        ))
    }))
}

struct Trial<'a> {
    store: &'a Store,
    key: String,
    /// So that what this one wrote is told from what others did.
    run: Uuid,
}

impl Trial<'_> {
    /// Returns what the store did wrong. After each write that it refused, what it shows is read:
    /// it may have written all the same.
    async fn failure(&self) -> Result<Option<&'static str>, Fault> {
        const WRITES_WHAT_IT_REFUSES: &str =
            "was overwritten by a write that was answered with 412";
        self.put("there", &Condition::Absent).await?;
        if self.put("overwritten", &Condition::Absent).await? == Written::Done {
            return Ok(Some("was overwritten by a write that allowed no object there"));
        }
        if self.shown().await?.is_some_and(|found| found.text == self.text("overwritten")) {
            return Ok(Some(WRITES_WHAT_IT_REFUSES));
        }
        for tried in 0..TRIES_MAX {
            if self.put("unmatched", &Condition::Is(NOBODYS_ETAG.to_owned())).await?
                == Written::Done
            {
                return Ok(Some("was overwritten by a write that named another version"));
            }
            let Some(before) = self.shown().await? else {
                return Ok(Some("was said to be there, and is not shown"));
            };
            if before.text == self.text("unmatched") {
                return Ok(Some(WRITES_WHAT_IT_REFUSES));
            }
            let written = self.put("matched", &Condition::Is(before.etag)).await?;
            let after = self.shown().await?.map(|found| found.text).unwrap_or_default();
            match written {
                Written::Done if after == before.text => {
                    return Ok(Some("does not show what was written"));
                }
                Written::Done => return Ok(None),
                Written::Refused | Written::Conflict if after == self.text("matched") => {
                    return Ok(Some(WRITES_WHAT_IT_REFUSES));
                }
                // Another server proves it just now.
                Written::Refused | Written::Conflict => {
                    tokio::time::sleep(Duration::from_millis(PAUSE_MILLIS) * (tried % 3)).await;
                }
            }
        }
        Err(Fault::Passing("it refuses every write that names the version it shows".to_owned()))
    }

    async fn shown(&self) -> Result<Option<Found>, Fault> {
        self.store.get(&self.key).await
    }

    /// A conflict is repeated, as S3 asks for.
    async fn put(&self, what: &str, condition: &Condition) -> Result<Written, Fault> {
        for _ in 0..PUTS_MAX {
            match self.store.put(&self.key, &self.text(what), condition).await? {
                Written::Conflict => pause().await,
                written @ (Written::Done | Written::Refused) => return Ok(written),
            }
        }
        Err(Fault::Passing("it answers 409 again and again".to_owned()))
    }

    fn text(&self, what: &str) -> String {
        format!("adit witness probe {} {what}\n", self.run)
    }
}
