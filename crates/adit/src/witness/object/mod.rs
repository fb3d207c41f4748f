//! The third witness as an object in a store that speaks the S3 protocol (case F91): written only
//! in the place of what was read, which the store itself checks.

mod proof;
mod request;
mod store;

use std::time::Duration;

use adit_engine::{AnchoredClock, ThirdWitness, WitnessFault};
use anyhow::Result;
use async_trait::async_trait;
use tokio::sync::OnceCell;

use crate::config::WitnessObject;

pub use proof::Proof;
use request::Condition;
use store::{Fault, Store, Written};

/// Of a server's lanes an object has some hundred bytes each.
const OBJECT_BYTES_MAX: usize = 64 * 1024;
/// From the first byte sent to the last byte read. A read and a write take two requests, a few
/// milliseconds each.
const REQUEST_MILLIS_MAX: u64 = 3_000;
/// Everything that one read or write of the witness does.
const WHOLE_MILLIS_MAX: u64 = 10_000;
/// A write whose answer is lost or that conflicts is repeated, under the same condition.
const PUTS_MAX: usize = 3;
const PAUSE_MILLIS: u64 = 200;

/// One object of one bucket.
pub struct ObjectWitness {
    store: Store,
    key: String,
    /// The result of the trial, once there is one. A store that failed is not tried again.
    proof: OnceCell<Proof>,
}

impl ObjectWitness {
    /// # Errors
    /// When no HTTP client can be made, or the endpoint is none.
    pub fn new(object: &WitnessObject, clock: AnchoredClock) -> Result<Self> {
        Self::within(object, clock, Duration::from_millis(REQUEST_MILLIS_MAX))
    }

    /// The same, with another bound on a request.
    pub(super) fn within(
        object: &WitnessObject,
        clock: AnchoredClock,
        request_max: Duration,
    ) -> Result<Self> {
        Ok(Self {
            store: Store::new(object, clock, request_max)?,
            key: object.key.clone(),
            proof: OnceCell::new(),
        })
    }

    /// Asks the store once whether it keeps the conditions of a write.
    ///
    /// # Errors
    /// When it cannot be asked now.
    pub async fn prove(&self) -> Result<Proof, WitnessFault> {
        self.bounded(self.proved()).await
    }

    async fn proved(&self) -> Result<Proof, Fault> {
        self.proof.get_or_try_init(|| proof::of(&self.store, &self.key)).await.cloned()
    }

    /// A store that overwrites what it should not is never read, since what it holds may be
    /// anybody's.
    async fn keeps_conditions(&self) -> Result<(), Fault> {
        match self.proved().await? {
            Proof::Keeps => Ok(()),
            Proof::Fails(sentence) => Err(Fault::Final(sentence)),
        }
    }

    async fn held(&self) -> Result<Option<String>, Fault> {
        self.keeps_conditions().await?;
        Ok(self.store.get(&self.key).await?.map(|found| found.text))
    }

    /// Each write is followed by a read, unless the store said that it is done: the answer of an
    /// earlier one may be lost, and another may have written. Where the text is found that was to
    /// be written, it is: no two leases write the same one.
    async fn replace(&self, was: Option<&str>, text: &str) -> Result<bool, Fault> {
        self.keeps_conditions().await?;
        let mut last = Fault::Passing("it refuses to replace what it shows".to_owned());
        for puts in 0..=PUTS_MAX {
            let found = self.store.get(&self.key).await?;
            let held = found.as_ref().map(|found| found.text.as_str());
            if puts > 0 && held == Some(text) {
                return Ok(true);
            }
            if held != was {
                return Ok(false);
            }
            if puts == PUTS_MAX {
                break;
            }
            let condition = found.map_or(Condition::Absent, |found| Condition::Is(found.etag));
            match self.store.put(&self.key, text, &condition).await {
                Ok(Written::Done) => return Ok(true),
                Ok(Written::Refused) => {}
                Ok(Written::Conflict) => pause().await,
                Err(fault @ Fault::Passing(_)) => {
                    last = fault;
                    pause().await;
                }
                Err(fault @ Fault::Final(_)) => return Err(fault),
            }
        }
        Err(last)
    }

    async fn bounded<T>(
        &self,
        work: impl Future<Output = Result<T, Fault>>,
    ) -> Result<T, WitnessFault> {
        let whole = Duration::from_millis(WHOLE_MILLIS_MAX);
        let done = tokio::time::timeout(whole, work).await;
        let done = done.unwrap_or_else(|_| {
            Err(Fault::Passing(format!("no full answer in {} s", whole.as_secs())))
        });
        done.map_err(|fault| WitnessFault {
            detail: format!("{}: {fault}", self.store.place(&self.key)),
        })
    }
}

#[async_trait]
impl ThirdWitness for ObjectWitness {
    async fn read(&self) -> Result<Option<String>, WitnessFault> {
        self.bounded(self.held()).await
    }

    async fn write(&self, was: Option<&str>, text: &str) -> Result<bool, WitnessFault> {
        if text.len() > OBJECT_BYTES_MAX {
            let detail = format!(
                "it is to hold {} bytes, and {OBJECT_BYTES_MAX} are allowed; set witness.file \
                 instead",
                text.len()
            );
            return Err(WitnessFault { detail });
        }
        self.bounded(self.replace(was, text)).await
    }
}

async fn pause() {
    tokio::time::sleep(Duration::from_millis(PAUSE_MILLIS)).await;
}
