//! `GET /api/admin/lanes`: each paying wallet, how its line of payments stands, and what the store
//! says about itself.

use adit_core::{ChainRules, Lane, Lineage};
use adit_store::StoreFault;
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::Service;
use crate::problem::Problem;
use crate::record::{LaneRecord, Shown, StoreRecord};
use crate::state::ApiState;

/// Lineages of a wallet that are looked at.
const LIVE_SHOWN_MAX: usize = 1_000;

#[derive(Debug, Serialize, ToSchema)]
pub struct LaneList {
    items: Vec<LaneRecord>,
    store: StoreRecord,
}

/// The wallets that pay, and the life of the database that they work on
#[utoipa::path(
    get, path = "/api/admin/lanes", tag = "Admin",
    responses((status = 200, body = LaneList))
)]
pub async fn lanes(
    State(state): State<ApiState>,
    Service(_caller): Service,
) -> Result<Json<LaneList>, Problem> {
    let mut items = Vec::new();
    for chain in state.rules().chains.values() {
        let lane = state.store().lane(&chain.lane).await?;
        items.push(shown(&state, chain, lane).await?);
    }
    Ok(Json(LaneList { items, store: about_store(&state).await? }))
}

/// A lane as it is shown; one that was never leased has no row yet.
///
/// # Errors
/// [`StoreFault`].
pub async fn shown(
    state: &ApiState,
    chain: &ChainRules,
    lane: Option<Lane>,
) -> Result<LaneRecord, StoreFault> {
    let lane = lane.unwrap_or_else(|| Lane::new(chain.lane.clone()));
    let live = shown_lineages(state, chain).await?;
    let (rules, now, clock_doubt) =
        (state.rules(), state.now(), state.engine().ports.clock.doubt());
    Ok(Shown { lane: &lane, chain, live: &live, rules, now, clock_doubt }.record())
}

/// # Errors
/// [`StoreFault`].
pub async fn about_store(state: &ApiState) -> Result<StoreRecord, StoreFault> {
    let known = state.store().incarnation().await?;
    Ok(StoreRecord::new(known.as_ref(), state.engine().hub.is_superseded()))
}

/// Those among which the ones are that merge coins, where a chain has coins.
async fn shown_lineages(state: &ApiState, chain: &ChainRules) -> Result<Vec<Lineage>, StoreFault> {
    match chain.consolidation {
        Some(_) => state.store().live_lineages(&chain.lane, LIVE_SHOWN_MAX).await,
        None => Ok(Vec::new()),
    }
}
