//! What a careless lane concludes from a pool. Reached by planted mistakes alone (see
//! `adit_core::planted`).

use adit_chain::{Watch, WatchedLineage};
use adit_core::{BlockRef, Fact, Hash32, Sighting};

use super::fate::{self, Readings};
use crate::OutpointState;

/// Lineages whose coins are unspent, in the chain and in every pool: as if that were the end of
/// them.
pub(super) fn left_pools(watch: &Watch, readings: &Readings, head: BlockRef) -> Vec<Sighting> {
    let gone = |lineage: &&WatchedLineage| {
        lineage.attempts.iter().flat_map(fate::outpoints).all(|outpoint| {
            let reading = readings.get(&outpoint);
            let unspent = |reading: &crate::SpendReading| {
                reading.state.as_ref().is_some_and(|agreed| agreed.value == OutpointState::Unspent)
            };
            reading.is_some_and(|reading| reading.pending.is_empty() && unspent(reading))
        })
    };
    let sighting = |lineage: &WatchedLineage| {
        let consumed = lineage
            .attempts
            .iter()
            .flat_map(fate::outpoints)
            .map(|outpoint| super::anchor(&watch.lane, &outpoint))
            .collect();
        let (by, decoded) = (Hash32([1; 32]), "nothing in any pool".to_owned());
        let fact = Fact::Conflicted { by, block: head, decoded, payees: Vec::new(), consumed };
        Sighting { lineage: lineage.lineage, fact, witnesses: Vec::new() }
    };
    watch.lineages.iter().filter(gone).map(sighting).collect()
}
