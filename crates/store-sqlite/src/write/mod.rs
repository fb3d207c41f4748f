//! Writes a batch: one set-based statement per table, each over a JSON array of rows.
//!
//! A versioned row is inserted where its version is 0 and otherwise updated where its version is
//! still the one that was read; rows that were not touched are counted, and one too few means that
//! somebody else was faster.

pub(crate) mod credential;
mod event;
mod incarnation;
mod ledger;
mod lineage;
mod people;
mod withdrawal;

use adit_core::{Batch, GroupId};
use adit_store::CommitFault;
use serde::Serialize;
use sqlx::SqliteConnection;

use crate::fault::refused;

/// Writes everything but the COMMIT. The group's id comes first: a group that was committed before
/// stops here.
pub(crate) async fn batch(
    connection: &mut SqliteConnection,
    id: GroupId,
    batch: &Batch,
) -> Result<(), CommitFault> {
    event::group(connection, id, batch.now).await?;
    people::write(connection, batch).await?;
    credential::write(connection, batch).await?;
    ledger::write(connection, batch).await?;
    withdrawal::write(connection, batch).await?;
    lineage::write(connection, batch).await?;
    incarnation::write(connection, batch).await?;
    event::write(connection, batch).await
}

/// Runs one statement over all rows, and answers how many it touched.
async fn put(
    connection: &mut SqliteConnection,
    statement: &'static str,
    rows: &[impl Serialize],
) -> Result<u64, CommitFault> {
    if rows.is_empty() {
        return Ok(0);
    }
    let array = serde_json::to_string(rows)
        .map_err(|error| CommitFault::Unwritable { detail: error.to_string() })?;
    let done = sqlx::query(statement).bind(array).execute(connection).await.map_err(refused)?;
    Ok(done.rows_affected())
}

/// Runs one statement over versioned rows.
async fn put_versioned(
    connection: &mut SqliteConnection,
    what: &'static str,
    statement: &'static str,
    rows: &[impl Serialize],
) -> Result<(), CommitFault> {
    let touched = put(connection, statement, rows).await?;
    if touched == rows.len() as u64 {
        return Ok(());
    }
    Err(CommitFault::Contention {
        detail: format!(
            "of {} rows of {what}, {touched} still have the version that was read",
            rows.len()
        ),
    })
}

/// Rows of every item, or the first that cannot be written.
fn rows<T, R>(
    items: &[T],
    row: impl Fn(&T) -> Result<R, CommitFault>,
) -> Result<Vec<R>, CommitFault> {
    items.iter().map(row).collect()
}
