//! A third place that says how far database and journal were, apart from both: what a snapshot of
//! the two sets back, it still knows (case F91).
//!
//! Its content is text with a format line. Whatever else is found there belongs to somebody else,
//! and is never written over.

use std::collections::BTreeMap;

use adit_core::{Epoch, IncarnationId, JournalId, JournalTip, LaneId, LeaseToken, Timestamp};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

/// The first line of what is written.
const FORMAT: &str = "adit witness 1";

/// Keeps one text, elsewhere.
#[async_trait]
pub trait ThirdWitness: Send + Sync + 'static {
    /// None where nothing was ever written.
    ///
    /// # Errors
    /// When the place cannot be reached.
    async fn read(&self) -> Result<Option<String>, WitnessFault>;

    /// Puts `text` in the place of `was`, durably. False where something else than `was` is there:
    /// then nothing changes.
    ///
    /// # Errors
    /// When the place cannot be written. What it has then is one of the two, whole.
    async fn write(&self, was: Option<&str>, text: &str) -> Result<bool, WitnessFault>;
}

/// The place cannot be read or written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the third witness cannot be used ({detail})")]
pub struct WitnessFault {
    pub detail: String,
}

/// What a lane had when it was last written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Noted {
    pub epoch: Epoch,
    pub token: LeaseToken,
    pub counter: u64,
    pub journal: JournalTip,
    pub incarnation: IncarnationId,
    pub at: Timestamp,
}

/// Everything that is kept there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Testimony {
    pub journal: JournalId,
    pub lanes: BTreeMap<LaneId, Noted>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    journal: JournalId,
    lanes: BTreeMap<String, Noted>,
}

impl Testimony {
    /// # Errors
    /// In words, what is there instead.
    pub(crate) fn read(text: &str, journal: JournalId) -> Result<Self, String> {
        let (format, body) = text.split_once('\n').unwrap_or((text, ""));
        if format != FORMAT {
            let found: String = format.chars().take(40).collect();
            return Err(format!(
                "it begins with {found:?}, and what this program writes there with {FORMAT:?}"
            ));
        }
        let body: Body =
            serde_json::from_str(body).map_err(|error| format!("it is damaged ({error})"))?;
        if body.journal != journal {
            return Err(format!(
                "it was written for the journal {}, and this signer's is {journal}",
                body.journal
            ));
        }
        let lane = |(lane, noted): (String, Noted)| {
            Ok((lane.parse().map_err(|error| format!("it names no lane: {error}"))?, noted))
        };
        Ok(Self {
            journal,
            lanes: body.lanes.into_iter().map(lane).collect::<Result<_, String>>()?,
        })
    }

    pub(crate) fn text(&self) -> String {
        let lanes =
            self.lanes.iter().map(|(lane, noted)| (lane.to_string(), noted.clone())).collect();
        let body = serde_json::to_string(&Body { journal: self.journal, lanes })
            .expect("names are text, and memory takes it");
        format!("{FORMAT}\n{body}\n")
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn testimony() -> Testimony {
        let lane: LaneId =
            "base:0x00000000000000000000000000000000000000AA".parse().expect("a lane");
        let noted = Noted {
            epoch: Epoch(3),
            token: LeaseToken(Uuid::from_u128(5)),
            counter: 41,
            journal: JournalTip { records: 9, chain: adit_core::Hash32([7; 32]) },
            incarnation: IncarnationId(Uuid::from_u128(6)),
            at: Timestamp::from_seconds(1_795_348_800),
        };
        Testimony { journal: JournalId(Uuid::from_u128(77)), lanes: [(lane, noted)].into() }
    }

    #[test]
    fn f91_what_was_written_is_read_again() {
        let written = testimony();
        assert_eq!(Testimony::read(&written.text(), written.journal), Ok(written));
    }

    /// Anything else says what it is, and is somebody else's.
    #[test]
    fn f91_whatever_else_stands_there_is_said_in_words() {
        let (written, other) = (testimony(), JournalId(Uuid::from_u128(78)));
        let text = written.text();
        for (text, journal, part) in [
            ("#!/bin/sh\nrm\n", written.journal, "begins with \"#!/bin/sh\""),
            ("", written.journal, "begins with \"\""),
            (&text[..text.len() - 9], written.journal, "is damaged"),
            (&text.replace("\"counter\"", "\"account\""), written.journal, "is damaged"),
            (
                &text.replace("witness 1", "witness 2"),
                written.journal,
                "begins with \"adit witness 2\"",
            ),
            (&text, other, "written for the journal"),
        ] {
            let said = Testimony::read(text, journal).expect_err("not ours");
            assert!(said.contains(part), "{said}");
        }
    }
}
