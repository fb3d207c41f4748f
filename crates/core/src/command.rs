//! Everything that can be asked of the rules. A command carries its ids, and names every row it
//! needs by what it carries.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

mod payload;

pub use payload::{
    AcceptedPin, AddAttempt, Charge, Claim, Credit, Idempotency, Lost, Matched, Request, Reserve,
};

use crate::{
    Actor, AssetId, AttemptId, Book, Bytes, ClockDoubt, Credential, CredentialId, DeadLineage,
    DeferralCause, Destination, Epoch, EventId, Funds, HaltReason, Hash32, IncarnationId,
    JournalId, JournalTip, LaneId, LeaseToken, Leg, Lineage, LineageId, Opening, Payment, PayoutId,
    ReplicaId, Scope, Sighting, Signed, Span, Stray, Submission, Tier, Timestamp, Tip, TransferId,
    UserId, WentBack, WithdrawalId,
};

/// A command, who gives it, and the ids that it may use up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    pub actor: Actor,
    pub ids: IdBlock,
    /// Payouts that the signer has retired for this order. No other hold is given back by it (case
    /// F93).
    pub retired: BTreeSet<PayoutId>,
    pub command: Command,
}

/// A payout that the signer has to retire before its hold is given back: it is never signed again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retirement {
    pub payout: PayoutId,
    /// Whose wallet would have paid it.
    pub lane: LaneId,
    /// Who gives it back, and why.
    pub by: String,
    pub reason: String,
    /// The lineage that carried it, and the final transaction that ended that lineage; none where
    /// nothing was ever reserved.
    pub ended: Option<DeadLineage>,
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
    /// Makes a user known who signs in for the first time. Changes nothing of one who is known: an
    /// admin may have given them a tier meanwhile.
    MeetUser {
        user: UserId,
    },
    LinkWallet {
        user: UserId,
        address: Destination,
    },
    IssueCredential {
        credential: Credential,
    },
    /// Ends a key for good. `user` is whom it speaks for.
    RevokeCredential {
        credential: CredentialId,
        user: Option<UserId>,
        reason: String,
    },
    Credit(Credit),
    Suspend {
        scope: Scope,
        reason: String,
    },
    Resume {
        scope: Scope,
    },
    /// Notes that this process believes its machine's clock on the actor's word.
    AcceptClock {
        replica: ReplicaId,
        given: Timestamp,
        machine: Timestamp,
        doubt: Option<ClockDoubt>,
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
    /// `lineage`: the ended one whose final transaction is under inspection; none where a foreign
    /// payment is.
    Inspect {
        leg: Leg,
        lane: LaneId,
        lineage: Option<LineageId>,
        paid: bool,
        note: String,
    },

    /// Says whose a payment was that no row explained (case F95).
    Match {
        leg: Leg,
        lane: LaneId,
        /// The ended lineage that paid it.
        lineage: LineageId,
        to: Matched,
        note: String,
    },

    // The store
    /// The store was found, or is declared, to have gone back (case F94).
    FindWentBack {
        because: WentBack,
        next: IncarnationId,
        take_over: bool,
    },
    /// Ends a finding: the new incarnation, and for every lane of the store an epoch and a counter
    /// above all that the signer has seen. Repeated for an incarnation under which no lane has read
    /// the journal yet, it raises both numbers again.
    Reincarnate {
        next: IncarnationId,
        lanes: Vec<(LaneId, Epoch, u64)>,
    },
    /// Commits a group that changes nothing: it shows that the writer can.
    Beat,

    // A lane
    Lease {
        lane: LaneId,
        owner: ReplicaId,
        length: Span,
        journal: JournalId,
        /// How far the journal goes, where it goes on from what the lane's row has seen of it.
        /// Noted by renewals: a new lease is compared with what was seen first.
        tip: Option<JournalTip>,
        token: LeaseToken,
        /// The store's first incarnation, where it has none yet.
        first: IncarnationId,
        /// No other process can write this store, so whoever else holds the lease is gone.
        alone: bool,
    },
    /// Ends reconciling: pins what was seen, and the first time begins the lane's book.
    StartLane {
        lane: LaneId,
        owner: ReplicaId,
        epoch: Epoch,
        chain_nonce: u64,
        /// As the signer's journal has it; of a lane that has never started.
        opening: Option<Opening>,
        pins: std::collections::BTreeMap<String, String>,
        funds: Vec<Funds>,
    },
    /// The signer's journal was read to its end under this epoch, and all of it stands in the
    /// store.
    JournalRead {
        lane: LaneId,
        owner: ReplicaId,
        epoch: Epoch,
    },
    /// The signer's refusal shows that the book is behind: the lane reconciles anew, once (case
    /// F101).
    ReconcileAgain {
        lane: LaneId,
        owner: ReplicaId,
        epoch: Epoch,
        doubt: String,
    },
    HaltLane {
        lane: LaneId,
        reason: HaltReason,
    },
    /// A person has looked into why the lane stopped. With `accept`, a pinned fact that changed is
    /// pinned to its new value.
    ResumeLane {
        lane: LaneId,
        accept: Option<AcceptedPin>,
    },
    /// Everything at which something forgotten could be mined is used up, finally.
    Swept {
        lane: LaneId,
        owner: ReplicaId,
        epoch: Epoch,
    },
    /// An admin has seen what waits after database and journal were restored together. It takes
    /// two.
    ReleaseLane {
        lane: LaneId,
        /// How many withdrawals they saw.
        seen: u64,
    },
    /// A person declares that from this nonce on the key is ours alone; the lane reconciles again.
    AdoptKey {
        lane: LaneId,
        from_nonce: u64,
    },
    /// Under a new lease something of ours is in flight; or, `proved`, it was mined and the chain's
    /// count is the book's.
    SlowStart {
        lane: LaneId,
        owner: ReplicaId,
        epoch: Epoch,
        proved: bool,
    },
    /// An admin has put another journal in place and had it taught: from here on the lane's row
    /// goes by it, however much more it had seen of the journal before (case F96). The lane is
    /// leased anew and reads it first.
    TrustJournal {
        lane: LaneId,
        /// Another one than before, where that is lost and a new one was begun.
        journal: JournalId,
        tip: JournalTip,
    },
    /// Progress of observation: no decision, kept so that a restart goes on where this one was.
    Advance {
        lane: LaneId,
        epoch: Epoch,
        tip: Tip,
        trail: Vec<crate::BlockRef>,
        funds: Vec<Funds>,
        /// None where nothing is news.
        coin_places: Option<crate::CoinPlaces>,
    },
    /// An admin asks for a look at every address that the wallet ever used (case F100).
    Rescan {
        lane: LaneId,
    },

    // A payout on its way
    Defer {
        lane: LaneId,
        epoch: Epoch,
        owner: ReplicaId,
        leg: Leg,
        reason: String,
        cause: DeferralCause,
    },
    /// A transaction that this engine does not know seems to have paid it already: a person looks
    /// before anything is paid.
    Suspect {
        lane: LaneId,
        owner: ReplicaId,
        epoch: Epoch,
        leg: Leg,
        payment: Payment,
        finding: String,
    },
    /// Blocks hold payments of our wallets that nobody here remembers.
    NoteStrays {
        lane: LaneId,
        owner: ReplicaId,
        epoch: Epoch,
        strays: Vec<Stray>,
    },
    /// Somebody of this lineage may have been paid already, or its coins are needed otherwise: it
    /// is not repeated.
    Doubt {
        lane: LaneId,
        owner: ReplicaId,
        epoch: Epoch,
        lineage: LineageId,
        legs: Vec<Leg>,
        because: String,
    },
    /// The signer has signed this payout in another lineage since: it is not given back when this
    /// lineage ends.
    DropWish {
        lane: LaneId,
        epoch: Epoch,
        lineage: LineageId,
        withdrawal: WithdrawalId,
    },
    /// A person says what a transaction was that nobody here remembered.
    ExplainStray {
        hash: Hash32,
        note: String,
    },
    /// The signer has retired it: its hold was about to be given back when a process ended, or was
    /// given back in a state of the store that is lost. It is given back now.
    FinishGiveBack {
        lane: LaneId,
        owner: ReplicaId,
        epoch: Epoch,
        leg: Leg,
        by: String,
        reason: String,
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
    /// Ends a lineage of which nothing was signed: who is not wanted any more is given back, the
    /// others are planned anew.
    CloseLineage {
        lane: LaneId,
        owner: ReplicaId,
        epoch: Epoch,
        lineage: LineageId,
        legs: Vec<Leg>,
    },
    Record {
        lane: LaneId,
        epoch: Epoch,
        lineage: LineageId,
        attempt: AttemptId,
        signed: Signed,
        /// How far the journal goes with this signature, where it goes on from what the lane's row
        /// has seen of it.
        tip: Option<JournalTip>,
    },
    /// Signatures of others, verified before the command was made, in the place of what is
    /// recorded. Needs no lease: nothing is signed by us.
    Cosign {
        lane: LaneId,
        lineage: LineageId,
        attempt: AttemptId,
        /// What was recorded when they were put together; where it is no more, nothing is lost and
        /// they are put together again.
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
        /// Withdrawals of it that this store has never seen, or has lost.
        lost: Vec<Lost>,
        /// Waiting withdrawals of this store that consumed a key or a claim of a lost one
        /// ([`Refusal::Rival`] names them).
        ///
        /// [`Refusal::Rival`]: crate::Refusal::Rival
        rivals: Vec<Leg>,
        /// Live lineages of this store that hold an anchor of the journal's one, with their legs.
        /// Nothing of them is signed, and nothing of them ever will be: the signer gives an anchor
        /// to one lineage.
        displaced: Vec<(LineageId, Vec<Leg>)>,
    },
}
