//! What a store does: every row that an order names is there, or known to be absent. Windows are
//! summed up naively.

use adit_core::*;

use super::World;

impl World {
    /// What a store does for a group: every row that is asked for is there, or known to be absent.
    pub(super) fn prepare(&mut self, keys: &Keys) {
        for key in &keys.users {
            self.view.users.entry(key.clone()).or_insert_with(Slot::absent);
        }
        for key in &keys.wallets {
            self.view.wallets.entry(key.clone()).or_insert_with(Slot::absent);
        }
        for key in &keys.accounts {
            self.view.accounts.entry(key.clone()).or_insert_with(Slot::absent);
        }
        for key in &keys.withdrawals {
            self.view.withdrawals.entry(*key).or_insert_with(Slot::absent);
        }
        for key in &keys.lineages {
            self.view.lineages.entry(*key).or_insert_with(Slot::absent);
        }
        for key in &keys.lanes {
            self.view.lanes.entry(key.clone()).or_insert_with(Slot::absent);
        }
        for key in &keys.digests {
            self.view.digests.entry(*key).or_insert(None);
        }
        for key in &keys.claim_nonces {
            self.view.claim_nonces.entry(key.clone()).or_insert(None);
        }
        for key in &keys.idempotency {
            self.view.idempotency.entry(key.clone()).or_insert(None);
        }
        for key in &keys.credits {
            self.view.credits.entry(key.clone()).or_insert(None);
        }
        for key in &keys.payouts {
            self.view.payouts.entry(*key).or_insert(None);
        }
        for key in &keys.anchors {
            self.view.anchors.entry(key.clone()).or_insert(None);
        }
        for ((user, asset), windows) in &keys.limits {
            let state = self.limit(user, asset, windows);
            self.view.limits.insert((user.clone(), asset.clone()), state);
        }
    }

    /// Sums everything up, every time.
    fn limit(&self, user: &UserId, asset: &AssetId, windows: &[Window]) -> LimitState {
        let own: Vec<&LimitEntry> = self
            .entries
            .iter()
            .filter(|entry| entry.user == *user && entry.asset == *asset)
            .collect();
        let sum = |entries: &mut dyn Iterator<Item = &&LimitEntry>| {
            Amount::new(entries.map(|entry| entry.amount.base_units()).sum())
        };
        let window = |window: &Window| {
            let cutoff = window.cutoff(self.view.now);
            let inside = |entry: &&&LimitEntry| entry.at > cutoff;
            let back = |entry: &&&LimitEntry| self.given_back.contains(&entry.withdrawal);
            let state = WindowState {
                cumulative_at_cutoff: sum(&mut own.iter().filter(|entry| !inside(entry))),
                given_back: sum(&mut own.iter().filter(inside).filter(back)),
                oldest_at: own
                    .iter()
                    .filter(inside)
                    .find(|entry| !back(entry))
                    .map(|entry| entry.at),
            };
            (*window, state)
        };
        LimitState {
            last_seq: own.len() as u64,
            last_at: own.last().map(|entry| entry.at),
            cumulative: sum(&mut own.iter()),
            windows: windows.iter().map(window).collect(),
        }
    }
}
