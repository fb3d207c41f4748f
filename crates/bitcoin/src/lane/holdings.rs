//! What the wallet has: coins that a quorum lists at a head.
//!
//! Whatever is remembered here may be lost: it is asked for again. A coin is free only where no
//! live lineage has it, which the store knows.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard};

use adit_chain::Fault;
use adit_core::{BlockRef, CoinPlaces, Keychain, Place};
use bdk_wallet::bitcoin::{OutPoint, ScriptBuf, Txid, hashes::Hash};

use super::search::{self, Rescan, Search};
use crate::node::Node;
use crate::{Coin, ListedCoin, Seen, Wallet};

/// Numbers below the newest whose change addresses are asked for again at every new block, besides
/// those of live lineages.
const RECENT_NUMBERS: u64 = 50;
/// Scripts that are asked for in one question.
const SCRIPTS_PER_QUESTION: usize = 100;

/// For so many blocks it is remembered that a coin is spent for good, after nobody lists it any
/// more: no source that is heard is further behind.
const TAKEN_BLOCKS: u64 = 144;

/// The coins of one wallet.
#[derive(Default)]
pub(crate) struct Holdings(Mutex<Held>);

#[derive(Default)]
struct Held {
    /// As they were last listed; none before that.
    known: Option<Known>,
    /// Coins that a final block spends, and the head as of which that was seen. A listing may be
    /// older than that.
    taken: BTreeMap<OutPoint, u64>,
    /// Where they can be, as the store knows.
    kept: CoinPlaces,
    /// Whole looks that were asked for and made.
    rescans: u64,
    /// How far the one that is under way has come.
    rescan: Option<Rescan>,
}

/// Confirmed coins, and the head as of which they were listed.
pub(crate) struct Listing {
    pub height: u64,
    pub coins: Vec<Coin>,
}

#[derive(Clone)]
struct Known {
    head: BlockRef,
    /// Change addresses below it were looked at.
    numbers: u64,
    coins: BTreeMap<OutPoint, Coin>,
    /// Coins that were there before and are not listed any more, until it was told why: whoever
    /// takes one may first be seen in a pool only.
    gone: BTreeMap<OutPoint, Place>,
    /// Where too few sources list something.
    doubted: BTreeSet<Place>,
}

impl Holdings {
    /// Asks for the coins at this head, unless they are remembered, and gives those that are not
    /// there any more. `next` is the next number that we would reserve, `live` has the places of
    /// what is under way ([`search::live`]).
    pub(crate) async fn refresh(
        &self,
        node: &Node,
        wallet: &Wallet,
        head: BlockRef,
        next: u64,
        live: &BTreeSet<Place>,
    ) -> Result<Vec<OutPoint>, Fault> {
        let (known, search) = self.lock().search(next);
        if let Some(known) = known
            .as_ref()
            .filter(|known| known.head == head && known.numbers >= next && search.rescan.is_none())
        {
            return Ok(known.gone.keys().copied().collect());
        }
        let places = search.places(live);
        let scripts: BTreeMap<ScriptBuf, Place> = places
            .into_iter()
            .filter_map(|place| Some((wallet.script(place).ok()?, place)))
            .collect();
        let (mut coins, mut doubted) = (BTreeMap::new(), BTreeSet::new());
        let asked: Vec<ScriptBuf> = scripts.keys().cloned().collect();
        for some in asked.chunks(SCRIPTS_PER_QUESTION) {
            let listed = node.listed(some, head).await?;
            coins.extend(listed.coins.iter().filter_map(|coin| {
                Some((coin.outpoint, confirmed(coin, *scripts.get(&coin.script)?)))
            }));
            doubted.extend(listed.doubted.iter().filter_map(|script| scripts.get(script)));
        }
        let mut held = self.lock();
        (held.rescans, held.rescan) = search.looked(held.rescans);
        let gone = held.relisted(head, search.next, coins);
        held.known.as_mut().expect("listed just now").doubted = doubted;
        Ok(gone)
    }

    /// Hears where the store knows that they can be.
    pub(crate) fn remind(&self, places: &CoinPlaces) {
        let mut held = self.lock();
        if held.kept != *places {
            held.kept = places.clone();
        }
    }

    pub(crate) fn kept(&self) -> CoinPlaces {
        self.lock().kept.clone()
    }

    /// Returns whether a whole look was asked for and not made.
    pub(crate) fn is_rescan_due(&self) -> bool {
        self.lock().is_rescan_due()
    }

