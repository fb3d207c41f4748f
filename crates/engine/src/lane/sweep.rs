//! Using up every place at which something forgotten may still be mined, after database and journal
//! were restored together (case F91).
//!
//! A sweep pays nobody. It goes the way of every other payment: reserved, journalled, signed, sent,
//! watched until it is final. Where something forgotten is mined in its place, that is what the
//! sweep was for: it is kept as a stray, and whoever was to be paid the same is held.

use std::collections::{BTreeMap, BTreeSet};

use adit_chain::{PlanRequest, Ready};
use adit_core::{
    ChainKind, Command, Draft, Hash32, Lane, Lineage, Mistake, Offer, Restoration, committed,
    planted,
};

use super::trial::Tried;
use super::{Held, LaneTask, RoundError};

impl LaneTask {
    /// Reserves sweeps, where some are due. Gives how many.
    pub(super) async fn sweep(
        &self,
        lane: &Lane,
        lease: Held,
        live: &[Lineage],
        due: Option<(Offer, usize)>,
    ) -> Result<usize, RoundError> {
        let Some((offer, most)) = due else { return Ok(0) };
        let drafts = match self.rules().kind {
            ChainKind::Evm => self.fills(lane.next_nonce, most, offer).await?,
            ChainKind::Bitcoin => self.spends(lane, live, offer).await?.into_iter().collect(),
        };
        let ready: Vec<Ready> =
            drafts.into_iter().map(|draft| Ready { legs: Vec::new(), draft }).collect();
        if ready.is_empty() {
            return Ok(0);
        }
        tracing::warn!(
            lane = %self.id(),
            transactions = ready.len(),
            "sweeping: these pay nobody, and use up what something forgotten needs"
        );
        match self.dry_run(lane, lease, ready, &BTreeMap::new()).await? {
            Tried::Behind { doubt } => self.reconcile_again(lease.epoch, doubt).await.map(|()| 0),
            Tried::Judged { accepted, .. } => self.reserve(lease.epoch, accepted).await,
        }
    }

    /// Returns so many transfers of nothing, from this number of the line on.
    async fn fills(&self, first: u64, most: usize, offer: Offer) -> Result<Vec<Draft>, RoundError> {
        let mut fills = Vec::with_capacity(most);
        for number in (first..).take(most) {
            fills.extend(self.chain().fill(self.id(), number, offer).await?);
        }
        Ok(fills)
    }

    /// Returns what spends coins that are not swept yet. Those that are too small at today's fees
    /// were not when something forgotten was signed: they wait for a cheap hour.
    async fn spends(
        &self,
        lane: &Lane,
        live: &[Lineage],
        offer: Offer,
    ) -> Result<Option<Draft>, RoundError> {
        let swept = self.swept(lane).await?;
        let request = self.sweeping(lane, live, offer).await?;
        match (self.chain().sweep(&request, &swept).await?, &lane.tip) {
            (None, Some(tip)) => Ok(self
                .chain()
                .sweep(&PlanRequest { offer: tip.market.least(self.rules()), ..request }, &swept)
                .await?),
            (draft, _) => Ok(draft),
        }
    }

    /// Where coins are spent, every payment under way is cancelled in itself: its coins become
    /// those of a sweep, too.
    pub(super) async fn cancel_for_sweep(&self, lease: Held) -> Result<(), RoundError> {
        if self.rules().kind == ChainKind::Evm {
            return Ok(());
        }
        let live = self.engine.store().live_lineages(self.id(), crate::LIVE_LINEAGES_MAX).await?;
        // Where others stand on its change, those end first: until then it is repeated, so that
        // they can.
        let carries = |lineage: &Lineage| {
            live.iter().any(|other| other.included().is_none() && other.stands_on(lineage))
        };
        let is_open = |lineage: &&Lineage| {
            lineage.included().is_none()
                && !lineage.legs.is_empty()
                && lineage.cancel.is_none()
                && !carries(lineage)
        };
        let doubt = |lineage: &Lineage| Command::Doubt {
            lane: self.id().clone(),
            owner: self.engine.replica,
            epoch: lease.epoch,
            lineage: lineage.id,
            legs: lineage.legs.clone(),
            because: "database and journal were restored together, and its coins are swept"
                .to_owned(),
        };
        let commands: Vec<Command> = live.iter().filter(is_open).map(doubt).collect();
        self.commit(commands).await.map(drop)
    }

    /// Says that all is used up, once everything of ours is final and nothing is left to be swept.
    pub(super) async fn end_sweep(&self, lane: &Lane, lease: Held) -> Result<(), RoundError> {
        let below = lane.restoration.as_ref().and_then(Restoration::sweeps_below).unwrap_or(0);
        let in_line = self.rules().kind == ChainKind::Evm;
        if in_line && lane.next_nonce < below {
            return Ok(());
        }
        let live = self.engine.store().live_lineages(self.id(), crate::LIVE_LINEAGES_MAX).await?;
        let early = planted(Mistake::SweepBelievedEarly);
        if live.iter().any(|lineage| !early || lineage.included().is_none()) {
            return Ok(());
        }
        if !in_line {
            let Some(tip) = &lane.tip else { return Ok(()) };
            let request = self.sweeping(lane, &live, tip.market.least(self.rules())).await?;
            if self.chain().sweep(&request, &self.swept(lane).await?).await?.is_some() {
                return Ok(());
            }
        }
        tracing::warn!(lane = %self.id(), "the sweep is final; two admins release what waits");
        let (lane, owner, epoch) = (self.id().clone(), self.engine.replica, lease.epoch);
        self.commit(vec![Command::Swept { lane, owner, epoch }]).await.map(drop)
    }

    async fn sweeping<'a>(
        &self,
        lane: &Lane,
        live: &'a [Lineage],
        offer: Offer,
    ) -> Result<PlanRequest<'a>, RoundError> {
        let (first, committed) = (lane.next_nonce, committed(live, &self.rules().native));
        let booked = self.booked_height(lane).await?;
        Ok(PlanRequest {
            lane: self.id().clone(),
            first,
            offer,
            legs: Vec::new(),
            committed,
            booked,
            live,
        })
    }

    /// Transactions of ours whose outputs nothing forgotten can spend: they were made after the
    /// restore.
    async fn swept(&self, lane: &Lane) -> Result<BTreeSet<Hash32>, RoundError> {
        let Some(restoration) = &lane.restoration else { return Ok(BTreeSet::new()) };
        let mut swept = BTreeSet::new();
        for hash in self.chain().makers(self.id(), lane.next_nonce).await? {
            let Some(id) = self.engine.store().lineage_with(hash).await? else { continue };
            let made_since = self
                .engine
                .store()
                .lineage(id)
                .await?
                .is_some_and(|lineage| restoration.precedes(&lineage));
            if made_since {
                swept.insert(hash);
            }
        }
        Ok(swept)
    }
}
