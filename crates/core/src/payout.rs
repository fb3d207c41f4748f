//! Payout, lineage, anchor, attempt: the argument for *exactly once*.
//!
//! A payout lives in at most one live lineage. All attempts of a lineage contain every anchor of
//! its first attempt (a nonce, or inputs), so the chain can finalise at most one of them.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    Amount, AssetId, AttemptId, Book, ChainName, Destination, Draft, Hash32, LineageId, PayoutId,
    Signed, Timestamp, UserId, WithdrawalId,
};

/// Versions of a lineage that payments leave over for a cancel: the first may itself have to be
/// outbid.
pub const CANCELS_KEPT: usize = 2;
/// The least that `attempts_max` may be: a payment, a higher offer, and what is kept for a cancel.
pub const ATTEMPTS_MAX_LEAST: u32 = 4;

/// One wallet of ours on one chain: the unit of nonces, leases and epochs. Shown as `base:0xAbc…`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LaneId {
    pub chain: ChainName,
    pub wallet: Destination,
}

impl fmt::Display for LaneId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.chain, self.wallet)
    }
}

impl std::str::FromStr for LaneId {
    type Err = crate::NameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (chain, wallet) = text.split_once(':').unwrap_or((text, ""));
        Ok(Self { chain: chain.parse()?, wallet: wallet.parse()? })
    }
}

/// What makes two transactions exclude each other.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "anchor")]
pub enum Anchor {
    /// A nonce of a wallet (EVM).
    Nonce { lane: LaneId, nonce: u64 },
    /// An output that is spent (Bitcoin), as `txid:vout`.
    Outpoint { chain: ChainName, outpoint: String },
}

/// The anchor's unique key, as stored.
impl fmt::Display for Anchor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nonce { lane, nonce } => write!(f, "{lane}/{nonce}"),
            Self::Outpoint { chain, outpoint } => write!(f, "{chain}:{outpoint}"),
        }
    }
}

/// One payment inside a lineage: what must appear on chain, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leg {
    pub payout: PayoutId,
    pub withdrawal: WithdrawalId,
    pub user: UserId,
    pub book: Book,
    pub source_asset: AssetId,
    pub asset: AssetId,
    pub amount: Amount,
    pub destination: Destination,
}

/// Attempts that exclude each other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lineage {
    pub id: LineageId,
    pub lane: LaneId,
    /// What its attempts consume, those of the first before others, and what of ours a replaced
    /// version would have left: nobody else may use any of them while the lineage lives.
    pub anchors: Vec<Anchor>,
    /// Who is paid by it. Empty for a lineage that only fills a nonce.
    pub legs: Vec<Leg>,
    /// In order of their version; never empty.
    pub attempts: Vec<Attempt>,
    pub state: LineageState,
    /// An operator wants it undone; only a final cancelling attempt does that.
    pub cancel: Option<CancelWish>,
    pub created_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CancelWish {
    pub by: crate::Actor,
    pub reason: String,
    /// Whose payments are not wanted any more; the others of the lineage are paid by another one.
    /// None where it was noted when a lineage had one payment.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub withdrawals: Vec<WithdrawalId>,
    /// A payment that nobody here remembers pays the same. Nobody is given back: whoever the chain
    /// does not pay waits for a person, and the payment is not repeated meanwhile (case F91).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub doubted: bool,
}

impl CancelWish {
    /// Returns whether this withdrawal is given back once the cancelling attempt is final.
    pub fn covers(&self, withdrawal: WithdrawalId) -> bool {
        (self.withdrawals.is_empty() && !self.doubted) || self.withdrawals.contains(&withdrawal)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "lineage")]
pub enum LineageState {
    /// The chain may still finalise any of its signed attempts.
    Live,
    /// One attempt is final; all others are dead.
    Final { attempt: AttemptId, at: Timestamp },
    /// A final transaction that is none of its attempts consumed an anchor: all are dead.
    Conflicted { by: Hash32, at: Timestamp },
    /// Nothing of it was ever signed, and its coins were given up. Where transactions wait in line
    /// there is no such end.
    Closed { at: Timestamp },
}

