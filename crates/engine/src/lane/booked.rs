//! How far the book is: what the wallet holds is read there or above, else money that was paid
//! already counts as held.
//!
//! A payment no longer counts as committed once a block that holds it is booked. From then on only
//! balances of that block, or of later ones, are without it. An endpoint that is further behind
//! (another one of the same name, after a failover) would count it twice.

use adit_core::{Attempt, Command, Fact, Lane, Lineage};

use super::{LaneTask, RoundError};
use crate::LIVE_LINEAGES_MAX;

impl LaneTask {
    /// Returns the height of the highest block whose payments are booked.
    pub(super) async fn booked_height(&self, lane: &Lane) -> Result<u64, RoundError> {
        let known = *self.booked.lock().expect("no holder of this lock panics");
        // Under an earlier lease somebody else may have observed meanwhile.
        if let Some((_, height)) = known.filter(|(epoch, _)| *epoch == lane.epoch) {
            return Ok(height.max(ended(lane)));
        }
        let live = self.engine.store().live_lineages(self.id(), LIVE_LINEAGES_MAX).await?;
        self.raise_booked(lane, included(&live));
        Ok(included(&live).max(ended(lane)))
    }

    /// Notes what a look has found, before it is committed.
    pub(super) fn note_booked(
        &self,
        lane: &Lane,
        live: &[Lineage],
        commands: &[Command],
        final_height: u64,
    ) {
        let seen = commands.iter().filter_map(seen_in).max().unwrap_or(0);
        self.raise_booked(lane, included(live).max(seen).max(final_height));
    }

    fn raise_booked(&self, lane: &Lane, height: u64) {
        let mut booked = self.booked.lock().expect("no holder of this lock panics");
        let known = booked.filter(|(epoch, _)| *epoch == lane.epoch).map_or(0, |(_, known)| known);
        *booked = Some((lane.epoch, known.max(height)));
    }
}

/// What ended, ended in a final block.
fn ended(lane: &Lane) -> u64 {
    lane.tip.as_ref().map_or(0, |tip| tip.final_height)
}

fn included(live: &[Lineage]) -> u64 {
    live.iter()
        .filter_map(Lineage::included)
        .filter_map(Attempt::block)
        .map(|block| block.height)
        .max()
        .unwrap_or(0)
}

#[expect(clippy::wildcard_enum_match_arm, reason = "nothing else tells of a block")]
fn seen_in(command: &Command) -> Option<u64> {
    match command {
        Command::Observe { sighting, .. } => match &sighting.fact {
            Fact::Included { block, .. } => Some(block.height),
            // What ends a lineage stands in a final block.
            Fact::Vanished { .. }
            | Fact::Confirmed { .. }
            | Fact::Final { .. }
            | Fact::Orphaned { .. }
            | Fact::Conflicted { .. } => None,
        },
        _ => None,
    }
}
