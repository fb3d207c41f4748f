//! Reading the chain: what became of our transactions, and whether somebody else uses the key.

use std::collections::BTreeMap;
use std::sync::Arc;

use adit_chain::{Foreign, Watch, WatchedAttempt, WatchedLineage};
use adit_core::{
    Command, Funds, HaltReason, Knowledge, Lane, LaneState, Leg, Lineage, LineageId, Sighting, Stage, TRAIL_BLOCKS_MAX, Timestamp,
};

use super::reconcile::Journalled;
use super::{FAULT_WAIT, LaneTask, RoundError};
use crate::LIVE_LINEAGES_MAX;

impl LaneTask {
    pub(super) async fn observe_for_ever(self: Arc<Self>) {
        let mut funds_at = Timestamp::default();
        loop {
            if let Err(error) = self.observe_round(&mut funds_at).await {
                tracing::warn!(chain = %self.name, %error, "the chain could not be observed; nothing is concluded from that");
                self.engine.ports.clock.sleep(FAULT_WAIT).await;
            }
            self.engine.ports.clock.sleep(self.settings.observe_beat).await;
        }
    }

    /// One look at the chain, by the process that holds the lease. Sightings are committed before the searched blocks are.
    async fn observe_round(&self, funds_at: &mut Timestamp) -> Result<(), RoundError> {
        let now = self.engine.ports.clock.now();
        let Some(lane) = self.lane().await?.filter(|lane| self.holds_lease(lane, now)) else { return Ok(()) };
        if lane.state == LaneState::Reconciling {
            return Ok(());
        }
        let live = self.engine.store().live_lineages(self.id(), LIVE_LINEAGES_MAX).await?;
        let watch = self.watch(&lane, &live);
        let seen = self.chain().watch(&watch).await?;
        let legs: BTreeMap<LineageId, &Vec<Leg>> = live.iter().map(|lineage| (lineage.id, &lineage.legs)).collect();
        let sightings = seen.sightings.into_iter().filter_map(|sighting| self.command(&lane, &legs, sighting));
        let any = self.commit(sightings.collect()).await?.iter().any(Option::is_some);
        self.judge_foreign(&lane, seen.foreign).await?;
        let funds = self.funds_if_due(funds_at, now).await;
        let trail = seen.trail[seen.trail.len().saturating_sub(TRAIL_BLOCKS_MAX)..].to_vec();
        let moved = lane.tip.as_ref().is_none_or(|known| *known != seen.tip) || lane.trail != trail || !funds.is_empty();
        if moved {
            self.commit(vec![Command::Advance { lane: self.id().clone(), epoch: lane.epoch, tip: seen.tip, trail, funds }]).await?;
        }
        if any {
            self.engine.hub.wake_lanes();
        }
        Ok(())
    }

    fn holds_lease(&self, lane: &Lane, now: Timestamp) -> bool {
        lane.is_leased(self.engine.replica, lane.epoch, now)
    }

    fn command(&self, lane: &Lane, legs: &BTreeMap<LineageId, &Vec<Leg>>, sighting: Sighting) -> Option<Command> {
        let legs = (*legs.get(&sighting.lineage)?).clone();
        Some(Command::Observe { lane: self.id().clone(), epoch: lane.epoch, legs, sighting })
    }

    fn watch(&self, lane: &Lane, live: &[Lineage]) -> Watch {
        Watch {
            lane: self.id().clone(),
            next_nonce: lane.next_nonce,
            adopted_from: lane.adopted_from,
            confirmations: self.rules().confirmations,
            trail: lane.trail.clone(),
            lineages: live.iter().filter_map(watched).collect(),
        }
    }

    /// A transaction of our key that no attempt explains: the signer's journal may know it (then the database lost it), else somebody
    /// else has the key, and the lane stops (rule R4, window F22).
    async fn judge_foreign(&self, lane: &Lane, foreign: Vec<Foreign>) -> Result<(), RoundError> {
        for found in foreign {
            let explained = match self.journalled(found.nonce, found.hash).await? {
                Journalled::Unknown => false,
                // Its lineage ended; the blocks are only searched again.
                Journalled::Closed => true,
                Journalled::Open(lineage) => {
                    let command = Command::AdoptLineage { lane: self.id().clone(), epoch: lane.epoch, lineage: *lineage };
                    self.commit(vec![command]).await?.iter().any(Option::is_some)
                }
            };
            if !explained {
                self.halt(HaltReason::ForeignUse { nonce: found.nonce, hash: found.hash, decoded: found.decoded }).await?;
            }
        }
        Ok(())
    }

    async fn funds_if_due(&self, funds_at: &mut Timestamp, now: Timestamp) -> Vec<Funds> {
        if now < funds_at.plus(self.settings.funds_beat) {
            return Vec::new();
        }
        *funds_at = now;
        match self.chain().funds(self.id()).await {
            Ok(readings) => readings.into_iter().map(|reading| Funds { asset: reading.asset, balance: reading.balance, at: now }).collect(),
            Err(fault) => {
                tracing::warn!(chain = %self.name, %fault, "the wallet's balances are unknown");
                Vec::new()
            }
        }
    }
}

fn watched(lineage: &Lineage) -> Option<WatchedLineage> {
    let attempts: Vec<WatchedAttempt> = lineage
        .attempts
        .iter()
        .filter_map(|attempt| {
            let Stage::Signed { signed, knowledge } = &attempt.stage else { return None };
            let (included, confirmed) = match knowledge {
                Knowledge::Included { block, confirmed, .. } => (Some(*block), *confirmed),
                Knowledge::Finalized { block } => (Some(*block), true),
                Knowledge::Signed | Knowledge::MaybeSent { .. } | Knowledge::Conflicted { .. } => (None, false),
            };
            Some(WatchedAttempt { attempt: attempt.id, purpose: attempt.purpose, hash: signed.hash, included, confirmed })
        })
        .collect();
    let nonce = lineage.nonce();
    (!attempts.is_empty()).then(|| WatchedLineage { lineage: lineage.id, nonce, legs: lineage.legs.clone(), attempts })
}
