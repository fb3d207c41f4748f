//! `GET /api/withdrawals/{id}`: one withdrawal.

use axum::Json;
use axum::extract::State;

use super::find;
use crate::auth::Caller;
use crate::docs::shapes::Id;
use crate::extract::WithdrawalPath;
use crate::problem::Problem;
use crate::record::{WithdrawalView, withdrawal_view};
use crate::state::ApiState;

/// One withdrawal
#[utoipa::path(get, path = "/api/withdrawals/{id}", tag = "Withdrawals", params(("id" = Id, Path)),
    responses((status = 200, body = WithdrawalView), (status = 404, description = "WITHDRAWAL_NOT_FOUND, also for another user's")))]
pub async fn withdrawal(
    State(state): State<ApiState>,
    Caller(caller): Caller,
    WithdrawalPath(id): WithdrawalPath,
) -> Result<Json<WithdrawalView>, Problem> {
    let found = find(&state, &caller, id).await?;
    Ok(Json(withdrawal_view(&state, &found, caller.reader()).await?))
}
