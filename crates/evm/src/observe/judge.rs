//! What is deep enough: told to the user after so many blocks, settled when it cannot revert. Both
//! on the receipt, agreed anew.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use adit_chain::{Agreed, Fault};
use adit_core::{Effect, EndpointName, Fact, Hash32, Mistake, Purpose, planted};

use super::Look;
use super::search::{Search, Wanted};
use super::standing::{Place, Standing};
use crate::chain::evm_draft;
use crate::effect;
use crate::node::Node;
use crate::rpc::TxReceipt;

/// Up to this many receipts are asked for one by one; more by their blocks.
const SINGLE_RECEIPTS_MAX: usize = 40;
const BLOCKS_PER_QUESTION: usize = 4;

/// A fact and who said so.
pub(crate) struct Judged {
    pub fact: Fact,
    pub witnesses: Vec<EndpointName>,
}

/// What an attempt in a block is due for.
#[derive(Clone, Copy)]
struct Due {
    lineage: usize,
    confirmed: bool,
    final_: bool,
}

impl Node {
    pub(crate) async fn judge_places(
        &self,
        look: Look<'_>,
        standing: &Standing,
        search: &Search,
    ) -> Result<BTreeMap<usize, Vec<Judged>>, Fault> {
        let due: Vec<Due> =
            standing.places.iter().filter_map(|(index, place)| due(look, *index, place)).collect();
        let receipts = self.receipts_for(look, &due, standing, search).await?;
        let mut judged = BTreeMap::new();
        for due in due {
            let place = &standing.places[&due.lineage];
            let attempt = &look.watch.lineages[due.lineage].attempts[place.attempt];
            let receipt =
                receipts.get(&attempt.hash).filter(|receipt| receipt.value.block() == place.block);
            if let Some(receipt) = receipt {
                judged.insert(due.lineage, self.facts(look, place, due, receipt).await?);
            }
        }
        Ok(judged)
    }

    async fn facts(
        &self,
        look: Look<'_>,
        place: &Place,
        due: Due,
        agreed: &Agreed<TxReceipt>,
    ) -> Result<Vec<Judged>, Fault> {
        let lineage = &look.watch.lineages[due.lineage];
        let watched = &lineage.attempts[place.attempt];
        let paying = |leg: &adit_core::Leg| {
            look.payable.iter().find(|asset| asset.asset == leg.asset).map(|asset| asset.paying)
        };
        let effects =
            effect::of_legs(&lineage.legs, watched.purpose, look.wallet, &agreed.value, paying);
        let judged = |fact: Fact| Judged { fact, witnesses: agreed.witnesses.clone() };
        let mut facts = Vec::new();
        // Told to the user only what is true: a reverted or odd payment is never "confirmed".
        if due.confirmed && effects.iter().all(|leg| leg.effect == Effect::Paid) {
            facts.push(judged(Fact::Confirmed { attempt: watched.attempt, block: place.block }));
        }
        let early = planted(Mistake::RefundBeforeFinal) && !agreed.value.succeeded()
            || planted(Mistake::SettleAtConfirmed);
        if due.final_ || early {
            let receipt =
                self.receipt(look.wallet, evm_draft(&watched.draft), agreed, effects).await?;
            facts.push(judged(Fact::Final { attempt: watched.attempt, receipt }));
        }
        Ok(facts)
    }

    /// Receipts of this look, and the missing ones anew.
    async fn receipts_for(
        &self,
        look: Look<'_>,
        due: &[Due],
        standing: &Standing,
        search: &Search,
    ) -> Result<HashMap<Hash32, Agreed<TxReceipt>>, Fault> {
        let place = |due: &Due| (&standing.places[&due.lineage], &look.watch.lineages[due.lineage]);
        let missing: Vec<(Hash32, u64)> = due
            .iter()
            .map(|due| {
                (place(due).1.attempts[place(due).0.attempt].hash, place(due).0.block.height)
            })
            .filter(|(hash, _)| !search.receipts.contains_key(hash))
            .collect();
        let mut receipts = search.receipts.clone();
        let hashes: Vec<Hash32> = missing.iter().map(|(hash, _)| *hash).collect();
        if missing.len() > SINGLE_RECEIPTS_MAX {
            let heights: BTreeSet<u64> = missing.iter().map(|(_, height)| *height).collect();
            self.read_blocks_into(&mut receipts, &heights, &Wanted::of(look)).await?;
        }
        let left: Vec<Hash32> =
            hashes.into_iter().filter(|hash| !receipts.contains_key(hash)).collect();
        let bytes: Vec<_> = left.iter().copied().map(crate::rpc::b256).collect();
        let read = self.receipts_of(&bytes).await?;
        receipts.extend(read.into_iter().flatten().map(|receipt| (receipt.value.hash(), receipt)));
        Ok(receipts)
    }

    async fn read_blocks_into(
        &self,
        receipts: &mut HashMap<Hash32, Agreed<TxReceipt>>,
        heights: &BTreeSet<u64>,
        wanted: &Wanted,
    ) -> Result<(), Fault> {
        let heights: Vec<u64> = heights.iter().copied().collect();
        for some in heights.chunks(BLOCKS_PER_QUESTION) {
            for searched in self.searched(some, wanted).await?.into_iter().flatten() {
                for value in searched.value.ours {
                    receipts.insert(
                        value.hash(),
                        Agreed { value, witnesses: searched.witnesses.clone() },
                    );
                }
            }
        }
        Ok(())
    }
}

fn due(look: Look<'_>, lineage: usize, place: &Place) -> Option<Due> {
    let (watch, tip) = (look.watch, &look.heads.tip);
    let attempt = &watch.lineages[lineage].attempts[place.attempt];
    let depth = tip.head.height.saturating_add(1).checked_sub(place.block.height)?;
    let confirmed = !attempt.confirmed
        && attempt.purpose == Purpose::Pay
        && depth >= u64::from(watch.confirmations);
    let final_ = place.block.height <= tip.final_height;
    (place.sure && (confirmed || final_)).then_some(Due { lineage, confirmed, final_ })
}