/// One version of the transaction. It consumes what the first one does, and may consume more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    pub id: AttemptId,
    /// 0 for the first.
    pub version: u32,
    pub purpose: Purpose,
    pub draft: Draft,
    /// Epoch of the lease under which it was reserved.
    pub epoch: Epoch,
    /// When it was reserved; where others sign it, when enough of them had.
    pub created_at: Timestamp,
    pub stage: Stage,
}

/// What an attempt is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// Pays every leg.
    Pay,
    /// Consumes the anchors and pays nobody.
    Cancel,
}

/// How far an attempt has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "stage")]
pub enum Stage {
    /// Its anchors are ours; nothing is signed.
    Reserved,
    /// Signed bytes exist and may be known to anyone, whether or not we sent them.
    Signed { signed: Signed, knowledge: Knowledge },
}

/// What we know of signed bytes on chain. None of the first three is proof of anything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "knowledge")]
pub enum Knowledge {
    /// Recorded; no send was tried as far as we know.
    Signed,
    /// A send was tried; what came of it is not known, or some endpoint has it.
    MaybeSent { sends: u32, last_at: Timestamp },
    /// In this block, as a quorum says; may still be reorganised away. `confirmed`: its users were
    /// told.
    Included { block: BlockRef, confirmed: bool, sends: u32, last_at: Timestamp },
    /// In a block that cannot revert.
    Finalized { block: BlockRef },
    /// Another transaction consumed its anchor, finally.
    Conflicted { by: Hash32 },
}

/// A block by height and hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct BlockRef {
    pub height: u64,
    pub hash: Hash32,
}

/// A lease's number: it only grows, and the signer refuses older ones.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default,
)]
#[serde(transparent)]
pub struct Epoch(pub u64);

impl Attempt {
    /// Bytes that can be sent.
    pub fn sendable(&self) -> Option<&Signed> {
        self.signed().filter(|signed| !signed.lacks_signatures())
    }

    /// Recorded bytes, whether they can be sent or wait for the signatures of others: either way
    /// the chain may take the transaction.
    pub fn signed(&self) -> Option<&Signed> {
        match &self.stage {
            Stage::Reserved => None,
            Stage::Signed { signed, .. } => Some(signed),
        }
    }

    /// Whether it pays this leg of its lineage.
    pub fn pays(&self, leg: &Leg) -> bool {
        match self.purpose {
            Purpose::Pay => self.draft.carries(leg.payout),
            Purpose::Cancel => false,
        }
    }

    /// When its bytes were last sent, while no block holds them.
    pub fn last_sent(&self) -> Option<Timestamp> {
        match &self.stage {
            Stage::Signed { knowledge: Knowledge::MaybeSent { last_at, .. }, .. } => Some(*last_at),
            Stage::Signed { .. } | Stage::Reserved => None,
        }
    }

    /// The block that holds it, final or not.
    pub fn block(&self) -> Option<BlockRef> {
        match &self.stage {
            Stage::Signed {
                knowledge: Knowledge::Included { block, .. } | Knowledge::Finalized { block },
                ..
            } => Some(*block),
            Stage::Signed {
                knowledge:
                    Knowledge::Signed | Knowledge::MaybeSent { .. } | Knowledge::Conflicted { .. },
                ..
            }
            | Stage::Reserved => None,
        }
    }
}

impl Lineage {
    pub fn is_live(&self) -> bool {
        match self.state {
            LineageState::Live => true,
            LineageState::Final { .. }
            | LineageState::Conflicted { .. }
            | LineageState::Closed { .. } => false,
        }
    }

    /// Whether it may end without a transaction: as far as the store knows, nothing of it was
    /// signed, and no place in a line depends on it.
    pub fn may_be_closed(&self) -> bool {
        let first = |attempt: &Attempt| {
            attempt.purpose == Purpose::Pay
                && attempt.stage == Stage::Reserved
                && !attempt.draft.is_in_line()
        };
        self.is_live() && matches!(&self.attempts[..], [only] if first(only))
    }

    /// The final transaction that ended it.
    pub fn ended_by(&self) -> Option<Hash32> {
        match &self.state {
            LineageState::Live | LineageState::Closed { .. } => None,
            LineageState::Final { attempt, .. } => {
                self.attempt(*attempt)?.signed().map(|signed| signed.hash)
            }
            LineageState::Conflicted { by, .. } => Some(*by),
        }
    }

    /// The newest attempt.
    pub fn latest(&self) -> &Attempt {
        self.attempts.last().expect("a lineage is made with its first attempt")
    }

