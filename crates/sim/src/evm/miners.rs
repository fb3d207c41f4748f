//! What the miners have seen: every version of each nonce, because no two miners have the same
//! pool.

use std::collections::BTreeMap;
use std::sync::Arc;

#[cfg(test)]
use alloy::primitives::B256;
use alloy::primitives::U256;

use super::transaction::Transaction;
use crate::Dice;

/// A version that pays less tip than others offer is mined in so many of a thousand blocks.
const CHEAP_PERMILLE: u32 = 150;

#[derive(Debug, Clone)]
struct Version {
    transaction: Arc<Transaction>,
    /// Mined before the others of its nonce.
    favoured: bool,
}

/// Versions by nonce. Those of mined nonces stay until they are final: a reorganisation brings them
/// back.
#[derive(Debug, Default)]
pub(crate) struct MinersPool(BTreeMap<u64, Vec<Version>>);

/// What a block asks of the next transaction.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms {
    pub nonce: u64,
    pub base_fee: u128,
    /// Wei per gas: who offers less waits longer.
    pub tip: u128,
    /// What the wallet holds.
    pub coins: u128,
    /// How often, in a thousand, the miner takes any version instead of the one that pays most.
    pub any_version_permille: u32,
}

impl MinersPool {
    pub(crate) fn add(&mut self, transaction: Arc<Transaction>, favoured: bool) {
        let versions = self.0.entry(transaction.nonce).or_default();
        match versions.iter_mut().find(|known| known.transaction.hash == transaction.hash) {
            Some(known) => known.favoured |= favoured,
            None => versions.push(Version { transaction, favoured }),
        }
    }

    #[cfg(test)]
    pub(crate) fn holds(&self, hash: B256) -> bool {
        self.0.values().flatten().any(|version| version.transaction.hash == hash)
    }

    /// None when no version can be mined now.
    pub(crate) fn choose(&self, terms: Terms, dice: &mut Dice) -> Option<Arc<Transaction>> {
        let payable = |version: &&Version| {
            let tip = version.transaction.tip_at(terms.base_fee);
            let affordable = version.transaction.cost_max() <= U256::from(terms.coins);
            affordable && tip.is_some()
        };
        let candidates: Vec<&Version> = self.0.get(&terms.nonce)?.iter().filter(payable).collect();
        let tip = |version: &&&Version| version.transaction.tip_at(terms.base_fee);
        let best = *candidates.iter().max_by_key(tip)?;
        if let Some(favoured) = candidates.iter().find(|version| version.favoured) {
            return Some(favoured.transaction.clone());
        }
        let cheap = tip(&&best).is_none_or(|tip| tip < terms.tip);
        if cheap && !dice.chance(CHEAP_PERMILLE) {
            return None;
        }
        let any = candidates.len() > 1 && dice.chance(terms.any_version_permille);
        let chosen = if any { *dice.pick(&candidates)? } else { best };
        Some(chosen.transaction.clone())
    }

    pub(crate) fn forget_below(&mut self, nonce: u64) {
        if self.0.keys().next().is_some_and(|first| *first < nonce) {
            self.0 = self.0.split_off(&nonce);
        }
    }

    /// Keeps each version with so many chances in a thousand.
    pub(crate) fn thin(&mut self, kept_permille: u32, dice: &mut Dice) {
        for versions in self.0.values_mut() {
            versions.retain(|_| dice.chance(kept_permille));
        }
        self.0.retain(|_, versions| !versions.is_empty());
    }
}
