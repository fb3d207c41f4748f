//! What every route works with.

use std::sync::Arc;

use adit_core::{AssetId, ClaimRules, Rules, Span, Timestamp};
use adit_engine::{Clock as _, Engine};
use adit_store::Store;
use tokio::sync::watch;

use crate::auth::{JwtDesk, KeyRing, LOOK_SECONDS, LOOKS_A_NOTE};
use crate::gate::ClaimGate;
use crate::live::Seats;
use crate::memo::Memo;
use crate::metrics::Metrics;
use crate::rate::Rates;
use crate::routes::LaneReadiness;
use crate::settings::{ApiSettings, SettingsError};
use crate::wakes::Wakes;

/// Cheap to clone.
#[derive(Clone)]
pub struct ApiState {
    shared: Arc<Shared>,
}

struct Shared {
    engine: Engine,
    settings: ApiSettings,
    gate: Option<Arc<dyn ClaimGate>>,
    keys: KeyRing,
    jwt: JwtDesk,
    rates: Rates,
    wakes: Wakes,
    seats: Arc<Seats>,
    metrics: Metrics,
    probed_lanes: Memo<Vec<LaneReadiness>>,
    closing: watch::Sender<bool>,
}

impl ApiState {
    /// `gate` judges claims; without one the instance pays none.
    ///
    /// # Errors
    /// [`SettingsError`]; then nothing starts.
    pub fn new(
        engine: Engine,
        settings: ApiSettings,
        gate: Option<Arc<dyn ClaimGate>>,
    ) -> Result<Self, SettingsError> {
        settings.check()?;
        let wakes = Wakes::start(&engine);
        let shared = Shared {
            gate,
            keys: KeyRing::default(),
            jwt: JwtDesk::new(&settings.jwt_providers)?,
            rates: Rates::new(&settings),
            wakes,
            seats: Arc::new(Seats::new(&settings)),
            metrics: Metrics::new(),
            probed_lanes: Memo::new(),
            closing: watch::channel(false).0,
            engine,
            settings,
        };
        let state = Self { shared: Arc::new(shared) };
        state.watch_keys();
        Ok(state)
    }

    /// Learns what other servers revoked, and writes down what was used here, for as long as
    /// somebody uses this state.
    fn watch_keys(&self) {
        let (spawner, clock) =
            (self.engine().ports.spawner.clone(), self.engine().ports.clock.clone());
        let shared = Arc::downgrade(&self.shared);
        let task = async move {
            for look in 1u32.. {
                clock.sleep(Span::from_seconds(LOOK_SECONDS)).await;
                let Some(shared) = shared.upgrade() else { return };
                let (store, now) = (shared.engine.store(), shared.engine.ports.clock.now());
                if let Err(fault) = shared.keys.look(store, now).await {
                    tracing::warn!(
                        %fault,
                        "whether other servers revoked a key cannot be read now; it is read again"
                    );
                }
                if look % LOOKS_A_NOTE == 0
                    && let Err(fault) = shared.keys.note(store).await
                {
                    tracing::debug!(%fault, "when keys were used is not written down now");
                }
            }
        };
        spawner.spawn("api-keys", Box::pin(task));
    }

    pub fn engine(&self) -> &Engine {
        &self.shared.engine
    }

    pub fn rules(&self) -> &Rules {
        &self.shared.engine.rules
    }

    pub fn store(&self) -> &dyn Store {
        self.shared.engine.store()
    }

    pub fn settings(&self) -> &ApiSettings {
        &self.shared.settings
    }

    pub fn now(&self) -> Timestamp {
        self.shared.engine.ports.clock.now()
    }

    /// Time since the process started, which no clock can set.
    pub(crate) fn uptime(&self) -> Timestamp {
        self.shared.engine.ports.clock.uptime()
    }

    /// The claims of this instance, where it has any.
    pub(crate) fn claims(&self) -> Option<(&ClaimRules, &Arc<dyn ClaimGate>)> {
        self.rules().claims.as_ref().zip(self.shared.gate.as_ref())
    }

    /// The asset on whose chain wallets are linked: that of the claims, else any that a chain pays.
    pub(crate) fn wallet_asset(&self) -> Option<&AssetId> {
        let rules = self.rules();
        let paid = || {
            rules
                .assets
                .values()
                .find(|asset| asset.asset.chain().is_some())
                .map(|asset| &asset.asset.id)
        };
        rules.claims.as_ref().map(|claims| &claims.asset).or_else(paid)
    }

    pub(crate) fn keys(&self) -> &KeyRing {
        &self.shared.keys
    }

    pub(crate) fn jwt(&self) -> &JwtDesk {
        &self.shared.jwt
    }

    pub(crate) fn rates(&self) -> &Rates {
        &self.shared.rates
    }

    pub(crate) fn wakes(&self) -> &Wakes {
        &self.shared.wakes
    }

    pub(crate) fn seats(&self) -> &Arc<Seats> {
        &self.shared.seats
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.shared.metrics
    }

    /// What probes were told of the lanes last.
    pub(crate) fn probed_lanes(&self) -> &Memo<Vec<LaneReadiness>> {
        &self.shared.probed_lanes
    }

    /// Ends long waits and live connections, so that a graceful stop does not wait for them.
    pub fn close(&self) {
        self.shared.closing.send_replace(true);
    }

    /// Completes when the server stops.
    pub(crate) async fn closed(&self) {
        let mut closing = self.shared.closing.subscribe();
        let _sender_is_ours = closing.wait_for(|closing| *closing).await;
    }
}
