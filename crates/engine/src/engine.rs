//! The engine as its callers see it: hand in commands, read, listen.

use std::collections::BTreeMap;
use std::sync::Arc;

use adit_chain::Chain;
use adit_core::{ChainName, Lane, LaneId, LaneView, Lineage, ReplicaId, Rules, State, Suspension, Trust, Why, Withdrawal, why};
use adit_store::{Store, StoreFault};

use crate::auditor::Auditor;
use crate::{Alerts, Clock as _, Hub, LaneTask, Ports, Settings, Writer};

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
        let auditor = Auditor { ports: ports.clone(), rules: rules.clone(), writer: writer.clone(), hub: hub.clone() };
        ports.spawner.spawn("auditor", Box::pin(auditor.run(settings.clone())));
        ports.spawner.spawn("heart", Box::pin(crate::heart::beat(ports.clone(), writer.clone(), settings.clone())));
        let engine = Self { ports, rules, writer, hub, alerts, replica };
        engine.ports.spawner.spawn("clock", Box::pin(crate::clock::watch(engine.clone(), settings.clone())));
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

    /// Explains where a withdrawal stands, with its lineages, oldest first.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub async fn why(&self, withdrawal: &Withdrawal) -> Result<(Why, Vec<Lineage>), StoreFault> {
        let lineages = self.store().lineages_of(withdrawal.id).await?;
        let Some(chain) = self.rules.chain_of(&withdrawal.asset) else {
            return Err(StoreFault::Corrupt { detail: format!("no chain pays {}", withdrawal.asset) });
        };
        let lane = self.store().lane(&chain.lane).await?.unwrap_or_else(|| Lane::new(chain.lane.clone()));
        let live = self.store().live_lineages(&chain.lane, crate::LIVE_LINEAGES_MAX).await?;
        let suspensions = self.suspensions().await?;
        let now = self.ports.clock.now();
        let view =
            LaneView { lane: &lane, chain, live: &live, queue: &[], suspensions: &suspensions, now, clock_doubt: self.ports.clock.doubt() };
        let own = match &withdrawal.state {
            State::Processing { lineage, .. } => live.iter().find(|known| known.id == *lineage),
            State::Pending
            | State::Approved { .. }
            | State::Completed { .. }
            | State::Failed { .. }
            | State::Cancelled { .. }
            | State::HeldForInspection { .. } => None,
        };
        Ok((why(&view, withdrawal, own), lineages))
    }

    pub(crate) async fn suspensions(&self) -> Result<BTreeMap<adit_core::Scope, Suspension>, StoreFault> {
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
