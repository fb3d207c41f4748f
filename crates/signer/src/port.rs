//! The seam between the engine and whatever holds the keys: in this process, or `adit signer` on a
//! Unix socket.

use std::fmt;

use adit_core::{
    Amount, Anchor, AssetId, AttemptId, Bytes, Destination, Draft, Epoch, FeeRate, Hash32,
    IncarnationId, JournalId, JournalTip, LaneId, LeaseToken, LineageId, Opening, PayoutContext,
    PayoutId, Purpose, ReplicaId, Retirement, Signed, Timestamp,
};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{EntryCursor, EntryPage};

/// Whoever holds the keys. It trusts nothing it is told: it decodes what it signs.
#[async_trait]
pub trait Signer: Send + Sync + 'static {
    /// The journal that this signer writes. A lane is pinned to it.
    async fn journal(&self) -> Result<JournalId, SignerFault>;

    /// Tells how far the journal goes, and its chain after the first `records` of it: a store that
    /// has seen more, or another chain there, speaks with a journal that went back (case F91).
    async fn journal_at(&self, records: u64) -> Result<JournalAt, SignerFault>;

    /// Hears that this process works on a store of this incarnation, or, where its store went back,
    /// announces the one that follows. Called at every renewal of a lease: a new incarnation waits
    /// until nobody was heard with another one for a minute (case F94).
    async fn attend(&self, presence: &Presence) -> Result<Result<(), Refused>, SignerFault>;

    /// Names where it is, for people: "of this process", or "at" its socket.
    fn place(&self) -> String {
        "of this process".to_owned()
    }

    /// Hears what time it is by a server that does not doubt its own clock. A signer whose clock
    /// agrees with that believes it again (case F97). Answers what time it is by its own, for the
    /// server to compare.
    async fn hear_time(&self, now: Timestamp) -> Result<Timestamp, SignerFault> {
        Ok(now)
    }

    /// Takes note of a lease, once it is committed and before anything is signed under it.
    /// Journalled: a number is never given twice, and its token is pinned to it. Asking again with
    /// the same claim is answered the same.
    ///
    /// An incarnation that the journal does not know is a new one. It needs an epoch above all that
    /// the signer has seen for the lane, and supersedes the one before for good.
    async fn lease(&self, claim: &LeaseClaim) -> Result<Result<(), Refused>, SignerFault>;

    /// Notes what the chain said when a lane started for the first time, before its book begins
    /// with it. Journalled once: whatever is asked later is answered with what was noted first,
    /// also to a store that lost its first start.
    async fn open(&self, open: &Open) -> Result<Result<Opening, Refused>, SignerFault>;

    /// Notes that a payout is never signed again, before its hold is given back (case F93).
    /// Journalled. A payout that lives in a lineage is refused, unless the final transaction that
    /// ended this very lineage is named. Asking again is answered the same.
    async fn retire(&self, retire: &Retire) -> Result<Result<(), Refused>, SignerFault>;

    /// Tells of each payout, in order, what the journal knows.
    async fn standing(&self, payouts: &[PayoutId]) -> Result<Vec<PayoutStanding>, SignerFault>;

    /// All lanes that the journal has records of, with the highest epoch and counter that it was
    /// shown.
    async fn lanes(&self) -> Result<Vec<LaneStanding>, SignerFault>;

    /// Whether it would sign, asked before anything is reserved; writes nothing. One answer per
    /// request, in order.
    async fn dry_run(
        &self,
        requests: &[SignRequest],
    ) -> Result<Vec<Result<(), Refused>>, SignerFault>;

    /// Signs. Each digest is in the journal, on disk, before its signature leaves; asking again
    /// gives the same bytes.
    async fn sign(
        &self,
        requests: &[SignRequest],
    ) -> Result<Vec<Result<Signature, Refused>>, SignerFault>;

    /// Allows a payout to live in another lineage, because `evidence` finally killed the old one,
    /// and coins of the old one to be spent by others. Journalled.
    async fn supersede(&self, supersede: &Supersede) -> Result<Result<(), Refused>, SignerFault>;

    /// Learns what the database recorded and the journal may lack, without a lease and without
    /// caps. Nothing is allowed by it that was not before: each signature has to be this key's own,
    /// and what contradicts the journal is refused, and nothing of it is written. One answer per
    /// lesson, in order. Asking again is answered the same (case F96).
    async fn teach(&self, lessons: &[Lesson])
    -> Result<Vec<Result<Learned, Refused>>, SignerFault>;

    /// Returns what was signed for a lane from this place on ([`Draft::number`]: the nonce, where
    /// there are nonces), for reconciling after a restore: in the order of numbers, of one number
    /// as they were signed. A page has at most `limit` entries and
    /// [`PAGE_BYTES_MAX`](crate::PAGE_BYTES_MAX) bytes, or one entry; the attempts of one number
    /// may be parted (case F99).
    async fn entries(
        &self,
        lane: &LaneId,
        from: EntryCursor,
        limit: usize,
    ) -> Result<EntryPage, SignerFault>;
}

