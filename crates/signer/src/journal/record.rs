//! What stands in a journal.

use std::fmt;

use adit_core::{Epoch, JournalId, LaneId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::contexts::SealedContext;
use crate::{JournalEntry, LeaseClaim, Open, Retire, Supersede};

const FORMAT: &str = "adit signer journal";
/// What a new journal is written in.
const VERSION: u32 = 2;
/// Before stores had incarnations. It is read, and goes on in [`VERSION`].
const VERSION_BEFORE: u32 = 1;
const ENVIRONMENT_BYTES_MAX: usize = 64;

/// The first line of a journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    pub format: String,
    pub version: u32,
    pub journal: JournalId,
    /// A staging clone that carries the production key does not carry its environment (window F24).
    pub environment: EnvironmentId,
}

/// One thing that the signer did or learned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "record")]
pub enum Record {
    /// An attempt was signed. Its request's contexts stand sealed beside it, never in it.
    Signed {
        at: Timestamp,
        entry: JournalEntry,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        sealed: Vec<SealedContext>,
    },
    /// A payout may live in another lineage.
    Superseded { at: Timestamp, supersede: Supersede },
    /// A newer lease was seen, by a request that left nothing else. Only where no store has leased.
    Epoch { at: Timestamp, lane: LaneId, epoch: Epoch },
    /// A lease was taken, and with it the store's life that may lease from then on.
    Lease { at: Timestamp, claim: LeaseClaim },
    /// A lane started for the first time, and its book began with what the chain said.
    Opened { at: Timestamp, open: Open },
    /// A payout is never signed again.
    Retired { at: Timestamp, retire: Retire },
    /// A journal of an older format goes on in this one. An older build does not know this record,
    /// and so does not misread those after.
    Format { version: u32 },
}

/// Which installation this is, as its operator named it: 1 to 64 visible ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EnvironmentId(String);

/// Why a text does not name an environment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "an environment is named by 1 to {ENVIRONMENT_BYTES_MAX} visible ASCII characters, and this is \
     {got:?}; choose another name"
)]
pub struct EnvironmentError {
    got: String,
}

impl EnvironmentId {
    /// # Errors
    /// [`EnvironmentError`] when the text is empty, too long or has other characters.
    pub fn new(text: impl Into<String>) -> Result<Self, EnvironmentError> {
        let text = text.into();
        if text.is_empty()
            || text.len() > ENVIRONMENT_BYTES_MAX
            || !text.chars().all(|c| c.is_ascii_graphic())
        {
            return Err(EnvironmentError {
                got: text.chars().take(ENVIRONMENT_BYTES_MAX).collect(),
            });
        }
        Ok(Self(text))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EnvironmentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for EnvironmentId {
    type Error = EnvironmentError;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::new(text)
    }
}

impl From<EnvironmentId> for String {
    fn from(id: EnvironmentId) -> Self {
        id.0
    }
}

impl Record {
    /// What a journal of an older format has before anything that is written in this one.
    pub(crate) fn continued() -> Self {
        Self::Format { version: VERSION }
    }

    /// Returns whether this build reads what follows.
    pub(crate) fn is_ours(&self) -> bool {
        match self {
            Self::Format { version } => *version <= VERSION,
            Self::Signed { .. }
            | Self::Superseded { .. }
            | Self::Epoch { .. }
            | Self::Lease { .. }
            | Self::Opened { .. }
            | Self::Retired { .. } => true,
        }
    }
}

impl Header {
    pub(crate) fn new(journal: JournalId, environment: EnvironmentId) -> Self {
        Self { format: FORMAT.to_owned(), version: VERSION, journal, environment }
    }

    /// Returns whether this build can read what follows.
    pub(crate) fn is_ours(&self) -> bool {
        self.format == FORMAT && (VERSION_BEFORE..=VERSION).contains(&self.version)
    }

    /// Returns whether an older build would read what follows.
    pub(crate) fn is_older(&self) -> bool {
        self.version < VERSION
    }
}
