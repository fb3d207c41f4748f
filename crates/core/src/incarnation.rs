//! One life of a store. A store that went back to an earlier state (a failover, a restore, a clone) is another life: what happened
//! since is known to the signer's journal and to the chain, and not to it.
//!
//! Invariant: while a finding stands, nothing is leased, reserved, signed or given back. Only a new incarnation ends a finding, and
//! under a new incarnation each lane reads the journal before anything else.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Amount, AssetId, Destination, Epoch, GroupId, IncarnationId, LaneId, Timestamp, WithdrawalId};

/// The store's one row about itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incarnation {
    pub id: IncarnationId,
    pub since: Timestamp,
    /// An admin has said that no other process serves an older state of this store: the signer need not wait for its silence.
    pub taken_over: bool,
    /// Lanes that have not read the journal to its end under this incarnation. Empty for a store's first one.
    pub unread: Vec<Unread>,
    /// Payments that the journal knows and no row explains, until a person says whose they were (case F95).
    pub unmatched: Vec<Unmatched>,
    pub finding: Option<Finding>,
}

/// A lane whose journal has to be read before anything else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unread {
    pub lane: LaneId,
    /// The lane's next number when the store began this life: what no row explains was signed at it or above. It stands while parts of
    /// the journal are placed and others are not, so that none of those is passed over by a later reading.
    pub from: u64,
}

/// A payment whose user nobody knows. A request that equals it waits for a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unmatched {
    pub withdrawal: WithdrawalId,
    pub asset: AssetId,
    pub destination: Destination,
    /// Base units of `asset`.
    pub amount: Amount,
}

/// The store was found, or declared, to have gone back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The incarnation that follows. It is drawn with the finding, so that every process of the store announces the same one.
    pub next: IncarnationId,
    pub because: WentBack,
    pub at: Timestamp,
    /// An admin has said that no other process serves an older state of this store (`adit restore --take-over`).
    pub take_over: bool,
}

/// The proof that a store went back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "went_back")]
pub enum WentBack {
    /// The signer has seen a higher epoch of the lane, or the same one with another token.
    EpochBehind { lane: LaneId, row: Epoch, signer: Epoch },
    /// The signer has signed for a later state of the lane's row.
    CounterBehind { lane: LaneId, row: u64, signer: u64 },
    /// The third witness has seen a later lease, or a later state, of the lane's row.
    WitnessAhead { lane: LaneId, row: Epoch, row_counter: u64, witness: Epoch, witness_counter: u64 },
    /// A group that this process had committed is not there.
    GroupMissing { group: GroupId },
    /// The database is on another timeline, or is another database, than the one that this process wrote to.
    OtherTimeline { before: String, now: String },
    /// An admin has restored the database (`adit restore`).
    Declared { what: String },
}

impl fmt::Display for WentBack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EpochBehind { lane, row, signer } => {
                write!(f, "the lease of {lane} has epoch {} in the database, and the signer has seen {}", row.0, signer.0)
            }
            Self::CounterBehind { lane, row, signer } => {
                write!(f, "the row of {lane} is at change {row} in the database, and the signer has signed for change {signer}")
            }
            Self::WitnessAhead { lane, row, row_counter, witness, witness_counter } => write!(
                f,
                "the row of {lane} is at epoch {} and change {row_counter} in the database, and the third witness has seen epoch {} and change {witness_counter}",
                row.0, witness.0
            ),
            Self::GroupMissing { group } => write!(f, "the group {group}, which this process had committed, is not in the database"),
            Self::OtherTimeline { before, now } => write!(f, "the database was {before} and is {now}"),
            Self::Declared { what } => write!(f, "declared by an admin: {what}"),
        }
    }
}

impl Incarnation {
    pub fn first(id: IncarnationId, since: Timestamp) -> Self {
        Self { id, since, taken_over: false, unread: Vec::new(), unmatched: Vec::new(), finding: None }
    }

    /// Returns whether requests that this lane would pay have to wait: what was accepted before the store went back is not known yet.
    pub fn holds_back(&self, lane: &LaneId) -> bool {
        self.finding.is_some() || self.unread_from(lane).is_some()
    }

    /// The number from which this lane has to read the journal, where it has not read it under this incarnation.
    pub fn unread_from(&self, lane: &LaneId) -> Option<u64> {
        self.unread.iter().find(|unread| unread.lane == *lane).map(|unread| unread.from)
    }

    /// Lets the journal of this lane be read from this number on, or an earlier one that waits already.
    pub(crate) fn read_again(&mut self, lane: &LaneId, from: u64) {
        match self.unread.iter_mut().find(|unread| unread.lane == *lane) {
            Some(waiting) => waiting.from = waiting.from.min(from),
            None => self.unread.push(Unread { lane: lane.clone(), from }),
        }
    }
}
