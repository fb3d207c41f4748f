//! What is known while a batch is judged.

use std::collections::BTreeSet;

use adit_core::{
    Amount, AssetId, AttemptId, ClockDoubt, IncarnationId, LaneId, LineageId, Opening, PayoutId,
    Span, Timestamp,
};

use super::{CoinFacts, Day, Facts, Leased, LineageFacts, PayoutFacts};
use crate::journal::Place;

/// A record that lies further ahead was dated by a wrong clock.
const DAYS_BELIEVED: Span = Span::from_hours(48);

/// The durable facts and, over them, what is about to become durable.
#[derive(Debug)]
pub(crate) struct Overlay<'a> {
    pub(super) base: &'a Facts,
    pub(super) fresh: Facts,
    clock_doubt: Option<ClockDoubt>,
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
        Self { base, fresh: Facts::default(), clock_doubt: None }
    }

    /// Nobody knows what day it is: nothing is signed that would count in a day's cap.
    pub(crate) fn doubting(self, clock_doubt: Option<ClockDoubt>) -> Self {
        Self { clock_doubt, ..self }
    }

    pub(crate) fn clock_doubt(&self) -> Option<ClockDoubt> {
        self.clock_doubt
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
        [self.base, &self.fresh]
            .into_iter()
            .find_map(|facts| facts.lanes.get(lane)?.opening.as_ref())
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

    /// What was signed on this day. Later days count as well: a clock that is set back opens no day
    /// again.
    pub(crate) fn spent(&self, asset: &AssetId, day: Day) -> Amount {
        let of = |facts: &Facts| {
            facts
                .spent
                .range((asset.clone(), day)..)
                .map(|(key, _)| key.clone())
                .collect::<BTreeSet<_>>()
        };
        let days = of(self.base).into_iter().chain(of(&self.fresh)).collect::<BTreeSet<_>>();
        let days = days.iter().take_while(|(other, _)| other == asset);
        days.fold(Amount::ZERO, |sum, key| {
            sum.checked_add(self.spent_on(key)).unwrap_or(Amount::MAX)
        })
    }

    pub(super) fn spent_on(&self, key: &(AssetId, Day)) -> Amount {
        self.fresh.spent.get(key).or_else(|| self.base.spent.get(key)).copied().unwrap_or_default()
    }

    /// What a wrong clock dated days ahead was signed before `at`: it is counted on this day, and
    /// no longer then (case F97). `at` has to be right.
    pub(crate) fn redate(&mut self, at: Timestamp) {
        let (today, believed) = (Day::of(at), Day::of(at.plus(DAYS_BELIEVED)));
        let keys = self.base.spent.keys().chain(self.fresh.spent.keys());
        let misdated: BTreeSet<(AssetId, Day)> =
            keys.filter(|(_, day)| *day > believed).cloned().collect();
        for key in misdated {
            let moved = self.spent_on(&key);
            let now = (key.0.clone(), today);
            let spent = self.spent_on(&now).checked_add(moved).unwrap_or(Amount::MAX);
            self.fresh.spent.insert(now, spent);
            self.fresh.spent.insert(key, Amount::ZERO);
        }
    }

    /// Time as the journal counts it: a clock that is set back does not open yesterday's cap again.
    /// A record that lies further ahead than clocks may be apart was dated by a wrong one, and does
    /// not hold the day.
    pub(crate) fn moment(&self, now: Timestamp) -> Timestamp {
        match self.clock_doubt {
            // A clock that is in doubt moves nothing back.
            Some(_) => now.max(self.newest()),
            None => now.not_before(self.newest()),
        }
    }

    fn newest(&self) -> Timestamp {
        self.fresh.newest.or(self.base.newest).unwrap_or_default()
    }

    /// Takes note of a record's time.
    pub(super) fn dated(&mut self, at: Timestamp) {
        self.fresh.newest = Some(at.not_before(self.newest()));
        self.redate(at);
    }
}
