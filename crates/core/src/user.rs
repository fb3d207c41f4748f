//! A user as the engine knows him: the guard row of everything he does, and his linked wallets.

use serde::{Deserialize, Serialize};

use crate::{ClientId, CredentialId, Destination, Tier, Timestamp, UserId};

/// The row that is locked while anything of this user is decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    pub id: UserId,
    pub tier: Option<Tier>,
    /// What the next claim must carry.
    pub claim_nonce: u64,
    /// Sequence of the user's last event.
    pub event_seq: u64,
    pub last_accepted_at: Option<Timestamp>,
    /// Wallets ever linked: the first is usable at once, further ones wait.
    pub wallets: u32,
    /// Cancels within the day that began at `cancels_since`.
    pub cancels: u32,
    pub cancels_since: Timestamp,
    pub created_at: Timestamp,
}

impl User {
    pub fn new(id: UserId, at: Timestamp) -> Self {
        Self {
            id,
            tier: None,
            claim_nonce: 0,
            event_seq: 0,
            last_accepted_at: None,
            wallets: 0,
            cancels: 0,
            cancels_since: at,
            created_at: at,
        }
    }
}

/// A wallet that belongs to one user, so that he can claim with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WalletLink {
    pub address: Destination,
    pub user: UserId,
    pub linked_at: Timestamp,
    /// Claims are accepted from this moment on.
    pub usable_at: Timestamp,
}

/// Who may do what, from the least to the most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Acts for himself only.
    User,
    /// A host application: names users, credits, links wallets.
    Service,
    /// A person who runs this instance.
    Admin,
}

/// An API key, of which only the hash is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credential {
    pub id: CredentialId,
    /// SHA-256 of the secret.
    pub hash: crate::Hash32,
    pub role: Role,
    /// Whom it speaks for; none for services and admins.
    pub user: Option<UserId>,
    pub label: String,
    pub created_at: Timestamp,
    pub revoked_at: Option<Timestamp>,
}

/// Who asked: written into every event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "actor")]
pub enum Actor {
    User {
        user: UserId,
    },
    Service {
        credential: CredentialId,
    },
    Admin {
        credential: CredentialId,
    },
    /// The engine itself.
    Engine,
}

impl Actor {
    /// Returns the scope of idempotency keys: two clients never share one. Today each credential and each user is a client of its own.
    pub fn client(&self) -> ClientId {
        let name = match self {
            Self::User { user } => format!("user/{user}"),
            Self::Service { credential } | Self::Admin { credential } => format!("key/{credential}"),
            Self::Engine => "engine".to_owned(),
        };
        name.parse().expect("a user's id has at most 128 visible characters, a credential's 36")
    }

    pub fn is_operator(&self) -> bool {
        match self {
            Self::Admin { .. } | Self::Service { .. } | Self::Engine => true,
            Self::User { .. } => false,
        }
    }
}
