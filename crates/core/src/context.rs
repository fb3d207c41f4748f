//! What the signer's journal keeps of a payout besides its payment, so that a database that lost
//! the withdrawal can make it again with its user (case F95).

use serde::{Deserialize, Serialize};

use crate::{Amount, AssetId, Book, ClientId, Hash32, UserId, Withdrawal};

/// Everything about an accepted withdrawal that its signed transaction does not say. Asset, amount
/// and destination stand beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PayoutContext {
    pub user: UserId,
    pub book: Book,
    /// What the balance is kept in.
    pub source_asset: AssetId,
    /// Taken from the balance: amount and fee, in base units of `source_asset`.
    pub deducted: Amount,
    /// Part of `deducted` that is our fee.
    pub fee: Amount,
    pub claim: Option<ClaimContext>,
    pub idempotency: Option<KeyContext>,
}

/// The claim that was consumed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimContext {
    pub nonce: u64,
    /// Unix seconds.
    pub deadline: u64,
    pub digest: Hash32,
}

/// The idempotency key that was consumed: whose it is, its SHA-256, and the fingerprint of the
/// request's body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyContext {
    pub client: ClientId,
    pub key: Hash32,
    pub fingerprint: Hash32,
}

impl PayoutContext {
    pub fn of(withdrawal: &Withdrawal) -> Self {
        Self {
            user: withdrawal.user.clone(),
            book: withdrawal.book.clone(),
            source_asset: withdrawal.source_asset.clone(),
            deducted: withdrawal.deducted,
            fee: withdrawal.fee,
            claim: withdrawal.claim.as_ref().map(|claim| ClaimContext {
                nonce: claim.nonce,
                deadline: claim.deadline,
                digest: claim.digest,
            }),
            idempotency: withdrawal.idempotency.clone(),
        }
    }
}
