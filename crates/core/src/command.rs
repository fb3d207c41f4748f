//! Everything that can be asked of the rules. A command carries its ids, and names every row it needs by what it carries.

use uuid::Uuid;

use crate::{
    Actor, Amount, Anchor, AssetId, AttemptId, Book, Bytes, Credential, CreditId, Destination, Draft, Epoch, EventId, Funds, HaltReason,
    Hash32, IdempotencyKey, JournalId, LaneId, Leg, Lineage, LineageId, Payment, Purpose, ReplicaId, Scope, Sighting, Signed, Span,
    Submission, Tier, Tip, TransferId, UserId, WithdrawalId,
};

/// A command, who gives it, and the ids that it may use up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    pub actor: Actor,
    pub ids: IdBlock,
    pub command: Command,
}

/// A block of 65,536 ids: a UUIDv7 whose lowest 16 bits count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdBlock(Uuid);

impl IdBlock {
    pub fn new(seed: Uuid) -> Self {
        Self(Uuid::from_u128(seed.as_u128() & !0xffff))
    }

    /// The n-th id of the block.
    pub fn uuid(self, n: u16) -> Uuid {
        Uuid::from_u128(self.0.as_u128() | u128::from(n))
    }

    pub fn transfer(self, n: u16) -> TransferId {
        TransferId(self.uuid(n))
    }

    pub fn event(self, n: u16) -> EventId {
        EventId(self.uuid(n))
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    // People and balances
    PutUser {
        user: UserId,
        tier: Option<Tier>,
    },
    LinkWallet {
        user: UserId,
        address: Destination,
    },
    IssueCredential {
        credential: Credential,
    },
    Credit(Credit),
    Suspend {
        scope: Scope,
        reason: String,
    },
    Resume {
        scope: Scope,
    },

    // A withdrawal
    Request(Request),
    Approve {
        withdrawal: WithdrawalId,
        user: UserId,
    },
    /// `lineage`: the one it was read to be in; an operator's cancel reaches into it.
    Cancel {
        withdrawal: WithdrawalId,
        user: UserId,
        book: Book,
        source_asset: AssetId,
        asset: AssetId,
        lineage: Option<LineageId>,
        reason: String,
    },
    Retry {
        withdrawal: WithdrawalId,
        user: UserId,
    },
    Inspect {
        leg: Leg,
        lane: LaneId,
        paid: bool,
        note: String,
    },

    // A lane
    Lease {
        lane: LaneId,
        owner: ReplicaId,
        length: Span,
        journal: JournalId,
        /// No other process can write this store, so whoever else holds the lease is gone.
        alone: bool,
    },
    /// Ends reconciling: pins what was seen, and the first time takes the chain's nonce and opening balances.
    StartLane {
        lane: LaneId,
        owner: ReplicaId,
        epoch: Epoch,
        chain_nonce: u64,
        unfinished: bool,
        pins: std::collections::BTreeMap<String, String>,
        funds: Vec<Funds>,
    },
    HaltLane {
        lane: LaneId,
        reason: HaltReason,
    },
    /// A person has looked into why the lane stopped. With `accept`, a pinned fact that changed is pinned to its new value.
    ResumeLane {
        lane: LaneId,
        accept: Option<AcceptedPin>,
    },
    /// A person declares that from this nonce on the key is ours alone; the lane reconciles again.
    AdoptKey {
        lane: LaneId,
        from_nonce: u64,
    },
    /// Progress of observation: no decision, kept so that a restart goes on where this one was.
    Advance {
        lane: LaneId,
        epoch: Epoch,
        tip: Tip,
        trail: Vec<crate::BlockRef>,
        funds: Vec<Funds>,
    },

    // A payout on its way
    Defer {
        lane: LaneId,
        epoch: Epoch,
        owner: ReplicaId,
        leg: Leg,
        reason: String,
        blame_payout: bool,
    },
    /// A transaction that this engine does not know seems to have paid it already: a person looks before anything is paid.
    Suspect {
        lane: LaneId,
        owner: ReplicaId,
        epoch: Epoch,
        leg: Leg,
        payment: Payment,
        finding: String,
    },
    /// Its claim's signature is no longer good: a person decides.
    Reapprove {
        lane: LaneId,
        owner: ReplicaId,
        epoch: Epoch,
        leg: Leg,
        reason: String,
    },
    Reserve(Reserve),
    AddAttempt(AddAttempt),
    Record {
        lane: LaneId,
        epoch: Epoch,
        lineage: LineageId,
        attempt: AttemptId,
        signed: Signed,
    },
    /// Signatures of others, verified before the command was made, in the place of what is recorded. Needs no lease: nothing is signed by us.
    Cosign {
        lane: LaneId,
        lineage: LineageId,
        attempt: AttemptId,
        /// What was recorded when they were put together; where it is no more, nothing is lost and they are put together again.
        over: Bytes,
        signed: Signed,
    },
    Submitted {
        lane: LaneId,
        epoch: Epoch,
        lineage: LineageId,
        attempt: AttemptId,
        legs: Vec<Leg>,
        submissions: Vec<Submission>,
    },
    Observe {
        lane: LaneId,
        epoch: Epoch,
        legs: Vec<Leg>,
        sighting: Sighting,
    },
    /// Takes a lineage back from the signer's journal after the database lost it.
    AdoptLineage {
        lane: LaneId,
        epoch: Epoch,
        lineage: Lineage,
    },
}

/// A changed fact that a person takes as the new truth: `code/DG` or `implementation/DG`. A chain's identity is never accepted anew.
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

/// What a user signed. Its signature was verified before the command was made: only what depends on state is judged here.
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
    /// What it newly consumes, and what the version before would have left to us: from now on nobody builds on that.
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
