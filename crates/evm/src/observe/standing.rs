//! Where each watched lineage stands during one look: which attempt is in which block.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use adit_chain::{Agreed, Watch, WatchedAttempt, WatchedLineage};
use adit_core::{Anchor, BlockRef, EndpointName, Fact, Hash32, Leg, Sighting};

use super::Look;
use super::canon::{Canon, State};
use super::judge::Judged;
use super::stranger::Stranger;
use crate::effect;
use crate::rpc::TxReceipt;

/// Nonces beyond ours that one look takes up, the lowest first: an endpoint that is believed alone
/// may count to 2^64 - 1.
const NONCES_PER_LOOK_MAX: usize = 1_024;

/// An attempt in a block.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub attempt: usize,
    pub block: BlockRef,
    /// Known to be part of the chain now.
    pub sure: bool,
    /// Found by this look, and by whom.
    pub found_by: Option<Vec<EndpointName>>,
}

pub(crate) struct Standing {
    /// By position of the lineage.
    pub places: BTreeMap<usize, Place>,
    vanished: Vec<(usize, usize)>,
    by_hash: HashMap<Hash32, (usize, usize)>,
}

impl Standing {
    pub(crate) fn new(watch: &Watch, canon: &Canon) -> Self {
        let mut standing =
            Self { places: BTreeMap::new(), vanished: Vec::new(), by_hash: HashMap::new() };
        for (index, lineage) in watch.lineages.iter().enumerate() {
            for (attempt, watched) in lineage.attempts.iter().enumerate() {
                standing.by_hash.insert(watched.hash, (index, attempt));
                standing.keep(index, attempt, watched, canon);
            }
        }
        standing
    }

    fn keep(&mut self, index: usize, attempt: usize, watched: &WatchedAttempt, canon: &Canon) {
        let Some(block) = watched.included else { return };
        match canon.state(block) {
            State::Gone => self.vanished.push((index, attempt)),
            state @ (State::Stands | State::Unknown) => {
                self.places.insert(
                    index,
                    Place { attempt, block, sure: state == State::Stands, found_by: None },
                );
            }
        }
    }

    pub(crate) fn watches(&self, hash: Hash32) -> bool {
        self.by_hash.contains_key(&hash)
    }

    /// Notes a receipt of one of our hashes. Its block is part of the chain: the caller has seen to
    /// that.
    pub(crate) fn place(&mut self, receipt: &Agreed<TxReceipt>) {
        let Some(&(index, attempt)) = self.by_hash.get(&receipt.value.hash()) else { return };
        let block = receipt.value.block();
        let known = self
            .places
            .get(&index)
            .is_some_and(|place| place.sure && place.attempt == attempt && place.block == block);
        if !known {
            self.places.insert(
                index,
                Place { attempt, block, sure: true, found_by: Some(receipt.witnesses.clone()) },
            );
        }
    }

    /// Nonces that the chain has consumed and that none of our hashes explains.
    pub(crate) fn unexplained(&self, watch: &Watch, consumed: u64) -> BTreeSet<u64> {
        let open =
            watch.lineages.iter().enumerate().filter(|(index, _)| !self.places.contains_key(index));
        let ours = open.map(|(_, lineage)| lineage.number).filter(|nonce| *nonce < consumed);
        let beyond = watch.next_nonce.max(watch.adopted_from)..consumed;
        ours.chain(beyond.take(NONCES_PER_LOOK_MAX)).collect()
    }

    /// Hashes of the lineages with these nonces.
    pub(crate) fn hashes_of(&self, watch: &Watch, nonces: &BTreeSet<u64>) -> Vec<Hash32> {
        let wanted = watch.lineages.iter().filter(|lineage| nonces.contains(&lineage.number));
        wanted.flat_map(|lineage| lineage.attempts.iter().map(|attempt| attempt.hash)).collect()
    }

    pub(crate) fn sure_blocks(&self) -> impl Iterator<Item = BlockRef> {
        self.places.values().filter(|place| place.sure).map(|place| place.block)
    }

