//! One life of a store. A store that went back to an earlier state (a failover, a restore, a clone)
//! is another life: what happened since is known to the signer's journal and to the chain, and not
//! to it.
//!
//! Invariant: while a finding stands, nothing is leased, reserved, signed or given back. Only a new
//! incarnation ends a finding, and under a new incarnation each lane reads the journal before
//! anything else.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    Amount, AssetId, ChainKind, Destination, Epoch, GroupId, Hash32, IncarnationId, LaneId,
    Payment, Span, Timestamp, UserId, WithdrawalId,
};

/// From so many strays on those that are explained are forgotten, the oldest first. What is open
/// never is.
pub const STRAYS_MAX: usize = 10_000;

/// So long after a payment got its user, an equal request of theirs waits for a person: they may
/// ask again for what they were paid.
pub const REPEATED_WITHIN: Span = Span::from_hours(7 * 24);

/// The store's one row about itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incarnation {
    pub id: IncarnationId,
    pub since: Timestamp,
    /// An admin has said that no other process serves an older state of this store: the signer need
    /// not wait for its silence.
    pub taken_over: bool,
    /// Lanes that have not read the journal to its end under this incarnation. Empty for a store's
    /// first one.
    pub unread: Vec<Unread>,
    /// Payments that the journal knows and no row explains, until a person says whose they were
    /// (case F95), and for some days after that.
    pub unmatched: Vec<Unmatched>,
    /// Payments that blocks hold, and that neither the database nor the journal explains (cases
    /// F89, F91).
    pub strays: Vec<Stray>,
    pub finding: Option<Finding>,
}

/// A lane whose journal has to be read before anything else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unread {
    pub lane: LaneId,
    /// The lane's next number when the store began this life: what no row explains was signed at it
    /// or above. It stands while parts of the journal are placed and others are not, so that none
    /// of those is passed over by a later reading.
    pub from: u64,
}

/// A payment whose user nobody knows. A request that equals it waits for a person. Once it has its
/// user, equal requests of theirs still do, for as long as [`REPEATED_WITHIN`]: the key or claim
/// that they asked with was lost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unmatched {
    pub withdrawal: WithdrawalId,
    pub asset: AssetId,
    pub destination: Destination,
    /// Base units of `asset`.
    pub amount: Amount,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matched: Option<MatchedTo>,
}

/// Whose a payment was, by a person's word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MatchedTo {
    pub user: UserId,
    pub at: Timestamp,
}

impl MatchedTo {
    fn is_recent(&self, now: Timestamp) -> bool {
        now < self.at.plus(REPEATED_WITHIN)
    }
}

/// A payment out of one of our wallets that a block holds and nobody here remembers. Until a person
/// says whose it was, whoever asks for exactly this waits, and whoever was to be paid this is not
/// paid it again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stray {
    pub lane: LaneId,
    pub payment: Payment,
    /// Which of the transaction's payments it is.
    pub output: u32,
    pub asset: AssetId,
    pub destination: Destination,
    /// Base units of `asset`; of what is explained in part, the rest.
    pub amount: Amount,
    /// A person has said what it was.
    pub explained: bool,
}

/// A payment that may have been the one which somebody else asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Twin {
    /// Nobody has been matched to this withdrawal yet.
    Unmatched {
        withdrawal: WithdrawalId,
    },
    /// A person has lately matched this withdrawal to the user who asks.
    Matched {
        withdrawal: WithdrawalId,
    },
    Stray {
        hash: Hash32,
    },
}

impl fmt::Display for Twin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unmatched { withdrawal } => {
                write!(
                    f,
                    "withdrawal {withdrawal}, to which nobody has been matched, pays the same \
                     asset, recipient and amount"
                )
            }
            Self::Matched { withdrawal } => {
                write!(
                    f,
                    "withdrawal {withdrawal}, which was found after a restore to be of the same \
                     user, paid the same asset, recipient and amount"
                )
            }
            Self::Stray { hash } => {
                write!(
                    f,
                    "transaction {hash}, which nobody here remembers, pays the same asset, \
                     recipient and amount"
                )
            }
        }
    }
}

