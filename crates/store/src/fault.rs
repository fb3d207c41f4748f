//! The world failed under a store.

use adit_core::WentBack;

/// A read or a load did not happen; nothing changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreFault {
    /// Another transaction was in the way while rows were locked; the same works in a moment.
    #[error("another transaction was in the way ({detail}); it is tried again")]
    Contention { detail: String },
    #[error("the database cannot be reached ({detail}); it is tried again")]
    Unreachable { detail: String },
    #[error(
        "the database is of schema {found}, newer than this program's {known}; run the newer \
         program"
    )]
    NewerSchema { found: i64, known: i64 },
    /// It answers commits that it may still lose (case F101).
    #[error(
        "synchronous_commit is {found} for this role and database, so a commit that was answered may be lost; set it to on or remote_apply \
         (ALTER ROLE … SET, ALTER DATABASE … SET, or postgresql.conf), and start again"
    )]
    CommitsUnsynced { found: &'static str },
    #[error("the database holds something that this program cannot read: {detail}")]
    Corrupt { detail: String },
    /// The database is another history than the one that this process wrote to (case F101). It
    /// stands until [`accept_history`](crate::Store::accept_history).
    #[error("the store went back: {because}")]
    WentBack { because: WentBack },
    #[error("this kind of store does not do that: {wish}; instead, {instead}")]
    Unsupported { wish: &'static str, instead: &'static str },
}

/// A commit did not answer *done*.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommitFault {
    /// Nothing was committed: a named constraint stands against it. Commands of the group are run
    /// again one by one.
    #[error("the constraint {constraint} stands against it")]
    Constraint { constraint: String },
    /// Nothing was committed: another transaction was in the way (SQLSTATE 40001, 40P01,
    /// SQLITE_BUSY), or a version had moved on.
    #[error("another transaction was in the way ({detail})")]
    Contention { detail: String },
    /// Whether it was committed is not known. The group's id is read back.
    #[error("the answer to COMMIT was lost ({detail})")]
    Unknown { detail: String },
    /// Nothing was committed: the store cannot write (disk full, read-only, unreachable before
    /// COMMIT).
    #[error("the store cannot write ({detail})")]
    Unwritable { detail: String },
}
