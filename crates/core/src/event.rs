//! What happened: the audit trail, the user's live feed and the alerts are all read from these.

use serde::{Deserialize, Serialize};

use crate::{
    Actor, Amount, AssetId, AttemptId, BlockRef, Book, ClientId, ClockDoubt, CredentialId,
    CreditId, DeferralCause, Destination, EventId, Failure, FeeKnown, HaltReason, Hash32,
    IncarnationId, LaneId, LineageId, Purpose, ReplicaId, Role, Scope, Tier, Timestamp, UserId,
    WentBack, WithdrawalId,
};

/// One thing that happened. Written in the commit that made it true; never changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    pub id: EventId,
    pub at: Timestamp,
    pub actor: Actor,
    /// Whose feed it belongs to, and its place there: 1, 2, 3 … without gaps.
    pub feed: Option<Feed>,
    pub withdrawal: Option<WithdrawalId>,
    pub kind: EventKind,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Feed {
    pub user: UserId,
    pub seq: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "event")]
pub enum EventKind {
    UserChanged {
        tier: Option<Tier>,
    },
    WalletLinked {
        address: Destination,
        usable_at: Timestamp,
    },
    CredentialIssued {
        role: Role,
        label: String,
        /// None in events of before keys were listed.
        credential: Option<CredentialId>,
        client: Option<ClientId>,
    },
    CredentialRevoked {
        credential: CredentialId,
        client: ClientId,
        label: String,
        reason: String,
    },
    Credited {
        credit: CreditId,
        book: Book,
        asset: AssetId,
        amount: Amount,
    },
    Requested {
        asset: AssetId,
        amount: Amount,
        destination: Destination,
    },
    Approved,
    /// Needs a person now.
    ApprovalWithdrawn {
        reason: String,
    },
    /// In a lineage: a nonce or coins are reserved.
    Reserved {
        lineage: LineageId,
        attempt: AttemptId,
    },
    AttemptAdded {
        lineage: LineageId,
        attempt: AttemptId,
        version: u32,
        purpose: Purpose,
    },
    /// Signatures of others were brought in; `complete` when it can be sent.
    Cosigned {
        lineage: LineageId,
        attempt: AttemptId,
        complete: bool,
    },
    Broadcast {
        hash: Hash32,
    },
    Included {
        hash: Hash32,
        block: BlockRef,
    },
    /// A reorganisation took the including block away.
    Vanished {
        hash: Hash32,
    },
    Confirmed {
        hash: Hash32,
        block: BlockRef,
    },
    Completed {
        hash: Hash32,
        block: BlockRef,
        network_fee: Amount,
    },
    Failed {
        failure: Failure,
        hash: Option<Hash32>,
    },
    Cancelled {
        reason: String,
    },
    CancelRequested {
        reason: String,
    },
    /// Its lineage ended without paying it; it is planned anew.
    Requeued {
        /// The final transaction that ended it. None where nothing of it was signed.
        hash: Option<Hash32>,
    },
    Deferred {
        reason: String,
        until: Timestamp,
        #[serde(default)]
        cause: DeferralCause,
    },
    Retried,
    HeldForInspection {
        finding: String,
        hash: Hash32,
    },
    Inspected {
        paid: bool,
        note: String,
    },
    Suspended {
        scope: Scope,
        reason: String,
    },
    Resumed {
        scope: Scope,
    },
    /// A person said what time it is, and the machine of this process is believed since. `doubt`:
    /// why it was not.
    ClockAccepted {
        replica: ReplicaId,
        given: Timestamp,
        machine: Timestamp,
        doubt: Option<ClockDoubt>,
    },
    LaneLeased {
        lane: LaneId,
        epoch: u64,
    },
    LaneStarted {
        lane: LaneId,
        next_nonce: u64,
    },
    LaneHalted {
        lane: LaneId,
        reason: HaltReason,
    },
    LaneResumed {
        lane: LaneId,
        accepted: Option<String>,
    },
    /// An admin asked for a look at every address that the wallet ever used.
    LaneRescanned {
        lane: LaneId,
    },
    /// An admin released what waits after database and journal were restored together; `finally` by
    /// the second of two.
    LaneReleased {
        lane: LaneId,
        finally: bool,
    },
    /// An admin put another journal in place; the lane goes by it from now on.
    JournalTrusted {
        lane: LaneId,
        records: u64,
    },
    /// The store was found, or declared, to have gone back.
    StoreWentBack {
        because: WentBack,
    },
    /// A new incarnation of the store; every lane reads the journal anew.
    Reincarnated {
        incarnation: IncarnationId,
    },
    /// The signer refused what the book allowed; the lane compares itself with the journal anew.
    LaneDoubted {
        lane: LaneId,
        doubt: String,
    },
    /// A payment is settled and its network fee is not agreed on: `known` says what is booked and
    /// why.
    FeeDoubted {
        lane: LaneId,
        hash: Hash32,
        known: FeeKnown,
    },
    /// A block holds payments of one of our wallets that nobody here remembers.
    StrayFound {
        lane: LaneId,
        hash: Hash32,
    },
    /// A person said what such a transaction was.
    StrayExplained {
        hash: Hash32,
        note: String,
    },
    /// A payment that nobody here remembers pays the same: this one is not repeated, and is
    /// cancelled first.
    Doubted {
        because: String,
    },
    /// A withdrawal that this store did not know was made again from the signer's journal.
    MadeAgain {
        lane: LaneId,
        lineage: LineageId,
    },
    /// The same request was made again from the journal as `as_withdrawal`, which pays it.
    Replaced {
        as_withdrawal: WithdrawalId,
    },
    /// A payment that no row explained was matched.
    Matched {
        note: String,
    },
    LaneAdopted {
        lane: LaneId,
        from_nonce: u64,
    },
    /// A lineage that the database had lost was taken back from the signer's journal.
    LineageAdopted {
        lane: LaneId,
        lineage: LineageId,
    },
}
