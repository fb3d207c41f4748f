//! What a journal needs of a file: small enough that a simulator can lie about it.

use std::io;

/// Bytes that only grow at their end. Whoever holds it is its only writer.
pub trait JournalFile: Send + 'static {
    /// Length now.
    ///
    /// # Errors
    /// When the file cannot be asked.
    fn bytes(&mut self) -> io::Result<u64>;

    /// Exactly `length` bytes from `offset` on.
    ///
    /// # Errors
    /// When they are not there or cannot be read.
    fn read_at(&mut self, offset: u64, length: usize) -> io::Result<Vec<u8>>;

    /// Adds bytes at the end. Durable after [`JournalFile::sync`] only; an error may leave a part
    /// of them.
    ///
    /// # Errors
    /// When the disk is full, read-only or failing.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Makes everything durable.
    ///
    /// # Errors
    /// When the disk could not promise that; what it has is then unknown.
    fn sync(&mut self) -> io::Result<()>;

    /// Keeps a copy of bytes that are about to be cut off, for a person to look at. Files that
    /// nobody looks into keep none.
    ///
    /// # Errors
    /// When the copy could not be written.
    fn keep_aside(&mut self, _offset: u64, _bytes: &[u8]) -> io::Result<()> {
        Ok(())
    }

    /// Cuts the file to `length`.
    ///
    /// # Errors
    /// When it could not be cut.
    fn truncate(&mut self, length: u64) -> io::Result<()>;
}