/// A payment that is asked for, as it is held against payments that nobody remembers.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    pub asset: &'a AssetId,
    pub destination: &'a Destination,
    /// Base units of `asset`.
    pub amount: Amount,
    pub kind: ChainKind,
}

impl Wanted<'_> {
    /// The same asset, recipient and amount.
    pub fn equals(&self, asset: &AssetId, destination: &Destination, amount: Amount) -> bool {
        (self.asset, self.destination, self.amount) == (asset, destination, amount)
    }

    /// Returns whether a payment of so much may have been this one. One output of bitcoin pays
    /// several to one recipient, so there this may be a part of it.
    pub fn may_be_in(&self, asset: &AssetId, destination: &Destination, amount: Amount) -> bool {
        match self.kind {
            ChainKind::Evm => self.equals(asset, destination, amount),
            ChainKind::Bitcoin => {
                (self.asset, self.destination) == (asset, destination) && self.amount <= amount
            }
        }
    }
}

/// The store was found, or declared, to have gone back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The incarnation that follows. It is drawn with the finding, so that every process of the
    /// store announces the same one.
    pub next: IncarnationId,
    pub because: WentBack,
    pub at: Timestamp,
    /// An admin has said that no other process serves an older state of this store (`adit restore
    /// --take-over`).
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
    WitnessAhead {
        lane: LaneId,
        row: Epoch,
        row_counter: u64,
        witness: Epoch,
        witness_counter: u64,
    },
    /// A group that this process had committed is not there.
    GroupMissing { group: GroupId },
    /// The database is on another timeline, or is another database, than the one that this process
    /// wrote to.
    OtherTimeline { before: String, now: String },
    /// An admin has restored the database (`adit restore`).
    Declared { what: String },
    /// An admin has restored database and journal together: what neither remembers may still be
    /// mined (cases F91, F96).
    BothDeclared { what: String },
}

impl fmt::Display for WentBack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EpochBehind { lane, row, signer } => {
                write!(
                    f,
                    "the lease of {lane} has epoch {} in the database, and the signer has seen {}",
                    row.0, signer.0
                )
            }
            Self::CounterBehind { lane, row, signer } => {
                write!(
                    f,
                    "the row of {lane} is at change {row} in the database, and the signer has \
                     signed for change {signer}"
                )
            }
            Self::WitnessAhead { lane, row, row_counter, witness, witness_counter } => write!(
                f,
                "the row of {lane} is at epoch {} and change {row_counter} in the database, and \
                 the third witness has seen epoch {} and change {witness_counter}",
                row.0, witness.0
            ),
            Self::GroupMissing { group } => write!(
                f,
                "the group {group}, which this process had committed, is not in the database"
            ),
            Self::OtherTimeline { before, now } => {
                write!(f, "the database was {before} and is {now}")
            }
            Self::BothDeclared { what } => {
                write!(f, "declared by an admin, with the signer's journal: {what}")
            }
            Self::Declared { what } => write!(f, "declared by an admin: {what}"),
        }
    }
}

impl Incarnation {
    pub fn first(id: IncarnationId, since: Timestamp) -> Self {
        Self {
            id,
            since,
            taken_over: false,
            unread: Vec::new(),
            unmatched: Vec::new(),
            strays: Vec::new(),
            finding: None,
        }
    }

    /// Returns whether requests that this lane would pay have to wait: what was accepted before the
    /// store went back is not known yet.
    pub fn holds_back(&self, lane: &LaneId) -> bool {
        self.finding.is_some() || self.unread_from(lane).is_some()
    }

    /// Payments whose user nobody knows yet.
    pub fn nobodys(&self) -> impl Iterator<Item = &Unmatched> {
        self.unmatched.iter().filter(|known| known.matched.is_none())
    }

    /// A payment of the same that nobody has explained, or that this user got lately, as a person
    /// has said.
    pub fn twin_of_request(&self, user: &UserId, wanted: &Wanted, now: Timestamp) -> Option<Twin> {
        let lately = |matched: &MatchedTo| matched.user == *user && matched.is_recent(now);
        let mut same = self
            .unmatched
            .iter()
            .filter(|known| wanted.equals(&known.asset, &known.destination, known.amount));
        let matched = same.find(|known| known.matched.as_ref().is_some_and(lately));
        self.twin(wanted)
            .or_else(|| matched.map(|known| Twin::Matched { withdrawal: known.withdrawal }))
    }

