//! `GET /api/token/withdraw/nonce`: everything a wallet needs to sign the next claim. Changes
//! nothing.

use adit_core::Refusal;
use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::claims;
use crate::auth::Caller;
use crate::docs::shapes::UserName;
use crate::extract::name;
use crate::problem::Problem;
use crate::query::Params;
use crate::refused::refused;
use crate::state::ApiState;

/// The offered deadline is this much before the latest allowed, in case the database's clock is
/// behind ours.
const DEADLINE_MARGIN_SECONDS: u64 = 5;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct NonceQuery {
    /// For service keys: the user who will sign.
    #[param(value_type = Option<UserName>)]
    user_id: Option<String>,
}

/// `message` is left to the caller: `{user, amount (base units), nonce, deadline}`.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NextNonce {
    /// The claim must carry exactly this one.
    pub nonce: u64,
    /// A deadline that is allowed now, in Unix seconds.
    pub deadline: u64,
    /// EIP-712 domain.
    #[schema(value_type = Object)]
    pub domain: Value,
    /// EIP-712 types.
    #[schema(value_type = Object)]
    pub types: Value,
    #[schema(value_type = String)]
    pub primary_type: Value,
}

/// The next nonce of the user, with domain and types ready to sign
#[utoipa::path(get, path = "/api/token/withdraw/nonce", tag = "Claims", params(NonceQuery),
    responses((status = 200, body = NextNonce), (status = 401, description = "UNAUTHENTICATED"), (status = 404, description = "CLAIMS_NOT_CONFIGURED, USER_UNKNOWN"), (status = 503, description = "CLOCK_DOUBTED")))]
pub async fn next_nonce(
    State(state): State<ApiState>,
    Caller(caller): Caller,
    Params(query): Params<NonceQuery>,
) -> Result<Json<NextNonce>, Problem> {
    let (rules, gate) = claims(&state)?;
    if let Some(doubt) = state.engine().ports.clock.doubt() {
        return Err(refused(&Refusal::ClockDoubted { doubt }, state.rules()));
    }
    let user = caller.in_query(query.user_id.as_deref().map(name).transpose()?)?;
    let sheet = state.store().user(&user).await?;
    let sheet = sheet.ok_or_else(|| refused(&Refusal::UnknownUser { user }, state.rules()))?;
    let ahead = rules.deadline_ahead_max.seconds();
    let ahead = ahead - DEADLINE_MARGIN_SECONDS.min(ahead / 10);
    let mut typed = gate.typed_data();
    Ok(Json(NextNonce {
        nonce: sheet.user.claim_nonce,
        deadline: u64::try_from(state.now().seconds()).unwrap_or(0).saturating_add(ahead),
        domain: typed["domain"].take(),
        types: typed["types"].take(),
        primary_type: typed["primaryType"].take(),
    }))
}
