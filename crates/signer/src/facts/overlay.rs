//! What is known while a batch is judged.

use adit_core::{Amount, AssetId, AttemptId, IncarnationId, LaneId, LineageId, Opening, PayoutId, Timestamp};

use super::{CoinFacts, Day, Facts, Leased, LineageFacts, PayoutFacts};
use crate::journal::Place;

/// The durable facts and, over them, what is about to become durable.
#[derive(Debug)]
pub(crate) struct Overlay<'a> {
    pub(super) base: &'a Facts,
    pub(super) fresh: Facts,
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

    pub(crate) fn leased(&self, lane: &LaneId) -> Leased {
        let of = |facts: &Facts| facts.lanes.get(lane).map(|lane| lane.leased).unwrap_or_default();
        let (base, fresh) = (of(self.base), of(&self.fresh));
        if fresh.epoch > base.epoch { fresh } else { base }
    }

    /// The highest change of the lane's row that was shown.
    pub(crate) fn counter(&self, lane: &LaneId) -> Option<u64> {
        let of = |facts: &Facts| facts.lanes.get(lane)?.counter;
        of(self.base).max(of(&self.fresh))
    }

    /// What was noted when the lane started for the first time.
    pub(crate) fn opening(&self, lane: &LaneId) -> Option<&Opening> {
        [self.base, &self.fresh].into_iter().find_map(|facts| facts.lanes.get(lane)?.opening.as_ref())
    }

    pub(crate) fn incarnation(&self) -> Option<IncarnationId> {
        self.fresh.incarnation.or(self.base.incarnation)
    }

    pub(crate) fn is_superseded(&self, incarnation: IncarnationId) -> bool {
        self.fresh.superseded.contains(&incarnation) || self.base.superseded.contains(&incarnation)
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
}
