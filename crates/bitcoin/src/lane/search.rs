//! Which addresses are asked for coins. Pure (case F100).
//!
//! A wallet has one address of change for each payment that it ever made, and nearly all are empty
//! for good. Asked are those where a coin is known, those of what is under way (its coins come back
//! where a reorganisation undoes it), and all that are new.

use std::collections::BTreeSet;

use adit_chain::WatchedLineage;
use adit_core::{CoinPlaces, Keychain, Place};

use super::succeed::bitcoin;
use crate::GAP_LIMIT;

/// Places that are kept. A wallet with more coins on change asks for all its addresses after a
/// restart, until they are consolidated.
const PLACES_KEPT_MAX: usize = 5_000;

/// Numbers that one look asks for besides, while everything is looked at.
const RESCANNED_PER_LOOK: u64 = 500;

/// Where the next look goes.
pub(crate) struct Search {
    /// Where there was a coin.
    pub places: BTreeSet<Place>,
    /// All numbers from here to `next`, and some beyond.
    pub from: u64,
    /// The next number that we would reserve.
    pub next: u64,
    /// Everywhere, as an admin asked for.
    pub rescan: Option<Rescan>,
    /// So many whole looks were asked for by then.
    pub rescans: u64,
}

/// A whole look goes on from one look to the next: a public server may refuse thousands of
/// questions at once, and what is known has to be read again meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rescan {
    /// Which of those that were asked for.
    number: u64,
    /// It has asked for all numbers below this one.
    below: u64,
}

impl Rescan {
    /// Goes on with the one that is under way, unless another one was asked for since.
    pub(crate) fn goes_on(under_way: Option<Self>, number: u64) -> Self {
        under_way.filter(|known| known.number == number).unwrap_or(Self { number, below: 0 })
    }

    fn end(self) -> u64 {
        self.below.saturating_add(RESCANNED_PER_LOOK)
    }
}

impl Search {
    /// Its addresses, with those that are shown to others and those of what is under way.
    pub(crate) fn places(&self, live: &BTreeSet<Place>) -> BTreeSet<Place> {
        let external = (0..GAP_LIMIT).map(|index| Place { keychain: Keychain::External, index });
        let numbers = self.from..self.next.saturating_add(u64::from(GAP_LIMIT));
        let everywhere =
            self.rescan.map_or(0..0, |rescan| rescan.below..rescan.end().min(self.next));
        let internal = numbers.chain(everywhere).filter_map(change);
        self.places
            .iter()
            .copied()
            .chain(external)
            .chain(internal)
            .chain(live.iter().copied())
            .collect()
    }

    /// Returns, once these were asked for, how many whole looks are made, of which `made` were
    /// before, and how far another one has come.
    pub(crate) fn looked(&self, made: u64) -> (u64, Option<Rescan>) {
        match self.rescan {
            Some(rescan) if rescan.end() < self.next => {
                (made, Some(Rescan { below: rescan.end(), ..rescan }))
            }
            Some(_) | None => (made.max(self.rescans), None),
        }
    }
}

/// Where payments under way leave change, and where the coins are from that they spend.
pub(crate) fn live(lineages: &[WatchedLineage]) -> BTreeSet<Place> {
    let drafts = lineages
        .iter()
        .flat_map(|lineage| &lineage.attempts)
        .filter_map(|attempt| bitcoin(&attempt.draft));
    let spent = drafts
        .flat_map(|draft| &draft.inputs)
        .map(|input| Place { keychain: input.keychain, index: input.index });
    lineages.iter().filter_map(|lineage| change(lineage.number)).chain(spent).collect()
}

/// What is kept: these places, as far as they are below a number from which on all are asked for.
pub(crate) fn coin_places(
    places: impl Iterator<Item = Place>,
    below: u64,
    rescans: u64,
) -> CoinPlaces {
    let internal = places
        .filter(|place| place.keychain == Keychain::Internal)
        .map(|place| u64::from(place.index));
    let holding: BTreeSet<u64> = internal.filter(|number| *number < below).collect();
    match holding.len() > PLACES_KEPT_MAX {
        true => CoinPlaces { rescans, ..CoinPlaces::default() },
        false => CoinPlaces { below, holding, rescans },
    }
}