/// A request to sign one attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignRequest {
    pub lane: LaneId,
    /// Lease under which this is asked; older ones than the signer has seen for the lane are
    /// refused.
    pub epoch: Epoch,
    #[serde(default)]
    pub stamp: Stamp,
    /// Where the chain has nonces: the lineage at the nonce before this one, as the store knows it.
    /// None where the store has none there. Asked of a lineage's first signature alone: the book of
    /// a store that went back shows by it (case F101).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<LineageId>,
    pub lineage: LineageId,
    pub attempt: AttemptId,
    pub purpose: Purpose,
    /// What was approved: the transaction must do exactly this. Empty for a cancelling attempt.
    pub approved: Vec<Approved>,
    /// Of each approved payout what the transaction does not say. Journalled sealed, and never
    /// judged.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contexts: Vec<(PayoutId, PayoutContext)>,
    pub draft: Draft,
}

/// Which state of which store asks. Nil and zero in journals of before stores had incarnations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    pub incarnation: IncarnationId,
    pub token: LeaseToken,
    /// The lane row's counter, of a commit that this request follows.
    pub counter: u64,
}

impl Default for Stamp {
    fn default() -> Self {
        Self { incarnation: IncarnationId(Uuid::nil()), token: LeaseToken(Uuid::nil()), counter: 0 }
    }
}

/// A process, and the incarnation of the store that it works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Presence {
    pub replica: ReplicaId,
    pub incarnation: IncarnationId,
}

/// A lease as it was committed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseClaim {
    pub lane: LaneId,
    pub replica: ReplicaId,
    pub epoch: Epoch,
    pub stamp: Stamp,
    /// An admin says that no process serves an older state of this store: a new incarnation does
    /// not wait.
    pub take_over: bool,
}

/// Asks that a lane's book begins here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Open {
    pub lane: LaneId,
    pub epoch: Epoch,
    pub stamp: Stamp,
    pub opening: Opening,
}

/// Asks that a payout is never signed again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retire {
    pub replica: ReplicaId,
    pub incarnation: IncarnationId,
    pub retirement: Retirement,
}

/// What the journal knows of a payout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "standing")]
pub enum PayoutStanding {
    /// It was never signed.
    Unknown,
    /// It was signed in this lineage, and nothing has told the signer that the lineage ended
    /// without paying it.
    Live { lineage: LineageId },
    /// It was signed, and left the lineage, which had ended.
    Left,
    /// It is never signed again.
    Retired { by: String, reason: String },
}

/// How far the journal goes, and what it says of a place in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalAt {
    pub tip: JournalTip,
    /// The chain after as many records as were asked for. None where the journal has fewer.
    pub chain: Option<Hash32>,
}

/// How far the journal is with a lane.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaneStanding {
    pub lane: LaneId,
    pub epoch: Epoch,
    pub counter: u64,
    /// The store's life that leased it last; nil where none has.
    pub incarnation: IncarnationId,
}

/// One approved payout, as the signer compares it with the transaction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approved {
    pub payout: PayoutId,
    pub asset: AssetId,
    pub amount: Amount,
    pub destination: Destination,
}

/// A signature, as bytes that can be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    pub attempt: AttemptId,
    pub signed: Signed,
}

/// Says that a lineage has ended, and moves a payout out of it. The coins that it signed are free
/// for other lineages from then on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Supersede {
    pub lane: LaneId,
    pub epoch: Epoch,
    #[serde(default)]
    pub stamp: Stamp,
    /// None where nobody leaves: the lineage ended by paying, and a coin that only a later version
    /// of it would have spent is free.
    pub payout: Option<PayoutId>,
    pub old: LineageId,
    /// The final transaction that consumed an anchor of the old lineage, without paying the payout
    /// that leaves.
    pub evidence: Hash32,
    /// The final transaction itself, where it was read (case F110).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<Bytes>,
}

/// What the journal remembers of one signature: enough to adopt it after the database was lost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalEntry {
    /// Its contexts are those that could be unsealed.
    pub request: SignRequest,
    pub signed: Signed,
}

/// One thing that the database recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "lesson")]
pub enum Lesson {
    /// An attempt was signed, and counts in the caps of the day of `at`. Its stamp is not kept.
    Signed { at: Timestamp, entry: JournalEntry },
    /// A lineage ended, and a payout left it. Its stamp is not kept.
    Left { supersede: Supersede },
    /// A payout's hold was given back: it is never signed again.
    Retired { retirement: Retirement },
}

/// What became of a lesson.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Learned {
    /// It stands in the journal now.
    Taught,
    /// It stood there already.
    Known,
}

