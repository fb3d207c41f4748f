//! `POST /api/admin/lanes/{chain}/halt`, `/resume` and `/rescan`: a person stops a wallet's line of
//! payments, lets it start again, or has it look for coins everywhere.

use adit_core::{AcceptedPin, ChainRules, Command, HaltReason};
use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use super::lanes::shown;
use crate::auth::{Admin, Principal};
use crate::codes;
use crate::docs::shapes::ChainName;
use crate::extract::{ChainPath, MaybeBody};
use crate::problem::Problem;
use crate::record::LaneRecord;
use crate::refused::not_written;
use crate::routes::withdrawals::cancel::{CancelBody, reason};
use crate::state::ApiState;

type Answered = Result<Json<LaneRecord>, Problem>;

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResumeBody {
    /// A pinned fact that changed, and is right as it is now.
    accept: Option<AcceptBody>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AcceptBody {
    /// As the halt names it: `code/DG`.
    fact: String,
    /// What it is pinned to from now on.
    value: String,
}

/// Stops the wallet of a chain: nothing new is signed; what was sent is watched to its end. Admin
/// keys only
#[utoipa::path(post, path = "/api/admin/lanes/{chain}/halt", operation_id = "halt_lane", tag = "Admin", params(("chain" = ChainName, Path)), request_body = Option<CancelBody>,
    responses((status = 200, description = "The lane", body = LaneRecord), (status = 403, description = "FORBIDDEN"), (status = 404, description = "LANE_NOT_FOUND")))]
pub async fn halt(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    ChainPath(chain): ChainPath,
    MaybeBody(body): MaybeBody<CancelBody>,
) -> Answered {
    let rules = find(&state, &chain)?;
    let reason = HaltReason::Operator { reason: reason(body.reason, "stopped by an operator")? };
    submit(&state, caller, rules, Command::HaltLane { lane: rules.lane.clone(), reason }).await
}

/// Lets a halted wallet start again; what stopped it and still holds stops it again. Admin keys
/// only
#[utoipa::path(post, path = "/api/admin/lanes/{chain}/resume", operation_id = "resume_lane", tag = "Admin", params(("chain" = ChainName, Path)), request_body = Option<ResumeBody>,
    responses((status = 200, description = "The lane", body = LaneRecord), (status = 403, description = "FORBIDDEN"), (status = 404, description = "LANE_NOT_FOUND"), (status = 409, description = "BAD_ATTEMPT: this fact is never accepted anew")))]
pub async fn resume(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    ChainPath(chain): ChainPath,
    MaybeBody(body): MaybeBody<ResumeBody>,
) -> Answered {
    let rules = find(&state, &chain)?;
    let accept = body.accept.map(|accept| AcceptedPin { fact: accept.fact, value: accept.value });
    submit(&state, caller, rules, Command::ResumeLane { lane: rules.lane.clone(), accept }).await
}

/// Looks for coins at every address that the wallet ever used, once; payments go on meanwhile.
/// Chains without coins have nothing to look for. Admin keys only
#[utoipa::path(post, path = "/api/admin/lanes/{chain}/rescan", operation_id = "rescan_lane", tag = "Admin", params(("chain" = ChainName, Path)),
    responses((status = 200, description = "The lane", body = LaneRecord), (status = 403, description = "FORBIDDEN"), (status = 404, description = "LANE_NOT_FOUND")))]
pub async fn rescan(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    ChainPath(chain): ChainPath,
) -> Answered {
    let rules = find(&state, &chain)?;
    submit(&state, caller, rules, Command::Rescan { lane: rules.lane.clone() }).await
}

pub(super) fn find<'a>(
    state: &'a ApiState,
    name: &adit_core::ChainName,
) -> Result<&'a ChainRules, Problem> {
    let chains = &state.rules().chains;
    chains.get(name).ok_or_else(|| {
        let known: Vec<&str> = chains.keys().map(adit_core::ChainName::as_str).collect();
        Problem::new(
            &codes::LANE_NOT_FOUND,
            format!("No wallet pays on {name}; there are: {}.", known.join(", ")),
        )
        .with("allowed", known)
    })
}

/// A lane that was never leased has no row yet, and nothing to stop.
async fn submit(
    state: &ApiState,
    caller: Principal,
    rules: &ChainRules,
    command: Command,
) -> Answered {
    if state.store().lane(&rules.lane).await?.is_none() {
        let detail = format!("The lane of {} has not started yet.", rules.name);
        return Err(Problem::new(&codes::LANE_NOT_FOUND, detail));
    }
    state
        .engine()
        .writer
        .submit(caller.actor, command)
        .await
        .map_err(|error| not_written(&error, state.rules()))?;
    state.engine().hub.wake_lanes();
    let lane = state.store().lane(&rules.lane).await?;
    Ok(Json(shown(state, rules, lane).await?))
}
