//! For those who watch the process: is it alive, is it ready, how does it do.

use adit_core::LaneState;
use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::routes::admin::lanes::standing;
use crate::state::ApiState;

/// The process runs
#[utoipa::path(get, path = "/healthz", tag = "Operations", security(()), responses((status = 200, body = Object)))]
pub async fn healthz() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

/// Whether requests are accepted: the store works. `lanes` says of each whether it pays
#[utoipa::path(get, path = "/readyz", tag = "Operations", security(()), responses((status = 200, body = Object), (status = 503, description = "The store does not work", body = Object)))]
pub async fn readyz(State(state): State<ApiState>) -> Response {
    if let Err(fault) = state.store().ping().await {
        tracing::warn!(%fault, "not ready");
        return (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "status": "unready", "store": "unavailable" }))).into_response();
    }
    let mut lanes = Vec::new();
    for chain in state.rules().chains.values() {
        let lane = state.store().lane(&chain.lane).await.ok().flatten();
        let running = lane.as_ref().is_some_and(|lane| lane.state == LaneState::Running);
        let word = lane.as_ref().map_or("unknown", |lane| standing(&lane.state).0);
        lanes.push((running, json!({ "lane": chain.lane.to_string(), "state": word })));
    }
    let status = if lanes.iter().all(|(running, _)| *running) { "ready" } else { "degraded" };
    let lanes: Vec<Value> = lanes.into_iter().map(|(_, view)| view).collect();
    Json(json!({ "status": status, "store": "ok", "lanes": lanes })).into_response()
}

/// Prometheus metrics
#[utoipa::path(get, path = "/metrics", tag = "Operations", security(()), responses((status = 200, body = String, content_type = "application/openmetrics-text")))]
pub async fn metrics(State(state): State<ApiState>) -> Response {
    let text = state.metrics().scrape(&state).await;
    ([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text).into_response()
}
