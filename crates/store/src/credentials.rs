//! Which API keys to list, and what is known of each.

use adit_core::{ClientId, Credential, CredentialId, Role, Timestamp, UserId};

/// Which keys to list. Absent means any.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CredentialFilter {
    pub id: Option<CredentialId>,
    pub client: Option<ClientId>,
    pub user: Option<UserId>,
    pub role: Option<Role>,
    /// Neither revoked nor expired at this moment.
    pub standing_at: Option<Timestamp>,
    /// Revoked at or after.
    pub revoked_since: Option<Timestamp>,
    pub from_environment: Option<bool>,
}

impl CredentialFilter {
    /// Returns whether a key passes.
    pub fn passes(&self, row: &Credential) -> bool {
        self.id.is_none_or(|id| id == row.id)
            && self.client.as_ref().is_none_or(|client| *client == row.client)
            && self.user.as_ref().is_none_or(|user| row.user.as_ref() == Some(user))
            && self.role.is_none_or(|role| role == row.role)
            && self.standing_at.is_none_or(|now| row.standing(now) == adit_core::Standing::Standing)
            && self.revoked_since.is_none_or(|since| row.revoked_at.is_some_and(|at| at >= since))
            && self.from_environment.is_none_or(|named| named == row.from_environment)
    }
}

/// A place in a list of keys: the last row seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct CredentialCursor {
    pub created_at: Timestamp,
    pub id: CredentialId,
}

impl CredentialCursor {
    pub fn of(row: &Credential) -> Self {
        Self { created_at: row.created_at, id: row.id }
    }
}

/// A key, and when it was last used, to the minute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialRecord {
    pub credential: Credential,
    pub last_used_at: Option<Timestamp>,
}
