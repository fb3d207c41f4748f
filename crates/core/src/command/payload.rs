//! What the larger commands carry.

use crate::{
    Amount, Anchor, AssetId, AttemptId, Book, Bytes, CreditId, Destination, Draft, Epoch, Hash32,
    IdempotencyKey, LaneId, Leg, LineageId, PayoutContext, Purpose, ReplicaId, Tier, Timestamp,
    UserId, WithdrawalId,
};

/// A withdrawal that only the signer's journal knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost {
    pub leg: Leg,
    /// None in journals of before contexts were kept: then nobody knows whose it is.
    pub context: Option<PayoutContext>,
    pub requested_at: Timestamp,
}

/// Whose payment it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Matched {
    /// This user's, who had asked for it before the store went back.
    User { user: UserId, book: Book, charge: Charge },
    /// This withdrawal's, which waits for inspection and was not paid by its own lineage.
    Withdrawal { leg: Leg },
}

/// What a payment took from its user, by the records of whoever says whose it was: of a claim its
/// points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charge {
    pub source_asset: AssetId,
    /// Base units of `source_asset`, the fee included.
    pub deducted: Amount,
}

/// A changed fact that a person takes as the new truth: `code/DG` or `implementation/DG`. A chain's
/// identity is never accepted anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcceptedPin {
    pub fact: String,
    pub value: String,
}

/// Adds to what a user is owed. Booked once per id, however often it is delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credit {
    pub id: CreditId,
    pub user: UserId,
    pub book: Book,
    pub asset: AssetId,
    pub amount: Amount,
}

/// Asks to be paid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Also the id of its payout: a withdrawal owes exactly one.
    pub id: WithdrawalId,
    pub user: UserId,
    pub book: Book,
    /// What the balance is kept in; differs from `asset` where points are paid as a token.
    pub source_asset: AssetId,
    pub asset: AssetId,
    pub amount: Amount,
    pub destination: Destination,
    pub idempotency: Option<Idempotency>,
    pub claim: Option<Claim>,
    /// Tier that membership gives, where the gate is tiered.
    pub tier: Option<Tier>,
}

/// The caller's own key for a request, and a fingerprint of its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idempotency {
    pub key: IdempotencyKey,
    pub fingerprint: Hash32,
}

/// What a user signed. Its signature was verified before the command was made: only what depends on
/// state is judged here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    pub nonce: u64,
    /// Unix seconds.
    pub deadline: u64,
    pub digest: Hash32,
    pub signature: Bytes,
}

/// A bump or a cancelling attempt in a live lineage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddAttempt {
    pub lane: LaneId,
    pub owner: ReplicaId,
    pub epoch: Epoch,
    pub lineage: LineageId,
    pub attempt: AttemptId,
    pub purpose: Purpose,
    pub draft: Draft,
    /// What it newly consumes, and what the version before would have left to us: from now on
    /// nobody builds on that.
    pub claims: Vec<Anchor>,
    /// Payees that this version carries and no earlier one did.
    pub joining: Vec<Leg>,
}

/// Puts a payout into a new lineage, at anchors that are free.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reserve {
    pub lane: LaneId,
    pub owner: ReplicaId,
    pub epoch: Epoch,
    pub lineage: LineageId,
    pub attempt: AttemptId,
    pub anchors: Vec<Anchor>,
    pub legs: Vec<Leg>,
    pub draft: Draft,
}
