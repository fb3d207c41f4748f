//! `GET /api/token/withdrawals`: claims, newest first.

use adit_store::WithdrawalFilter;
use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::auth::Caller;
use crate::cursor;
use crate::docs::shapes::{Place, UserName};
use crate::extract::name;
use crate::problem::Problem;
use crate::query::Params;
use crate::record::{ClaimView, claim_view};
use crate::state::ApiState;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct ClaimsQuery {
    /// For service keys: only this user's.
    #[param(value_type = Option<UserName>)]
    user_id: Option<String>,
    /// Rows of a page: 1 to 100, 50 by default.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100)]
    limit: Option<String>,
    /// `nextCursor` of the page before.
    #[param(value_type = Option<Place>)]
    cursor: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClaimPage {
    pub items: Vec<ClaimView>,
    /// Null on the last page.
    pub next_cursor: Option<String>,
}

/// The user's claims, newest first
#[utoipa::path(get, path = "/api/token/withdrawals", tag = "Claims", params(ClaimsQuery),
    responses((status = 200, body = ClaimPage), (status = 401, description = "UNAUTHENTICATED"), (status = 422, description = "INVALID_CURSOR, INVALID_QUERY")))]
pub async fn claims(
    State(state): State<ApiState>,
    Caller(caller): Caller,
    Params(query): Params<ClaimsQuery>,
) -> Result<Json<ClaimPage>, Problem> {
    let user = caller.scope(query.user_id.as_deref().map(name).transpose()?)?;
    let after = query.cursor.as_deref().map(cursor::read).transpose()?;
    let filter = WithdrawalFilter { user, claims: Some(true), ..WithdrawalFilter::default() };
    let page =
        state.store().withdrawals(&filter, after, cursor::rows(query.limit.as_deref())?).await?;
    let items = page.items.iter().map(|withdrawal| claim_view(withdrawal, state.rules())).collect();
    Ok(Json(ClaimPage { items, next_cursor: page.next.map(cursor::write) }))
}
