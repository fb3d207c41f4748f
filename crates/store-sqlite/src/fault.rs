//! What SQLite's errors mean here.

use adit_store::{CommitFault, StoreFault, constraint};
use sqlx::error::DatabaseError;
use sqlx::migrate::MigrateError;

/// A read or a load that did not happen.
pub(crate) fn unreachable(error: sqlx::Error) -> StoreFault {
    match error {
        sqlx::Error::ColumnDecode { .. }
        | sqlx::Error::ColumnNotFound(_)
        | sqlx::Error::Decode(_) => StoreFault::Corrupt { detail: error.to_string() },
        other => StoreFault::Unreachable { detail: other.to_string() },
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
        other => StoreFault::Unreachable { detail: other.to_string() },
    }
}

/// A statement before COMMIT failed: nothing is committed.
pub(crate) fn refused(error: sqlx::Error) -> CommitFault {
    match error.as_database_error() {
        Some(database) => of_code(primary_code(database), database.message()),
        None => CommitFault::Unwritable { detail: error.to_string() },
    }
}

/// COMMIT itself failed. Being busy is the one answer that says that nothing was written.
pub(crate) fn not_committed(error: sqlx::Error) -> CommitFault {
    match error.as_database_error().map(primary_code) {
        Some(BUSY | LOCKED) => CommitFault::Contention { detail: error.to_string() },
        Some(_) | None => CommitFault::Unknown { detail: error.to_string() },
    }
}

/// <https://www.sqlite.org/rescode.html>
const BUSY: i32 = 5;
const LOCKED: i32 = 6;
const CONSTRAINT: i32 = 19;

/// The low byte of an extended result code.
fn primary_code(error: &(dyn DatabaseError + 'static)) -> i32 {
    error.code().and_then(|code| code.parse::<i32>().ok()).map_or(0, |code| code & 0xff)
}

fn of_code(code: i32, message: &str) -> CommitFault {
    let detail = message.to_owned();
    match code {
        BUSY | LOCKED => CommitFault::Contention { detail },
        CONSTRAINT => CommitFault::Constraint { constraint: constraint_of(message).to_owned() },
        _ => CommitFault::Unwritable { detail },
    }
}

/// SQLite names a CHECK, but of a unique constraint only the columns. A trigger's message is the
/// constraint's name.
const UNIQUE_COLUMNS: [(&str, &str); 15] = [
    ("anchor.key", constraint::ANCHOR_LIVE_UNIQUE),
    ("lineage_payout.payout_id", constraint::PAYOUT_LIVE_UNIQUE),
    ("withdrawal.digest", constraint::WITHDRAWAL_DIGEST_UNIQUE),
    ("withdrawal.user_id, withdrawal.nonce", constraint::WITHDRAWAL_CLAIM_NONCE_UNIQUE),
    ("idempotency.client, idempotency.key", constraint::IDEMPOTENCY_UNIQUE),
    ("credit.id", constraint::CREDIT_UNIQUE),
    ("transfer.id", constraint::TRANSFER_UNIQUE),
    ("transfer.hold_id", constraint::HOLD_RESOLVED_ONCE),
    (
        "limit_entry.user_id, limit_entry.asset, limit_entry.at, limit_entry.seq",
        constraint::LIMIT_ENTRY_SEQ_UNIQUE,
    ),
    ("event.id", constraint::EVENT_UNIQUE),
    ("event.user_id, event.seq", constraint::EVENT_FEED_UNIQUE),
    ("credential.id", constraint::CREDENTIAL_UNIQUE),
    ("credential.hash", constraint::CREDENTIAL_HASH_UNIQUE),
    ("wallet.address", constraint::WALLET_OWNER),
    ("commit_group.id", constraint::COMMIT_GROUP_PK),
];

fn constraint_of(message: &str) -> &str {
    let name = message.rsplit_once("constraint failed: ").map_or(message, |(_, name)| name);
    UNIQUE_COLUMNS.iter().find(|(columns, _)| *columns == name).map_or(name, |(_, named)| named)
}
