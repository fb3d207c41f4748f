//! `DELETE /api/admin/api-keys/{keyId}`: ends a key for good.

use adit_core::Command;
use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{ApiKey, find};
use crate::auth::Service;
use crate::codes;
use crate::docs::shapes::{Id, Remark};
use crate::extract::{KeyPath, MaybeBody};
use crate::problem::Problem;
use crate::refused::not_written;
use crate::routes::withdrawals::cancel::printable;
use crate::state::ApiState;
use crate::wakes::Subject;

/// Longest reason.
const REASON_CHARS_MAX: usize = 500;
const REASON_DEFAULT: &str = "no reason given";

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct RevokeBody {
    /// Why, for whoever reads the record later; up to 500 characters.
    #[schema(value_type = Option<Remark>)]
    reason: Option<String>,
}

/// Revokes an API key: refused everywhere within five seconds, its live connections end within a
/// minute. There is no way back
#[utoipa::path(delete, path = "/api/admin/api-keys/{keyId}", operation_id = "revoke_api_key", tag = "Admin", params(("keyId" = Id, Path)), request_body = Option<RevokeBody>,
    responses((status = 200, description = "The key as it is now. Asked again, it answers the same", body = ApiKey),
        (status = 422, description = "INVALID_BODY")))]
pub async fn revoke(
    State(state): State<ApiState>,
    Service(caller): Service,
    KeyPath(id): KeyPath,
    MaybeBody(body): MaybeBody<RevokeBody>,
) -> Result<Json<ApiKey>, Problem> {
    let reason = body.reason.unwrap_or_else(|| REASON_DEFAULT.to_owned());
    printable("reason", &reason)?;
    if reason.chars().count() > REASON_CHARS_MAX {
        let detail = format!("reason has more than the allowed {REASON_CHARS_MAX} characters.");
        return Err(Problem::new(&codes::INVALID_BODY, detail).with("field", "reason"));
    }
    let known = find(&state, &caller, id).await?.credential;
    let user = known.user.clone();
    let command = Command::RevokeCredential { credential: id, user: known.user, reason };
    let written = state.engine().writer.submit(caller.actor.clone(), command).await;
    written.map_err(|error| not_written(&error, state.rules()))?;
    state.keys().revoke(id, state.now());
    // Their connections look at once; those of others within some seconds.
    user.into_iter().for_each(|user| state.wakes().wake(&Subject::Feed(user)));
    Ok(Json(ApiKey::of(&find(&state, &caller, id).await?, state.now(), &caller)))
}
