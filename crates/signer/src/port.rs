//! The seam between the engine and whatever holds the keys: in this process, or `adit signer` on a Unix socket.

use std::fmt;

use adit_core::{
    Amount, Anchor, AssetId, AttemptId, Destination, Draft, Epoch, FeeRate, Hash32, JournalId, LaneId, LineageId, PayoutId, Purpose, Signed,
};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

/// Whoever holds the keys. It trusts nothing it is told: it decodes what it signs.
#[async_trait]
pub trait Signer: Send + Sync + 'static {
    /// The journal that this signer writes. A lane is pinned to it.
    async fn journal(&self) -> Result<JournalId, SignerFault>;

    /// Whether it would sign, asked before anything is reserved; writes nothing. One answer per request, in order.
    async fn dry_run(&self, requests: &[SignRequest]) -> Result<Vec<Result<(), Refused>>, SignerFault>;

    /// Signs. Each digest is in the journal, on disk, before its signature leaves; asking again gives the same bytes.
    async fn sign(&self, requests: &[SignRequest]) -> Result<Vec<Result<Signature, Refused>>, SignerFault>;

    /// Allows a payout to live in another lineage, because `evidence` finally killed the old one, and coins of the old one to be
    /// spent by others. Journalled.
    async fn supersede(&self, supersede: &Supersede) -> Result<Result<(), Refused>, SignerFault>;

    /// What was signed for a lane at this number of its line and above ([`Draft::number`]: the nonce, where there are nonces), for
    /// reconciling after a restore. Paged, in the order of numbers: fewer than `limit` are the end; else the next page starts at the
    /// last number + 1. The attempts of one number are never parted, for which a page may be a few longer than `limit`.
    async fn entries(&self, lane: &LaneId, from_number: u64, limit: usize) -> Result<Vec<JournalEntry>, SignerFault>;
}

/// A request to sign one attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignRequest {
    pub lane: LaneId,
    /// Lease under which this is asked; older ones than the signer has seen for the lane are refused.
    pub epoch: Epoch,
    pub lineage: LineageId,
    pub attempt: AttemptId,
    pub purpose: Purpose,
    /// What was approved: the transaction must do exactly this. Empty for a cancelling attempt.
    pub approved: Vec<Approved>,
    pub draft: Draft,
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

/// Says that a lineage has ended, and moves a payout out of it. The coins that it signed are free for other lineages from then on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Supersede {
    pub lane: LaneId,
    pub epoch: Epoch,
    /// None where nobody leaves: the lineage ended by paying, and a coin that only a later version of it would have spent is free.
    pub payout: Option<PayoutId>,
    pub old: LineageId,
    /// The final transaction that consumed an anchor of the old lineage, without paying the payout that leaves.
    pub evidence: Hash32,
}

/// What the journal remembers of one signature: enough to adopt it after the database was lost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalEntry {
    pub request: SignRequest,
    pub signed: Signed,
}

/// The signer says no. Nothing was signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "refused")]
pub enum Refused {
    #[error("the lease's epoch {} is older than {}, which this signer has seen for the lane", .got.0, .newest.0)]
    StaleEpoch { got: Epoch, newest: Epoch },
    #[error("payout {payout} lives in lineage {live}; it can only move after that lineage is proved dead")]
    Equivocation { payout: PayoutId, live: LineageId },
    #[error("{} already belongs to lineage {lineage}", in_words(.anchor))]
    AnchorTaken { anchor: Anchor, lineage: LineageId },
    #[error("the transaction does not do what was approved: {detail}")]
    Mismatch { detail: String },
    #[error("{asset} {amount} is above the cap of {cap} per transaction (base units)")]
    AboveTransactionCap { asset: AssetId, amount: Amount, cap: Amount },
    #[error("{asset} {amount} would exceed today's cap of {cap}, of which {used} is used (base units)")]
    AboveDailyCap { asset: AssetId, amount: Amount, cap: Amount, used: Amount },
    #[error("the transaction may cost {cost} {unit}, above the cap of {cap}")]
    FeeAboveCap { cost: Amount, cap: Amount, unit: FeeUnit },
    #[error("the transaction pays {feerate}, above the cap of {cap}")]
    FeerateAboveCap { feerate: FeeRate, cap: FeeRate },
    #[error("this signer has no key for {lane}")]
    UnknownKey { lane: LaneId },
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
    #[error("the signer's journal cannot be written ({detail}); free disk space or mend the disk, nothing was signed")]
    Journal { detail: String },
    #[error("the signer cannot be reached ({detail}); start `adit signer` and try again")]
    Unreachable { detail: String },
}
