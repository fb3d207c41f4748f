//! What the wallet has: coins that a quorum lists at a head, and our own change that no block holds yet.
//!
//! Whatever is remembered here may be lost: it is asked for again. A coin is free only where no live lineage has it, which the store knows.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard};

use adit_chain::Fault;
use adit_core::{BlockRef, Draft, Keychain, Lineage, OutputPurpose, Place, ancestors};
use bdk_wallet::bitcoin::{OutPoint, ScriptBuf, Txid, hashes::Hash};

use crate::node::Node;
use crate::{Ancestry, Coin, GAP_LIMIT, ListedCoin, Seen, Wallet};

/// Numbers below the newest whose change addresses are asked for again at every new block, besides those of live lineages.
const RECENT_NUMBERS: u64 = 50;
/// Scripts that are asked for in one question.
const SCRIPTS_PER_QUESTION: usize = 100;

/// For so many blocks it is remembered that a coin is spent for good, after nobody lists it any more: no source that is heard is further
/// behind.
const TAKEN_BLOCKS: u64 = 144;

/// The coins of one wallet.
#[derive(Default)]
pub(crate) struct Holdings(Mutex<Held>);

#[derive(Default)]
struct Held {
    /// As they were last listed; none before that.
    known: Option<Known>,
    /// Coins that a final block spends, and the head as of which that was seen. A listing may be older than that.
    taken: BTreeMap<OutPoint, u64>,
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
    /// Coins that were there before and are not listed any more, until it was told why: whoever takes one may first be seen in a pool only.
    gone: BTreeSet<OutPoint>,
}

impl Holdings {
    /// Asks for the coins at this head, unless they are remembered, and gives those that are not there any more. `next` is the next number that we would reserve, `live` those under way.
    pub(crate) async fn refresh(
        &self,
        node: &Node,
        wallet: &Wallet,
        head: BlockRef,
        next: u64,
        live: &BTreeSet<u64>,
    ) -> Result<Vec<OutPoint>, Fault> {
        let known = self.lock().known.clone();
        if let Some(known) = known.as_ref().filter(|known| known.head == head && known.numbers >= next) {
            return Ok(known.gone.iter().copied().collect());
        }
        let places = match &known {
            Some(known) => places(known.coins.values().map(|coin| coin.place), next.saturating_sub(RECENT_NUMBERS), next, live),
            None => places([].into_iter(), 0, next, live),
        };
        let scripts: BTreeMap<ScriptBuf, Place> =
            places.into_iter().filter_map(|place| Some((wallet.script(place).ok()?, place))).collect();
        let mut coins = BTreeMap::new();
        let asked: Vec<ScriptBuf> = scripts.keys().cloned().collect();
        for some in asked.chunks(SCRIPTS_PER_QUESTION) {
            let listed = node.coins(some, head).await?;
            coins.extend(listed.iter().filter_map(|coin| Some((coin.outpoint, confirmed(coin, *scripts.get(&coin.script)?)))));
        }
        Ok(self.lock().relisted(head, next, coins))
    }

    /// It is known what became of this coin.
    pub(crate) fn explained(&self, outpoint: &OutPoint) {
        if let Some(known) = self.lock().known.as_mut() {
            known.gone.remove(outpoint);
        }
    }

    /// A final block spends these, as was seen at this head: whatever a listing says, they are offered to nobody again.
    pub(crate) fn took(&self, spent: BTreeSet<OutPoint>, head: u64) {
        let mut held = self.lock();
        if let Some(known) = held.known.as_mut() {
            known.gone.retain(|outpoint| !spent.contains(outpoint));
        }
        held.taken.extend(spent.into_iter().map(|outpoint| (outpoint, head)));
    }

    /// As of the last refresh, which may be a while ago; none before the first.
    pub(crate) fn listing(&self) -> Option<Listing> {
        let held = self.lock();
        let Known { head, coins, .. } = held.known.as_ref()?;
        let coins = coins.values().filter(|coin| !held.taken.contains_key(&coin.outpoint)).copied().collect();
        Some(Listing { height: head.height, coins })
    }

    fn coins(&self) -> Vec<Coin> {
        self.listing().map(|listing| listing.coins).unwrap_or_default()
    }

