//! `/api/admin/lanes/{chain}/release`: what waits after database and journal were restored
//! together, and the word of two admins that it may be paid (case F96).

use adit_core::{
    AssetId, ChainRules, Command, HaltReason, Lane, LaneState, Restoration, RestorationStage,
    Status, Timestamp, Withdrawal,
};
use adit_store::{QueueFilter, WithdrawalFilter};
use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::lane::find;
use crate::auth::{Admin, Service};
use crate::codes;
use crate::docs::shapes::{AssetName, ChainName, Id, Status as StatusName, Time, Units, UserName};
use crate::extract::{Body, ChainPath};
use crate::problem::Problem;
use crate::refused::not_written;
use crate::state::ApiState;
use crate::units::{rfc3339, units};

/// Withdrawals that are looked at. More than these cannot be released at once.
const WAITING_MAX: usize = 20_000;
/// Withdrawals that are listed.
const LISTED_MAX: usize = 1_000;

/// How far a lane is after database and journal were restored together.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Release {
    lane: String,
    /// `none`: nothing was restored, or it is behind the lane. `declared`, `sweeping`, then
    /// `swept`.
    stage: &'static str,
    #[schema(value_type = Option<Time>)]
    declared_at: Option<String>,
    /// On chains with nonces: every one below it is used up by the sweep.
    sweeps_below: Option<u64>,
    next_nonce: u64,
    /// Whether one admin has released it; a second one has to, with a credential of their own.
    released_once: bool,
    /// How many withdrawals of before the restore wait: what is to be named as `seen`. Both admins
    /// name the same number.
    waiting: usize,
    /// The oldest of them, at most 1000.
    items: Vec<Waiting>,
    next_step: String,
}

/// A withdrawal that waits. One of before the restore may have been paid or given back since.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Waiting {
    #[schema(value_type = Id)]
    withdrawal_id: String,
    #[schema(value_type = UserName)]
    user_id: String,
    #[schema(value_type = StatusName)]
    status: &'static str,
    #[schema(value_type = AssetName)]
    asset: String,
    #[schema(value_type = Units)]
    amount: String,
    to_address: String,
    #[schema(value_type = Time)]
    created_at: String,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReleaseBody {
    /// How many withdrawals wait, as the list says. Where it is another number by now, nothing is
    /// released.
    seen: usize,
}

/// What waits after database and journal were restored together
#[utoipa::path(get, path = "/api/admin/lanes/{chain}/release", operation_id = "waiting_for_release", tag = "Admin", params(("chain" = ChainName, Path)),
    responses((status = 200, body = Release), (status = 404, description = "LANE_NOT_FOUND")))]
pub async fn waiting(
    State(state): State<ApiState>,
    Service(_caller): Service,
    ChainPath(chain): ChainPath,
) -> Result<Json<Release>, Problem> {
    Ok(Json(shown(&state, find(&state, &chain)?).await?))
}

/// Says that what waits may be paid. It takes two admins, each with a credential of their own.
/// Admin keys only
#[utoipa::path(post, path = "/api/admin/lanes/{chain}/release", operation_id = "release_lane", tag = "Admin", params(("chain" = ChainName, Path)), request_body = ReleaseBody,
    responses((status = 200, description = "How far the lane is now", body = Release), (status = 403, description = "FORBIDDEN"), (status = 404, description = "LANE_NOT_FOUND"),
        (status = 409, description = "NOT_SWEPT; SECOND_ADMIN_NEEDED; CHANGED_MEANWHILE: another \
            number waits by now; BAD_ATTEMPT: more wait than can be looked at"), (status = 422, description = "INVALID_BODY")))]
pub async fn release(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    ChainPath(chain): ChainPath,
    Body(body): Body<ReleaseBody>,
) -> Result<Json<Release>, Problem> {
    let rules = find(&state, &chain)?;
    let now = shown(&state, rules).await?;
    if now.waiting > WAITING_MAX {
        let detail = format!(
            "More than {WAITING_MAX} withdrawals wait; cancel what is not owed any more, and look \
             again."
        );
        return Err(Problem::new(&codes::BAD_ATTEMPT, detail).with("most", WAITING_MAX));
    }
    if now.waiting != body.seen && now.stage == "swept" {
        let detail = format!(
            "seen is {}, and {} withdrawals of before the restore wait now; look at the list \
             again.",
            body.seen, now.waiting
        );
        return Err(Problem::new(&codes::CHANGED_MEANWHILE, detail)
            .with("waiting", now.waiting)
            .with("seen", body.seen));
    }
    let command = Command::ReleaseLane {
        lane: rules.lane.clone(),
        seen: u64::try_from(body.seen).unwrap_or(u64::MAX),
    };
    state
        .engine()
        .writer
        .submit(caller.actor, command)
        .await
        .map_err(|error| not_written(&error, state.rules()))?;
    state.engine().hub.wake_lanes();
    Ok(Json(shown(&state, rules).await?))
}