    /// Everything that was seen, per lineage in the order in which it happened.
    pub(crate) fn sightings(
        &self,
        look: Look<'_>,
        mut judged: BTreeMap<usize, Vec<Judged>>,
        strangers: &[Stranger],
    ) -> Vec<Sighting> {
        let mut sightings = Vec::new();
        for (index, lineage) in look.watch.lineages.iter().enumerate() {
            let mut add = |fact: Fact, witnesses: &[EndpointName]| {
                sightings.push(Sighting {
                    lineage: lineage.lineage,
                    fact,
                    witnesses: witnesses.to_vec(),
                });
            };
            for (_, attempt) in self.vanished.iter().filter(|(of, _)| *of == index) {
                add(
                    Fact::Vanished { attempt: lineage.attempts[*attempt].attempt },
                    &look.heads.witnesses,
                );
            }
            if let Some(Place { attempt, block, found_by: Some(witnesses), .. }) =
                self.places.get(&index)
            {
                add(
                    Fact::Included { attempt: lineage.attempts[*attempt].attempt, block: *block },
                    witnesses,
                );
            }
            for Judged { fact, witnesses } in judged.remove(&index).unwrap_or_default() {
                add(fact, &witnesses);
            }
            if !self.places.contains_key(&index)
                && let Some((stranger, fact)) = killed(look, lineage, strangers)
            {
                add(fact, &stranger.witnesses);
            }
        }
        sightings
    }
}

/// The final transaction, none of ours, that consumed the lineage's nonce.
fn killed<'a>(
    look: Look<'_>,
    lineage: &WatchedLineage,
    strangers: &'a [Stranger],
) -> Option<(&'a Stranger, Fact)> {
    strangers.iter().find_map(|stranger| {
        let block = stranger.block.filter(|block| block.height <= look.heads.tip.final_height)?;
        let by = stranger.foreign.hash.filter(|_| lineage.number == stranger.foreign.nonce)?;
        let paid = |leg: &&Leg| {
            stranger
                .receipt
                .as_ref()
                .is_none_or(|receipt| effect::may_pay(leg, look.wallet, receipt))
        };
        let payees = lineage.legs.iter().filter(paid).map(|leg| leg.payout).collect();
        let consumed = vec![Anchor::Nonce { lane: look.watch.lane.clone(), nonce: lineage.number }];
        Some((
            stranger,
            Fact::Conflicted {
                by,
                block,
                decoded: stranger.foreign.decoded.clone(),
                payees,
                consumed,
            },
        ))
    })
}

#[cfg(test)]
mod tests {
    use adit_core::{AttemptId, LineageId, Purpose};
    use alloy::primitives::Address;
    use serde_json::json;
    use uuid::Uuid;

    use super::*;
    use crate::self_transfer::self_transfer;

    fn block(height: u64, hash: u8) -> BlockRef {
        BlockRef { height, hash: Hash32([hash; 32]) }
    }

    /// One lineage per nonce, of two attempts each: nonce 3 has the hashes 30… and 31….
    fn watch(nonces: &[u8]) -> Watch {
        let wallet: adit_core::Destination =
            "0x70997970C51812dc3A010C7d01b50e0d17dc79C8".parse().expect("an address");
        let fees = adit_core::EvmFees { max_fee_per_gas: 1, max_priority_fee_per_gas: 1 };
        let form = crate::draft::Form { chain_id: 1, pricing: adit_core::EvmPricing::Dynamic };
        let attempt = |hash: u8| WatchedAttempt {
            attempt: AttemptId(Uuid::nil()),
            purpose: Purpose::Pay,
            hash: Hash32([hash; 32]),
            draft: adit_core::Draft::Evm(self_transfer(
                form,
                &wallet,
                u64::from(hash / 10),
                fees,
                21_000,
            )),
            included: None,
            confirmed: false,
        };
        let lineage = |nonce: &u8| WatchedLineage {
            lineage: LineageId(Uuid::nil()),
            number: (*nonce).into(),
            legs: Vec::new(),
            attempts: vec![attempt(nonce * 10), attempt(nonce * 10 + 1)],
        };
        let lineages = nonces.iter().map(lineage).collect();
        let lane = adit_core::LaneId { chain: "devnet".parse().expect("a chain"), wallet };
        Watch {
            lane,
            next_nonce: 5,
            adopted_from: 0,
            confirmations: 2,
            trail: Vec::new(),
            lineages,
        }
    }

