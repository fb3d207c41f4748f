//! What the journal says, indexed: who owns which nonce and which coin, where each payout lives,
//! who has leased, what was spent today.
//!
//! A batch is judged on an [`Overlay`], so that its requests see each other; it becomes part of
//! [`Facts`] only when the journal is on disk. Nothing is known here that the journal would not say
//! again after a crash.

mod learn;
mod overlay;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use adit_core::{
    Amount, AssetId, AttemptId, Epoch, IncarnationId, LaneId, LeaseToken, LineageId, Opening,
    PayoutId, Timestamp,
};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

pub(crate) use self::overlay::Overlay;
use crate::journal::Place;
use crate::{Approved, EntryCursor, LaneStanding, PayoutStanding};

/// Everything that is durable.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    lanes: BTreeMap<Arc<LaneId>, LaneFacts>,
    lineages: HashMap<LineageId, LineageFacts>,
    /// By their outpoints, which are unique on all networks.
    coins: HashMap<String, CoinFacts>,
    /// Lineages that a supersede named: a final transaction had ended them.
    ended: HashSet<LineageId>,
    payouts: HashMap<PayoutId, PayoutFacts>,
    attempts: HashMap<AttemptId, Place>,
    spent: BTreeMap<(AssetId, Day), Amount>,
    /// The time of the newest record; none of an empty journal.
    newest: Option<Timestamp>,
    /// The store's life that may lease; none until one has leased.
    incarnation: Option<IncarnationId>,
    /// Lives of the store that never lease again.
    superseded: BTreeSet<IncarnationId>,
}

#[derive(Debug, Default)]
struct LaneFacts {
    leased: Leased,
    /// The highest change of the lane's row that was shown.
    counter: Option<u64>,
    /// Where its book began.
    opening: Option<Opening>,
    owners: BTreeMap<u64, LineageId>,
    /// In the order of their numbers, within a number as they were signed.
    signed: BTreeSet<(u64, Place)>,
}

/// The newest lease of a lane. Token and incarnation are nil where only its number was seen, in a
/// journal of an older build.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Leased {
    pub epoch: Epoch,
    pub token: LeaseToken,
    pub incarnation: IncarnationId,
}

impl Leased {
    pub(crate) fn unnamed(epoch: Epoch) -> Self {
        Self { epoch, token: LeaseToken(Uuid::nil()), incarnation: IncarnationId(Uuid::nil()) }
    }
}

impl Default for Leased {
    fn default() -> Self {
        Self::unnamed(Epoch(0))
    }
}

/// A lineage is bound to its number and to its first attempt's coins by its first signature, and to
/// each payout by the first one that pays it.
#[derive(Debug, Clone)]
pub(crate) struct LineageFacts {
    pub lane: Arc<LaneId>,
    pub number: u64,
    /// Outpoints of the first attempt; none on chains with nonces.
    pub coins: Arc<[String]>,
    pub pays: Vec<PayoutId>,
}

/// A coin is bound to its amount by its first signature: a BIP-143 signature commits to the amount
/// of its own coin alone, and two stories about one transaction's coins could be put together to
/// one that pays a fee nobody judged.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CoinFacts {
    pub owner: LineageId,
    pub amount: Amount,
}

/// A payout is bound to what it pays by its first signature.
#[derive(Debug, Clone, Default)]
pub(crate) struct PayoutFacts {
    pub pays: Option<Fingerprint>,
    pub live: Option<LineageId>,
    /// Lineages that it was moved out of; none of them ever pays it again.
    pub left: Vec<LineageId>,
    pub retired: Option<Arc<Retired>>,
}

/// Who retired a payout, and why.
#[derive(Debug)]
pub(crate) struct Retired {
    pub by: String,
    pub reason: String,
}

/// Days of which the sums are kept, per asset.
const DAYS_KEPT: usize = 32;

/// A UTC day, by its first moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Day(Timestamp);

/// SHA-256 of what is paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fingerprint([u8; 32]);

impl Day {
    pub(crate) fn of(at: Timestamp) -> Self {
        Self(at.start_of_day(0))
    }
}

impl Fingerprint {
    /// Payout, asset, amount and destination. None of the texts has a space in it.
    pub(crate) fn of(approved: &Approved) -> Self {
        let Approved { payout, asset, amount, destination } = approved;
        Self(Sha256::digest(format!("{payout} {asset} {amount} {destination}")).into())
    }
}

impl Facts {
    /// Returns the signatures of a lane from this place on, in their order, each with its number.
    pub(crate) fn signed_from(
        &self,
        lane: &LaneId,
        from: EntryCursor,
    ) -> impl Iterator<Item = (u64, Place)> {
        let first = (from.number, Place { offset: 0, bytes: 0 });
        self.lanes
            .get(lane)
            .into_iter()
            .flat_map(move |lane| lane.signed.range(first..).copied().skip(from.skip))
    }

    pub(crate) fn standing(&self, payout: PayoutId) -> PayoutStanding {
        let Some(facts) = self.payouts.get(&payout) else { return PayoutStanding::Unknown };
        match (&facts.retired, facts.live, facts.pays) {
            (Some(retired), _, _) => {
                PayoutStanding::Retired { by: retired.by.clone(), reason: retired.reason.clone() }
            }
            (None, Some(lineage), _) => PayoutStanding::Live { lineage },
            (None, None, Some(_)) => PayoutStanding::Left,
            (None, None, None) => PayoutStanding::Unknown,
        }
    }

    pub(crate) fn lanes(&self) -> Vec<LaneStanding> {
        let standing = |(lane, facts): (&Arc<LaneId>, &LaneFacts)| LaneStanding {
            lane: LaneId::clone(lane),
            epoch: facts.leased.epoch,
            counter: facts.counter.unwrap_or_default(),
            incarnation: facts.leased.incarnation,
        };
        self.lanes.iter().map(standing).collect()
    }

    fn absorb(&mut self, fresh: Facts) {
        for (lane, fresh) in fresh.lanes {
            let kept = self.lanes.entry(lane).or_default();
            if fresh.leased.epoch > kept.leased.epoch {
                kept.leased = fresh.leased;
            }
            kept.counter = kept.counter.max(fresh.counter);
            kept.opening = kept.opening.take().or(fresh.opening);
            kept.owners.extend(fresh.owners);
            kept.signed.extend(fresh.signed);
        }
        self.lineages.extend(fresh.lineages);
        self.coins.extend(fresh.coins);
        self.ended.extend(fresh.ended);
        self.payouts.extend(fresh.payouts);
        self.attempts.extend(fresh.attempts);
        self.spent.extend(fresh.spent);
        self.newest = fresh.newest.or(self.newest);
        self.incarnation = fresh.incarnation.or(self.incarnation);
        self.superseded.extend(fresh.superseded);
        self.spent.retain(|_, spent| !spent.is_zero());
        self.forget_old_days();
    }

    /// Counted, and not judged by today's date: a clock that is wrong for a moment would take
    /// today's sum away.
    fn forget_old_days(&mut self) {
        let mut newer: BTreeMap<AssetId, usize> = BTreeMap::new();
        let keys: Vec<(AssetId, Day)> = self.spent.keys().rev().cloned().collect();
        for key in keys {
            let days = newer.entry(key.0.clone()).or_default();
            *days += 1;
            if *days > DAYS_KEPT {
                self.spent.remove(&key);
            }
        }
    }
}
