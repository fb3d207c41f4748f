//! The group's id, and what happened in it.

use adit_core::{Batch, GroupId, Timestamp};
use adit_store::CommitFault;
use adit_store::rows::EventRow;
use sqlx::SqliteConnection;

use super::{put, rows};
use crate::fault::refused;

pub(super) async fn group(
    connection: &mut SqliteConnection,
    id: GroupId,
    now: Timestamp,
) -> Result<(), CommitFault> {
    let statement = sqlx::query("INSERT INTO commit_group (id, at) VALUES (?1, ?2)")
        .bind(id.to_string())
        .bind(now.micros());
    statement.execute(connection).await.map(drop).map_err(refused)
}

pub(super) async fn write(
    connection: &mut SqliteConnection,
    batch: &Batch,
) -> Result<(), CommitFault> {
    put(connection, EVENTS, &rows(&batch.appended.events, EventRow::of)?).await.map(drop)
}

const EVENTS: &str = "
    INSERT INTO event (id, at, actor, user_id, seq, withdrawal_id, kind, body, form)
    SELECT r.value ->> 'id', r.value ->> 'at', r.value ->> 'actor', r.value ->> 'user_id', r.value ->> 'seq',
           r.value ->> 'withdrawal_id', r.value ->> 'kind', r.value ->> 'body', r.value ->> 'form'
    FROM jsonb_each(?1) AS r";
