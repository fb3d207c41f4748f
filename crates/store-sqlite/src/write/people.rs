//! Users, wallets, suspensions.

use adit_core::{Batch, Row, WalletLink};
use adit_store::CommitFault;
use adit_store::rows::{SuspensionRow, UserRow, WalletRow};
use sqlx::SqliteConnection;

use super::{put, put_versioned, rows};

pub(super) async fn write(
    connection: &mut SqliteConnection,
    batch: &Batch,
) -> Result<(), CommitFault> {
    put_versioned(connection, "app_user", USERS, &rows(&batch.users, UserRow::of)?).await?;
    wallets(connection, &batch.wallets).await?;
    // What was resumed and suspended again in one group stays suspended: the safe side.
    let resumed: Vec<String> = batch.appended.resumed.iter().map(ToString::to_string).collect();
    put(connection, RESUMED, &resumed).await?;
    put(connection, SUSPENDED, &rows(&batch.appended.suspended, SuspensionRow::of)?).await.map(drop)
}

/// A new link fails on its owner, so inserts and updates are two statements.
async fn wallets(
    connection: &mut SqliteConnection,
    links: &[Row<WalletLink>],
) -> Result<(), CommitFault> {
    let (new, known): (Vec<_>, Vec<_>) =
        rows(links, WalletRow::of)?.into_iter().partition(|row| row.version == 0);
    put(connection, NEW_WALLETS, &new).await?;
    put_versioned(connection, "wallet", KNOWN_WALLETS, &known).await
}

const USERS: &str = "
    INSERT INTO app_user (id, tier, claim_nonce, event_seq, last_accepted_at, wallets, cancels, cancels_since, created_at, version)
    SELECT r.value ->> 'id', r.value ->> 'tier', r.value ->> 'claim_nonce', r.value ->> 'event_seq', r.value ->> 'last_accepted_at',
           r.value ->> 'wallets', r.value ->> 'cancels', r.value ->> 'cancels_since', r.value ->> 'created_at', (r.value ->> 'version') + 1
    FROM jsonb_each(?1) AS r
    WHERE r.value ->> 'version' = 0 OR EXISTS (SELECT 1 FROM app_user AS u WHERE u.id = r.value ->> 'id')
    ON CONFLICT (id) DO UPDATE
    SET tier = excluded.tier, claim_nonce = excluded.claim_nonce, event_seq = excluded.event_seq,
        last_accepted_at = excluded.last_accepted_at, wallets = excluded.wallets, cancels = excluded.cancels,
        cancels_since = excluded.cancels_since, version = excluded.version
    WHERE app_user.version = excluded.version - 1";

const NEW_WALLETS: &str = "
    INSERT INTO wallet (address, user_id, linked_at, usable_at, version)
    SELECT r.value ->> 'address', r.value ->> 'user_id', r.value ->> 'linked_at', r.value ->> 'usable_at', 1
    FROM jsonb_each(?1) AS r";

const KNOWN_WALLETS: &str = "
    UPDATE wallet
    SET user_id = r.value ->> 'user_id', linked_at = r.value ->> 'linked_at', usable_at = r.value ->> 'usable_at',
        version = wallet.version + 1
    FROM jsonb_each(?1) AS r
    WHERE wallet.address = r.value ->> 'address' AND wallet.version = r.value ->> 'version'";

const RESUMED: &str =
    "DELETE FROM suspension WHERE scope IN (SELECT r.value FROM jsonb_each(?1) AS r)";

const SUSPENDED: &str = "
    INSERT INTO suspension (scope, actor, reason, since, form)
    SELECT r.value ->> 'scope', r.value ->> 'actor', r.value ->> 'reason', r.value ->> 'since', r.value ->> 'form'
    FROM jsonb_each(?1) AS r
    WHERE TRUE
    ON CONFLICT (scope) DO UPDATE
    SET actor = excluded.actor, reason = excluded.reason, since = excluded.since, form = excluded.form";
