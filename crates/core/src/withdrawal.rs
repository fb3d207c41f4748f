//! A withdrawal: what a user asked for, what was held for it, and where it stands.
//!
//! pending → approved → processing → completed, failed, cancelled, or held for inspection. A
//! transition consumes the state and gives the next one, so a withdrawal cannot be settled twice by
//! any code that compiles.

use serde::{Deserialize, Serialize};

use crate::{
    Actor, Amount, AssetId, BlockRef, Book, Bytes, ClientId, Destination, Hash32, LimitEntry,
    LineageId, PayoutId, Timestamp, TransferId, UserId, WithdrawalId,
};

/// One request to be paid, accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Withdrawal {
    pub id: WithdrawalId,
    pub user: UserId,
    pub payout: PayoutId,
    /// What is paid on chain, in base units of `asset`.
    pub asset: AssetId,
    pub amount: Amount,
    pub destination: Destination,
    /// What was taken for it: amount and fee, in base units of `source_asset` (points where they
    /// differ).
    pub book: Book,
    pub source_asset: AssetId,
    pub deducted: Amount,
    /// Part of `deducted` that is our fee.
    pub fee: Amount,
    /// Available balance before and after acceptance, in base units of `source_asset`.
    pub balance_before: Amount,
    pub balance_after: Amount,
    pub hold: TransferId,
    /// Its place in the limits, once given back as well.
    pub limit: LimitEntry,
    pub claim: Option<ClaimRecord>,
    /// The idempotency key that it consumed.
    pub idempotency: Option<crate::KeyContext>,
    /// Whose key or token asked. None in rows of before clients whose event is gone.
    pub requested_by: Option<ClientId>,
    pub policy_revision: u64,
    pub created_at: Timestamp,
    pub retries: u32,
    pub state: State,
}

impl Withdrawal {
    /// What must appear on chain for it, and whose it is.
    pub fn leg(&self) -> crate::Leg {
        crate::Leg {
            payout: self.payout,
            withdrawal: self.id,
            user: self.user.clone(),
            book: self.book.clone(),
            source_asset: self.source_asset.clone(),
            asset: self.asset.clone(),
            amount: self.amount,
            destination: self.destination.clone(),
        }
    }
}

/// What the user signed, kept for the record (requirement D10).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimRecord {
    pub nonce: u64,
    /// Unix seconds.
    pub deadline: u64,
    pub digest: Hash32,
    pub signature: Bytes,
}

/// Where a withdrawal stands. Each variant carries exactly what is true in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum State {
    /// Held, not yet approved; its owner can cancel.
    Pending,
    /// May be paid. `deferred` says what kept it from being planned.
    Approved {
        by: Actor,
        at: Timestamp,
        deferred: Option<Deferral>,
        /// The dead lineage that carried it before.
        after: Option<DeadLineage>,
    },
    /// In a live lineage.
    Processing {
        lineage: LineageId,
        since: Timestamp,
        sighting: Option<Payment>,
        confirmed_at: Option<Timestamp>,
        hash: Option<Hash32>,
    },
    /// The chain paid it, finally; the hold is settled.
    Completed {
        at: Timestamp,
        payment: Payment,
    },
    /// The chain proved that it did not and cannot pay; the hold was given back.
    Failed {
        at: Timestamp,
        failure: Failure,
        payment: Option<Payment>,
    },
    Cancelled {
        at: Timestamp,
        by: Actor,
        reason: String,
    },
    /// The chain did something that nobody expected. Waits for a named person.
    HeldForInspection {
        since: Timestamp,
        finding: String,
        payment: Payment,
        /// The chain shows that this transaction pays it. Where the chain did something else, a
        /// person judges before anybody is charged for it (rule R8).
        #[serde(default)]
        pays: bool,
    },
}

/// The transaction in which a payout was seen on chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    pub hash: Hash32,
    pub block: BlockRef,
}

/// A lineage that the chain finally killed without paying, and the transaction that proves it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLineage {
    pub lineage: LineageId,
    pub evidence: Hash32,
}

/// Whose fault it is that a payout cannot be planned now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// The payout is given back after some tries.
    Payment,
    /// Nobody can say what the payout would do: after some tries a person decides.
    Unknown,
    /// It waits, however long that takes.
    Nobody,
}

/// Why a payout could not be planned yet, and when it is looked at again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deferral {
    /// For those who run the instance: it may repeat what a node said.
    pub reason: String,
    /// How often the payment itself was refused, or nobody could say anything of it.
    pub tries: u32,
    pub until: Timestamp,
    #[serde(default)]
    pub cause: DeferralCause,
    /// How often it was looked at since the cause changed.
    #[serde(default)]
    pub looks: u32,
    /// When the cause began; none in rows of before that was kept.
    #[serde(default)]
    pub since: Option<Timestamp>,
}

