//! What a database says of itself before a program takes it for its own and brings its schema up to
//! date.

use adit_core::Timestamp;

/// A database of Adit, seen without changing anything in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Glance {
    /// Number of the newest migration that was applied to it.
    pub schema: i64,
    /// When the newest group was committed; none where none ever was.
    pub newest_commit: Option<Timestamp>,
}

/// Tables that every schema of Adit has had.
pub const TABLES_OF_ALL_SCHEMAS: [&str; 4] =
    ["_sqlx_migrations", "commit_group", "lane", "withdrawal"];
