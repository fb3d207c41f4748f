//! `GET /api/withdrawals`: withdrawals of any asset, claims included, newest first.

use adit_core::Status;
use adit_store::WithdrawalFilter;
use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::auth::Caller;
use crate::cursor;
use crate::docs::shapes::{AssetName, Place, Status as StatusName, Time, UserName};
use crate::extract::name;
use crate::problem::Problem;
use crate::query::{self, Params};
use crate::record::{WithdrawalView, withdrawal_views};
use crate::state::ApiState;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct WithdrawalsQuery {
    /// For service keys: only this user's.
    #[param(value_type = Option<UserName>)]
    user_id: Option<String>,
    /// `pending`, `approved`, `processing`, `completed`, `failed`, `cancelled` or
    /// `held_for_inspection`.
    #[param(value_type = Option<StatusName>)]
    status: Option<String>,
    #[param(value_type = Option<AssetName>)]
    asset: Option<String>,
    /// Created at or after (RFC 3339).
    #[param(value_type = Option<Time>)]
    from: Option<String>,
    /// Created before (RFC 3339).
    #[param(value_type = Option<Time>)]
    to: Option<String>,
    /// Rows of a page: 1 to 100, 50 by default.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100)]
    limit: Option<String>,
    /// `nextCursor` of the page before.
    #[param(value_type = Option<Place>)]
    cursor: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WithdrawalPage {
    pub items: Vec<WithdrawalView>,
    /// Null on the last page.
    pub next_cursor: Option<String>,
}

/// Withdrawals, newest first
#[utoipa::path(get, path = "/api/withdrawals", tag = "Withdrawals", params(WithdrawalsQuery),
    responses((status = 200, body = WithdrawalPage), (status = 401, description = "UNAUTHENTICATED"), (status = 422, description = "INVALID_CURSOR, INVALID_NAME")))]
pub async fn withdrawals(
    State(state): State<ApiState>,
    Caller(caller): Caller,
    Params(asked): Params<WithdrawalsQuery>,
) -> Result<Json<WithdrawalPage>, Problem> {
    let filter = WithdrawalFilter {
        user: caller.scope(asked.user_id.as_deref().map(name).transpose()?)?,
        status: asked.status.as_deref().map(status).transpose()?,
        asset: asked.asset.as_deref().map(name).transpose()?,
        from: asked.from.as_deref().map(|text| query::time("from", text)).transpose()?,
        to: asked.to.as_deref().map(|text| query::time("to", text)).transpose()?,
        claims: None,
    };
    let after = asked.cursor.as_deref().map(cursor::read).transpose()?;
    let page =
        state.store().withdrawals(&filter, after, cursor::rows(asked.limit.as_deref())?).await?;
    let items = withdrawal_views(&state, &page.items, caller.reader()).await?;
    Ok(Json(WithdrawalPage { items, next_cursor: page.next.map(cursor::write) }))
}

fn status(text: &str) -> Result<Status, Problem> {
    Status::ALL.into_iter().find(|status| status.as_str() == text).ok_or_else(|| {
        let allowed: Vec<&str> = Status::ALL.iter().map(|status| status.as_str()).collect();
        query::misfit("status", text, format!("one of {}", allowed.join(", ")))
            .with("allowed", allowed)
    })
}
