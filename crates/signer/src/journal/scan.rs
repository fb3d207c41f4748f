//! Reading a journal from its first byte to its last, believing nothing.

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;

use serde::de::DeserializeOwned;

use super::line::{CHAIN_START, Chain, HEAD_BYTES, Head};
use super::{EnvironmentId, Header, JournalFile, Marks, Place, Record, Tip, wide};

/// How much is read at once.
const CHUNK_BYTES: usize = 1024 * 1024;

/// What a disk writes whole or not at all, at least.
const SECTOR_BYTES: u64 = 512;
/// A longer rest with a hole in it is damage: an append has less, and each is synced before the
/// next one.
const HOLED_BYTES_MAX: usize = 16 * 1024 * 1024;
/// What stands before a record's time, after its kind.
const AT: &[u8] = b"\",\"at\":";

/// Why the signer does not start with this journal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JournalError {
    #[error("the journal cannot be opened ({detail}); check the path, its owner and the disk")]
    File { detail: String },
    #[error(
        "the journal {path} is in use by another process; a key has one signer: stop the other \
         one, or share it by `adit signer`"
    )]
    Locked { path: PathBuf },
    #[error(
        "the journal belongs to environment {found:?} and this is {given:?}; a copy of another installation must not sign: \
         use this installation's own key and journal"
    )]
    Environment { found: String, given: String },
    #[error(
        "this is not a journal that this build can read ({detail}); name the signer's journal, or \
         use the build that wrote it"
    )]
    Foreign { detail: String },
    #[error(
        "the journal is damaged at byte {offset}: {detail}. Nothing is signed with it. Restore the newest whole copy, or take a new \
         journal and let the lane be reconciled from the chain before it signs; do not edit the file"
    )]
    Damaged { offset: u64, detail: String },
}

/// Checks every line. A provably incomplete last one is cut off.
pub(super) fn scan(
    file: &mut dyn JournalFile,
    environment: &EnvironmentId,
    each: &mut dyn FnMut(Record, Place),
) -> Result<(Header, Marks, Tip), JournalError> {
    let mut reader = Reader::new(file)?;
    let header = header(&mut reader, environment)?;
    let mut tip = Tip { records: 0, bytes: reader.offset, chain: reader.chain };
    let mut marks = Marks::from(tip);
    while let Some((record, place)) = reader.line::<Record>()? {
        if !record.is_ours() {
            return Err(JournalError::Foreign { detail: format!("{record:?}") });
        }
        each(record, place);
        tip = Tip { records: tip.records + 1, bytes: reader.offset, chain: reader.chain };
        marks.note(tip);
    }
    if reader.end > tip.bytes {
        let bytes = reader.end - tip.bytes;
        if reader.is_holed {
            let kept = reader.rest().and_then(|rest| reader.file.keep_aside(tip.bytes, &rest));
            kept.map_err(JournalError::unusable)?;
            tracing::error!(
                bytes,
                offset = tip.bytes,
                "the journal's last append reached the disk with a hole in it, before it was \
                 answered; kept beside the journal and removed"
            );
        } else {
            tracing::warn!(
                bytes,
                "the journal's last line was cut short by a crash before it was answered; removed"
            );
        }
        file.truncate(tip.bytes).and_then(|()| file.sync()).map_err(JournalError::unusable)?;
    }
    Ok((header, marks, tip))
}

fn header(reader: &mut Reader<'_>, environment: &EnvironmentId) -> Result<Header, JournalError> {
    let foreign = |detail: &str| JournalError::Foreign { detail: detail.to_owned() };
    let header = match reader.line::<Header>() {
        Ok(Some((header, _))) => header,
        Ok(None) => return Err(foreign("it has no header")),
        Err(JournalError::Damaged { .. }) => return Err(foreign("its first line is no header")),
        Err(error) => return Err(error),
    };
    if !header.is_ours() {
        return Err(foreign(&format!("{} version {}", header.format, header.version)));
    }
    if header.environment != *environment {
        return Err(JournalError::Environment {
            found: header.environment.to_string(),
            given: environment.to_string(),
        });
    }
    Ok(header)
}

struct Reader<'a> {
    file: &'a mut dyn JournalFile,
    /// Length of the file.
    end: u64,
    /// Where the next line starts.
    offset: u64,
    chain: Chain,
    /// Bytes of the file from `offset` on.
    ahead: Vec<u8>,
    /// How much of `ahead` was consumed already.
    used: usize,
    /// The rest from `offset` on is an append with a hole in it.
    is_holed: bool,
}

impl<'a> Reader<'a> {
    fn new(file: &'a mut dyn JournalFile) -> Result<Self, JournalError> {
        let end = file.bytes().map_err(JournalError::unusable)?;
        Ok(Self {
            file,
            end,
            offset: 0,
            chain: CHAIN_START,
            ahead: Vec::new(),
            used: 0,
            is_holed: false,
        })
    }

