//! Limits, judged by adding up: no running sums.

use adit_core::{AssetId, LimitEntry, Rules, Tier, Timestamp, UserId};
use std::collections::BTreeMap;

use super::{Broken, must};

/// Every accepted withdrawal of every user, as the limits see it.
#[derive(Debug, Clone, Default)]
pub(super) struct Accepted(BTreeMap<(UserId, AssetId), Vec<Entry>>);

#[derive(Debug, Clone)]
struct Entry {
    seq: u64,
    at: Timestamp,
    amount: u128,
    given_back: bool,
}

impl Accepted {
    /// Without `rules` nothing is judged.
    pub(super) fn add(
        &mut self,
        entry: &LimitEntry,
        rules: Option<&Rules>,
        tier: Option<&Tier>,
        now: Timestamp,
    ) -> Result<(), Broken> {
        let list = self.0.entry((entry.user.clone(), entry.asset.clone())).or_default();
        list.push(Entry {
            seq: entry.seq,
            at: entry.at,
            amount: entry.amount.base_units(),
            given_back: false,
        });
        let Some(asset) = rules.and_then(|rules| rules.assets.get(&entry.asset)) else {
            return Ok(());
        };
        for limit in &asset.policy_for(tier).windows {
            let cutoff = limit.window.cutoff(now);
            let used: u128 = list
                .iter()
                .filter(|known| known.at > cutoff && !known.given_back)
                .map(|known| known.amount)
                .sum();
            must(used <= limit.max.base_units(), "limit", || {
                format!(
                    "{} has {used} of {} accepted in {:?}, and {} is allowed",
                    entry.user, entry.asset, limit.window, limit.max
                )
            })?;
        }
        Ok(())
    }

    pub(super) fn give_back(&mut self, entry: &LimitEntry) -> Result<(), Broken> {
        let list = self.0.entry((entry.user.clone(), entry.asset.clone())).or_default();
        let known = list.iter_mut().find(|known| known.seq == entry.seq && !known.given_back);
        let known = known.ok_or_else(|| {
            Broken::new(
                "limit",
                format!("entry {} of {} is given back twice", entry.seq, entry.user),
            )
        })?;
        known.given_back = true;
        Ok(())
    }
}
