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

/// The coins of one wallet, as of one head.
#[derive(Default)]
pub(crate) struct Holdings(Mutex<Option<Known>>);

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
        let known = self.lock().clone();
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
        let missing = self.lock().as_ref().map(|known| known.gone.iter().chain(known.coins.keys()).copied().collect::<BTreeSet<_>>());
        let gone: BTreeSet<OutPoint> = missing.unwrap_or_default().into_iter().filter(|outpoint| !coins.contains_key(outpoint)).collect();
        *self.lock() = Some(Known { head, numbers: next, coins, gone: gone.clone() });
        Ok(gone.into_iter().collect())
    }

    /// It is known what became of this coin.
    pub(crate) fn explained(&self, outpoint: &OutPoint) {
        if let Some(known) = self.lock().as_mut() {
            known.gone.remove(outpoint);
        }
    }

    /// As of the last refresh; none before the first.
    pub(crate) fn coins(&self) -> Option<Vec<Coin>> {
        self.lock().as_ref().map(|known| known.coins.values().copied().collect())
    }

    /// Change at numbers that we have not reserved yet, with the transactions that made it and their heights: somebody signed them whom we do
    /// not remember (window F89).
    pub(crate) fn beyond(&self, next: u64) -> Vec<(u64, Txid, u64)> {
        let coins = self.coins().unwrap_or_default();
        let beyond = coins.iter().filter(|coin| coin.place.keychain == Keychain::Internal && u64::from(coin.place.index) >= next);
        let told = beyond.filter_map(|coin| match coin.seen {
            Seen::Confirmed { height, .. } => Some((u64::from(coin.place.index), coin.outpoint.txid, height)),
            Seen::Ours { .. } | Seen::Foreign => None,
        });
        told.collect()
    }

    /// The next number that no change address with a coin is at.
    pub(crate) fn next_unused(&self) -> u64 {
        let coins = self.coins().unwrap_or_default();
        let internal = coins.iter().filter(|coin| coin.place.keychain == Keychain::Internal);
        internal.map(|coin| u64::from(coin.place.index) + 1).max().unwrap_or(0)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Known>> {
        self.0.lock().expect("nothing panics while it holds this lock")
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

    #[test]
    fn f04_change_of_what_others_have_to_sign_is_not_built_on() {
        let complete = unconfirmed_change(&[lineage(&[2, 0])]);
        assert_eq!(complete.iter().map(|coin| (coin.place.index, coin.amount)).collect::<Vec<_>>(), [(3, Amount::new(8))]);
        assert!(unconfirmed_change(&[lineage(b"psbt\xff one of two")]).is_empty());
    }
}
