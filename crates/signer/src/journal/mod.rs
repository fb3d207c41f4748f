//! The signer's journal: what was signed, on disk before it leaves, apart from the database and its
//! backups (rule R6).
//!
//! An append-only text file, one record per line: `length guard chain json`. `chain` is SHA-256
//! over the previous line's chain and this record, so a changed, missing or reordered line breaks
//! every line after it; `guard` protects the length itself, so that a torn last line can be told
//! from a damaged one. Lines that are cut off whole at the end leave no trace in the file: compare
//! [`Journal::tip`] with one that was noted elsewhere, or with what the chain shows.
//!
//! Many records are staged and committed with one sync. Nothing that was not synced is ever
//! answered for.

mod disk;
mod file;
mod line;
mod marks;
mod memory;
mod record;
mod scan;

use std::io;

use adit_core::{JournalId, Mistake, planted};

pub use self::disk::DiskFile;
pub use self::file::JournalFile;
pub use self::memory::MemoryFile;
pub use self::record::{EnvironmentError, EnvironmentId, Header, Record};
pub use self::scan::JournalError;

use self::line::{CHAIN_START, Chain, HEAD_BYTES, Head};
use self::marks::Marks;

/// An open journal. Whoever has it is the only one: the file is locked.
pub struct Journal {
    file: Box<dyn JournalFile>,
    header: Header,
    /// What is on disk for sure.
    durable: Tip,
    staged: Vec<u8>,
    staged_tip: Tip,
    /// Tips of before, from which the chain at any record is near.
    marks: Marks,
    /// It was begun by an older build, and nothing of it is in this format yet.
    is_older: bool,
    /// Why nothing can be written any more until the process starts again.
    broken: Option<String>,
}

/// How far a journal goes: lines without the header, bytes, and the chain that binds them all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tip {
    pub records: u64,
    pub bytes: u64,
    pub chain: [u8; 32],
}

/// Where a record's line stands in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub offset: u64,
    pub bytes: u32,
}

impl Journal {
    /// Starts a journal in an empty file.
    ///
    /// # Errors
    /// When the file is not empty or cannot be written.
    pub fn start(
        mut file: Box<dyn JournalFile>,
        id: JournalId,
        environment: &EnvironmentId,
    ) -> io::Result<Self> {
        if file.bytes()? != 0 {
            return Err(io::Error::new(
                io::ErrorKind::AlreadyExists,
                "a journal is started in an empty file only",
            ));
        }
        let header = Header::new(id, environment.clone());
        let (bytes, chain) = header_line(&header);
        file.append(&bytes)?;
        file.sync()?;
        let tip = Tip { records: 0, bytes: wide(bytes.len()), chain };
        Ok(Self::at(file, header, Marks::from(tip), tip, false))
    }

    /// Opens a journal, checks every line of it and gives each record to `each`, in order. A last
    /// line that a crash cut short is removed if it is provably incomplete.
    ///
    /// # Errors
    /// [`JournalError`]: the journal of another environment, or one that is damaged.
    pub fn open(
        mut file: Box<dyn JournalFile>,
        environment: &EnvironmentId,
        mut each: impl FnMut(Record, Place),
    ) -> Result<Self, JournalError> {
        let mut is_continued = false;
        let (header, marks, tip) = scan::scan(&mut *file, environment, &mut |record, place| {
            is_continued |= record == Record::continued();
            each(record, place);
        })?;
        let is_older = header.is_older() && !is_continued;
        Ok(Self::at(file, header, marks, tip, is_older))
    }

    fn at(
        file: Box<dyn JournalFile>,
        header: Header,
        marks: Marks,
        tip: Tip,
        is_older: bool,
    ) -> Self {
        Self {
            file,
            header,
            durable: tip,
            staged: Vec::new(),
            staged_tip: tip,
            marks,
            is_older,
            broken: None,
        }
    }

    pub(crate) fn into_file(self) -> Box<dyn JournalFile> {
        self.file
    }

    pub fn id(&self) -> JournalId {
        self.header.journal
    }

    /// What is on disk for sure. Noted elsewhere, it proves later that nothing was cut off.
    pub fn tip(&self) -> Tip {
        self.durable
    }

