//! `/api/admin/withdrawals/{id}/…`: what people do to a withdrawal on its way. The rules say which
//! of it is safe.

use adit_core::{Actor, Command, Reader, Withdrawal};
use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::auth::{Admin, Service};
use crate::codes;
use crate::docs::shapes::{Id, Remark};
use crate::extract::{Body, MaybeBody, WithdrawalPath, no_withdrawal};
use crate::problem::Problem;
use crate::record::{WithdrawalView, withdrawal_view};
use crate::refused::not_written;
use crate::routes::withdrawals::cancel::{self as owner, CancelBody, reason};
use crate::routes::withdrawals::find;
use crate::state::ApiState;

type Answered = Result<Json<WithdrawalView>, Problem>;

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct InspectBody {
    /// Whether the chain paid the recipient the exact amount.
    paid: bool,
    /// What was looked at; up to 500 characters.
    #[schema(value_type = Remark)]
    note: String,
}

/// Wakes an unfinished withdrawal. A failed one is never revived
#[utoipa::path(post, path = "/api/admin/withdrawals/{id}/retry", tag = "Admin", params(("id" = Id, Path)),
    responses((status = 200, body = WithdrawalView), (status = 404, description = "WITHDRAWAL_NOT_FOUND"), (status = 409, description = "NOT_RETRYABLE, CHANGED_MEANWHILE")))]
pub async fn retry(
    State(state): State<ApiState>,
    Service(caller): Service,
    WithdrawalPath(id): WithdrawalPath,
) -> Answered {
    let found = find(&state, &caller, id).await?;
    let command = Command::Retry { withdrawal: id, user: found.user.clone() };
    let answer = submit(&state, caller.actor, command, &found).await?;
    state.engine().hub.wake_lanes();
    Ok(answer)
}

/// Gives back what was never sent; asks for a cancelling transaction where something was
#[utoipa::path(post, path = "/api/admin/withdrawals/{id}/cancel", tag = "Admin", params(("id" = Id, Path)), request_body = Option<CancelBody>,
    responses((status = 200, description = "Cancelled, or a cancelling transaction was asked for: \
        then it goes on as `processing` until one of them is final", body = WithdrawalView),
        (status = 404, description = "WITHDRAWAL_NOT_FOUND"), (status = 409, description = "NOT_CANCELLABLE, NOT_SWEPT, CHANGED_MEANWHILE")))]
pub async fn cancel(
    State(state): State<ApiState>,
    Service(caller): Service,
    WithdrawalPath(id): WithdrawalPath,
    MaybeBody(body): MaybeBody<CancelBody>,
) -> Answered {
    let reason = reason(body.reason, "cancelled by an operator")?;
    let found = find(&state, &caller, id).await?;
    owner::submit(&state, caller.actor, &found, reason).await
}

/// Approves a pending withdrawal. Admin keys only
#[utoipa::path(post, path = "/api/admin/withdrawals/{id}/approve", tag = "Admin", params(("id" = Id, Path)),
    responses((status = 200, body = WithdrawalView), (status = 403, description = "FORBIDDEN; SELF_APPROVAL"), (status = 409, description = "NOT_APPROVABLE, CHANGED_MEANWHILE")))]
pub async fn approve(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    WithdrawalPath(id): WithdrawalPath,
) -> Answered {
    let found = find(&state, &caller, id).await?;
    let command = Command::Approve { withdrawal: id, user: found.user.clone() };
    submit(&state, caller.actor, command, &found).await
}

/// Ends an inspection with what a person found. Admin keys only
#[utoipa::path(post, path = "/api/admin/withdrawals/{id}/inspect", tag = "Admin", params(("id" = Id, Path)), request_body = InspectBody,
    responses((status = 200, body = WithdrawalView), (status = 403, description = "FORBIDDEN"), (status = 409, description = "NOT_UNDER_INSPECTION, NOT_MATCHABLE, NOT_SWEPT, CHANGED_MEANWHILE, NOT_LEASED"), (status = 422, description = "ASSET_UNKNOWN")))]
pub async fn inspect(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    WithdrawalPath(id): WithdrawalPath,
    Body(body): Body<InspectBody>,
) -> Answered {
    if body.note.trim().is_empty() {
        let detail = "note is empty; say what was looked at, for whoever reads the record later.";
        return Err(Problem::new(&codes::INVALID_BODY, detail).with("field", "note"));
    }
    let note = reason(Some(body.note), "")?;
    let found = find(&state, &caller, id).await?;
    let lane = state.rules().chain_of(&found.asset).map(|chain| chain.lane.clone());
    let lane = lane.ok_or_else(|| {
        Problem::new(
            &codes::ASSET_UNKNOWN,
            format!("No chain pays {} any more; configure it again first.", found.asset),
        )
    })?;
    // The ended one that carried it last, where any did: a foreign payment may be under inspection,
    // too.
    let lineage = state.store().lineages_of(id).await?.last().map(|lineage| lineage.id);
    let command = Command::Inspect { leg: found.leg(), lane, lineage, paid: body.paid, note };
    submit(&state, caller.actor, command, &found).await
}

async fn submit(state: &ApiState, actor: Actor, command: Command, found: &Withdrawal) -> Answered {
    let reader = Reader::of(&actor);
    state
        .engine()
        .submit(actor, command)
        .await
        .map_err(|error| not_written(&error, state.rules()))?;
    let now = state.store().withdrawal(found.id).await?.ok_or_else(no_withdrawal)?;
    Ok(Json(withdrawal_view(state, &now, reader).await?))
}