    /// The next line; none at the end and where the last line is provably incomplete.
    fn line<T: DeserializeOwned>(&mut self) -> Result<Option<(T, Place)>, JournalError> {
        let previous = self.chain;
        let Some(start) = self.peek(HEAD_BYTES)? else {
            return self.torn(HEAD_BYTES, "its last line has no head");
        };
        let head = Head::parse(start.try_into().expect("as long as asked for"), &previous);
        let Some(head) = head else {
            return self.torn(HEAD_BYTES, "a line does not follow the one before it");
        };
        let length = head.line_bytes();
        let Some(line) = self.peek(length)? else {
            return self.torn(length, "its last line is not as long as it says");
        };
        let Some((json, chain)) = head.check(&line[HEAD_BYTES..], &previous) else {
            return self.torn(length, "a line's checksum is wrong");
        };
        let content = serde_json::from_slice(json)
            .map_err(|error| self.damaged(&format!("a line is not understood ({error})")))?;
        let place =
            Place { offset: self.offset, bytes: u32::try_from(length).expect("a line is bounded") };
        self.chain = chain;
        self.offset += wide(length);
        self.used += length;
        Ok(Some((content, place)))
    }

    /// A crash leaves a beginning of a line, or that and zeros where the file grew before its bytes
    /// arrived. Such a rest is shorter than its line (of `whole` bytes) and is no loss: its
    /// signature was never answered. Nor is an append of which later sectors reached the disk, and
    /// earlier ones did not ([`is_holed`]). Anything else is damage.
    fn torn<T>(&mut self, whole: usize, damage: &str) -> Result<Option<T>, JournalError> {
        let bytes = self.rest().map_err(JournalError::unusable)?;
        let written = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        self.is_holed = written >= whole
            && bytes.len() <= HOLED_BYTES_MAX
            && is_holed(self.offset, &bytes, whole)
            && is_one_append(&bytes);
        if written < whole || self.is_holed { Ok(None) } else { Err(self.damaged(damage)) }
    }

    /// Everything from the next line on.
    fn rest(&mut self) -> io::Result<Vec<u8>> {
        let length = usize::try_from(self.end - self.offset).map_err(io::Error::other)?;
        self.file.read_at(self.offset, length)
    }

    /// The next `length` bytes, if the file has as many.
    fn peek(&mut self, length: usize) -> Result<Option<&[u8]>, JournalError> {
        if wide(length) > self.end - self.offset {
            return Ok(None);
        }
        if self.ahead.len() - self.used < length {
            let rest = usize::try_from(self.end - self.offset).unwrap_or(usize::MAX);
            self.ahead = self
                .file
                .read_at(self.offset, rest.min(CHUNK_BYTES.max(length)))
                .map_err(JournalError::unusable)?;
            self.used = 0;
        }
        Ok(Some(&self.ahead[self.used..self.used + length]))
    }

    fn damaged(&self, detail: &str) -> JournalError {
        JournalError::Damaged { offset: self.offset, detail: detail.to_owned() }
    }
}

/// Whether the line at the start of `bytes`, of `whole` bytes, lacks sectors that the disk never
/// wrote. Lines hold no NUL. A hole is a run of them that begins on a sector or with the append,
/// and ends on one or with the file.
fn is_holed(offset: u64, bytes: &[u8], whole: usize) -> bool {
    let on_sector = |at: usize| (offset + wide(at)).is_multiple_of(SECTOR_BYTES);
    let mut at = 0;
    while let Some(start) =
        bytes[at..whole.min(bytes.len())].iter().position(|byte| *byte == 0).map(|found| at + found)
    {
        let end = bytes[start..]
            .iter()
            .position(|byte| *byte != 0)
            .map_or(bytes.len(), |found| start + found);
        if (start == 0 || on_sector(start)) && (end == bytes.len() || on_sector(end)) {
            return true;
        }
        at = end.min(whole);
    }
    false
}

/// Whether all records of these bytes, whole or not, say the same time, as those of one append do:
/// what was synced before is never cut.
fn is_one_append(bytes: &[u8]) -> bool {
    let time = |line: &[u8]| {
        let start = line.windows(AT.len()).position(|some| some == AT)? + AT.len();
        let length = line[start..].iter().position(|byte| *byte == b',')?;
        Some(line[start..start + length].to_vec())
    };
    let times: BTreeSet<Vec<u8>> = bytes
        .split(|byte| *byte == b'\n')
        .filter_map(time)
        .filter(|time| !time.contains(&0))
        .collect();
    times.len() <= 1
}

impl JournalError {
    pub(crate) fn unusable(error: io::Error) -> Self {
        Self::File { detail: error.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use adit_core::JournalId;
    use uuid::Uuid;

    use super::*;
    use crate::journal::{MemoryFile, header_line};

    /// Its lines may mean something else, however whole they are.
    #[test]
    fn a_journal_of_another_format_or_version_is_not_read() {
        let environment = EnvironmentId::new("test").expect("a name");
        let ours = Header::new(JournalId(Uuid::from_u128(7)), environment.clone());
        let opened = |header: &Header| {
            let (bytes, _) = header_line(header);
            scan(&mut MemoryFile::holding(bytes), &environment, &mut |_, _| {})
                .map(|(header, _, _)| header)
        };
        assert_eq!(opened(&ours), Ok(ours.clone()));
        assert!(opened(&Header { version: 1, ..ours.clone() }).is_ok());
        for other in [
            Header { version: 3, ..ours.clone() },
            Header { version: 0, ..ours.clone() },
            Header { format: "another journal".to_owned(), ..ours },
        ] {
            assert!(matches!(opened(&other), Err(JournalError::Foreign { .. })), "{other:?}");
        }
    }
}
