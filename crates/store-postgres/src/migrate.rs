//! Brings the schema up to date, one process at a time.
//!
//! Processes that start together take turns by locking a table of their own; advisory locks are not
//! used, since a pooler between here and the database may lose them.

use std::time::Duration;

use adit_store::StoreFault;
use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{PgPool, Postgres, Transaction, query};

use crate::fault::{not_migrated, unreachable};
use crate::pooler;

/// Forward only. An applied migration that is not among these comes from a newer program, and is
/// refused.
static MIGRATIONS: Migrator = sqlx::migrate!();

/// `CREATE TABLE IF NOT EXISTS` of two processes at one moment fails for one of them; then the
/// table is there.
const GUARD_TRIES_MAX: usize = 5;

const LOCK_TIMEOUT: &str = "40s";
/// Set on the connections that migrate, which may take as long as a large table does.
const SETTINGS: [(&str, &str); 3] = [
    ("default_transaction_isolation", "read committed"),
    ("lock_timeout", LOCK_TIMEOUT),
    ("application_name", "adit"),
];
/// One holds the turn, the other one migrates.
const CONNECTIONS_MAX: u32 = 2;

/// Connects, for at most `wait`, and migrates.
pub(crate) async fn migrate(options: &PgConnectOptions, wait: Duration) -> Result<(), StoreFault> {
    let pool = PgPoolOptions::new().max_connections(CONNECTIONS_MAX).acquire_timeout(wait);
    let pool = pool.connect_with(options.clone().options(SETTINGS)).await.map_err(unreachable)?;
    let done = run(&pool).await;
    pool.close().await;
    done
}

async fn run(pool: &PgPool) -> Result<(), StoreFault> {
    pooler::refuse(pool, LOCK_TIMEOUT).await?;
    let turn = take_turn(pool).await?;
    let known = MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or(0);
    let mut migrator = Migrator { migrations: MIGRATIONS.migrations.clone(), ..Migrator::DEFAULT };
    let done =
        migrator.set_locking(false).run(pool).await.map_err(|error| not_migrated(error, known));
    turn.commit().await.map_err(unreachable)?;
    done
}

/// Waits until no other process migrates. The lock is held until the transaction ends.
async fn take_turn(pool: &PgPool) -> Result<Transaction<'static, Postgres>, StoreFault> {
    let mut tries = 0;
    loop {
        tries += 1;
        match query("CREATE TABLE IF NOT EXISTS migration_guard ()").execute(pool).await {
            Ok(_) => break,
            Err(sqlx::Error::Database(_)) if tries < GUARD_TRIES_MAX => {}
            Err(error) => return Err(unreachable(error)),
        }
    }
    let mut turn = pool.begin().await.map_err(unreachable)?;
    // This transaction says nothing while the other connection migrates, for as long as that takes.
    query("SET LOCAL idle_in_transaction_session_timeout = 0")
        .execute(&mut *turn)
        .await
        .map_err(unreachable)?;
    query("LOCK TABLE migration_guard IN ACCESS EXCLUSIVE MODE")
        .execute(&mut *turn)
        .await
        .map_err(unreachable)?;
    query(
        "COMMENT ON TABLE migration_guard IS 'Never holds a row: who brings the schema up to \
        date locks it.'",
    )
    .execute(&mut *turn)
    .await
    .map_err(unreachable)?;
    Ok(turn)
}