    /// Returns whether a version was signed: as far as the store knows, it may be mined.
    pub fn was_signed(&self) -> bool {
        self.attempts.iter().any(|attempt| attempt.signed().is_some())
    }

    /// Whether a version is known to have been sent and waits for a block.
    pub fn was_sent(&self) -> bool {
        self.sent().next().is_some()
    }

    /// Returns the versions that are known to have been sent and wait for a block, oldest first.
    pub fn sent(&self) -> impl Iterator<Item = &Attempt> {
        self.attempts.iter().filter(|attempt| attempt.last_sent().is_some())
    }

    pub fn attempt(&self, id: AttemptId) -> Option<&Attempt> {
        self.attempts.iter().find(|attempt| attempt.id == id)
    }

    /// Whether an attempt of it spends an output of a signed attempt of `other`.
    pub fn stands_on(&self, other: &Self) -> bool {
        let mut made = other.attempts.iter().filter_map(Attempt::signed);
        made.any(|signed| self.attempts.iter().any(|attempt| attempt.draft.stands_on(signed.hash)))
    }

    /// What the lineage must have besides before `next` may be its next version: what that newly
    /// consumes, and what the version before would have left to us.
    pub fn claims(&self, next: &Draft) -> Vec<Anchor> {
        let latest = self.latest();
        let given_up = latest
            .signed()
            .map(|signed| latest.draft.leavings(&self.lane, signed.hash))
            .unwrap_or_default();
        next.anchors(&self.lane)
            .into_iter()
            .chain(given_up)
            .filter(|anchor| !self.anchors.contains(anchor))
            .collect()
    }

    /// Returns whether the rules allow one more version for this purpose. The last ones are kept
    /// for a cancel; and a cancel is possible also where an older program, or a rule that was
    /// lowered since, left no room for it (case F104).
    pub fn has_room_for(&self, purpose: Purpose, attempts_max: u32) -> bool {
        let most = usize::try_from(attempts_max).unwrap_or(usize::MAX);
        let cancelling =
            || self.attempts.iter().filter(|attempt| attempt.purpose == Purpose::Cancel).count();
        match purpose {
            Purpose::Pay => self.attempts.len() < most.saturating_sub(CANCELS_KEPT),
            Purpose::Cancel => self.attempts.len() < most || cancelling() < CANCELS_KEPT,
        }
    }

    /// Whether this attempt is to be undone: it pays, and somebody wants the lineage cancelled, or
    /// a cancelling attempt came after it.
    pub fn undoes(&self, attempt: &Attempt) -> bool {
        attempt.purpose == Purpose::Pay
            && (self.cancel.is_some() || self.latest().purpose == Purpose::Cancel)
    }

    /// Returns whether this attempt may not even be repeated: somebody may have been paid the same
    /// already (case F91).
    pub fn is_doubted(&self, attempt: &Attempt) -> bool {
        self.undoes(attempt) && self.cancel.as_ref().is_some_and(|wish| wish.doubted)
    }

    /// Returns whether it was found beside database and journal and pays nobody: it may have
    /// replaced a payment that nobody remembers, which may still be mined instead (case F91).
    pub fn replaces_unknown(&self) -> bool {
        self.is_live()
            && self.legs.is_empty()
            && self.cancel.as_ref().is_some_and(|wish| wish.doubted)
    }

    /// Returns whether what a lane does next depends on it: no block holds it, or nobody is planned
    /// before it is final.
    pub fn concerns_plans(&self) -> bool {
        self.is_live() && (self.included().is_none() || self.replaces_unknown())
    }

    /// Whether others are asked to sign this attempt.
    pub fn awaits_cosigners(&self, attempt: &Attempt) -> bool {
        let lacks = attempt.signed().is_some_and(Signed::lacks_signatures);
        lacks && self.is_live() && self.included().is_none() && !self.undoes(attempt)
    }

    /// The attempt that a block holds now.
    pub fn included(&self) -> Option<&Attempt> {
        self.attempts.iter().find(|attempt| attempt.block().is_some())
    }

    /// Its place in its lane's line, which all attempts share: the nonce, where the chain has
    /// nonces.
    pub fn number(&self) -> u64 {
        self.attempts.first().expect("a lineage is made with its first attempt").draft.number()
    }
}
