//! The store about itself.

use adit_core::Batch;
use adit_store::CommitFault;
use adit_store::rows::IncarnationRow;
use sqlx::{PgConnection, query};

use super::{columns, put_versioned, rows};

pub(super) async fn write(connection: &mut PgConnection, batch: &Batch) -> Result<(), CommitFault> {
    let changed = rows(batch.incarnation.as_slice(), IncarnationRow::of)?;
    let statement = columns!(query(INCARNATION), changed; id, since, taken_over, unread, unmatched, strays, finding, form, version);
    put_versioned(connection, "incarnation", changed.len(), statement).await
}

const INCARNATION: &str = "
    INSERT INTO incarnation (id, since, taken_over, unread, unmatched, strays, finding, form, version)
    SELECT r.id, r.since, r.taken_over, r.unread::json, r.unmatched::json, r.strays::json, r.finding::json, r.form, r.version + 1
    FROM unnest(
        $1::uuid[], $2::bigint[], $3::boolean[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bigint[], $9::bigint[]
    ) AS r (id, since, taken_over, unread, unmatched, strays, finding, form, version)
    WHERE r.version = 0 OR EXISTS (SELECT FROM incarnation)
    ON CONFLICT (singleton) DO UPDATE
    SET id = excluded.id, since = excluded.since, taken_over = excluded.taken_over, unread = excluded.unread, unmatched = excluded.unmatched,
        strays = excluded.strays, finding = excluded.finding, form = excluded.form, version = excluded.version
    WHERE incarnation.version = excluded.version - 1";
