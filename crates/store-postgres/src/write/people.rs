//! Users, wallets, suspensions.

use adit_core::{Batch, Row, WalletLink};
use adit_store::CommitFault;
use adit_store::rows::{SuspensionRow, UserRow, WalletRow};
use sqlx::{PgConnection, query};

use super::{columns, put, put_versioned, rows};
use crate::columns::texts;

pub(super) async fn write(connection: &mut PgConnection, batch: &Batch) -> Result<(), CommitFault> {
    let users = rows(&batch.users, UserRow::of)?;
    let suspended = rows(&batch.appended.suspended, SuspensionRow::of)?;
    let resumed = texts(&batch.appended.resumed);
    put_versioned(connection, "app_user", users.len(), columns!(query(USERS), users; id, tier, claim_nonce, event_seq, last_accepted_at, wallets, cancels, cancels_since, created_at, version)).await?;
    wallets(connection, &batch.wallets).await?;
    // What was resumed and suspended again in one group stays suspended: the safe side.
    put(connection, resumed.len(), query(RESUMED).bind(resumed)).await?;
    put(
        connection,
        suspended.len(),
        columns!(query(SUSPENDED), suspended; scope, actor, reason, since, form),
    )
    .await
    .map(drop)
}

/// A new link fails on its owner, so inserts and updates are two statements.
async fn wallets(
    connection: &mut PgConnection,
    links: &[Row<WalletLink>],
) -> Result<(), CommitFault> {
    let (new, known): (Vec<_>, Vec<_>) =
        rows(links, WalletRow::of)?.into_iter().partition(|row| row.version == 0);
    put(
        connection,
        new.len(),
        columns!(query(NEW_WALLETS), new; address, user_id, linked_at, usable_at),
    )
    .await?;
    put_versioned(
        connection,
        "wallet",
        known.len(),
        columns!(query(KNOWN_WALLETS), known; user_id, linked_at, usable_at, address, version),
    )
    .await
}

const USERS: &str = "
    INSERT INTO app_user (id, tier, claim_nonce, event_seq, last_accepted_at, wallets, cancels, cancels_since, created_at, version)
    SELECT r.id, r.tier, r.claim_nonce, r.event_seq, r.last_accepted_at, r.wallets, r.cancels, r.cancels_since, r.created_at,
           r.version + 1
    FROM unnest(
        $1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[],
        $10::bigint[]
    ) AS r (id, tier, claim_nonce, event_seq, last_accepted_at, wallets, cancels, cancels_since, created_at, version)
    WHERE r.version = 0 OR EXISTS (SELECT 1 FROM app_user AS u WHERE u.id = r.id)
    ON CONFLICT (id) DO UPDATE
    SET tier = excluded.tier, claim_nonce = excluded.claim_nonce, event_seq = excluded.event_seq,
        last_accepted_at = excluded.last_accepted_at, wallets = excluded.wallets, cancels = excluded.cancels,
        cancels_since = excluded.cancels_since, version = excluded.version
    WHERE app_user.version = excluded.version - 1";

const NEW_WALLETS: &str = "
    INSERT INTO wallet (address, user_id, linked_at, usable_at, version)
    SELECT r.address, r.user_id, r.linked_at, r.usable_at, 1
    FROM unnest(
        $1::text[], $2::text[], $3::bigint[], $4::bigint[]
    ) AS r (address, user_id, linked_at, usable_at)";

const KNOWN_WALLETS: &str = "
    UPDATE wallet
    SET user_id = r.user_id, linked_at = r.linked_at, usable_at = r.usable_at,
        version = wallet.version + 1
    FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::text[], $5::bigint[]) AS r (user_id, linked_at, usable_at, address, version)
    WHERE wallet.address = r.address AND wallet.version = r.version";

const RESUMED: &str = "DELETE FROM suspension WHERE scope = ANY ($1)";

const SUSPENDED: &str = "
    INSERT INTO suspension (scope, actor, reason, since, form)
    SELECT r.scope, r.actor::json, r.reason, r.since, r.form
    FROM unnest(
        $1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[]
    ) AS r (scope, actor, reason, since, form)
    ON CONFLICT (scope) DO UPDATE
    SET actor = excluded.actor, reason = excluded.reason, since = excluded.since, form = excluded.form";