    /// Change at numbers that we have not reserved yet, with the transactions that made it and their heights: somebody signed them whom we do
    /// not remember (window F89).
    pub(crate) fn beyond(&self, next: u64) -> Vec<(u64, Txid, u64)> {
        let coins = self.coins();
        let beyond = coins.iter().filter(|coin| coin.place.keychain == Keychain::Internal && u64::from(coin.place.index) >= next);
        let told = beyond.filter_map(|coin| match coin.seen {
            Seen::Confirmed { height, .. } => Some((u64::from(coin.place.index), coin.outpoint.txid, height)),
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
    /// Takes a listing over, and gives the coins that are not there any more, whose end nobody has told yet.
    fn relisted(&mut self, head: BlockRef, numbers: u64, coins: BTreeMap<OutPoint, Coin>) -> Vec<OutPoint> {
        self.taken.retain(|outpoint, seen| coins.contains_key(outpoint) || head.height < seen.saturating_add(TAKEN_BLOCKS));
        let before = self.known.iter().flat_map(|known| known.gone.iter().chain(known.coins.keys()));
        let unexplained = before.filter(|outpoint| !coins.contains_key(outpoint) && !self.taken.contains_key(outpoint));
        let gone: BTreeSet<OutPoint> = unexplained.copied().collect();
        let told = gone.iter().copied().collect();
        self.known = Some(Known { head, numbers, coins, gone });
        told
    }
}

/// Where coins may be: addresses that are shown to others, change of what is under way or new, and wherever there was one.
fn places(known: impl Iterator<Item = Place>, from: u64, next: u64, live: &BTreeSet<u64>) -> BTreeSet<Place> {
    let external = (0..GAP_LIMIT).map(|index| Place { keychain: Keychain::External, index });
    let numbers = (from..next.saturating_add(u64::from(GAP_LIMIT))).chain(live.iter().copied());
    let internal = numbers.filter_map(|number| Some(Place { keychain: Keychain::Internal, index: u32::try_from(number).ok()? }));
    known.chain(external).chain(internal).collect()
}

fn confirmed(coin: &ListedCoin, place: Place) -> Coin {
    let seen = Seen::Confirmed { height: coin.height, coinbase: coin.coinbase };
    Coin { outpoint: coin.outpoint, amount: coin.amount, place, seen }
}

/// Change of ours that no block holds yet and that may be built on: of lineages with one version only, which then is never replaced (the
/// rules see to that), so that the coin cannot cease to exist but by a reorganisation that takes its parent's coins.
pub(crate) fn unconfirmed_change(live: &[Lineage]) -> Vec<Coin> {
    let unmined = live.iter().filter(|lineage| lineage.attempts.len() == 1 && lineage.cancel.is_none() && lineage.included().is_none());
    unmined.flat_map(|lineage| change(lineage, ancestry(live, lineage))).collect()
}

/// What has to be mined before change of its newest version exists.
pub(crate) fn ancestry(live: &[Lineage], lineage: &Lineage) -> Ancestry {
    let of = |one: &Lineage| match &one.latest().draft {
        Draft::Bitcoin(draft) => Ancestry { transactions: 1, vbytes: draft.vbytes },
        Draft::Evm(_) => Ancestry::default(),
    };
    ancestors(live, lineage).into_iter().fold(of(lineage), |sum, parent| sum.plus(of(parent)))
}

/// What the newest version leaves to us; nothing while it lacks a signature, ours or another's: it may never be sent.
pub(crate) fn change(lineage: &Lineage, ancestry: Ancestry) -> Vec<Coin> {
    let attempt = lineage.latest();
    let (Some(signed), Draft::Bitcoin(draft)) = (attempt.sendable(), &attempt.draft) else { return Vec::new() };
    let coin = |(vout, output): (u32, &adit_core::DraftOutput)| {
        let OutputPurpose::Change { index } = output.purpose else { return None };
        let place = Place { keychain: Keychain::Internal, index };
        Some(Coin { outpoint: OutPoint::new(txid(signed.hash), vout), amount: output.amount, place, seen: Seen::Ours { ancestry } })
    };
    (0u32..).zip(&draft.outputs).filter_map(coin).collect()
}

/// Coins that live lineages have, by any of their versions.
pub(crate) fn reserved(live: &[Lineage]) -> BTreeSet<OutPoint> {
    let anchors = live.iter().flat_map(|lineage| &lineage.anchors);
    anchors
        .filter_map(|anchor| if let adit_core::Anchor::Outpoint { outpoint, .. } = anchor { outpoint.parse().ok() } else { None })
        .collect()
}

/// A transaction's id out of the form in which people write it; the reverse of [`crate::hash_of`].
pub(crate) fn txid(hash: adit_core::Hash32) -> Txid {
    let mut bytes = hash.0;
    bytes.reverse();
    Txid::from_byte_array(bytes)
}

#[cfg(test)]
mod tests {
    use adit_core::{
        Amount, Attempt, AttemptId, BitcoinDraft, Bytes, Destination, DraftOutput, Epoch, FeeRate, Hash32, Knowledge, LaneId, LineageId,
        LineageState, Purpose, Signed, Stage, Timestamp,
    };
    use uuid::Uuid;

    use super::*;

    /// A lineage whose one version leaves change to us, with these bytes recorded of it.
    fn lineage(raw: &[u8]) -> Lineage {
        let change = DraftOutput { script: Bytes(vec![1]), amount: Amount::new(8), purpose: OutputPurpose::Change { index: 3 } };
        let draft = BitcoinDraft { number: 3, inputs: Vec::new(), outputs: vec![change], feerate: FeeRate::ZERO, vbytes: 110 };
        let signed = Signed { raw: Bytes(raw.to_vec()), hash: Hash32([1; 32]) };
        let attempt = Attempt {
            id: AttemptId(Uuid::nil()),
            version: 0,
            purpose: Purpose::Pay,
            draft: Draft::Bitcoin(draft),
            epoch: Epoch(1),
            created_at: Timestamp::from_micros(0),
            stage: Stage::Signed { signed, knowledge: Knowledge::Signed },
        };
        Lineage {
            id: LineageId(Uuid::nil()),
            lane: LaneId { chain: "bitcoin".parse().expect("a name"), wallet: Destination::new("wallet").expect("a name") },
            anchors: Vec::new(),
            legs: Vec::new(),
            attempts: vec![attempt],
            state: LineageState::Live,
            cancel: None,
            created_at: Timestamp::from_micros(0),
        }
    }

    fn head(height: u64) -> BlockRef {
        BlockRef { height, hash: Hash32([7; 32]) }
    }

    fn listed(names: &[u8]) -> BTreeMap<OutPoint, Coin> {
        let place = Place { keychain: Keychain::Internal, index: 0 };
        let coin = |name: &u8| {
            let (outpoint, seen) = (OutPoint::new(txid(Hash32([*name; 32])), 0), Seen::Confirmed { height: 1, coinbase: false });
            (outpoint, Coin { outpoint, amount: Amount::new(9), place, seen })
        };
        names.iter().map(coin).collect()
    }

    /// R4: the listing failed in the look that saw a payment end, or comes from sources that are behind.
    #[test]
    fn r4_f65_a_coin_that_a_final_block_spends_is_offered_to_nobody_whatever_a_listing_says() {
        let holdings = Holdings::default();
        let [spent, left, free] = [1, 2, 3].map(|name| *listed(&[name]).keys().next().expect("one"));
        let offered = || holdings.listing().map(|listing| listing.coins.iter().map(|coin| coin.outpoint).collect::<BTreeSet<_>>());
        assert_eq!(offered(), None, "nothing was read yet");
        holdings.lock().relisted(head(10), 1, listed(&[1, 2, 3]));
        holdings.took([spent].into(), 20);
        assert_eq!(offered(), Some([left, free].into()), "the old listing");
        assert_eq!(holdings.listing().map(|listing| listing.height), Some(10), "depths are counted from the head of the listing");
        assert_eq!(holdings.lock().relisted(head(20), 1, listed(&[3])), [left], "what became of the other one is not known");
        assert_eq!(holdings.lock().relisted(head(19), 1, listed(&[1, 2, 3])), [], "a source that is behind lists it again");
        assert_eq!(offered(), Some([left, free].into()));
        assert_eq!(holdings.lock().relisted(head(20 + TAKEN_BLOCKS), 1, listed(&[1, 3])), [left]);
        assert_eq!(offered(), Some([free].into()), "as long as anybody lists it");
        holdings.lock().relisted(head(20 + TAKEN_BLOCKS), 1, listed(&[3]));
        assert!(holdings.lock().taken.is_empty(), "then it is forgotten");
    }

    #[test]
    fn f04_change_of_what_others_have_to_sign_is_not_built_on() {
        let complete = unconfirmed_change(&[lineage(&[2, 0])]);
        assert_eq!(complete.iter().map(|coin| (coin.place.index, coin.amount)).collect::<Vec<_>>(), [(3, Amount::new(8))]);
        assert!(unconfirmed_change(&[lineage(b"psbt\xff one of two")]).is_empty());
    }
}
