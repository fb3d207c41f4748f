//! `GET /api/withdrawals`: withdrawals of any asset, claims included, newest first.

use adit_core::{Status, Timestamp};
use adit_store::WithdrawalFilter;
use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::auth::Caller;
use crate::codes;
use crate::cursor;
use crate::extract::{Params, name};
use crate::problem::Problem;
use crate::record::{WithdrawalView, withdrawal_views};
use crate::state::ApiState;
use crate::units::parse_time;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct WithdrawalsQuery {
    /// For service keys: only this user's.
    user_id: Option<String>,
    /// `pending`, `approved`, `processing`, `completed`, `failed`, `cancelled` or `held_for_inspection`.
    status: Option<String>,
    asset: Option<String>,
    /// Created at or after (RFC 3339).
    from: Option<String>,
    /// Created before (RFC 3339).
    to: Option<String>,
    /// Rows of a page: 1 to 100, 50 by default.
    limit: Option<usize>,
    /// `nextCursor` of the page before.
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
    responses((status = 200, body = WithdrawalPage), (status = 401, description = "UNAUTHENTICATED"), (status = 422, description = "INVALID_QUERY, INVALID_CURSOR")))]
pub async fn withdrawals(
    State(state): State<ApiState>,
    Caller(caller): Caller,
    Params(query): Params<WithdrawalsQuery>,
) -> Result<Json<WithdrawalPage>, Problem> {
    let filter = WithdrawalFilter {
        user: caller.scope(query.user_id.as_deref().map(name).transpose()?)?,
        status: query.status.as_deref().map(status).transpose()?,
        asset: query.asset.as_deref().map(name).transpose()?,
        from: query.from.as_deref().map(|text| time("from", text)).transpose()?,
        to: query.to.as_deref().map(|text| time("to", text)).transpose()?,
        claims: None,
    };
    let after = query.cursor.as_deref().map(cursor::read).transpose()?;
    let page = state.store().withdrawals(&filter, after, cursor::rows(query.limit)?).await?;
    let items = withdrawal_views(&state, &page.items).await?;
    Ok(Json(WithdrawalPage { items, next_cursor: page.next.map(cursor::write) }))
}

fn status(text: &str) -> Result<Status, Problem> {
    Status::ALL.into_iter().find(|status| status.as_str() == text).ok_or_else(|| {
        let allowed: Vec<&str> = Status::ALL.iter().map(|status| status.as_str()).collect();
        let detail = format!("status is {:?}; allowed are {}.", text.chars().take(40).collect::<String>(), allowed.join(", "));
        Problem::new(&codes::INVALID_QUERY, detail).with("parameter", "status").with("allowed", allowed)
    })
}

fn time(parameter: &'static str, text: &str) -> Result<Timestamp, Problem> {
    parse_time(text).ok_or_else(|| {
        let got: String = text.chars().take(40).collect();
        let detail =
            format!("{parameter} is {got:?}; allowed is a time like 2026-11-22T11:00:00Z (RFC 3339; + is written %2B in a query).");
        Problem::new(&codes::INVALID_QUERY, detail).with("parameter", parameter)
    })
}