/// The signer says no. Nothing was signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "refused")]
pub enum Refused {
    #[error("the lease's epoch {} is older than {}, which this signer has seen for the lane", .got.0, .newest.0)]
    StaleEpoch { got: Epoch, newest: Epoch },
    #[error("the lease's epoch {} is taken: the signer has pinned another token to it", .epoch.0)]
    EpochTaken { epoch: Epoch },
    #[error("the lease's epoch {} is more than {most} above {}, the newest that this signer has \
        seen for the lane", .got.0, .newest.0)]
    EpochTooFar { got: Epoch, newest: Epoch, most: u64 },
    #[error("the lane's row is at change {got}, and this signer was shown change {newest}")]
    CounterBehind { got: u64, newest: u64 },
    #[error(
        "the store's incarnation {incarnation} was superseded; another state of the store has \
         taken its place for good"
    )]
    SupersededStore { incarnation: IncarnationId },
    #[error(
        "this signer was not told of the lease of {lane} under which it is asked; it is told of a \
         lease when that is taken"
    )]
    NotLeased { lane: LaneId },
    #[error(
        "a process that works on another state of this store was heard; a new incarnation waits \
         for {seconds} seconds of silence"
    )]
    OtherStoreHeard { seconds: u64 },
    #[error("nonce {number} follows lineage {known}, and the request names {}", .named.map_or_else(|| "none".to_owned(), |id| id.to_string()))]
    NotNext { number: u64, known: LineageId, named: Option<LineageId> },
    #[error(
        "nothing was signed at the nonce before {number}, where the request names lineage {named}; \
         that one comes first"
    )]
    NotInOrder { number: u64, named: LineageId },
    #[error("payout {payout} was retired by {by} ({reason}); it is never signed again")]
    Retired { payout: PayoutId, by: String, reason: String },
    #[error(
        "payout {payout} lives in lineage {live}; it can only move after that lineage is proved \
         dead"
    )]
    Equivocation { payout: PayoutId, live: LineageId },
    #[error("{} already belongs to lineage {lineage}", in_words(.anchor))]
    AnchorTaken { anchor: Anchor, lineage: LineageId },
    #[error("the transaction does not do what was approved: {detail}")]
    Mismatch { detail: String },
    #[error("{asset} {amount} is above the cap of {cap} per transaction (base units)")]
    AboveTransactionCap { asset: AssetId, amount: Amount, cap: Amount },
    #[error(
        "{asset} {amount} would exceed today's cap of {cap}, of which {used} is used (base units)"
    )]
    AboveDailyCap { asset: AssetId, amount: Amount, cap: Amount, used: Amount },
    #[error("the transaction may cost {cost} {unit}, above the cap of {cap}")]
    FeeAboveCap { cost: Amount, cap: Amount, unit: FeeUnit },
    #[error("the transaction pays {feerate}, above the cap of {cap}")]
    FeerateAboveCap { feerate: FeeRate, cap: FeeRate },
    #[error("the signer does not know what day it is: {sentence}")]
    ClockDoubted { sentence: String },
    #[error("this signer has no key for {lane}")]
    UnknownKey { lane: LaneId },
}

/// What a refusal says about, and so what is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// The lease is not, or no longer, the one that the signer knows.
    Lease,
    /// The signer knows more than the book that asks. Never the fault of one payment (case F101).
    Book,
    /// Something else comes first; the same may be asked again later.
    Turn,
    /// The payout was retired: its hold was given back, or is about to be.
    Retired,
    /// This transaction is never signed as it is, or not today.
    Transaction,
    /// The signer's configuration.
    Key,
}

impl Refused {
    pub fn about(&self) -> About {
        match self {
            Self::StaleEpoch { .. }
            | Self::EpochTaken { .. }
            | Self::EpochTooFar { .. }
            | Self::CounterBehind { .. }
            | Self::NotLeased { .. }
            | Self::SupersededStore { .. } => About::Lease,
            Self::AnchorTaken { .. } | Self::Equivocation { .. } | Self::NotNext { .. } => {
                About::Book
            }
            Self::OtherStoreHeard { .. } | Self::NotInOrder { .. } | Self::ClockDoubted { .. } => {
                About::Turn
            }
            Self::Retired { .. } => About::Retired,
            Self::Mismatch { .. }
            | Self::AboveTransactionCap { .. }
            | Self::AboveDailyCap { .. }
            | Self::FeeAboveCap { .. }
            | Self::FeerateAboveCap { .. } => About::Transaction,
            Self::UnknownKey { .. } => About::Key,
        }
    }
}

/// What a chain's fees are counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FeeUnit {
    Wei,
    Satoshi,
}

impl fmt::Display for FeeUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Wei => "wei",
            Self::Satoshi => "satoshi",
        })
    }
}

/// As a person says it: the lane or the chain is known from the request.
fn in_words(anchor: &Anchor) -> String {
    match anchor {
        Anchor::Nonce { nonce, .. } => format!("nonce {nonce}"),
        Anchor::Outpoint { outpoint, .. } => format!("the coin {outpoint}"),
    }
}

/// The signer could not answer. Whether it signed is unknown; asking again is safe.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "fault")]
pub enum SignerFault {
    #[error(
        "the signer's journal cannot be written ({detail}); free disk space or mend the disk, \
         nothing was signed"
    )]
    Journal { detail: String },
    #[error("the signer cannot be reached ({detail}); start `adit signer` and try again")]
    Unreachable { detail: String },
}
