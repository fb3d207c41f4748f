//! API keys.

use std::collections::BTreeSet;

use adit_core::{Credential, CredentialId, Hash32, Timestamp};
use adit_store::rows::{read_credential, read_credential_record};
use adit_store::{CredentialCursor, CredentialFilter, CredentialRecord, StoreFault};
use sqlx::{PgConnection, query};
use uuid::Uuid;

use crate::columns::{all, limit as bound, one};

pub(crate) async fn by_hash(
    connection: &mut PgConnection,
    hash: Hash32,
) -> Result<Option<Credential>, StoreFault> {
    let question = query("SELECT * FROM credential WHERE hash = $1").bind(hash.to_string());
    one(connection, question, |row| read_credential(row)).await
}

pub(crate) async fn by_id(
    connection: &mut PgConnection,
    ids: &BTreeSet<CredentialId>,
) -> Result<Vec<Credential>, StoreFault> {
    let question = query("SELECT * FROM credential WHERE id = ANY ($1)")
        .bind(ids.iter().map(|id| id.0).collect::<Vec<_>>());
    all(connection, question, |row| read_credential(row)).await
}

pub(crate) async fn page(
    connection: &mut PgConnection,
    filter: &CredentialFilter,
    after: Option<CredentialCursor>,
    limit: usize,
) -> Result<Vec<CredentialRecord>, StoreFault> {
    let statement = match (filter.revoked_since, &filter.client) {
        (Some(_), _) => REVOKED,
        (None, Some(_)) => OF_CLIENT,
        (None, None) => BY_TIME,
    };
    let question = query(statement)
        .bind(filter.id.map(|id| id.0))
        .bind(filter.client.as_ref().map(ToString::to_string))
        .bind(filter.user.as_ref().map(ToString::to_string))
        .bind(filter.role.map(|role| role.as_str()))
        .bind(filter.standing_at.map(Timestamp::micros))
        .bind(filter.revoked_since.map(Timestamp::micros))
        .bind(filter.from_environment)
        .bind(after.map_or(i64::MAX, |cursor| cursor.created_at.micros()))
        .bind(after.map_or(Uuid::nil(), |cursor| cursor.id.0))
        .bind(bound(limit));
    all(connection, question, |row| read_credential_record(row)).await
}

/// Parameters: id, client, user, role, standing at, revoked since, from environment, cursor's time
/// and id, limit.
macro_rules! page_of {
    ($first:literal) => {
        concat!(
            "SELECT c.*, u.at AS last_used_at
             FROM credential AS c LEFT JOIN credential_use AS u ON u.credential_id = c.id
             WHERE ",
            $first,
            "  AND ($1::uuid IS NULL OR c.id = $1) AND ($2::text IS NULL OR c.client = $2) AND ($3::text IS NULL OR c.user_id = $3)
               AND ($4::text IS NULL OR c.role = $4)
               AND ($5::bigint IS NULL OR (c.revoked_at IS NULL AND (c.expires_at IS NULL OR c.expires_at > $5)))
               AND ($6::bigint IS NULL OR c.revoked_at >= $6) AND ($7::boolean IS NULL OR c.from_environment = $7)
               AND (c.created_at, c.id) < ($8, $9)
             ORDER BY c.created_at DESC, c.id DESC LIMIT $10"
        )
    };
}

const REVOKED: &str = page_of!("c.revoked_at IS NOT NULL");
const OF_CLIENT: &str = page_of!("c.client = $2");
const BY_TIME: &str = page_of!("TRUE");