    /// Nothing is placed yet, and the hashes are those of the nonce 3.
    fn standing() -> Standing {
        let by_hash = HashMap::from([(Hash32([30; 32]), (0, 0)), (Hash32([31; 32]), (0, 1))]);
        Standing { places: BTreeMap::new(), vanished: Vec::new(), by_hash }
    }

    fn receipt(hash: u8, block: BlockRef) -> Agreed<TxReceipt> {
        let value = json!({
            "transactionHash": Hash32([hash; 32]).to_string(),
            "blockHash": block.hash.to_string(),
            "blockNumber": crate::rpc::height(block.height),
            "from": Address::ZERO,
            "status": "0x1",
            "logs": [],
        });
        let done = serde_json::from_value(value).expect("a receipt");
        Agreed { value: TxReceipt { done, costs: Vec::new() }, witnesses: Vec::new() }
    }

    /// With the fuzz target `answer` in mind: it lets one endpoint that is believed alone say
    /// anything.
    #[test]
    fn a_count_beyond_reason_is_taken_up_in_parts() {
        let (watch, standing) = (watch(&[]), standing());
        assert_eq!(standing.unexplained(&watch, 8), BTreeSet::from([5, 6, 7]));
        let many = standing.unexplained(&watch, 1_000_000);
        assert_eq!((many.len(), many.first()), (NONCES_PER_LOOK_MAX, Some(&5)));
    }

    #[test]
    fn a_nonce_is_open_while_the_chain_has_consumed_it_and_no_hash_of_ours_explains_it() {
        let (watch, mut standing) = (watch(&[3, 4]), standing());
        assert_eq!(standing.unexplained(&watch, 3), BTreeSet::new());
        assert_eq!(standing.unexplained(&watch, 4), BTreeSet::from([3]));
        assert_eq!(standing.unexplained(&watch, 6), BTreeSet::from([3, 4, 5]));
        standing.place(&receipt(31, block(7, 7)));
        assert_eq!(standing.unexplained(&watch, 6), BTreeSet::from([4, 5]));
    }

    #[test]
    fn every_version_of_an_open_lineage_is_looked_up_and_none_of_another() {
        let hashes = standing().hashes_of(&watch(&[2, 3, 4]), &BTreeSet::from([2, 4]));
        assert_eq!(hashes, [20, 21, 40, 41].map(|hash| Hash32([hash; 32])));
    }

    /// What stands where it stood is no news; another block or another version of it is, and so is
    /// a block that was in doubt.
    #[test]
    fn a_receipt_places_its_lineage_and_is_told_once() {
        let place = |attempt, block, sure| Place { attempt, block, sure, found_by: None };
        for (known, told) in [
            (None, true),
            (Some(place(0, block(7, 7), true)), false),
            (Some(place(0, block(7, 7), false)), true),
            (Some(place(1, block(7, 7), true)), true),
            (Some(place(0, block(7, 8), true)), true),
            (Some(place(0, block(6, 7), true)), true),
        ] {
            let mut standing = standing();
            standing.places.extend(known.clone().map(|place| (0, place)));
            standing.place(&receipt(30, block(7, 7)));
            let placed = &standing.places[&0];
            assert_eq!((placed.attempt, placed.block, placed.sure), (0, block(7, 7), true));
            assert_eq!(placed.found_by.is_some(), told, "{known:?}");
        }
    }

    #[test]
    fn a_hash_that_is_not_watched_places_nothing() {
        let mut standing = standing();
        standing.place(&receipt(40, block(7, 7)));
        assert!(
            standing.places.is_empty()
                && !standing.watches(Hash32([40; 32]))
                && standing.watches(Hash32([30; 32]))
        );
    }
}
