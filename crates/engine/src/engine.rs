//! The engine as its callers see it: hand in commands, read, listen.

use std::collections::BTreeMap;
use std::sync::Arc;

use adit_chain::Chain;
use adit_core::{
    AssetId, ChainKind, ChainName, ChainRules, Lane, LaneId, LaneView, Line, Lineage, ReplicaId,
    Rules, Span, State, Suspension, Trouble, Trust, Why, Withdrawal, why,
};
use adit_store::{Cursor, QueueFilter, Store, StoreFault};
use futures::try_join;

use crate::auditor::Auditor;
use crate::{Alerts, Clock as _, Hub, LaneTask, Ports, Settings, Writer};

/// Payments under way that *why* counts.
const UNMINED_SHOWN_MAX: usize = 1_000;
/// Payments before one that *why* counts.
const AHEAD_MAX: usize = 501;
/// How long a lane is without a lease before *why* says so: another server takes it by then.
const UNLEASED_TOLD_AFTER: Span = Span::from_seconds(10);

/// A running engine. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    pub ports: Ports,
    pub rules: Arc<Rules>,
    pub writer: Writer,
    pub hub: Hub,
    pub alerts: Alerts,
    pub replica: ReplicaId,
}

impl Engine {
    /// Starts the writer, and for every chain a lane and an observer.
    pub fn start(ports: Ports, rules: Arc<Rules>, settings: &Settings) -> Self {
        let hub = Hub::new();
        let writer = Writer::start(ports.clone(), rules.clone(), hub.clone());
        let replica = ReplicaId(ports.uuid());
        let alerts = Alerts::start(ports.clone(), rules.clone(), hub.clone(), settings.clone());
        let auditor = Auditor {
            ports: ports.clone(),
            rules: rules.clone(),
            writer: writer.clone(),
            hub: hub.clone(),
        };
        ports.spawner.spawn("auditor", Box::pin(auditor.run(settings.clone())));
        ports.spawner.spawn(
            "heart",
            Box::pin(crate::heart::beat(ports.clone(), writer.clone(), settings.clone())),
        );
        let engine = Self { ports, rules, writer, hub, alerts, replica };
        engine
            .ports
            .spawner
            .spawn("clock", Box::pin(crate::clock::watch(engine.clone(), settings.clone())));
        for chain in engine.rules.chains.values() {
            LaneTask::start(&engine, chain.name.clone(), settings);
        }
        engine
    }

    pub fn store(&self) -> &dyn Store {
        self.ports.store.as_ref()
    }

    pub fn chain(&self, name: &ChainName) -> Option<&Arc<dyn Chain>> {
        self.ports.chains.get(name)
    }

