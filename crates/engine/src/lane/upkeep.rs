//! Transactions that pay nobody: small coins made one, and children that pay for what is stuck.
//! They go the way of every other one.

use std::collections::BTreeMap;

use adit_chain::{NextVersion, PlanRequest, Ready};
use adit_core::{Draft, Lane, Lineage, LineageId, Offer, Timestamp, committed, may_be_lifted};

use super::trial::Tried;
use super::{Held, LaneTask, RoundError};

impl LaneTask {
    /// Makes small coins one, where the chain has so many. Gives how many transactions were
    /// reserved.
    pub(super) async fn consolidate(
        &self,
        lane: &Lane,
        lease: Held,
        live: &[Lineage],
        offer: Option<Offer>,
    ) -> Result<usize, RoundError> {
        let Some((offer, rules)) = offer.zip(self.rules().consolidation) else { return Ok(0) };
        let request = PlanRequest {
            lane: self.id().clone(),
            first: lane.next_nonce,
            offer,
            legs: Vec::new(),
            committed: committed(live, &self.rules().native),
            booked: self.booked_height(lane).await?,
            live,
        };
        let Some(draft) = self.chain().consolidation(&request, &rules).await? else { return Ok(0) };
        self.pay_nobody(lease, draft).await
    }

    /// A child pays for each of these; where there can be none, the bytes are repeated in their
    /// time. Gives how many got one.
    pub(super) async fn lift_or_repeat(
        &self,
        lease: Held,
        live: &[Lineage],
        due: &[(LineageId, Offer)],
        now: Timestamp,
    ) -> Result<usize, RoundError> {
        let left = self.lift(lease, live, due).await?;
        let stuck: Vec<&Lineage> =
            live.iter().filter(|lineage| left.contains(&lineage.id)).collect();
        self.send_again(lease.epoch, &stuck, now).await?;
        Ok(due.len() - left.len())
    }

    /// The same for those whose next version the chain, or the signer, would not take.
    pub(super) async fn lift_unbeatable(
        &self,
        lease: Held,
        live: &[Lineage],
        stuck: &[&Lineage],
        now: Timestamp,
    ) -> Result<usize, RoundError> {
        if stuck.is_empty() {
            return Ok(0);
        }
        let Some(tip) = self.lane().await?.and_then(|lane| lane.tip) else { return Ok(0) };
        let offer = tip.market.offer(self.rules());
        let due: Vec<(LineageId, Offer)> =
            stuck.iter().map(|lineage| (lineage.id, offer)).collect();
        self.lift_or_repeat(lease, live, &due, now).await
    }

    /// Gives those that got none.
    async fn lift(
        &self,
        lease: Held,
        live: &[Lineage],
        due: &[(LineageId, Offer)],
    ) -> Result<Vec<LineageId>, RoundError> {
        let mut left = Vec::new();
        for (id, offer) in due {
            let lifted =
                match live.iter().find(|lineage| lineage.id == *id && may_be_lifted(live, lineage))
                {
                    Some(lineage) => self.lift_one(lease, live, lineage, *offer).await?,
                    None => false,
                };
            if !lifted {
                left.push(*id);
            }
        }
        Ok(left)
    }

    async fn lift_one(
        &self,
        lease: Held,
        live: &[Lineage],
        lineage: &Lineage,
        offer: Offer,
    ) -> Result<bool, RoundError> {
        let Some(lane) = self.lane().await? else { return Ok(false) };
        let next =
            NextVersion { lineage, purpose: lineage.latest().purpose, offer, live, waiting: &[] };
        match self.chain().child(&next, lane.next_nonce, self.rules()).await? {
            Ok(draft) => Ok(self.pay_nobody(lease, draft).await? > 0),
            Err(reason) => {
                tracing::info!(
                    lineage = %lineage.id,
                    reason,
                    "no child can pay for it now; the same bytes stay out"
                );
                Ok(false)
            }
        }
    }

    /// Asks the signer, and reserves at the lane's next number.
    pub(super) async fn pay_nobody(&self, lease: Held, draft: Draft) -> Result<usize, RoundError> {
        let Some(lane) = self.lane().await? else { return Ok(0) };
        match self
            .dry_run(&lane, lease, vec![Ready { legs: Vec::new(), draft }], &BTreeMap::new())
            .await?
        {
            Tried::Behind { doubt } => self.reconcile_again(lease.epoch, doubt).await.map(|()| 0),
            Tried::Judged { accepted, .. } => self.reserve(lease.epoch, accepted).await,
        }
    }
}
