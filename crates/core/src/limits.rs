//! Exact windows over what a user took: rolling 24 hours, 7 and 30 days, calendar days.
//!
//! One append-only entry per accepted withdrawal carries the running sum of its user and asset, so
//! a window is last sum − sum at the cut-off − what was given back of entries inside. An entry that
//! is given back keeps its place and its time: a negative entry made later would lift the limit of
//! another day.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Amount, AssetId, Timestamp, UserId, Window, WithdrawalId};

/// One accepted withdrawal, as the limits see it. Fees are not counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitEntry {
    pub user: UserId,
    pub asset: AssetId,
    /// 1, 2, 3 … per user and asset.
    pub seq: u64,
    /// Never before the previous entry's time, whatever the clock did.
    pub at: Timestamp,
    pub amount: Amount,
    /// Sum of this and all earlier entries of the user and asset.
    pub cumulative: Amount,
    pub withdrawal: WithdrawalId,
}

/// What a store reads so that a limit can be judged: no row is summed up here, however long the
/// history.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LimitState {
    pub last_seq: u64,
    pub last_at: Option<Timestamp>,
    pub cumulative: Amount,
    pub windows: BTreeMap<Window, WindowState>,
}

/// One window of one user and asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WindowState {
    /// Running sum of the last entry at or before the cut-off.
    pub cumulative_at_cutoff: Amount,
    /// Sum of the entries after the cut-off that were given back.
    pub given_back: Amount,
    /// Time of the first entry after the cut-off that was not given back.
    pub oldest_at: Option<Timestamp>,
}

/// How one window stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct WindowUse {
    pub window: Window,
    pub max: Amount,
    pub used: Amount,
    pub left: Amount,
    /// When some of what is used stops counting; none where nothing is used.
    pub more_at: Option<Timestamp>,
}

impl LimitState {
    pub fn used(&self, window: Window) -> Amount {
        let state = self.windows.get(&window).copied().unwrap_or_default();
        self.cumulative.minus(state.cumulative_at_cutoff).minus(state.given_back)
    }

    pub fn window_use(&self, window: Window, max: Amount) -> WindowUse {
        let used = self.used(window);
        let oldest = self.windows.get(&window).and_then(|state| state.oldest_at);
        WindowUse {
            window,
            max,
            used,
            left: max.saturating_sub(used),
            more_at: oldest.map(|at| window.leaves(at)),
        }
    }

    /// The next entry, at `now` or at the last entry's time where the clock went back.
    ///
    /// None where the running sum would exceed 2^128 - 1.
    pub fn next_entry(
        &self,
        user: &UserId,
        asset: &AssetId,
        amount: Amount,
        withdrawal: WithdrawalId,
        now: Timestamp,
    ) -> Option<LimitEntry> {
        Some(LimitEntry {
            user: user.clone(),
            asset: asset.clone(),
            seq: self.last_seq + 1,
            at: self.last_at.map_or(now, |last| last.max(now)),
            amount,
            cumulative: self.cumulative.checked_add(amount)?,
            withdrawal,
        })
    }

    /// Takes in an entry that was just made.
    pub fn append(&mut self, entry: &LimitEntry) {
        self.last_seq = entry.seq;
        self.last_at = Some(entry.at);
        self.cumulative = entry.cumulative;
        for state in self.windows.values_mut() {
            state.oldest_at = state.oldest_at.or(Some(entry.at));
        }
    }

    /// Takes in that `entry` was given back; windows are those that end at `now`.
    pub fn give_back(&mut self, entry: &LimitEntry, now: Timestamp) {
        for (window, state) in &mut self.windows {
            if entry.at > window.cutoff(now) {
                state.given_back = state.given_back.plus(entry.amount);
            }
        }
    }
}
