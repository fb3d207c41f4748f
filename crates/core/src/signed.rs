//! Bytes that may be known to anybody, and what became of sending them.

use serde::{Deserialize, Serialize};

use crate::{Bytes, EndpointName, Hash32};

/// What a PSBT begins with, and no transaction does (BIP-174).
const PSBT_MAGIC: [u8; 5] = *b"psbt\xff";

/// Signed bytes and their hash, as recorded before anything leaves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signed {
    /// What can be sent. Where others sign besides us and not enough of them have, a PSBT with the
    /// signatures so far: whoever is given it may finish it and send it without us.
    pub raw: Bytes,
    /// Computed here, never taken from a node.
    pub hash: Hash32,
}

impl Signed {
    /// Whether it waits for the signatures of others, and cannot be sent yet.
    pub fn lacks_signatures(&self) -> bool {
        self.raw.0.starts_with(&PSBT_MAGIC)
    }
}

/// What one endpoint answered to a send. It never changes a state; it explains.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submission {
    pub endpoint: EndpointName,
    pub answer: SubmissionAnswer,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "answer")]
pub enum SubmissionAnswer {
    Accepted,
    AlreadyKnown,
    /// An error answer, which the bytes may have survived.
    Refused {
        text: String,
    },
    /// Time-out, closed connection, garbage.
    Unclear {
        text: String,
    },
}
