//! `PUT /api/admin/users/{userId}`: makes a user known, or gives him another tier.

use adit_core::{Command, Tier};
use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::auth::Service;
use crate::docs::shapes::{TierName, UserName};
use crate::extract::{MaybeBody, UserPath, name};
use crate::problem::Problem;
use crate::refused::not_written;
use crate::state::ApiState;

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct UserBody {
    /// The set of limits that he has; none is the ordinary one.
    #[schema(value_type = Option<TierName>)]
    tier: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UserView {
    #[schema(value_type = UserName)]
    user_id: String,
    #[schema(value_type = Option<TierName>)]
    tier: Option<String>,
}

/// Creates a user, or replaces his tier
#[utoipa::path(put, path = "/api/admin/users/{userId}", tag = "Admin", params(("userId" = UserName, Path)), request_body = Option<UserBody>,
    responses((status = 200, body = UserView), (status = 403, description = "FORBIDDEN"), (status = 422, description = "INVALID_NAME")))]
pub async fn put_user(
    State(state): State<ApiState>,
    Service(caller): Service,
    UserPath(user): UserPath,
    MaybeBody(body): MaybeBody<UserBody>,
) -> Result<Json<UserView>, Problem> {
    let tier: Option<Tier> = body.tier.as_deref().map(name).transpose()?;
    let command = Command::PutUser { user: user.clone(), tier: tier.clone() };
    state
        .engine()
        .writer
        .submit(caller.actor, command)
        .await
        .map_err(|error| not_written(&error, state.rules()))?;
    Ok(Json(UserView { user_id: user.to_string(), tier: tier.map(|tier| tier.to_string()) }))
}
