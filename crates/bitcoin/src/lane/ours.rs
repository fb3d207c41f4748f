//! Which coins may be spent before they are deep: those that an attempt of ours made (cases F66,
//! F107). Pure.
//!
//! An address of change is no secret once the chain has shown it, and anybody may pay it. So an
//! address proves nothing, and an id does: ours are the versions of live lineages. A lineage lives
//! until it is final, and by then its change is deep.

use std::collections::BTreeSet;

use adit_chain::WatchedLineage;
use adit_core::{Attempt, Keychain, Lineage};
use bdk_wallet::bitcoin::Txid;

use super::holdings::txid;
use crate::{Coin, Seen};

/// Whose change is trusted in its first block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ours {
    /// Change that these transactions made.
    Made(BTreeSet<Txid>),
    /// Whatever is on an address of change.
    AllChange,
}

impl Default for Ours {
    fn default() -> Self {
        Self::Made(BTreeSet::new())
    }
}

impl Ours {
    /// By every version of these lineages.
    pub(crate) fn of(live: &[Lineage]) -> Self {
        let signed = live.iter().flat_map(|lineage| &lineage.attempts).filter_map(Attempt::signed);
        Self::Made(signed.map(|signed| txid(signed.hash)).collect())
    }

    pub(crate) fn watched(lineages: &[WatchedLineage]) -> Self {
        let attempts = lineages.iter().flat_map(|lineage| &lineage.attempts);
        Self::Made(attempts.map(|attempt| txid(attempt.hash)).collect())
    }

    fn has(&self, coin: &Coin) -> bool {
        match (coin.place.keychain, self) {
            (Keychain::External, Self::Made(_) | Self::AllChange) => false,
            (Keychain::Internal, Self::AllChange) => true,
            (Keychain::Internal, Self::Made(made)) => made.contains(&coin.outpoint.txid),
        }
    }
}

/// Leaves out what others sent us and is not `final_blocks` deep: a reorganisation that takes it
/// back would take a whole batch with it.
pub(crate) fn settled(coins: Vec<Coin>, tip: u64, final_blocks: u32, ours: &Ours) -> Vec<Coin> {
    let deep = |height: u64| height.saturating_add(u64::from(final_blocks)) <= tip;
    let settled = |coin: &Coin| match coin.seen {
        Seen::Confirmed { height, .. } => ours.has(coin) || deep(height),
        Seen::Ours { .. } | Seen::Foreign => true,
    };
    coins.into_iter().filter(settled).collect()
}

#[cfg(test)]
mod tests {
    use adit_core::{Amount, Hash32, Place};
    use bdk_wallet::bitcoin::OutPoint;

    use super::*;

    const FINAL: u32 = 6;
    const TIP: u64 = 100;

    fn coin(maker: u8, keychain: Keychain, height: u64) -> Coin {
        let place = Place { keychain, index: 0 };
        let outpoint = OutPoint::new(txid(Hash32([maker; 32])), 0);
        Coin {
            outpoint,
            amount: Amount::new(9),
            place,
            seen: Seen::Confirmed { height, coinbase: false },
        }
    }

    /// A stranger pays the same address of change as we do: only what we made counts at once.
    #[test]
    fn f107_a_coin_on_an_address_of_change_is_ours_by_its_maker_alone() {
        let mine = coin(1, Keychain::Internal, TIP);
        let (theirs, deposit) =
            (coin(2, Keychain::Internal, TIP), coin(3, Keychain::External, TIP));
        let [deep, almost] =
            [FINAL, FINAL - 1].map(|depth| coin(4, Keychain::Internal, TIP - u64::from(depth)));
        let all = vec![mine, theirs, deposit, deep, almost];
        let made = Ours::Made([mine.outpoint.txid].into());
        assert_eq!(settled(all.clone(), TIP, FINAL, &made), [mine, deep]);
        assert_eq!(settled(all.clone(), TIP, FINAL, &Ours::default()), [deep]);
        assert_eq!(
            settled(all, TIP, FINAL, &Ours::AllChange),
            [mine, theirs, deep, almost],
            "a sweep"
        );
    }
}
