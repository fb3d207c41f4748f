//! A connection pooler that gives each transaction another session, or drops a session's settings,
//! is refused.
//!
//! What Adit keeps in a session: the time limits that end an abandoned transaction (case F98), the
//! statements that the driver prepared, and what was examined when it was opened, above all which
//! history it leads to (case F101). Poolers in transaction mode (PgBouncer, Supavisor, RDS Proxy
//! and others) hand sessions from one client to the next, and keep none of it.

use std::time::Duration;

use adit_store::StoreFault;
use sqlx::error::DatabaseError;
use sqlx::postgres::PgConnection;
use sqlx::{Executor as _, PgPool, Row as _, raw_sql};

use crate::fault::unreachable;

/// A pooler whose sessions are all taken lets a client wait.
const ANSWER_WAIT_SECONDS: u64 = 10;
/// <https://www.postgresql.org/docs/current/errcodes-appendix.html>
const INVALID_SQL_STATEMENT_NAME: &str = "26000";
const DUPLICATE_PREPARED_STATEMENT: &str = "42P05";
/// PgBouncer's words for what it cannot set on a shared session: `unsupported startup parameter:
/// extra_float_digits`, or `… in options: …`.
const UNSUPPORTED_PARAMETER: &str = "unsupported startup parameter";

/// The refusal, in words for whoever set the address.
pub(crate) const REFUSAL: StoreFault = StoreFault::Unsupported {
    wish: "DATABASE_URL (store.url) leads to a connection pooler that shares sessions between clients or drops their settings, as \
           PgBouncer and Supavisor do in transaction mode: time limits, prepared statements and the check of which database is written \
           to would not hold",
    instead: "give the address of the database itself, mostly port 5432 of its own host",
};

/// Returns whether only a shared session makes this error: the driver prepares each statement once,
/// under names of its own.
pub(crate) fn is_shown_by(error: &(dyn DatabaseError + 'static)) -> bool {
    let lost = error.code().is_some_and(|code| {
        [INVALID_SQL_STATEMENT_NAME, DUPLICATE_PREPARED_STATEMENT].contains(&&*code)
    });
    lost || error.message().contains(UNSUPPORTED_PARAMETER)
}

/// Fails with [`REFUSAL`] where two connections of the pool share a session, or a setting that was
/// sent with them is not in force.
pub(crate) async fn refuse(pool: &PgPool, lock_timeout: &str) -> Result<(), StoreFault> {
    let asking = async {
        let (mut first, mut second) = (pool.acquire().await?, pool.acquire().await?);
        let told = raw_sql("SELECT current_setting('lock_timeout')").fetch_one(&mut *first).await?;
        if told.try_get::<&str, _>(0)? != lock_timeout {
            return Ok(true);
        }
        // In a transaction a connection keeps its session. If it took the one that the other was
        // just served by, or the other is served by a new one now, sessions belong to nobody.
        let before = session(&mut first).await?;
        second.execute("BEGIN").await?;
        let held = session(&mut second).await?;
        let shared = held == before || session(&mut first).await? != before;
        second.execute("ROLLBACK").await?;
        Ok(shared)
    };
    match tokio::time::timeout(Duration::from_secs(ANSWER_WAIT_SECONDS), asking).await {
        Ok(Ok(false)) => Ok(()),
        Ok(Ok(true)) => Err(REFUSAL),
        Ok(Err(error)) => Err(unreachable(error)),
        Err(_) => Err(StoreFault::Unreachable {
            detail: format!("it did not answer within {ANSWER_WAIT_SECONDS} s"),
        }),
    }
}

/// The process that serves this connection now. Asked without a prepared statement.
async fn session(connection: &mut PgConnection) -> Result<i32, sqlx::Error> {
    raw_sql("SELECT pg_backend_pid()").fetch_one(connection).await?.try_get(0)
}
