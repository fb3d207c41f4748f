//! What our own transactions that no block holds yet take from the wallet and leave to it. Pure.
//!
//! Change of ours is trusted before a block holds it; what others sent is not (window F66).

use std::collections::{BTreeMap, BTreeSet};

use adit_chain::WatchedLineage;
use adit_core::{Amount, OutputPurpose};
use bdk_wallet::bitcoin::OutPoint;

use super::holdings::txid;
use super::succeed::bitcoin;
use super::watch::fate::{Fate, consumed_finally, outpoints};
use crate::{Coin, money};

/// As of the last look.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Pending {
    spent: BTreeSet<OutPoint>,
    change: BTreeMap<OutPoint, Amount>,
}

impl Pending {
    /// By the newest version of each lineage that no block holds. One that lacks a coin now moves
    /// nothing, whether or not that is final.
    pub(crate) fn of(fates: &[(&WatchedLineage, Fate)]) -> Self {
        let gone = consumed_finally(fates, u64::MAX);
        let mut pending = Self::default();
        for (lineage, fate) in fates {
            let (Fate::Open { .. }, Some(newest)) = (fate, lineage.attempts.last()) else {
                continue;
            };
            let Some(draft) = bitcoin(&newest.draft) else { continue };
            let spends = outpoints(newest);
            if spends.iter().any(|outpoint| gone.contains_key(outpoint)) {
                continue;
            }
            pending.spent.extend(spends);
            let change = (0u32..)
                .zip(&draft.outputs)
                .filter(|(_, output)| matches!(output.purpose, OutputPurpose::Change { .. }));
            pending.change.extend(
                change
                    .map(|(vout, output)| (OutPoint::new(txid(newest.hash), vout), output.amount)),
            );
        }
        pending
    }

    /// What these coins are together once all of it is mined.
    pub(crate) fn held(&self, coins: &[Coin]) -> Amount {
        let listed: BTreeMap<OutPoint, Amount> =
            coins.iter().map(|coin| (coin.outpoint, coin.amount)).collect();
        let all = self.change.clone().into_iter().chain(listed).collect::<BTreeMap<_, _>>();
        money::sum(
            all.into_iter()
                .filter(|(outpoint, _)| !self.spent.contains(outpoint))
                .map(|(_, amount)| amount),
        )
    }
}
