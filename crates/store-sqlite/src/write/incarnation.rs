//! The store about itself.

use adit_core::Batch;
use adit_store::CommitFault;
use adit_store::rows::IncarnationRow;
use sqlx::SqliteConnection;

use super::{put_versioned, rows};

pub(super) async fn write(
    connection: &mut SqliteConnection,
    batch: &Batch,
) -> Result<(), CommitFault> {
    put_versioned(
        connection,
        "incarnation",
        INCARNATION,
        &rows(batch.incarnation.as_slice(), IncarnationRow::of)?,
    )
    .await
}

const INCARNATION: &str = "
    INSERT INTO incarnation (singleton, id, since, taken_over, unread, unmatched, strays, finding, form, version)
    SELECT 1, r.value ->> 'id', r.value ->> 'since', r.value ->> 'taken_over', r.value ->> 'unread', r.value ->> 'unmatched', r.value ->> 'strays', r.value ->> 'finding',
           r.value ->> 'form', (r.value ->> 'version') + 1
    FROM jsonb_each(?1) AS r
    WHERE r.value ->> 'version' = 0 OR EXISTS (SELECT 1 FROM incarnation)
    ON CONFLICT (singleton) DO UPDATE
    SET id = excluded.id, since = excluded.since, taken_over = excluded.taken_over, unread = excluded.unread, unmatched = excluded.unmatched,
        strays = excluded.strays, finding = excluded.finding, form = excluded.form, version = excluded.version
    WHERE incarnation.version = excluded.version - 1";
