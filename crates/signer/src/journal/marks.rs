//! Tips that are kept in memory, so that the chain after any number of records is read near one of
//! them and not from the beginning.

use super::Tip;

/// Records from one mark to the next: a journal of ten million has 40,000 marks, which are two
/// megabytes.
const APART_RECORDS: u64 = 256;

/// In order of their records. The first is the header's.
#[derive(Debug)]
pub(super) struct Marks(Vec<Tip>);

impl Marks {
    pub(super) fn from(start: Tip) -> Self {
        Self(vec![start])
    }

    /// Keeps this tip where it is far enough from the last one. A tip of every record, or of every
    /// commit, may be given.
    pub(super) fn note(&mut self, tip: Tip) {
        if tip.records >= self.last().records + APART_RECORDS {
            self.0.push(tip);
        }
    }

    /// Returns the last mark that is not after so many records.
    pub(super) fn before(&self, records: u64) -> Tip {
        self.0[self.0.partition_point(|mark| mark.records <= records) - 1]
    }

    fn last(&self) -> &Tip {
        self.0.last().expect("made with the header's")
    }
}
