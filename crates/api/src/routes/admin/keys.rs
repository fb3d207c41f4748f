//! `POST /api/admin/users/{userId}/keys`: a new API key, as programs of before clients ask for one.
//! See `POST /api/admin/api-keys`.

use adit_core::Role;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::api_keys::issue::{Wish, make};
use crate::auth::Service;
use crate::docs::shapes::{Id, Label, RoleName, UserName};
use crate::extract::{Body, UserPath};
use crate::problem::Problem;
use crate::state::ApiState;

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct KeyBody {
    /// `user`; an admin key may also create `service` and `admin`, which speak for nobody in
    /// particular and are clients of their own.
    #[schema(value_type = RoleName)]
    role: Role,
    /// What it is for; up to 100 characters.
    #[schema(value_type = Option<Label>)]
    label: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeyView {
    #[schema(value_type = Id)]
    id: String,
    /// Shown this once. `Authorization: Bearer <token>`.
    token: String,
    #[schema(value_type = RoleName)]
    role: Role,
}

/// Creates an API key; `POST /api/admin/api-keys` knows clients and ends as well
#[utoipa::path(post, path = "/api/admin/users/{userId}/keys", tag = "Admin", params(("userId" = UserName, Path)), request_body = KeyBody,
    responses((status = 201, body = KeyView), (status = 403, description = "FORBIDDEN: a service \
        key creates user keys only"), (status = 404, description = "USER_UNKNOWN")))]
pub async fn issue_key(
    State(state): State<ApiState>,
    Service(caller): Service,
    UserPath(user): UserPath,
    Body(body): Body<KeyBody>,
) -> Result<(StatusCode, Json<KeyView>), Problem> {
    let label = body.label.or_else(|| Some(format!("of {user}")));
    let user = (body.role == Role::User).then_some(user);
    let (token, credential) = make(
        &state,
        &caller,
        Wish { role: body.role, client: None, user, label, expires_at: None },
    )
    .await?;
    Ok((
        StatusCode::CREATED,
        Json(KeyView { id: credential.id.to_string(), token, role: body.role }),
    ))
}
