//! Pages of the journal's entries. A page is bounded by count and by bytes, so that it fits into a
//! frame of the socket, however much the entries of one number are (case F99).

use std::io;

use serde::{Deserialize, Serialize};

use crate::JournalEntry;

/// Bytes of a page in JSON. A frame of the socket holds four times as much: an entry that is larger
/// than this has room in it alone.
pub const PAGE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// A place among the entries of a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryCursor {
    /// The lowest number that is told ([`Draft::number`](adit_core::Draft::number)).
    pub number: u64,
    /// Entries of this number that were told before. New ones come after them.
    pub skip: usize,
}

impl EntryCursor {
    /// Returns the place of the first entry at this number or above.
    pub const fn at(number: u64) -> Self {
        Self { number, skip: 0 }
    }

    /// Returns the place of the next entry, whose number is known.
    pub(crate) fn on(self, number: u64) -> Self {
        if number == self.number { self } else { Self::at(number) }
    }

    /// Returns the place after it.
    pub(crate) fn past(self, number: u64) -> Self {
        let Self { number, skip } = self.on(number);
        Self { number, skip: skip + 1 }
    }
}

/// Entries in the order of their numbers, and of one number as they were signed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct EntryPage {
    pub entries: Vec<JournalEntry>,
    /// The place where the next page begins. None where this one is the last.
    pub next: Option<EntryCursor>,
}

/// Returns how long the content is in JSON.
pub(crate) fn json_bytes(content: &impl Serialize) -> usize {
    let mut count = Count(0);
    serde_json::to_writer(&mut count, content)
        .expect("what is counted has string keys, and counting does not fail");
    count.0
}

struct Count(usize);

impl io::Write for Count {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
