//! What Postgres' errors mean here.
//! <https://www.postgresql.org/docs/current/errcodes-appendix.html>

use adit_store::{CommitFault, StoreFault};
use sqlx::error::DatabaseError;
use sqlx::migrate::MigrateError;

use crate::pooler;

/// A read or a load that did not happen.
pub(crate) fn unreachable(error: sqlx::Error) -> StoreFault {
    match error {
        sqlx::Error::ColumnDecode { .. }
        | sqlx::Error::ColumnNotFound(_)
        | sqlx::Error::Decode(_) => StoreFault::Corrupt { detail: error.to_string() },
        other if other.as_database_error().is_some_and(pooler::is_shown_by) => pooler::REFUSAL,
        other => match other.as_database_error().and_then(of_state) {
            // Groups that make the same rows for the first time can wait for each other: the one
            // that Postgres chooses goes again.
            Some(CommitFault::Contention { detail }) => StoreFault::Contention { detail },
            Some(
                CommitFault::Constraint { .. }
                | CommitFault::Unknown { .. }
                | CommitFault::Unwritable { .. },
            )
            | None => StoreFault::Unreachable { detail: other.to_string() },
        },
    }
}

/// A migration that did not happen. A migration that is applied and not known here comes from a
/// newer program.
pub(crate) fn not_migrated(error: MigrateError, known: i64) -> StoreFault {
    match error {
        MigrateError::VersionMissing(found) => StoreFault::NewerSchema { found, known },
        MigrateError::VersionMismatch(version) => StoreFault::Corrupt {
            detail: format!(
                "migration {version} was applied in another wording than this program's"
            ),
        },
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => {
            unreachable(error)
        }
        other => StoreFault::Unreachable { detail: other.to_string() },
    }
}

/// A statement before COMMIT failed: nothing is committed, whatever became of the connection.
pub(crate) fn refused(error: sqlx::Error) -> CommitFault {
    let known = error.as_database_error().and_then(of_state);
    known.unwrap_or_else(|| CommitFault::Unwritable { detail: error.to_string() })
}

/// COMMIT itself failed. Only an answer of the database that it rolled back says that nothing was
/// written.
pub(crate) fn not_committed(error: sqlx::Error) -> CommitFault {
    let known = error.as_database_error().and_then(of_state);
    known.unwrap_or_else(|| CommitFault::Unknown { detail: error.to_string() })
}

const SERIALIZATION_FAILURE: &str = "40001";
const DEADLOCK_DETECTED: &str = "40P01";
/// Nobody waits for a lock for ever; the group is tried again.
const LOCK_NOT_AVAILABLE: &str = "55P03";
const INTEGRITY_CONSTRAINT_VIOLATION_CLASS: &str = "23";
/// Two groups met on a row that was not there to be locked: the slower one's version is wrong, and
/// no rule is broken.
const VERSIONED_KEYS: [&str; 5] =
    ["app_user_pk", "account_pk", "withdrawal_pk", "lineage_pk", "lane_pk"];

fn of_state(error: &(dyn DatabaseError + 'static)) -> Option<CommitFault> {
    let state = error.code()?;
    let detail = error.message().to_owned();
    match &*state {
        SERIALIZATION_FAILURE | DEADLOCK_DETECTED | LOCK_NOT_AVAILABLE => {
            Some(CommitFault::Contention { detail })
        }
        _ if state.starts_with(INTEGRITY_CONSTRAINT_VIOLATION_CLASS) => match error.constraint() {
            Some(name) if VERSIONED_KEYS.contains(&name) => {
                Some(CommitFault::Contention { detail })
            }
            Some(name) => Some(CommitFault::Constraint { constraint: name.to_owned() }),
            None => Some(CommitFault::Constraint { constraint: detail }),
        },
        _ => None,
    }
}