    /// Returns where coins can be by now; `live` as in [`Holdings::refresh`]. None before the first
    /// look, and while a whole one is due.
    pub(crate) fn coin_places(&self, live: &BTreeSet<Place>) -> Option<CoinPlaces> {
        let held = self.lock();
        let known = held.known.as_ref().filter(|_| !held.is_rescan_due())?;
        let places = known.places().chain(live.iter().copied());
        Some(search::coin_places(
            places,
            known.numbers.saturating_sub(RECENT_NUMBERS),
            held.rescans,
        ))
    }

    /// It is known what became of this coin.
    pub(crate) fn explained(&self, outpoint: &OutPoint) {
        if let Some(known) = self.lock().known.as_mut() {
            known.gone.remove(outpoint);
        }
    }

    /// A final block spends these, as was seen at this head: whatever a listing says, they are
    /// offered to nobody again.
    pub(crate) fn took(&self, spent: BTreeSet<OutPoint>, head: u64) {
        let mut held = self.lock();
        if let Some(known) = held.known.as_mut() {
            known.gone.retain(|outpoint, _| !spent.contains(outpoint));
        }
        held.taken.extend(spent.into_iter().map(|outpoint| (outpoint, head)));
    }

    /// As of the last refresh, which may be a while ago; none before the first.
    pub(crate) fn listing(&self) -> Option<Listing> {
        let held = self.lock();
        let Known { head, coins, .. } = held.known.as_ref()?;
        let coins = coins
            .values()
            .filter(|coin| !held.taken.contains_key(&coin.outpoint))
            .copied()
            .collect();
        Some(Listing { height: head.height, coins })
    }

    fn coins(&self) -> Vec<Coin> {
        self.listing().map(|listing| listing.coins).unwrap_or_default()
    }

    /// Change at numbers that we have not reserved yet, with the transactions that made it and
    /// their heights: somebody signed them whom we do not remember (window F89).
    pub(crate) fn beyond(&self, next: u64) -> Vec<(u64, Txid, u64)> {
        let coins = self.coins();
        let beyond = coins.iter().filter(|coin| {
            coin.place.keychain == Keychain::Internal && u64::from(coin.place.index) >= next
        });
        let told = beyond.filter_map(|coin| match coin.seen {
            Seen::Confirmed { height, .. } => {
                Some((u64::from(coin.place.index), coin.outpoint.txid, height))
            }
            Seen::Ours { .. } | Seen::Foreign => None,
        });
        told.collect()
    }

    /// The next number that no change address with a coin is at.
    pub(crate) fn next_unused(&self) -> u64 {
        let coins = self.coins();
        let internal = coins.iter().filter(|coin| coin.place.keychain == Keychain::Internal);
        internal.map(|coin| u64::from(coin.place.index) + 1).max().unwrap_or(0)
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.0.lock().expect("nothing panics while it holds this lock")
    }
}

impl Held {
    /// Takes a listing over, and gives the coins that are not there any more, whose end nobody has
    /// told yet.
    fn relisted(
        &mut self,
        head: BlockRef,
        numbers: u64,
        coins: BTreeMap<OutPoint, Coin>,
    ) -> Vec<OutPoint> {
        self.taken.retain(|outpoint, seen| {
            coins.contains_key(outpoint) || head.height < seen.saturating_add(TAKEN_BLOCKS)
        });
        let gone = |known: &Known| {
            let coins = known.coins.values().map(|coin| (coin.outpoint, coin.place));
            known.gone.clone().into_iter().chain(coins).collect::<BTreeMap<OutPoint, Place>>()
        };
        let mut gone = self.known.as_ref().map(gone).unwrap_or_default();
        gone.retain(|outpoint, _| {
            !coins.contains_key(outpoint) && !self.taken.contains_key(outpoint)
        });
        let told = gone.keys().copied().collect();
        self.known = Some(Known { head, numbers, coins, gone, doubted: BTreeSet::new() });
        told
    }

    fn is_rescan_due(&self) -> bool {
        self.known.is_some() && self.kept.rescans > self.rescans
    }

    /// What is remembered, and where the next look goes.
    fn search(&self, next: u64) -> (Option<Known>, Search) {
        let known = self.known.clone();
        let (places, from, next) = match &known {
            Some(known) => {
                let next = next.max(known.numbers);
                let recent = known.numbers.min(next.saturating_sub(RECENT_NUMBERS));
                (known.places().collect(), recent, next)
            }
            None => {
                (search::internal(&self.kept.holding), self.kept.below, next.max(self.kept.below))
            }
        };
        let rescan = self.is_rescan_due().then(|| Rescan::goes_on(self.rescan, self.kept.rescans));
        (known, Search { places, from, next, rescan, rescans: self.kept.rescans })
    }
}

