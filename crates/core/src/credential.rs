//! API keys, and the clients that they belong to.
//!
//! A client is whoever owns keys: a user, or a host application or person by a name. Idempotency,
//! rates and audit know the client and not the key, so that a key can be replaced without anybody
//! noticing (abuse case +35). A client is no row of its own: it exists as long as it has keys.

use serde::{Deserialize, Serialize};

use crate::{Actor, ClientId, CredentialId, Hash32, NameError, Timestamp, UserId};

/// What a named client's name is.
const CLIENT_NAME_ALLOWED: &str = "1 to 32 of a-z, 0-9, '-', '_'";
const CLIENT_NAME_CHARS_MAX: usize = 32;

/// Who may do what, from the least to the most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Acts for themselves only.
    User,
    /// A host application: names users, credits, links wallets.
    Service,
    /// A person who runs this instance.
    Admin,
}

impl Role {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Service => "service",
            Self::Admin => "admin",
        }
    }
}

/// An API key, of which only the hash is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credential {
    pub id: CredentialId,
    /// SHA-256 of the secret.
    pub hash: Hash32,
    pub role: Role,
    /// Whom it speaks for; none for services and admins.
    pub user: Option<UserId>,
    /// Whose key it is.
    pub client: ClientId,
    pub label: String,
    pub created_at: Timestamp,
    /// From when on it is refused.
    pub expires_at: Option<Timestamp>,
    /// Whether the process's environment named it: another value there replaces it.
    pub from_environment: bool,
    pub revoked_at: Option<Timestamp>,
}

/// How a key stands at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    Standing,
    Expired,
    Revoked,
}

impl Credential {
    /// A key without a label that does not expire: of its user, or a client of its own.
    pub fn new(
        id: CredentialId,
        hash: Hash32,
        role: Role,
        user: Option<UserId>,
        created_at: Timestamp,
    ) -> Self {
        let client = user.as_ref().map_or_else(|| ClientId::of_key(id), ClientId::of_user);
        let (label, expires_at, from_environment, revoked_at) = (String::new(), None, false, None);
        Self {
            id,
            hash,
            role,
            user,
            client,
            label,
            created_at,
            expires_at,
            from_environment,
            revoked_at,
        }
    }

    pub fn standing(&self, now: Timestamp) -> Standing {
        match (self.revoked_at, self.expires_at) {
            (Some(_), _) => Standing::Revoked,
            (None, Some(end)) if end <= now => Standing::Expired,
            (None, _) => Standing::Standing,
        }
    }

    /// Returns whoever uses this key. None where it says that it speaks for a user and does not say
    /// for whom.
    pub fn actor(&self) -> Option<Actor> {
        let (client, credential) = (self.client.clone(), self.id);
        match self.role {
            Role::User => self.user.clone().map(|user| Actor::User { user }),
            Role::Service => Some(Actor::Service { client, credential }),
            Role::Admin => Some(Actor::Admin { client, credential }),
        }
    }
}

impl ClientId {
    /// A user is a client, by whichever key or token.
    pub fn of_user(user: &UserId) -> Self {
        Self::known(format!("user/{user}"))
    }

    /// A key that belongs to no named client is a client of its own.
    pub fn of_key(key: CredentialId) -> Self {
        Self::known(format!("key/{key}"))
    }

    pub fn engine() -> Self {
        Self::known("engine".to_owned())
    }

    /// A host application or a person, by a name that an admin gave.
    ///
    /// # Errors
    /// [`NameError`] unless the name is 1 to 32 of a-z, 0-9, '-', '_'.
    pub fn named(name: &str) -> Result<Self, NameError> {
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
        if name.is_empty() || name.len() > CLIENT_NAME_CHARS_MAX || !name.chars().all(fits) {
            let got = name.chars().take(64).collect();
            return Err(NameError { what: "a client's name", allowed: CLIENT_NAME_ALLOWED, got });
        }
        Ok(Self::known(format!("client/{name}")))
    }

    fn known(text: String) -> Self {
        text.parse()
            .expect("a user's id has at most 128 visible characters, a credential's 36, a name 32")
    }
}
