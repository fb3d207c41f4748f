//! Credentials, and when they were last used.

use std::collections::BTreeMap;

use adit_core::{Credential, CredentialId, Timestamp};
use serde::Serialize;
use uuid::Uuid;

use super::fields::{Fields, id, time, time_or_none, to_word, value, value_or_none, word};
use crate::{CommitFault, CredentialRecord, StoreFault};

#[derive(Debug, Serialize)]
pub struct CredentialRow {
    pub id: Uuid,
    pub hash: String,
    pub role: String,
    pub user_id: Option<String>,
    pub client: String,
    pub label: String,
    pub created_at: i64,
    pub expires_at: Option<i64>,
    pub from_environment: bool,
    pub revoked_at: Option<i64>,
}

impl CredentialRow {
    pub fn of(credential: &Credential) -> Result<Self, CommitFault> {
        Ok(Self {
            id: credential.id.0,
            hash: credential.hash.to_string(),
            role: to_word(&credential.role)?,
            user_id: credential.user.as_ref().map(ToString::to_string),
            client: credential.client.to_string(),
            label: credential.label.clone(),
            created_at: credential.created_at.micros(),
            expires_at: credential.expires_at.map(Timestamp::micros),
            from_environment: credential.from_environment,
            revoked_at: credential.revoked_at.map(Timestamp::micros),
        })
    }
}

pub fn read_credential(row: &impl Fields) -> Result<Credential, StoreFault> {
    Ok(Credential {
        id: id(row, "id")?,
        hash: value(row, "hash")?,
        role: word(row, "role")?,
        user: value_or_none(row, "user_id")?,
        client: value(row, "client")?,
        label: row.text("label")?,
        created_at: time(row, "created_at")?,
        expires_at: time_or_none(row, "expires_at")?,
        from_environment: row.flag("from_environment")?,
        revoked_at: time_or_none(row, "revoked_at")?,
    })
}

/// The same with the column `last_used_at`.
pub fn read_credential_record(row: &impl Fields) -> Result<CredentialRecord, StoreFault> {
    Ok(CredentialRecord {
        credential: read_credential(row)?,
        last_used_at: time_or_none(row, "last_used_at")?,
    })
}

/// A key that stops working at a moment, or was used at one.
#[derive(Debug, Serialize)]
pub struct CredentialAt {
    pub id: Uuid,
    pub at: i64,
}

impl CredentialAt {
    pub fn of((id, at): (CredentialId, Timestamp)) -> Self {
        Self { id: id.0, at: at.micros() }
    }

    pub fn all(used: &BTreeMap<CredentialId, Timestamp>) -> Vec<Self> {
        used.iter().map(|(id, at)| Self::of((*id, *at))).collect()
    }
}