    /// Explains where a withdrawal stands, and returns its live lineage beside. It reads that one
    /// and as many of those that no block holds as matter, and no others.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub async fn why(&self, withdrawal: &Withdrawal) -> Result<(Why, Option<Lineage>), StoreFault> {
        let Some(chain) = self.rules.chain_of(&withdrawal.asset) else {
            return Err(StoreFault::Corrupt {
                detail: format!("no chain pays {}", withdrawal.asset),
            });
        };
        let (lane, own, suspensions) = try_join!(
            self.store().lane(&chain.lane),
            self.own_lineage(withdrawal),
            self.suspensions()
        )?;
        let lane = lane.unwrap_or_else(|| Lane::new(chain.lane.clone()));
        let (now, clock_doubt) = (self.ports.clock.now(), self.ports.clock.doubt());
        let (live, (queue, ahead)) = try_join!(
            self.beside(chain, withdrawal, own.as_ref()),
            self.in_line(chain, withdrawal, &suspensions)
        )?;
        let view = LaneView {
            lane: &lane,
            chain,
            live: &live,
            queue: &queue,
            suspensions: &suspensions,
            now,
            clock_doubt,
        };
        let line = Line { ahead, trouble: self.trouble(&lane) };
        Ok((why(&view, withdrawal, own.as_ref(), &line), own))
    }

    async fn own_lineage(&self, withdrawal: &Withdrawal) -> Result<Option<Lineage>, StoreFault> {
        match withdrawal.state.lineage() {
            Some(lineage) => self.store().lineage(lineage).await,
            None => Ok(None),
        }
    }

    /// The payments that no block holds and that say how full a round is, whose turn it is, and
    /// what one of them stands on. Of one that a block holds, that waits for a person, or that has
    /// ended, none of them says anything.
    async fn beside(
        &self,
        chain: &ChainRules,
        withdrawal: &Withdrawal,
        own: Option<&Lineage>,
    ) -> Result<Vec<Lineage>, StoreFault> {
        let matters = match &withdrawal.state {
            State::Approved { .. } => true,
            State::Processing { .. } => own.is_some_and(|own| own.included().is_none()),
            State::Pending
            | State::Completed { .. }
            | State::Failed { .. }
            | State::Cancelled { .. }
            | State::HeldForInspection { .. } => false,
        };
        let full = usize::try_from(chain.in_flight_max).unwrap_or(usize::MAX);
        let most = match chain.kind {
            ChainKind::Evm => full.min(UNMINED_SHOWN_MAX),
            // Children of payments under way are in flight beside as many as there may be.
            ChainKind::Bitcoin => UNMINED_SHOWN_MAX,
        };
        let mut live = if matters {
            self.store().unmined_lineages(&chain.lane, most).await?
        } else {
            Vec::new()
        };
        live.extend(own.filter(|own| live.iter().all(|known| known.id != own.id)).cloned());
        Ok(live)
    }

    /// Returns those who may gather in one transaction, where the chain has such, and how many
    /// stand before an approved withdrawal beyond the others that one transaction pays with it.
    async fn in_line(
        &self,
        chain: &ChainRules,
        withdrawal: &Withdrawal,
        standing: &BTreeMap<adit_core::Scope, Suspension>,
    ) -> Result<(Vec<Withdrawal>, usize), StoreFault> {
        if !matches!(withdrawal.state, State::Approved { .. }) {
            return Ok((Vec::new(), 0));
        }
        let (wanted, now) =
            (QueueFilter::of(self.paid_on(&chain.name)).without(standing), self.ports.clock.now());
        let before = self.store().ahead(&wanted, now, Cursor::of(withdrawal), AHEAD_MAX).await?;
        let Some(batching) = chain.batching else { return Ok((Vec::new(), before)) };
        let together = usize::from(batching.payouts_max);
        Ok((
            self.store().queue(&wanted, now, together).await?,
            before.saturating_sub(together.saturating_sub(1)),
        ))
    }

    /// What is paid on a chain.
    pub(crate) fn paid_on(&self, chain: &ChainName) -> Vec<AssetId> {
        self.rules.assets_on(chain).map(|asset| asset.id.clone()).collect()
    }

    fn trouble(&self, lane: &Lane) -> Option<Trouble> {
        let now = self.hub.lease_time(self.ports.clock.now());
        let unleased =
            lane.lease.as_ref().is_none_or(|lease| lease.until.plus(UNLEASED_TOLD_AFTER) < now);
        self.hub
            .trouble(&lane.id, self.ports.clock.uptime())
            .or_else(|| unleased.then_some(Trouble::NotLeased))
    }

    pub(crate) async fn suspensions(
        &self,
    ) -> Result<BTreeMap<adit_core::Scope, Suspension>, StoreFault> {
        let standing = self.store().suspensions().await?;
        Ok(standing.into_iter().map(|suspension| (suspension.scope.clone(), suspension)).collect())
    }

    /// The lane that pays on a chain.
    pub fn lane_id(&self, chain: &ChainName) -> Option<&LaneId> {
        self.rules.chains.get(chain).map(|rules| &rules.lane)
    }

    /// Whether any chain is trusted on one endpoint's word.
    pub fn trusts_single(&self) -> bool {
        self.rules.chains.values().any(|chain| chain.trust == Trust::Single)
    }
}
