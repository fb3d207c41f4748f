//! How each record of the journal changes what is known.

use std::sync::Arc;

use adit_core::{Amount, BitcoinDraft, Draft, Epoch, LaneId, LineageId, Retirement, Timestamp};

use super::{CoinFacts, Day, Facts, Fingerprint, Leased, LineageFacts, Overlay, Retired};
use crate::journal::{Place, Record};
use crate::{Approved, JournalEntry, LeaseClaim, Open, SignRequest, Stamp, Supersede};

impl Overlay<'_> {
    /// Learns what a record says.
    pub(crate) fn apply(&mut self, record: &Record, place: Place) {
        match record {
            Record::Signed { at, entry: JournalEntry { request, .. }, sealed: _ } => {
                self.apply_signed(*at, request, place)
            }
            Record::Superseded { at, supersede } => self.apply_superseded(*at, supersede),
            Record::Epoch { at, lane, epoch } => self.apply_epoch(*at, lane, *epoch),
            Record::Lease { at, claim } => self.apply_lease(*at, claim),
            Record::Opened { at, open } => self.apply_opened(*at, open),
            Record::Retired { at, retire } => self.apply_retired(*at, &retire.retirement),
            Record::Format { .. } => {}
        }
    }

    /// A dry run has the same effect on the requests after it, and no place.
    pub(crate) fn apply_signed(&mut self, at: Timestamp, request: &SignRequest, place: Place) {
        self.apply_epoch(at, &request.lane, request.epoch);
        self.apply_counter(&request.lane, &request.stamp);
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
        let mut lineage =
            known.unwrap_or(LineageFacts { lane, number, coins: first, pays: Vec::new() });
        lineage.pays.extend(request.approved.iter().map(|approved| approved.payout));
        lineage.pays.sort_unstable();
        lineage.pays.dedup();
        self.fresh.lineages.insert(request.lineage, lineage);
        self.fresh.attempts.insert(request.attempt, place);
        for approved in &request.approved {
            self.apply_payment(at, request.lineage, approved);
        }
    }

    /// It was judged that each coin was free, this lineage's, or left by one that has ended. Gives
    /// their outpoints.
    fn apply_coins(&mut self, owner: LineageId, draft: &BitcoinDraft) -> Arc<[String]> {
        for input in &draft.inputs {
            self.fresh
                .coins
                .insert(input.outpoint.clone(), CoinFacts { owner, amount: input.amount });
        }
        draft.outpoints().map(str::to_owned).collect()
    }

    /// A bump of the same lineage spends nothing: the chain takes only one of them.
    fn apply_payment(&mut self, at: Timestamp, lineage: LineageId, approved: &Approved) {
        let mut payout = self.payout(approved.payout).cloned().unwrap_or_default();
        if payout.live != Some(lineage) {
            let key = (approved.asset.clone(), Day::of(at));
            let spent = self.spent_on(&key).checked_add(approved.amount).unwrap_or(Amount::MAX);
            self.fresh.spent.insert(key, spent);
        }
        payout.live = Some(lineage);
        payout.pays = Some(Fingerprint::of(approved));
        self.fresh.payouts.insert(approved.payout, payout);
    }

    /// It was judged that the payout lives in the old lineage or nowhere.
    fn apply_superseded(&mut self, at: Timestamp, supersede: &Supersede) {
        self.apply_epoch(at, &supersede.lane, supersede.epoch);
        self.apply_counter(&supersede.lane, &supersede.stamp);
        self.fresh.ended.insert(supersede.old);
        let Some(id) = supersede.payout else { return };
        let mut payout = self.payout(id).cloned().unwrap_or_default();
        payout.live = None;
        payout.left.push(supersede.old);
        self.fresh.payouts.insert(id, payout);
    }

    fn apply_epoch(&mut self, at: Timestamp, lane: &LaneId, epoch: Epoch) {
        let known = self.leased(lane);
        let lane = self.lane(lane);
        let facts = self.fresh.lanes.entry(lane).or_default();
        if epoch > known.epoch {
            facts.leased = Leased::unnamed(epoch);
        }
        self.dated(at);
    }

    /// It was judged that the number is new. The life of the store before this one, if it is
    /// another, never leases again.
    fn apply_lease(&mut self, at: Timestamp, claim: &LeaseClaim) {
        let LeaseClaim { lane, epoch, stamp, .. } = claim;
        let shared = self.lane(lane);
        let leased = Leased { epoch: *epoch, token: stamp.token, incarnation: stamp.incarnation };
        self.fresh.lanes.entry(shared).or_default().leased = leased;
        self.apply_counter(lane, stamp);
        let before = self.incarnation().filter(|before| *before != stamp.incarnation);
        self.fresh.superseded.extend(before);
        self.fresh.incarnation = Some(stamp.incarnation);
        self.dated(at);
    }

    /// It was judged that the lane had none.
    fn apply_opened(&mut self, at: Timestamp, open: &Open) {
        let lane = self.lane(&open.lane);
        self.fresh.lanes.entry(lane).or_default().opening = Some(open.opening.clone());
        self.dated(at);
    }

    /// Where no store has leased, nothing counts changes.
    fn apply_counter(&mut self, lane: &LaneId, stamp: &Stamp) {
        if stamp.incarnation.0.is_nil() {
            return;
        }
        let lane = self.lane(lane);
        let facts = self.fresh.lanes.entry(lane).or_default();
        facts.counter = facts.counter.max(Some(stamp.counter));
    }

    /// It was judged that the payout lives nowhere, or in the lineage that is named as ended.
    fn apply_retired(&mut self, at: Timestamp, retirement: &Retirement) {
        let mut payout = self.payout(retirement.payout).cloned().unwrap_or_default();
        payout.left.extend(payout.live.take());
        payout.retired = Some(Arc::new(Retired {
            by: retirement.by.clone(),
            reason: retirement.reason.clone(),
        }));
        self.fresh.payouts.insert(retirement.payout, payout);
        self.dated(at);
    }

    /// One copy of a lane's name, however many lineages it has.
    fn lane(&self, lane: &LaneId) -> Arc<LaneId> {
        let known =
            |facts: &Facts| facts.lanes.get_key_value(lane).map(|(lane, _)| Arc::clone(lane));
        known(self.base).or_else(|| known(&self.fresh)).unwrap_or_else(|| Arc::new(lane.clone()))
    }
}
