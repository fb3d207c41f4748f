//! What blocks cost lately: what tells a cheap hour from a dear one.

use serde::{Deserialize, Serialize};

use super::FeeRate;

/// Blocks from one feerate that is kept to the next: half an hour.
pub const FEE_HISTORY_EVERY_BLOCKS: u64 = 3;
/// Feerates that are kept: a week of them, since weekends are cheaper than weeks.
pub const FEE_HISTORY_MAX: usize = 336;
/// Fewer say nothing of what is cheap.
pub const FEE_HISTORY_MIN: usize = 24;

/// What one of the next blocks cost, now and then, oldest first. A guess is not kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct FeeHistory {
    /// At which height the newest was kept.
    height: u64,
    feerates: Vec<FeeRate>,
}

impl FeeHistory {
    pub fn is_empty(&self) -> bool {
        self.feerates.is_empty()
    }

    pub fn len(&self) -> usize {
        self.feerates.len()
    }

    /// Keeps one, where the newest is old enough.
    pub(super) fn keep(&mut self, height: u64, feerate: FeeRate) {
        if !self.is_empty() && height < self.height.saturating_add(FEE_HISTORY_EVERY_BLOCKS) {
            return;
        }
        self.height = height;
        self.feerates.push(feerate);
        self.feerates.drain(..self.feerates.len().saturating_sub(FEE_HISTORY_MAX));
    }

    /// The feerate below or at which so many percent of those seen are; none where there are too
    /// few to say.
    pub fn quantile(&self, percent: u8) -> Option<FeeRate> {
        let mut sorted = self.feerates.clone();
        sorted.sort_unstable();
        let place = sorted.len().checked_sub(1)? * usize::from(percent.min(100)) / 100;
        sorted.get(place).copied().filter(|_| sorted.len() >= FEE_HISTORY_MIN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(sat_per_vb: u64) -> FeeRate {
        FeeRate::from_sat_per_kvb(sat_per_vb * 1_000)
    }

    fn history(feerates: impl IntoIterator<Item = u64>) -> FeeHistory {
        let mut history = FeeHistory::default();
        for (sat_per_vb, place) in feerates.into_iter().zip(0u64..) {
            history.keep(100 + place * FEE_HISTORY_EVERY_BLOCKS, rate(sat_per_vb));
        }
        history
    }

    #[test]
    fn cheap_is_the_lowest_part_of_what_was_seen() {
        let seen = history(1..=30);
        assert_eq!(
            [0, 10, 50, 100, 200].map(|percent| seen.quantile(percent)),
            [1, 3, 15, 30, 30].map(|sat_per_vb| Some(rate(sat_per_vb)))
        );
        let (few, enough) = (FEE_HISTORY_MIN as u64 - 1, FEE_HISTORY_MIN as u64);
        assert_eq!(
            (history(1..=few).quantile(100), history(1..=enough).quantile(100)),
            (None, Some(rate(enough))),
            "too few to say"
        );
    }

    #[test]
    fn one_is_kept_in_so_many_blocks_and_a_week_of_them() {
        let mut seen = history([5]);
        seen.keep(99, rate(7));
        seen.keep(102, rate(7));
        assert_eq!(seen.len(), 1);
        seen.keep(103, rate(7));
        assert_eq!(seen.len(), 2);
        let week = history((0..FEE_HISTORY_MAX as u64 + 3).map(|place| place + 1));
        assert_eq!(
            (week.len(), week.quantile(0)),
            (FEE_HISTORY_MAX, Some(rate(4))),
            "the oldest are forgotten"
        );
    }
}
