//! Adit on SQLite: the embedded default, one file, one process.
//!
//! One connection writes, held by the open group; a small pool reads beside it (WAL). Every commit
//! is synced to the disk before it answers. Statements are constants, and each takes all rows of
//! its table at once, as one JSON array.

mod columns;
mod copy;
mod fault;
#[cfg(test)]
mod full;
mod glance;
mod group;
mod load;
mod read;
mod store;
mod write;

pub use store::SqliteStore;