    /// Adds a record to the next commit.
    pub fn stage(&mut self, record: &Record) -> Place {
        if self.is_older && self.staged.is_empty() {
            self.stage_line(&Record::continued());
        }
        self.stage_line(record)
    }

    fn stage_line(&mut self, record: &Record) -> Place {
        let start = self.staged.len();
        let chain = line::write(&mut self.staged, &self.staged_tip.chain, record);
        let bytes = self.staged.len() - start;
        let place = Place {
            offset: self.staged_tip.bytes,
            bytes: u32::try_from(bytes).expect("a line is bounded"),
        };
        self.staged_tip = Tip {
            records: self.staged_tip.records + 1,
            bytes: self.staged_tip.bytes + wide(bytes),
            chain,
        };
        place
    }

    /// Forgets what was staged.
    pub fn discard(&mut self) {
        self.staged.clear();
        self.staged_tip = self.durable;
    }

    /// Writes what was staged, with one sync. Either all of it is durable, or it is as if nothing
    /// had been staged.
    ///
    /// # Errors
    /// When the disk is full, read-only or failing.
    pub fn commit(&mut self) -> io::Result<()> {
        if self.staged.is_empty() {
            return Ok(());
        }
        let written = self.write_staged();
        match &written {
            Ok(()) => {
                (self.durable, self.is_older) = (self.staged_tip, false);
                self.marks.note(self.durable);
            }
            Err(error) => self.take_back(&error.to_string()),
        }
        self.discard();
        written
    }

    /// Returns the chain after the first `records` on disk, read from the nearest mark before them.
    /// None where there are not so many.
    ///
    /// # Errors
    /// When the file cannot be read or is not what was written.
    pub fn chain_after(&mut self, records: u64) -> io::Result<Option<[u8; 32]>> {
        if records > self.durable.records {
            return Ok(None);
        }
        let mut tip =
            if records == self.durable.records { self.durable } else { self.marks.before(records) };
        while tip.records < records {
            let bytes = self.file.read_at(tip.bytes, HEAD_BYTES)?;
            let head = bytes
                .first_chunk()
                .and_then(|bytes| Head::parse(bytes, &tip.chain))
                .ok_or_else(changed_on_disk)?;
            tip = Tip {
                records: tip.records + 1,
                bytes: tip.bytes + wide(head.line_bytes()),
                chain: head.chain(),
            };
        }
        Ok(Some(tip.chain))
    }

    /// Reads a record again, committed or staged.
    ///
    /// # Errors
    /// When the file cannot be read or is not what was written.
    pub fn read(&mut self, place: Place) -> io::Result<Record> {
        let length = usize::try_from(place.bytes).expect("a line is bounded");
        let bytes = match place.offset.checked_sub(self.durable.bytes) {
            None => self.file.read_at(place.offset, length)?,
            Some(within) => {
                let start = usize::try_from(within).expect("staged in memory");
                self.staged[start..start + length].to_vec()
            }
        };
        line::record_of(&bytes).ok_or_else(changed_on_disk)
    }

    fn write_staged(&mut self) -> io::Result<()> {
        if let Some(why) = &self.broken {
            return Err(io::Error::other(why.clone()));
        }
        self.file.append(&self.staged)?;
        if planted(Mistake::JournalAfterSignature) {
            return Ok(());
        }
        self.file.sync()
    }

    /// After a failed write nobody knows what the disk has: cut it back to what is durable, or stop
    /// for good. A sync that failed once may report success later without having written (Rebello
    /// et al., USENIX ATC 2020), hence the cut.
    fn take_back(&mut self, failure: &str) {
        if self.broken.is_some() {
            return;
        }
        if let Err(error) = self.file.truncate(self.durable.bytes).and_then(|()| self.file.sync()) {
            self.broken = Some(format!(
                "after \"{failure}\" the journal could not be cut back ({error}); mend the disk \
                 and start again"
            ));
        }
    }
}

fn changed_on_disk() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "a line of the journal changed on disk")
}

/// The header's line and the chain that starts with it.
fn header_line(header: &Header) -> (Vec<u8>, Chain) {
    let mut bytes = Vec::new();
    let chain = line::write(&mut bytes, &CHAIN_START, header);
    (bytes, chain)
}

fn wide(bytes: usize) -> u64 {
    u64::try_from(bytes).expect("usize has at most 64 bits")
}
