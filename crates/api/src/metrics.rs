//! What Prometheus is told: requests and their answers, refusals by code, withdrawals by status,
//! wallets, alerts.

use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use adit_core::LaneState;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use tokio::time::timeout;

use crate::codes::Code;
use crate::memo::Memo;
use crate::state::ApiState;
use crate::units::units;

/// Upper bounds in seconds; claims that wait for confirmations fill the last ones.
const LATENCY_SECONDS: [f64; 12] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 25.0, 60.0];

/// A database that is silent does not keep a scrape waiting: Prometheus gives up after ten seconds.
const READ_SECONDS_MAX: u64 = 5;

/// Methods and routes are those of the document, so their number is bounded.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    method: String,
    route: String,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Refused {
    code: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct InStatus {
    status: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfLane {
    lane: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfWallet {
    lane: String,
    asset: String,
}

type Level = Gauge<f64, AtomicU64>;

pub struct Metrics {
    registry: Registry,
    requests: Family<Answered, Counter>,
    seconds: Histogram,
    refusals: Family<Refused, Counter>,
    withdrawals: Family<InStatus, Gauge>,
    running: Family<OfLane, Gauge>,
    head: Family<OfLane, Gauge>,
    final_height: Family<OfLane, Gauge>,
    balances: Family<OfWallet, Level>,
    alerts: Gauge,
    clock_doubted: Gauge,
    clock_drift_seconds: Level,
    store_up: Gauge,
    live: Gauge,
    text: Memo<String>,
}

impl Metrics {
    pub fn new() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("adit"),
            requests: Family::default(),
            seconds: Histogram::new(LATENCY_SECONDS),
            refusals: Family::default(),
            withdrawals: Family::default(),
            running: Family::default(),
            head: Family::default(),
            final_height: Family::default(),
            balances: Family::default(),
            alerts: Gauge::default(),
            clock_doubted: Gauge::default(),
            clock_drift_seconds: Level::default(),
            store_up: Gauge::default(),
            live: Gauge::default(),
            text: Memo::new(),
        };
        metrics.register();
        metrics
    }

    fn register(&mut self) {
        let registry = &mut self.registry;
        registry.register("http_requests", "Requests answered", self.requests.clone());
        registry.register(
            "http_request_seconds",
            "Time to an answer, waiting for confirmations included",
            self.seconds.clone(),
        );
        registry.register("refusals", "Refusals by code", self.refusals.clone());
        registry.register("withdrawals", "Withdrawals by status", self.withdrawals.clone());
        registry.register(
            "lane_running",
            "1 where the wallet pays, 0 where it stands",
            self.running.clone(),
        );
        registry.register("chain_head_height", "Newest block seen", self.head.clone());
        registry.register(
            "chain_final_height",
            "Newest final block seen",
            self.final_height.clone(),
        );
        registry.register(
            "wallet_balance",
            "Whole units of an asset on chain; absent where it is not known",
            self.balances.clone(),
        );
        registry.register("alerts", "Standing alerts", self.alerts.clone());
        registry.register(
            "clock_doubted",
            "1 while nobody knows what time it is",
            self.clock_doubted.clone(),
        );
        registry.register(
            "clock_drift_seconds",
            "By how much the machine's clock is ahead of the time",
            self.clock_drift_seconds.clone(),
        );
        registry.register("store_up", "1 where the store could be read", self.store_up.clone());
        registry.register("live_connections", "Open live connections", self.live.clone());
    }

    pub fn refused(&self, code: &Code) {
        let code = crate::codes::named(code.name).name;
        self.refusals.get_or_create(&Refused { code }).inc();
    }

    pub fn live(&self) -> &Gauge {
        &self.live
    }

    /// The whole text, made once a second for all who scrape.
    pub async fn scrape(&self, state: &ApiState) -> String {
        self.text.get(|| state.uptime(), self.write(state)).await
    }

    /// Reads what is not counted on the way, and writes all of it.
    async fn write(&self, state: &ApiState) -> String {
        let read = timeout(Duration::from_secs(READ_SECONDS_MAX), self.read_store(state)).await;
        self.store_up.set(i64::from(matches!(read, Ok(Ok(())))));
        match read {
            Ok(Ok(())) => {}
            Ok(Err(fault)) => tracing::warn!(%fault, "metrics of the store cannot be read"),
            Err(_elapsed) => tracing::warn!(
                seconds = READ_SECONDS_MAX,
                "metrics of the store cannot be read in time"
            ),
        }
        let clock = state.engine().ports.clock.standing();
        self.clock_doubted.set(i64::from(clock.doubt.is_some()));
        self.clock_drift_seconds.set(clock.drift as f64 / 1e6);
        self.alerts.set(i64::try_from(state.engine().alerts.standing().len()).unwrap_or(i64::MAX));
        let mut text = String::new();
        match encode(&mut text, &self.registry) {
            Ok(()) => text,
            Err(error) => format!("# the metrics could not be written: {error}\n# EOF\n"),
        }
    }

    async fn read_store(&self, state: &ApiState) -> Result<(), adit_store::StoreFault> {
        for (status, count) in state.store().counts().await? {
            let label = InStatus { status: status.as_str() };
            self.withdrawals.get_or_create(&label).set(i64::try_from(count).unwrap_or(i64::MAX));
        }
        self.balances.clear();
        for chain in state.rules().chains.values() {
            let Some(lane) = state.store().lane(&chain.lane).await? else { continue };
            let label = OfLane { lane: lane.id.to_string() };
            self.running.get_or_create(&label).set(i64::from(lane.state == LaneState::Running));
            if let Some(tip) = &lane.tip {
                self.head
                    .get_or_create(&label)
                    .set(i64::try_from(tip.head.height).unwrap_or(i64::MAX));
                self.final_height
                    .get_or_create(&label)
                    .set(i64::try_from(tip.final_height).unwrap_or(i64::MAX));
            }
            for held in &lane.funds {
                let wallet = OfWallet { lane: lane.id.to_string(), asset: held.asset.to_string() };
                let balance =
                    units(state.rules(), &held.asset, held.balance).parse().unwrap_or(f64::NAN);
                self.balances.get_or_create(&wallet).set(balance);
            }
        }
        Ok(())
    }
}

/// Counts each answer by its route, never by its path: paths are made up by strangers.
pub async fn measure(State(state): State<ApiState>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let method = match request.method().as_str() {
        known @ ("GET" | "POST" | "PUT" | "DELETE" | "PATCH" | "HEAD" | "OPTIONS") => {
            known.to_owned()
        }
        _other => "other".to_owned(),
    };
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "none".to_owned(), |path| path.as_str().to_owned());
    let response = next.run(request).await;
    let metrics = state.metrics();
    metrics
        .requests
        .get_or_create(&Answered { method, route, status: response.status().as_u16() })
        .inc();
    metrics.seconds.observe(started.elapsed().as_secs_f64());
    response
}
