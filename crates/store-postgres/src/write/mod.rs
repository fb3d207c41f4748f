//! Writes a batch: one set-based statement per table, each over one array per column.
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
use sqlx::PgConnection;

use crate::columns::Query;
use crate::fault::refused;

/// Binds one array per field of some rows, in the order in which they are named.
macro_rules! columns {
    ($statement:expr, $rows:expr; $($field:ident),+ $(,)?) => {{
        let rows = &$rows;
        $statement$(.bind(rows.iter().map(|row| row.$field.clone()).collect::<Vec<_>>()))+
    }};
}

pub(crate) use columns;

/// Writes everything but the COMMIT. The group's id comes first: a group that was committed before,
/// or that was given up, stops here.
pub(crate) async fn batch(
    connection: &mut PgConnection,
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

/// Runs one statement over `rows` rows, and answers how many it touched.
async fn put(
    connection: &mut PgConnection,
    rows: usize,
    statement: Query,
) -> Result<u64, CommitFault> {
    if rows == 0 {
        return Ok(0);
    }
    let done = statement.execute(connection).await.map_err(refused)?;
    Ok(done.rows_affected())
}

/// Runs one statement over versioned rows.
async fn put_versioned(
    connection: &mut PgConnection,
    what: &'static str,
    rows: usize,
    statement: Query,
) -> Result<(), CommitFault> {
    let touched = put(connection, rows, statement).await?;
    if touched == rows as u64 {
        return Ok(());
    }
    Err(CommitFault::Contention {
        detail: format!("of {rows} rows of {what}, {touched} still have the version that was read"),
    })
}

/// Rows of every item, or the first that cannot be written.
fn rows<T, R>(
    items: &[T],
    row: impl Fn(&T) -> Result<R, CommitFault>,
) -> Result<Vec<R>, CommitFault> {
    items.iter().map(row).collect()
}
