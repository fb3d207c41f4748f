//! What the journal says, indexed: who owns which nonce and which coin, where each payout lives, what was spent today.
//!
//! A batch is judged on an [`Overlay`], so that its requests see each other; it becomes part of [`Facts`] only when the
//! journal is on disk. Nothing is known here that the journal would not say again after a crash.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use adit_core::{Amount, AssetId, AttemptId, BitcoinDraft, Draft, Epoch, LaneId, LineageId, PayoutId, Span, Timestamp};
use sha2::{Digest as _, Sha256};

use crate::journal::{Place, Record};
use crate::{Approved, JournalEntry, SignRequest, Supersede};

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
    newest: Timestamp,
}

#[derive(Debug, Default)]
struct LaneFacts {
    epoch: Epoch,
    owners: BTreeMap<u64, LineageId>,
    /// In the order of their numbers, within a number as they were signed.
    signed: BTreeSet<(u64, Place)>,
}

/// A lineage is bound to its number and to its first attempt's coins by its first signature, and to each payout by the first one that
/// pays it.
#[derive(Debug, Clone)]
pub(crate) struct LineageFacts {
    pub lane: Arc<LaneId>,
    pub number: u64,
    /// Outpoints of the first attempt; none on chains with nonces.
    pub coins: Arc<[String]>,
    pub pays: Vec<PayoutId>,
}

/// A coin is bound to its amount by its first signature: a BIP-143 signature commits to the amount of its own coin alone, and two
/// stories about one transaction's coins could be put together to one that pays a fee nobody judged.
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
}

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
    /// Signatures of a lane at this number and above, in their order. A number's attempts stay together, so that the next page begins
    /// at the number after the last one here.
    pub(crate) fn signed_from(&self, lane: &LaneId, number: u64, limit: usize) -> Vec<Place> {
        let Some(lane) = self.lanes.get(lane) else { return Vec::new() };
        let mut page: Vec<(u64, Place)> = Vec::new();
        for (number, place) in lane.signed.range((number, Place { offset: 0, bytes: 0 })..) {
            let is_full = page.len() >= limit;
            if is_full && page.last().is_none_or(|(last, _)| last != number) {
                break;
            }
            page.push((*number, *place));
        }
        page.into_iter().map(|(_, place)| place).collect()
    }

    fn absorb(&mut self, fresh: Facts) {
        for (lane, fresh) in fresh.lanes {
            let kept = self.lanes.entry(lane).or_default();
            kept.epoch = kept.epoch.max(fresh.epoch);
            kept.owners.extend(fresh.owners);
            kept.signed.extend(fresh.signed);
        }
        self.lineages.extend(fresh.lineages);
        self.coins.extend(fresh.coins);
        self.ended.extend(fresh.ended);
        self.payouts.extend(fresh.payouts);
        self.attempts.extend(fresh.attempts);
        self.spent.extend(fresh.spent);
        self.newest = self.newest.max(fresh.newest);
        let yesterday = Day::of(self.newest.minus(Span::from_hours(24)));
        self.spent.retain(|(_, day), _| *day >= yesterday);
    }
}

/// The durable facts and, over them, what is about to become durable.
#[derive(Debug)]
pub(crate) struct Overlay<'a> {
    base: &'a Facts,
    fresh: Facts,
}

/// Facts that are durable now.
pub(crate) struct Fresh(Facts);

impl Fresh {
    pub(crate) fn absorb_into(self, facts: &mut Facts) {
        facts.absorb(self.0);
    }
}

impl<'a> Overlay<'a> {
    pub(crate) fn new(base: &'a Facts) -> Self {
        Self { base, fresh: Facts::default() }
    }

    /// To be absorbed once the journal is on disk.
    pub(crate) fn into_fresh(self) -> Fresh {
        Fresh(self.fresh)
    }

    pub(crate) fn epoch(&self, lane: &LaneId) -> Epoch {
        let of = |facts: &Facts| facts.lanes.get(lane).map_or(Epoch(0), |lane| lane.epoch);
        of(self.base).max(of(&self.fresh))
    }

    pub(crate) fn owner(&self, lane: &LaneId, nonce: u64) -> Option<LineageId> {
        let of = |facts: &Facts| facts.lanes.get(lane)?.owners.get(&nonce).copied();
        of(&self.fresh).or_else(|| of(self.base))
    }

    pub(crate) fn lineage(&self, id: LineageId) -> Option<&LineageFacts> {
        self.fresh.lineages.get(&id).or_else(|| self.base.lineages.get(&id))
    }

    pub(crate) fn coin(&self, outpoint: &str) -> Option<CoinFacts> {
        self.fresh.coins.get(outpoint).or_else(|| self.base.coins.get(outpoint)).copied()
    }

    pub(crate) fn is_ended(&self, lineage: LineageId) -> bool {
        self.fresh.ended.contains(&lineage) || self.base.ended.contains(&lineage)
    }

