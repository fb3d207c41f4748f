//! `GET /api/admin/coverage`: what users are owed against what is held, per asset. A balance that
//! was not read is unknown, not zero.

use std::collections::BTreeMap;

use adit_core::{Amount, AssetId, AssetRules, ClaimRules, Lane, Rules, Timestamp};
use adit_store::Coverage;
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::Service;
use crate::docs::shapes::{AssetName, Time, Units};
use crate::problem::Problem;
use crate::state::ApiState;
use crate::units::{rfc3339, units};

/// One asset, in whole units.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AssetCoverage {
    #[schema(value_type = AssetName)]
    asset: String,
    /// What users are owed.
    #[schema(value_type = Units)]
    owed: String,
    /// The part of it that unfinished withdrawals hold.
    #[schema(value_type = Units)]
    on_hold: String,
    /// What the points that are paid as this asset are worth in it.
    #[schema(value_type = Option<Units>)]
    owed_as_points: Option<String>,
    /// What the paying wallet holds on chain; null where it is not known, and for points.
    #[schema(value_type = Option<Units>)]
    held: Option<String>,
    #[schema(value_type = Option<Time>)]
    held_at: Option<String>,
    held_age_seconds: Option<u64>,
    /// Whether `held` covers `owed` and `owedAsPoints`; null where it is not known.
    covered: Option<bool>,
    /// For points: the asset that they are paid as.
    #[schema(value_type = Option<AssetName>)]
    paid_as: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct CoverageList {
    items: Vec<AssetCoverage>,
}

/// Owed against held, per asset
#[utoipa::path(get, path = "/api/admin/coverage", tag = "Admin", responses((status = 200, body = CoverageList)))]
pub async fn coverage(
    State(state): State<ApiState>,
    Service(_caller): Service,
) -> Result<Json<CoverageList>, Problem> {
    let rules = state.rules();
    let totals = state.store().coverage().await?;
    let totals: BTreeMap<AssetId, Coverage> =
        totals.into_iter().map(|total| (total.asset.clone(), total)).collect();
    let mut lanes = Vec::new();
    for chain in rules.chains.values() {
        lanes.extend(state.store().lane(&chain.lane).await?);
    }
    let books = Books { rules, totals: &totals, lanes: &lanes, now: state.now() };
    Ok(Json(CoverageList {
        items: rules.assets.values().map(|asset| books.asset(asset)).collect(),
    }))
}

struct Books<'a> {
    rules: &'a Rules,
    totals: &'a BTreeMap<AssetId, Coverage>,
    lanes: &'a [Lane],
    now: Timestamp,
}

impl Books<'_> {
    fn asset(&self, rules: &AssetRules) -> AssetCoverage {
        let id = &rules.asset.id;
        let show = |amount| units(self.rules, id, amount);
        let total = self.total(id);
        let claims = self.rules.claims.as_ref();
        let as_points =
            claims.filter(|claims| claims.asset == *id).map(|claims| self.worth_of_points(claims));
        let held = self.rules.chain_of(id).and_then(|chain| {
            let lane = self.lanes.iter().find(|lane| lane.id == chain.lane)?;
            lane.balance_of(id)
        });
        let all = total.owed.checked_add(as_points.flatten().unwrap_or(Amount::ZERO));
        AssetCoverage {
            asset: id.to_string(),
            owed: show(total.owed),
            on_hold: show(total.held),
            owed_as_points: as_points.flatten().map(show),
            held: held.map(|held| show(held.balance)),
            held_at: held.map(|held| rfc3339(held.at)),
            held_age_seconds: held.map(|held| self.now.since(held.at).seconds()),
            covered: held.map(|held| all.is_some_and(|all| all <= held.balance)),
            paid_as: claims
                .filter(|claims| claims.points == *id)
                .map(|claims| claims.asset.to_string()),
        }
    }

    fn total(&self, asset: &AssetId) -> Coverage {
        self.totals.get(asset).cloned().unwrap_or_else(|| Coverage::none(asset.clone()))
    }

    fn worth_of_points(&self, claims: &ClaimRules) -> Option<Amount> {
        let decimals = |asset: &AssetId| self.rules.asset(asset).map(|rules| rules.asset.decimals);
        let owed = self.total(&claims.points).owed;
        claims.rate.tokens_for(owed, decimals(&claims.points)?, decimals(&claims.asset)?)
    }
}
