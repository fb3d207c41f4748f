//! The limit entries of one user and asset, in order of their sequence and so of their time.

use std::collections::BTreeMap;

use adit_core::{Amount, LimitEntry, LimitState, Mistake, Timestamp, Window, WindowState, planted};

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct LimitHistory {
    entries: Vec<LimitEntry>,
    given_back: BTreeMap<u64, (Timestamp, Amount)>,
}

impl LimitHistory {
    pub fn has(&self, seq: u64) -> bool {
        self.entries.binary_search_by_key(&seq, |entry| entry.seq).is_ok()
    }

    pub fn is_given_back(&self, seq: u64) -> bool {
        self.given_back.contains_key(&seq)
    }

    pub fn append(&mut self, entry: LimitEntry) {
        self.entries.push(entry);
    }

    pub fn give_back(&mut self, entry: &LimitEntry) {
        self.given_back.insert(entry.seq, (entry.at, entry.amount));
    }

    pub fn state(&self, windows: &[Window], now: Timestamp) -> LimitState {
        let last = self.entries.last();
        LimitState {
            last_seq: last.map_or(0, |entry| entry.seq),
            last_at: last.map(|entry| entry.at),
            cumulative: last.map_or(Amount::ZERO, |entry| entry.cumulative),
            windows: windows
                .iter()
                .map(|window| (*window, self.window(window.cutoff(now))))
                .collect(),
        }
    }

    fn window(&self, cutoff: Timestamp) -> WindowState {
        let first_inside = self.entries.partition_point(|entry| entry.at <= cutoff);
        let inside = &self.entries[first_inside..];
        let before = first_inside.checked_sub(1).map(|last| &self.entries[last]);
        let first_seq = inside.first().map_or(u64::MAX, |entry| entry.seq);
        let first_seq = if planted(Mistake::LimitReleasedAsNegative) { 0 } else { first_seq };
        WindowState {
            cumulative_at_cutoff: before.map_or(Amount::ZERO, |entry| entry.cumulative),
            given_back: self
                .given_back
                .range(first_seq..)
                .fold(Amount::ZERO, |sum, (_, (_, amount))| sum.plus(*amount)),
            oldest_at: inside
                .iter()
                .find(|entry| !self.is_given_back(entry.seq))
                .map(|entry| entry.at),
        }
    }
}
