//! For those who watch the process: is it alive, is it ready, how does it do.

use std::time::Duration;

use adit_core::{ChainRules, Lane, LaneState, Span, Timestamp, fresh_tip_of};
use adit_store::StoreFault;
use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use tokio::time::timeout;
use utoipa::ToSchema;

use crate::docs::shapes::Time;
use crate::record::state_name;
use crate::state::ApiState;
use crate::units::rfc3339;

/// The writer commits at least once a second; a store that took nothing for so long does not work.
const COMMIT_AGE_SECONDS_MAX: u64 = 5;
/// A database that is silent does not keep a probe waiting.
const READ_MILLIS_MAX: u64 = 1_000;

#[derive(Debug, Serialize, ToSchema)]
pub struct Alive {
    /// `ok`.
    status: &'static str,
}

/// Whether requests are accepted, and whether the wallets pay.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Readiness {
    /// `ready`; `degraded`: accepts, and a lane does not pay; `unready`: accepts nothing.
    status: &'static str,
    /// `ok`; `unavailable`: it took no commit lately; `superseded`: another state of the database
    /// has taken its place.
    store: &'static str,
    /// `ok`; `doubted`: nobody knows what time it is.
    clock: &'static str,
    /// Why it is doubted, and what to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    clock_sentence: Option<String>,
    /// When this process last committed anything, its heartbeat included.
    #[schema(value_type = Option<Time>)]
    last_commit_at: Option<String>,
    last_commit_age_seconds: Option<u64>,
    lanes: Vec<LaneReadiness>,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct LaneReadiness {
    lane: String,
    /// `running`, `reconciling`, `sweeping`, `halted`; `chain_unread`: it would pay, and too few
    /// endpoints say what the chain is; `unknown` where it could not be read in time.
    state: &'static str,
}

/// The process runs
#[utoipa::path(get, path = "/healthz", tag = "Operations", security(()), responses((status = 200, body = Alive)))]
pub async fn healthz() -> Json<Alive> {
    Json(Alive { status: "ok" })
}

/// Whether requests are accepted: the writer commits. `lanes` says of each whether it pays
#[utoipa::path(get, path = "/readyz", tag = "Operations", security(()),
    responses((status = 200, body = Readiness), (status = 503, description = "The writer commits \
        nothing, another state of the database has taken its place, or the clock is in doubt", body = Readiness)))]
pub async fn readyz(State(state): State<ApiState>) -> Response {
    let hub = &state.engine().hub;
    let age = hub.last_commit().map(|at| state.uptime().since(at));
    let store = store_word(hub.is_superseded(), age);
    let lanes = if store == "ok" { lanes(&state).await } else { unknown_lanes(&state) };
    let doubt = state.engine().ports.clock.doubt();
    let status = match store {
        "ok" if doubt.is_some() => "unready",
        "ok" if lanes.iter().all(|lane| lane.state == "running") => "ready",
        "ok" => "degraded",
        _unusable => "unready",
    };
    let code = if status != "unready" { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let last_commit_at = age.map(|age| rfc3339(state.now().minus(age)));
    let last_commit_age_seconds = age.map(Span::seconds);
    (
        code,
        Json(Readiness {
            status,
            store,
            clock: if doubt.is_some() { "doubted" } else { "ok" },
            clock_sentence: doubt.map(|doubt| doubt.sentence()),
            last_commit_at,
            last_commit_age_seconds,
            lanes,
        }),
    )
        .into_response()
}

/// Never asks the writer: a probe must neither wait for it nor make it wait.
fn store_word(superseded: bool, age: Option<Span>) -> &'static str {
    match age {
        _ if superseded => "superseded",
        Some(age) if age <= Span::from_seconds(COMMIT_AGE_SECONDS_MAX) => "ok",
        Some(_) | None => "unavailable",
    }
}

/// Read once a second for all probes. What the writer and the clock say is in memory, and as of now
/// in each answer.
async fn lanes(state: &ApiState) -> Vec<LaneReadiness> {
    state.probed_lanes().get(|| state.uptime(), read_lanes(state)).await
}

async fn read_lanes(state: &ApiState) -> Vec<LaneReadiness> {
    match timeout(Duration::from_millis(READ_MILLIS_MAX), rows(state)).await {
        Ok(Ok(rows)) => {
            let found = rows.iter().map(|(chain, row)| LaneReadiness {
                lane: chain.lane.to_string(),
                state: row.as_ref().map_or("unknown", |row| running_word(row, chain, state.now())),
            });
            found.collect()
        }
        Ok(Err(fault)) => {
            tracing::warn!(%fault, "the lanes could not be read for a probe");
            unknown_lanes(state)
        }
        Err(_elapsed) => unknown_lanes(state),
    }
}

/// A lane that runs and has not read the journal under its present epoch signs nothing yet, and one
/// that does not know its chain plans nothing.
fn running_word(lane: &Lane, chain: &ChainRules, now: Timestamp) -> &'static str {
    match &lane.state {
        LaneState::Running if !lane.has_read_journal() => "reconciling",
        LaneState::Running if fresh_tip_of(lane, chain, now).is_none() => "chain_unread",
        state @ (LaneState::Running
        | LaneState::Reconciling
        | LaneState::Sweeping
        | LaneState::Halted { .. }) => state_name(state),
    }
}

async fn rows(state: &ApiState) -> Result<Vec<(&ChainRules, Option<Lane>)>, StoreFault> {
    let mut rows = Vec::new();
    for chain in state.rules().chains.values() {
        rows.push((chain, state.store().lane(&chain.lane).await?));
    }
    Ok(rows)
}

fn unknown_lanes(state: &ApiState) -> Vec<LaneReadiness> {
    let lanes = state.rules().chains.values().map(|chain| chain.lane.to_string());
    lanes.map(|lane| LaneReadiness { lane, state: "unknown" }).collect()
}

/// What Prometheus scrapes, on an address of its own.
pub async fn metrics(State(state): State<ApiState>) -> Response {
    let text = state.metrics().scrape(&state).await;
    ([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text)
        .into_response()
}