async fn shown(state: &ApiState, rules: &ChainRules) -> Result<Release, Problem> {
    let row =
        state.store().lane(&rules.lane).await?.unwrap_or_else(|| Lane::new(rules.lane.clone()));
    let restoration = row.restoration.as_ref();
    let found = match restoration {
        Some(known) => of_before(state, rules, known).await?,
        None => Vec::new(),
    };
    let chain = rules.name.as_str();
    Ok(Release {
        lane: row.id.to_string(),
        stage: stage(restoration),
        declared_at: restoration.map(|known| rfc3339(known.declared_at)),
        sweeps_below: restoration.and_then(Restoration::sweeps_below),
        next_nonce: row.next_nonce,
        released_once: matches!(
            restoration.map(|known| &known.stage),
            Some(RestorationStage::Swept { released: Some(_) })
        ),
        waiting: found.len(),
        items: found.iter().take(LISTED_MAX).map(|row| item(state, row)).collect(),
        next_step: next_step(&row, chain, found.len()),
    })
}

/// Pending and approved ones that were asked for before both were restored, oldest first; what no
/// clock can have dated counts, too, and all of them where nobody knows when that was.
async fn of_before(
    state: &ApiState,
    rules: &ChainRules,
    restored: &Restoration,
) -> Result<Vec<Withdrawal>, Problem> {
    let assets: Vec<AssetId> =
        state.rules().assets_on(&rules.name).map(|asset| asset.id.clone()).collect();
    let mut found = state
        .store()
        .queue(&QueueFilter::of(assets.clone()), Timestamp::from_micros(i64::MAX), WAITING_MAX + 1)
        .await?;
    for asset in assets {
        let pending = WithdrawalFilter {
            asset: Some(asset),
            status: Some(Status::Pending),
            ..WithdrawalFilter::default()
        };
        found.extend(state.store().withdrawals(&pending, None, WAITING_MAX + 1).await?.items);
    }
    let now = state.now();
    found.retain(|row| {
        restored.in_doubt
            || row.created_at <= restored.declared_at
            || row.created_at.credible(now).is_none()
    });
    found.sort_by_key(|row| (row.created_at, row.id));
    Ok(found)
}

fn stage(restoration: Option<&Restoration>) -> &'static str {
    match restoration.map(|known| &known.stage) {
        None => "none",
        Some(RestorationStage::Declared) => "declared",
        Some(RestorationStage::Sweeping { .. }) => "sweeping",
        Some(RestorationStage::Swept { .. }) => "swept",
    }
}

fn item(state: &ApiState, row: &Withdrawal) -> Waiting {
    Waiting {
        withdrawal_id: row.id.to_string(),
        user_id: row.user.to_string(),
        status: row.state.status().as_str(),
        asset: row.asset.to_string(),
        amount: units(state.rules(), &row.asset, row.amount),
        to_address: row.destination.to_string(),
        created_at: rfc3339(row.created_at),
    }
}

fn next_step(row: &Lane, chain: &str, waiting: usize) -> String {
    match (row.restoration.as_ref().map(|known| &known.stage), &row.state) {
        (None, _) => "Nothing: the lane needs no release.".to_owned(),
        (Some(RestorationStage::Swept { released }), _) => {
            let who = if released.is_some() {
                "a second admin, with a credential of their own"
            } else {
                "two admins, each with a credential of their own"
            };
            format!(
                "Cancel what is not owed any more. Then {who}: `adit lanes release {chain} --seen \
                 {waiting}`."
            )
        }
        (Some(_), LaneState::Halted { reason: HaltReason::Unreleased, .. }) => {
            "Wait: the lane reconciles.".to_owned()
        }
        (Some(_), LaneState::Halted { .. }) => {
            format!("The lane is halted (GET /api/admin/lanes); once {chain} is resumed it sweeps.")
        }
        (Some(_), LaneState::Reconciling | LaneState::Sweeping | LaneState::Running) => {
            "Wait: what something forgotten may need is used up, and that has to be final."
                .to_owned()
        }
    }
}