    pub(crate) fn payout(&self, id: PayoutId) -> Option<&PayoutFacts> {
        self.fresh.payouts.get(&id).or_else(|| self.base.payouts.get(&id))
    }

    pub(crate) fn attempt(&self, id: AttemptId) -> Option<Place> {
        self.fresh.attempts.get(&id).or_else(|| self.base.attempts.get(&id)).copied()
    }

    pub(crate) fn spent(&self, asset: &AssetId, day: Day) -> Amount {
        let key = (asset.clone(), day);
        self.fresh.spent.get(&key).or_else(|| self.base.spent.get(&key)).copied().unwrap_or_default()
    }

    /// Time as the journal counts it: a clock that is set back does not open yesterday's cap again.
    pub(crate) fn moment(&self, now: Timestamp) -> Timestamp {
        now.max(self.base.newest).max(self.fresh.newest)
    }

    /// Learns what a record says.
    pub(crate) fn apply(&mut self, record: &Record, place: Place) {
        match record {
            Record::Signed { at, entry: JournalEntry { request, .. } } => self.apply_signed(*at, request, place),
            Record::Superseded { at, supersede } => self.apply_superseded(*at, supersede),
            Record::Epoch { at, lane, epoch } => self.apply_epoch(*at, lane, *epoch),
        }
    }

    /// A dry run has the same effect on the requests after it, and no place.
    pub(crate) fn apply_signed(&mut self, at: Timestamp, request: &SignRequest, place: Place) {
        self.apply_epoch(at, &request.lane, request.epoch);
        let lane = self.lane(&request.lane);
        let number = request.draft.number();
        let facts = self.fresh.lanes.entry(Arc::clone(&lane)).or_default();
        facts.signed.insert((number, place));
        let first = match &request.draft {
            Draft::Evm(_) => {
                facts.owners.insert(number, request.lineage);
                Arc::default()
            }
            Draft::Bitcoin(draft) => self.apply_coins(request.lineage, draft),
        };
        let known = self.lineage(request.lineage).cloned();
        let mut lineage = known.unwrap_or(LineageFacts { lane, number, coins: first, pays: Vec::new() });
        lineage.pays.extend(request.approved.iter().map(|approved| approved.payout));
        lineage.pays.sort_unstable();
        lineage.pays.dedup();
        self.fresh.lineages.insert(request.lineage, lineage);
        self.fresh.attempts.insert(request.attempt, place);
        for approved in &request.approved {
            self.apply_payment(at, request.lineage, approved);
        }
    }

    /// It was judged that each coin was free, this lineage's, or left by one that has ended. Gives their outpoints.
    fn apply_coins(&mut self, owner: LineageId, draft: &BitcoinDraft) -> Arc<[String]> {
        for input in &draft.inputs {
            self.fresh.coins.insert(input.outpoint.clone(), CoinFacts { owner, amount: input.amount });
        }
        draft.outpoints().map(str::to_owned).collect()
    }

    /// A bump of the same lineage spends nothing: the chain takes only one of them.
    fn apply_payment(&mut self, at: Timestamp, lineage: LineageId, approved: &Approved) {
        let mut payout = self.payout(approved.payout).cloned().unwrap_or_default();
        if payout.live != Some(lineage) {
            let day = Day::of(at);
            let spent = self.spent(&approved.asset, day).checked_add(approved.amount).unwrap_or(Amount::MAX);
            self.fresh.spent.insert((approved.asset.clone(), day), spent);
        }
        payout.live = Some(lineage);
        payout.pays = Some(Fingerprint::of(approved));
        self.fresh.payouts.insert(approved.payout, payout);
    }

    /// It was judged that the payout lives in the old lineage or nowhere.
    fn apply_superseded(&mut self, at: Timestamp, supersede: &Supersede) {
        self.apply_epoch(at, &supersede.lane, supersede.epoch);
        self.fresh.ended.insert(supersede.old);
        let Some(id) = supersede.payout else { return };
        let mut payout = self.payout(id).cloned().unwrap_or_default();
        payout.live = None;
        payout.left.push(supersede.old);
        self.fresh.payouts.insert(id, payout);
    }

    fn apply_epoch(&mut self, at: Timestamp, lane: &LaneId, epoch: Epoch) {
        let lane = self.lane(lane);
        let facts = self.fresh.lanes.entry(lane).or_default();
        facts.epoch = facts.epoch.max(epoch);
        self.fresh.newest = self.fresh.newest.max(at);
    }

    /// One copy of a lane's name, however many lineages it has.
    fn lane(&self, lane: &LaneId) -> Arc<LaneId> {
        let known = |facts: &Facts| facts.lanes.get_key_value(lane).map(|(lane, _)| Arc::clone(lane));
        known(self.base).or_else(|| known(&self.fresh)).unwrap_or_else(|| Arc::new(lane.clone()))
    }
}
