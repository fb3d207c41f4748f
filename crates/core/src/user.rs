//! A user as the engine knows him: the guard row of everything he does, and his linked wallets.

use serde::{Deserialize, Serialize};

use crate::{Destination, Tier, Timestamp, UserId};

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
