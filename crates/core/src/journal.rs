//! How far the signer's journal went when the store last saw it: the store's witness against a
//! journal that goes back (case F91).
//!
//! Invariant: what a lane's row has seen only grows. A journal that is shorter, or another one from
//! there on, is judged and never noted.

use serde::{Deserialize, Serialize};

use crate::Hash32;

/// The end of a journal: how many records it has, and the hash that chains all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalTip {
    /// Without the header.
    pub records: u64,
    pub chain: Hash32,
}

impl JournalTip {
    /// Compares what was seen with a journal that ends at `now` and whose chain after as many
    /// records is `chain` (none where it is shorter). Returns none where the journal goes on from
    /// there; else in words how it went back.
    pub fn missing_from(&self, now: JournalTip, chain: Option<Hash32>) -> Option<String> {
        let seen = self.records;
        match chain {
            Some(chain) if chain == self.chain => None,
            Some(_) => Some(format!(
                "the database has seen {seen} records of it, and the first {seen} of the {} that \
                 the journal has are others",
                now.records
            )),
            None => Some(format!(
                "the database has seen {seen} records of it, and the journal has {}",
                now.records
            )),
        }
    }
}