pub(crate) fn internal(numbers: &BTreeSet<u64>) -> BTreeSet<Place> {
    numbers.iter().copied().filter_map(change).collect()
}

fn change(number: u64) -> Option<Place> {
    Some(Place { keychain: Keychain::Internal, index: u32::try_from(number).ok()? })
}

#[cfg(test)]
mod tests {
    use adit_chain::WatchedAttempt;
    use adit_core::{
        Amount, AttemptId, BitcoinDraft, Draft, DraftInput, FeeRate, Hash32, LineageId, Purpose,
    };
    use uuid::Uuid;

    use super::*;

    fn at(index: u32) -> Place {
        Place { keychain: Keychain::Internal, index }
    }

    /// A reorganisation may give its coins back, however old their places are.
    #[test]
    fn f100_what_is_under_way_is_looked_for_where_its_coins_are_from() {
        let input = DraftInput {
            outpoint: "00:0".to_owned(),
            amount: Amount::new(9),
            keychain: Keychain::Internal,
            index: 3,
            confirmed: true,
        };
        let draft = BitcoinDraft {
            number: 80,
            inputs: vec![input],
            outputs: Vec::new(),
            feerate: FeeRate::ZERO,
            vbytes: 110,
        };
        let (attempt, hash) = (AttemptId(Uuid::nil()), Hash32([1; 32]));
        let draft = Draft::Bitcoin(draft);
        let version = WatchedAttempt {
            attempt,
            purpose: Purpose::Pay,
            hash,
            draft,
            included: None,
            confirmed: false,
        };
        let lineage = WatchedLineage {
            lineage: LineageId(Uuid::nil()),
            number: 80,
            legs: Vec::new(),
            attempts: vec![version],
        };
        assert_eq!(live(&[lineage]), [at(3), at(80)].into());
    }

    /// In parts, each beside what is asked for in any case.
    #[test]
    fn f100_a_rescan_goes_on_from_look_to_look() {
        let search =
            |rescan| Search { places: [].into(), from: 1_100, next: 1_200, rescan, rescans: 4 };
        let (mut rescan, mut asked) = (Some(Rescan::goes_on(None, 4)), BTreeSet::new());
        for (made, new) in [(3, 500), (3, 500), (4, 100)] {
            let look = search(rescan);
            let places = look.places(&[].into());
            asked.extend(
                places
                    .iter()
                    .filter(|place| place.keychain == Keychain::Internal && place.index < 1_100)
                    .copied(),
            );
            assert_eq!(places.len(), new + 120 + GAP_LIMIT as usize);
            let (now_made, goes_on) = look.looked(3);
            assert_eq!(now_made, made);
            rescan = goes_on;
        }
        assert_eq!((asked.len(), rescan), (1_100, None));
        let (_, half) = search(Some(Rescan::goes_on(None, 4))).looked(3);
        assert_eq!(
            Rescan::goes_on(half, 5),
            Rescan { number: 5, below: 0 },
            "another one begins anew"
        );
        assert_eq!(
            search(None).looked(3),
            (4, None),
            "the first look of a process, which had nothing to go on from"
        );
    }

    #[test]
    fn f100_so_many_places_are_kept_and_no_more() {
        let most = u32::try_from(PLACES_KEPT_MAX).expect("small");
        let outside = [Place { keychain: Keychain::External, index: 1 }, at(most + 1)];
        let kept =
            |count: u32| coin_places((0..count).map(at).chain(outside), u64::from(most) + 1, 3);
        assert_eq!(
            (kept(most).below, kept(most).holding.len(), kept(most).rescans),
            (u64::from(most) + 1, PLACES_KEPT_MAX, 3)
        );
        assert_eq!(
            kept(most + 1),
            CoinPlaces { rescans: 3, ..CoinPlaces::default() },
            "then all are asked for"
        );
    }
}
