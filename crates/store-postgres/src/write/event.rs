//! The group's id, and what happened in it.

use adit_core::{Batch, GroupId, Timestamp};
use adit_store::CommitFault;
use adit_store::rows::EventRow;
use sqlx::{PgConnection, query};

use super::{columns, put, rows};
use crate::fault::refused;

pub(super) async fn group(
    connection: &mut PgConnection,
    id: GroupId,
    now: Timestamp,
) -> Result<(), CommitFault> {
    let statement =
        query("INSERT INTO commit_group (id, at) VALUES ($1, $2)").bind(id.0).bind(now.micros());
    statement.execute(connection).await.map(drop).map_err(refused)
}

pub(super) async fn write(connection: &mut PgConnection, batch: &Batch) -> Result<(), CommitFault> {
    let events = rows(&batch.appended.events, EventRow::of)?;
    put(connection, events.len(), columns!(query(EVENTS), events; id, at, actor, user_id, seq, withdrawal_id, kind, body, form))
        .await
        .map(drop)
}

const EVENTS: &str = "
    INSERT INTO event (id, at, actor, user_id, seq, withdrawal_id, kind, body, form)
    SELECT r.id, r.at, r.actor::json, r.user_id, r.seq, r.withdrawal_id, r.kind, r.body::json, r.form
    FROM unnest(
        $1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::bigint[], $6::uuid[], $7::text[], $8::text[], $9::bigint[]
    ) AS r (id, at, actor, user_id, seq, withdrawal_id, kind, body, form)";
