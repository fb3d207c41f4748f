//! API keys, and when they were used.

use std::collections::BTreeMap;

use adit_core::{Batch, CredentialId, Timestamp};
use adit_store::CommitFault;
use adit_store::rows::{CredentialAt, CredentialRow};
use sqlx::SqliteConnection;

use super::{put, rows};

pub(super) async fn write(
    connection: &mut SqliteConnection,
    batch: &Batch,
) -> Result<(), CommitFault> {
    put(connection, CREDENTIALS, &rows(&batch.appended.credentials, CredentialRow::of)?).await?;
    let revoked: Vec<CredentialAt> =
        batch.appended.revoked.iter().copied().map(CredentialAt::of).collect();
    put(connection, REVOKED, &revoked).await.map(drop)
}

pub(crate) async fn used(
    connection: &mut SqliteConnection,
    used: &BTreeMap<CredentialId, Timestamp>,
) -> Result<(), CommitFault> {
    put(connection, USED, &CredentialAt::all(used)).await.map(drop)
}

const CREDENTIALS: &str = "
    INSERT INTO credential (id, hash, role, user_id, client, label, created_at, expires_at, from_environment, revoked_at)
    SELECT r.value ->> 'id', r.value ->> 'hash', r.value ->> 'role', r.value ->> 'user_id', r.value ->> 'client', r.value ->> 'label',
           r.value ->> 'created_at', r.value ->> 'expires_at', r.value ->> 'from_environment', r.value ->> 'revoked_at'
    FROM jsonb_each(?1) AS r";

/// Once revoked, the time stands.
const REVOKED: &str = "
    UPDATE credential
    SET revoked_at = r.value ->> 'at'
    FROM jsonb_each(?1) AS r
    WHERE credential.id = r.value ->> 'id' AND credential.revoked_at IS NULL";

const USED: &str = "
    INSERT INTO credential_use (credential_id, at)
    SELECT r.value ->> 'id', r.value ->> 'at'
    FROM jsonb_each(?1) AS r
    WHERE TRUE
    ON CONFLICT (credential_id) DO UPDATE SET at = max(at, excluded.at)";
