//! `GET /api/token/withdrawals/{id}`: one claim.

use axum::Json;
use axum::extract::State;

use crate::auth::Caller;
use crate::docs::shapes::Id;
use crate::extract::{WithdrawalPath, no_withdrawal};
use crate::problem::Problem;
use crate::record::{ClaimView, claim_view};
use crate::state::ApiState;

/// One claim
#[utoipa::path(get, path = "/api/token/withdrawals/{id}", tag = "Claims", params(("id" = Id, Path)),
    responses((status = 200, body = ClaimView), (status = 404, description = "WITHDRAWAL_NOT_FOUND, also for another user's")))]
pub async fn claim(
    State(state): State<ApiState>,
    Caller(caller): Caller,
    WithdrawalPath(id): WithdrawalPath,
) -> Result<Json<ClaimView>, Problem> {
    let found = state.store().withdrawal(id).await?;
    let own =
        found.filter(|withdrawal| withdrawal.claim.is_some() && caller.may_see(&withdrawal.user));
    own.map(|withdrawal| Json(claim_view(&withdrawal, state.rules()))).ok_or_else(no_withdrawal)
}