/// The kind of a deferral.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "cause")]
pub enum DeferralCause {
    /// As rows of before have it.
    #[default]
    Unknown,
    /// The chain says that it would revert, or do something else than asked.
    WouldFail,
    /// Endpoints that answer all else have no answer to this one.
    Untold,
    /// Too few endpoints could say.
    Unclear,
    SignerRefuses,
    /// Whether the claim's signature still stands could not be read; or it does not, of one that
    /// left a dead lineage.
    ClaimUnread,
    /// The wallet has too little of the asset or of the fee coin, in base units of `asset`.
    Unfunded {
        asset: AssetId,
        needed: Amount,
    },
}

impl DeferralCause {
    pub fn blame(&self) -> Blame {
        match self {
            Self::WouldFail => Blame::Payment,
            Self::Untold => Blame::Unknown,
            Self::Unknown
            | Self::Unclear
            | Self::SignerRefuses
            | Self::ClaimUnread
            | Self::Unfunded { .. } => Blame::Nobody,
        }
    }

    /// Whether it is the same reason for a person, whatever the numbers in it.
    pub fn is_same_kind(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Unfunded { asset, .. }, Self::Unfunded { asset: known, .. }) => asset == known,
            (this, other) => std::mem::discriminant(this) == std::mem::discriminant(other),
        }
    }
}

impl Deferral {
    /// Returns whether it still waits at `now`. A deferral is an hour at most, so one that ends
    /// later than any clock may be wrong was written under a wrong clock, and is over (case F97).
    pub fn holds(&self, now: Timestamp) -> bool {
        self.until.credible(now).is_some_and(|until| now < until)
    }
}

/// Why a withdrawal failed for good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "failure")]
pub enum Failure {
    /// The final transaction reverted.
    Reverted,
    /// Nothing was ever sent: the chain says the payment would revert.
    Precheck { reason: String },
    /// A person found that the unexpected transaction did not pay.
    Inspected { finding: String, note: String },
}

/// The word for a state that the public sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Pending,
    Approved,
    Processing,
    Completed,
    Failed,
    Cancelled,
    HeldForInspection,
}

impl Status {
    pub const ALL: [Status; 7] = [
        Self::Pending,
        Self::Approved,
        Self::Processing,
        Self::Completed,
        Self::Failed,
        Self::Cancelled,
        Self::HeldForInspection,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Processing => "processing",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::HeldForInspection => "held_for_inspection",
        }
    }

    /// Whether the hold is resolved.
    pub fn is_end(self) -> bool {
        match self {
            Self::Completed | Self::Failed | Self::Cancelled => true,
            Self::Pending | Self::Approved | Self::Processing | Self::HeldForInspection => false,
        }
    }
}

impl State {
    pub fn status(&self) -> Status {
        match self {
            Self::Pending => Status::Pending,
            Self::Approved { .. } => Status::Approved,
            Self::Processing { .. } => Status::Processing,
            Self::Completed { .. } => Status::Completed,
            Self::Failed { .. } => Status::Failed,
            Self::Cancelled { .. } => Status::Cancelled,
            Self::HeldForInspection { .. } => Status::HeldForInspection,
        }
    }

    /// The live lineage that is to pay it.
    pub fn lineage(&self) -> Option<LineageId> {
        match self {
            Self::Processing { lineage, .. } => Some(*lineage),
            Self::Pending
            | Self::Approved { .. }
            | Self::Completed { .. }
            | Self::Failed { .. }
            | Self::Cancelled { .. }
            | Self::HeldForInspection { .. } => None,
        }
    }

    /// The transaction that carries it, as far as one is known.
    pub fn hash(&self) -> Option<Hash32> {
        match self {
            Self::Processing { sighting: Some(payment), .. } => Some(payment.hash),
            Self::Processing { hash, .. } => *hash,
            Self::Completed { payment, .. } | Self::HeldForInspection { payment, .. } => {
                Some(payment.hash)
            }
            Self::Failed { payment, .. } => payment.as_ref().map(|payment| payment.hash),
            Self::Pending | Self::Approved { .. } | Self::Cancelled { .. } => None,
        }
    }

    /// The block it was seen in.
    pub fn block(&self) -> Option<BlockRef> {
        match self {
            Self::Processing { sighting, .. } => sighting.as_ref().map(|payment| payment.block),
            Self::Completed { payment, .. } | Self::HeldForInspection { payment, .. } => {
                Some(payment.block)
            }
            Self::Failed { payment, .. } => payment.as_ref().map(|payment| payment.block),
            Self::Pending | Self::Approved { .. } | Self::Cancelled { .. } => None,
        }
    }
}
