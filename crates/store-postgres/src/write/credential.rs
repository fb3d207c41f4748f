//! API keys, and when they were used.

use std::collections::BTreeMap;

use adit_core::{Batch, CredentialId, Timestamp};
use adit_store::CommitFault;
use adit_store::rows::{CredentialAt, CredentialRow};
use sqlx::{PgConnection, query};

use super::{columns, put, rows};

pub(super) async fn write(connection: &mut PgConnection, batch: &Batch) -> Result<(), CommitFault> {
    let made = rows(&batch.appended.credentials, CredentialRow::of)?;
    let statement = columns!(query(CREDENTIALS), made; id, hash, role, user_id, client, label, created_at, expires_at, from_environment, revoked_at);
    put(connection, made.len(), statement).await?;
    let revoked: Vec<CredentialAt> =
        batch.appended.revoked.iter().copied().map(CredentialAt::of).collect();
    put(connection, revoked.len(), columns!(query(REVOKED), revoked; id, at)).await.map(drop)
}

pub(crate) async fn used(
    connection: &mut PgConnection,
    used: &BTreeMap<CredentialId, Timestamp>,
) -> Result<(), CommitFault> {
    let used = CredentialAt::all(used);
    put(connection, used.len(), columns!(query(USED), used; id, at)).await.map(drop)
}

const CREDENTIALS: &str = "
    INSERT INTO credential (id, hash, role, user_id, client, label, created_at, expires_at, from_environment, revoked_at)
    SELECT r.id, r.hash, r.role, r.user_id, r.client, r.label, r.created_at, r.expires_at, r.from_environment, r.revoked_at
    FROM unnest(
        $1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::bigint[], $9::boolean[], $10::bigint[]
    ) AS r (id, hash, role, user_id, client, label, created_at, expires_at, from_environment, revoked_at)";

/// Once revoked, the time stands.
const REVOKED: &str = "
    UPDATE credential
    SET revoked_at = r.at
    FROM unnest($1::uuid[], $2::bigint[]) AS r (id, at)
    WHERE credential.id = r.id AND credential.revoked_at IS NULL";

const USED: &str = "
    INSERT INTO credential_use (credential_id, at)
    SELECT r.id, r.at
    FROM unnest($1::uuid[], $2::bigint[]) AS r (id, at)
    ON CONFLICT (credential_id) DO UPDATE SET at = greatest(credential_use.at, excluded.at)";