impl Known {
    /// Where coins are, or may be: one that is not listed any more is looked for until it is told
    /// why.
    fn places(&self) -> impl Iterator<Item = Place> {
        let unsure = self.gone.values().chain(&self.doubted).copied();
        self.coins.values().map(|coin| coin.place).chain(unsure)
    }
}

fn confirmed(coin: &ListedCoin, place: Place) -> Coin {
    let seen = Seen::Confirmed { height: coin.height, coinbase: coin.coinbase };
    Coin { outpoint: coin.outpoint, amount: coin.amount, place, seen }
}

/// A transaction's id out of the form in which people write it; the reverse of [`crate::hash_of`].
pub(crate) fn txid(hash: adit_core::Hash32) -> Txid {
    let mut bytes = hash.0;
    bytes.reverse();
    Txid::from_byte_array(bytes)
}

#[cfg(test)]
mod tests {
    use adit_core::{Amount, Hash32};

    use super::*;

    fn head(height: u64) -> BlockRef {
        BlockRef { height, hash: Hash32([7; 32]) }
    }

    fn listed(names: &[u8]) -> BTreeMap<OutPoint, Coin> {
        let place = Place { keychain: Keychain::Internal, index: 0 };
        let coin = |name: &u8| {
            let (outpoint, seen) = (
                OutPoint::new(txid(Hash32([*name; 32])), 0),
                Seen::Confirmed { height: 1, coinbase: false },
            );
            (outpoint, Coin { outpoint, amount: Amount::new(9), place, seen })
        };
        names.iter().map(coin).collect()
    }

    /// R4: the listing failed in the look that saw a payment end, or comes from sources that are
    /// behind.
    #[test]
    fn r4_f65_a_coin_that_a_final_block_spends_is_offered_to_nobody_whatever_a_listing_says() {
        let holdings = Holdings::default();
        let [spent, left, free] =
            [1, 2, 3].map(|name| *listed(&[name]).keys().next().expect("one"));
        let offered = || {
            holdings.listing().map(|listing| {
                listing.coins.iter().map(|coin| coin.outpoint).collect::<BTreeSet<_>>()
            })
        };
        assert_eq!(offered(), None, "nothing was read yet");
        holdings.lock().relisted(head(10), 1, listed(&[1, 2, 3]));
        holdings.took([spent].into(), 20);
        assert_eq!(offered(), Some([left, free].into()), "the old listing");
        assert_eq!(
            holdings.listing().map(|listing| listing.height),
            Some(10),
            "depths are counted from the head of the listing"
        );
        assert_eq!(
            holdings.lock().relisted(head(20), 1, listed(&[3])),
            [left],
            "what became of the other one is not known"
        );
        assert_eq!(
            holdings.lock().relisted(head(19), 1, listed(&[1, 2, 3])),
            [],
            "a source that is behind lists it again"
        );
        assert_eq!(offered(), Some([left, free].into()));
        assert_eq!(holdings.lock().relisted(head(20 + TAKEN_BLOCKS), 1, listed(&[1, 3])), [left]);
        assert_eq!(offered(), Some([free].into()), "as long as anybody lists it");
        holdings.lock().relisted(head(20 + TAKEN_BLOCKS), 1, listed(&[3]));
        assert!(holdings.lock().taken.is_empty(), "then it is forgotten");
    }

    /// Whoever took it may be in a pool only, and gone tomorrow.
    #[test]
    fn f100_a_coin_that_is_not_listed_any_more_is_looked_for_until_it_is_explained() {
        let holdings = Holdings::default();
        let outpoint = *listed(&[1]).keys().next().expect("one");
        let holding = || holdings.coin_places(&[].into()).map(|places| places.holding);
        assert_eq!(holding(), None, "nothing was read yet");
        holdings.lock().relisted(head(10), 100, listed(&[1]));
        assert_eq!(holding(), Some([0].into()));
        holdings.lock().relisted(head(11), 100, listed(&[]));
        assert_eq!(holding(), Some([0].into()));
        holdings.explained(&outpoint);
        assert_eq!(holding(), Some([].into()));
        let live = [Place { keychain: Keychain::Internal, index: 7 }].into();
        assert_eq!(
            holdings.coin_places(&live).map(|places| places.holding),
            Some([7].into()),
            "what is under way may come back"
        );
    }
}
