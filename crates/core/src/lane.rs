//! A lane: one wallet's line of payments, leased by one process at a time.

use serde::{Deserialize, Serialize};

use crate::{
    Amount, AssetId, BlockRef, CoinPlaces, Epoch, Hash32, JournalId, JournalTip, LaneId,
    LeaseToken, Market, ReplicaId, Restoration, Timestamp,
};

/// A lane's row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lane {
    pub id: LaneId,
    /// The next nonce to reserve. Only we count; a node's count is a cross-check.
    pub next_nonce: u64,
    /// From this nonce on the key is ours alone (`adit keys adopt`).
    pub adopted_from: u64,
    /// The journal that signed for this lane first; a signer with another one cannot lease it.
    pub journal: Option<JournalId>,
    pub lease: Option<Lease>,
    /// Highest epoch ever leased.
    pub epoch: Epoch,
    /// Counts the commits that the signer has to know of: leases, reservations, records. The signer
    /// keeps the highest that it was shown, so a row below it is a row of the past (case F94).
    pub counter: u64,
    /// The epoch under which the signer's journal was last read to its end.
    pub journal_read: Epoch,
    /// How far the signer's journal went when it was last seen. A journal that does not go on from
    /// there went back (case F91).
    pub witness: Option<JournalTip>,
    /// An admin said under this epoch which journal to go by: what a third witness wrote until then
    /// says nothing of it (case F96).
    pub journal_trusted: Epoch,
    /// The epoch of the last lease under which something of ours was in flight while the lane
    /// started slowly.
    pub probed: Epoch,
    /// The epoch of the last lease under which the chain's count was seen to be the book's, after
    /// that was mined: planning is free.
    pub proved: Epoch,
    /// A refusal of the signer that showed the book to be behind. It stands until something is
    /// reserved again: a second one is no accident, and halts the lane (case F101).
    pub doubt: Option<String>,
    pub state: LaneState,
    /// Database and journal were declared to have gone back together; none once that is behind the
    /// lane.
    pub restoration: Option<Restoration>,
    pub tip: Option<Tip>,
    /// The last blocks that were searched for our transactions, lowest first.
    pub trail: Vec<BlockRef>,
    /// Where the wallet's coins can be. Nothing is known on chains without coins.
    pub coin_places: CoinPlaces,
    /// What the wallet was last seen to hold. Unknown is not zero.
    pub funds: Vec<Funds>,
    /// Facts that may not change silently: chain id, genesis, decimals, code hashes.
    pub pins: std::collections::BTreeMap<String, String>,
}

/// Blocks that a lane remembers for finding the fork point of a reorganisation.
pub const TRAIL_BLOCKS_MAX: usize = 64;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    pub owner: ReplicaId,
    pub until: Timestamp,
    /// Pinned by the signer to the epoch.
    pub token: LeaseToken,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "lane")]
pub enum LaneState {
    /// The signer's journal and the chain are compared with the database before anything new is
    /// signed.
    Reconciling,
    Running,
    /// Uses up every place at which something forgotten may still be mined. Pays nobody new (case
    /// F91).
    Sweeping,
    /// Stopped until a person explains it.
    Halted {
        reason: HaltReason,
        since: Timestamp,
    },
}

/// Why a lane stopped itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "halt")]
pub enum HaltReason {
    /// Somebody else used the key: a nonce was consumed by a transaction that is not ours.
    ForeignUse {
        nonce: u64,
        hash: Option<Hash32>,
        decoded: String,
    },
    /// The journal knows signatures that the database cannot place.
    JournalAhead {
        detail: String,
    },
    /// The chain or a pool shows payments that neither the database nor the journal remembers: both
    /// were set back (cases F89, F91).
    BothWentBack {
        detail: String,
    },
    /// Database and journal were restored together. All is swept; what waits may have been paid or
    /// given back since, and two admins have to release it (case F96).
    Unreleased,
    /// The signer's journal lacks records that the database has seen: it was set back alone (cases
    /// F91, F96).
    JournalWentBack {
        detail: String,
    },
    /// A pinned fact changed.
    PinChanged {
        fact: String,
        pinned: String,
        seen: String,
    },
    /// The wallet carries code (EIP-7702).
    WalletHasCode,
    /// An invariant does not hold.
    Invariant {
        detail: String,
    },
    Operator {
        reason: String,
    },
}

/// How far the chain is, as a quorum says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tip {
    pub head: BlockRef,
    /// Blocks up to here cannot revert.
    pub final_height: u64,
    /// What being included costs now.
    #[serde(flatten)]
    pub market: Market,
    /// When the head's block was made, as its proposer says.
    pub mined_at: Timestamp,
    /// When it was read.
    pub at: Timestamp,
}

/// One asset of a lane's wallet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Funds {
    pub asset: AssetId,
    pub balance: Amount,
    pub at: Timestamp,
}

impl Lane {
    pub fn new(id: LaneId) -> Self {
        Self {
            id,
            next_nonce: 0,
            adopted_from: 0,
            journal: None,
            lease: None,
            epoch: Epoch(0),
            counter: 0,
            journal_read: Epoch(0),
            witness: None,
            journal_trusted: Epoch(0),
            probed: Epoch(0),
            proved: Epoch(0),
            doubt: None,
            state: LaneState::Reconciling,
            restoration: None,
            tip: None,
            trail: Vec::new(),
            coin_places: CoinPlaces::default(),
            funds: Vec::new(),
            pins: std::collections::BTreeMap::new(),
        }
    }

    /// Whether `owner` holds the lease of `epoch` at `now`.
    pub fn is_leased(&self, owner: ReplicaId, epoch: Epoch, now: Timestamp) -> bool {
        self.epoch == epoch
            && self.lease.as_ref().is_some_and(|lease| lease.owner == owner && now < lease.until)
    }

    /// Returns whether it has ever started: its facts are pinned, and its book has begun.
    pub fn has_started(&self) -> bool {
        !self.pins.is_empty()
    }

    /// Returns the number from which its book begins if it starts for the first time now. A wallet
    /// that was used before is ours from the chain's number on, unless withdrawals are unfinished,
    /// waiting or under way: that is what a restored backup looks like, and a person says so first.
    pub fn first_number(&self, chain_nonce: u64, unfinished: bool) -> u64 {
        if unfinished {
            self.adopted_from
        } else {
            self.next_nonce.max(self.adopted_from).max(chain_nonce)
        }
    }

    /// Returns whether the signer's journal was read to its end under the present epoch: what it
    /// knows stands in this store.
    pub fn has_read_journal(&self) -> bool {
        self.epoch > Epoch(0) && self.journal_read == self.epoch
    }

    /// Returns whether database and journal were declared to have gone back together, and something
    /// forgotten may still be mined: what took the place of a payment of ours then is no
    /// stranger's.
    pub fn expects_forgotten(&self) -> bool {
        self.restoration.as_ref().is_some_and(|restoration| !restoration.is_swept())
    }

    /// Notes how far the signer's journal goes. A shorter one changes nothing.
    pub(crate) fn note_journal(&mut self, tip: Option<JournalTip>) {
        let goes_on = |tip: &JournalTip| self.witness.is_none_or(|seen| tip.records > seen.records);
        self.witness = tip.filter(goes_on).or(self.witness);
    }

    /// Returns whether a slow start is over under the present lease.
    pub fn is_proved(&self) -> bool {
        self.proved == self.epoch
    }

    pub fn balance_of(&self, asset: &AssetId) -> Option<&Funds> {
        self.funds.iter().find(|funds| funds.asset == *asset)
    }
}
