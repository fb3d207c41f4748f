//! `GET /api/admin/lanes`: each paying wallet, and how its line of payments stands.

use std::collections::BTreeMap;

use adit_core::{ChainRules, Lane, LaneState, LaneView, Lineage, Market, Rules, Timestamp, Trust, upkeep};
use adit_store::StoreFault;
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::auth::Service;
use crate::problem::Problem;
use crate::state::ApiState;
use crate::units::{rfc3339, units};
use crate::written::written;

/// Lineages of a wallet that are looked at.
const LIVE_SHOWN_MAX: usize = 1_000;

#[derive(Debug, Serialize, ToSchema)]
pub struct LaneList {
    #[schema(value_type = Vec<Object>)]
    items: Vec<Value>,
}

/// The wallets that pay
#[utoipa::path(get, path = "/api/admin/lanes", tag = "Admin", responses((status = 200, body = LaneList)))]
pub async fn lanes(State(state): State<ApiState>, Service(_caller): Service) -> Result<Json<LaneList>, Problem> {
    let mut items = Vec::new();
    for chain in state.rules().chains.values() {
        let lane = state.store().lane(&chain.lane).await?.unwrap_or_else(|| Lane::new(chain.lane.clone()));
        let live = shown_lineages(&state, chain).await?;
        items.push(view(&lane, chain, &live, state.rules(), state.now()));
    }
    Ok(Json(LaneList { items }))
}

/// Those among which the ones are that merge coins, where a chain has coins.
pub async fn shown_lineages(state: &ApiState, chain: &ChainRules) -> Result<Vec<Lineage>, StoreFault> {
    match chain.consolidation {
        Some(_) => state.store().live_lineages(&chain.lane, LIVE_SHOWN_MAX).await,
        None => Ok(Vec::new()),
    }
}

pub fn view(lane: &Lane, chain: &ChainRules, live: &[Lineage], rules: &Rules, now: Timestamp) -> Value {
    let (standing, halted) = standing(&lane.state);
    let halted = halted.map(|halted| written(chain.kind, halted));
    let tip = lane.tip.as_ref().map(|tip| {
        let mut view = json!({
            "height": tip.head.height,
            "finalHeight": tip.final_height,
            "at": rfc3339(tip.at),
            "ageSeconds": now.since(tip.at).seconds(),
        });
        match &tip.market {
            Market::Evm(market) => view["baseFeePerGasWei"] = json!(market.base_fee_per_gas.to_string()),
            Market::Bitcoin(market) => {
                view["feerateSatPerVb"] = json!(market.feerate.sat_per_vb());
                view["feerateGuessed"] = json!(market.guessed);
            }
        }
        view
    });
    let funds = lane.funds.iter().map(|held| {
        let balance = units(rules, &held.asset, held.balance);
        json!({ "asset": held.asset, "balance": balance, "at": rfc3339(held.at), "ageSeconds": now.since(held.at).seconds() })
    });
    json!({
        "lane": lane.id.to_string(),
        "chain": lane.id.chain,
        "wallet": lane.id.wallet,
        "state": standing,
        "halted": halted,
        "trust": match chain.trust { Trust::Quorum => "quorum", Trust::Single => "single" },
        "leasedUntil": lane.lease.as_ref().map(|lease| rfc3339(lease.until)),
        "epoch": lane.epoch.0,
        "nextNonce": lane.next_nonce,
        "tip": tip,
        "funds": funds.collect::<Vec<_>>(),
        "consolidation": chain.consolidation.map(|_| consolidation(lane, chain, live, now)),
    })
}

/// Whether small coins are merged now, and the transactions that do so.
fn consolidation(lane: &Lane, chain: &ChainRules, live: &[Lineage], now: Timestamp) -> Value {
    let view = LaneView { lane, chain, live, queue: &[], suspensions: &BTreeMap::new(), now };
    let standing = upkeep(&view, true);
    // What stands on another one pays for that one, and merges nothing.
    let merges = |one: &&Lineage| one.legs.is_empty() && !live.iter().any(|other| other.id != one.id && one.stands_on(other));
    let signed = live.iter().filter(merges).filter_map(|lineage| lineage.latest().signed());
    let hashes: Vec<String> = signed.map(|signed| chain.kind.shown(signed.hash)).collect();
    json!({ "state": standing.code(), "sentence": standing.sentence(), "txHashes": hashes })
}

/// The state's word, and for a stopped lane why and what to do.
pub fn standing(state: &LaneState) -> (&'static str, Option<Value>) {
    match state {
        LaneState::Reconciling => ("reconciling", None),
        LaneState::Running => ("running", None),
        LaneState::Halted { reason, since } => ("halted", Some(json!({ "since": rfc3339(*since), "sentence": reason.sentence() }))),
    }
}