    /// A person has said whose the payment of this withdrawal was. Those of long ago are forgotten.
    pub(crate) fn match_to(&mut self, withdrawal: WithdrawalId, user: &UserId, now: Timestamp) {
        self.unmatched
            .retain(|known| known.matched.as_ref().is_none_or(|matched| matched.is_recent(now)));
        if let Some(known) = self.unmatched.iter_mut().find(|known| known.withdrawal == withdrawal)
        {
            known.matched = Some(MatchedTo { user: user.clone(), at: now });
        }
    }

    /// A payment of the same that nobody has explained.
    pub fn twin(&self, wanted: &Wanted) -> Option<Twin> {
        let unmatched = self
            .nobodys()
            .find(|known| wanted.equals(&known.asset, &known.destination, known.amount));
        let stray = || {
            self.strays.iter().find(|known| {
                !known.explained && wanted.may_be_in(&known.asset, &known.destination, known.amount)
            })
        };
        match unmatched {
            Some(known) => Some(Twin::Unmatched { withdrawal: known.withdrawal }),
            None => stray().map(|known| Twin::Stray { hash: known.payment.hash }),
        }
    }

    /// Takes one stray for explained: the one that the finding of a withdrawal names. Of an output
    /// that may have paid several, what is left stays open.
    pub(crate) fn explain_stray(&mut self, wanted: &Wanted, named: Hash32, finding: &str) {
        let Some(place) = self.place_of_stray(wanted, named, finding) else { return };
        let known = &mut self.strays[place];
        match known.amount.checked_sub(wanted.amount).filter(|left| !left.is_zero()) {
            Some(left) => known.amount = left,
            None => known.explained = true,
        }
    }

    /// The open stray of which the finding of a withdrawal says that it may have paid it.
    pub(crate) fn named_stray(
        &self,
        wanted: &Wanted,
        named: Hash32,
        finding: &str,
    ) -> Option<&Stray> {
        self.place_of_stray(wanted, named, finding).map(|place| &self.strays[place])
    }

    fn place_of_stray(&self, wanted: &Wanted, named: Hash32, finding: &str) -> Option<usize> {
        let open = |known: &Stray| {
            !known.explained && wanted.may_be_in(&known.asset, &known.destination, known.amount)
        };
        let is_named = |known: &Stray| {
            known.payment.hash == named || finding.contains(&known.payment.hash.to_string())
        };
        self.strays.iter().position(|known| open(known) && is_named(known))
    }

    /// Remembers a stray. Seen again, it may stand in another block. Returns whether anything is
    /// new.
    pub(crate) fn note_stray(&mut self, stray: &Stray) -> bool {
        let same = |known: &&mut Stray| {
            (known.payment.hash, known.output) == (stray.payment.hash, stray.output)
        };
        if let Some(known) = self.strays.iter_mut().find(same) {
            let moved = known.payment != stray.payment;
            known.payment.clone_from(&stray.payment);
            return moved;
        }
        let oldest = self.strays.iter().position(|known| known.explained);
        if let Some(oldest) = oldest.filter(|_| self.strays.len() >= STRAYS_MAX) {
            self.strays.remove(oldest);
        }
        self.strays.push(stray.clone());
        true
    }

    /// The number from which this lane has to read the journal, where it has not read it under this
    /// incarnation.
    pub fn unread_from(&self, lane: &LaneId) -> Option<u64> {
        self.unread.iter().find(|unread| unread.lane == *lane).map(|unread| unread.from)
    }

    /// Lets the journal of this lane be read from this number on, or an earlier one that waits
    /// already.
    pub(crate) fn read_again(&mut self, lane: &LaneId, from: u64) {
        match self.unread.iter_mut().find(|unread| unread.lane == *lane) {
            Some(waiting) => waiting.from = waiting.from.min(from),
            None => self.unread.push(Unread { lane: lane.clone(), from }),
        }
    }
}
