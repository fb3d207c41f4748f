//! `POST /api/admin/users/{userId}/keys`: a new API key. Its token is shown once; only its hash is kept.

use adit_core::{Command, Credential, CredentialId, Role};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::auth::{Service, hash_token, new_token};
use crate::codes;
use crate::docs::shapes::{Id, Label, RoleName, UserName};
use crate::extract::{Body, UserPath};
use crate::problem::Problem;
use crate::refused::not_written;
use crate::routes::withdrawals::cancel::printable;
use crate::state::ApiState;

/// Longest label.
const LABEL_CHARS_MAX: usize = 100;

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct KeyBody {
    /// `user`; an admin key may also create `service` and `admin`, which speak for nobody in particular.
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

/// Creates an API key
#[utoipa::path(post, path = "/api/admin/users/{userId}/keys", tag = "Admin", params(("userId" = UserName, Path)), request_body = KeyBody,
    responses((status = 201, body = KeyView), (status = 403, description = "FORBIDDEN: a service key creates user keys only"), (status = 404, description = "USER_UNKNOWN")))]
pub async fn issue_key(
    State(state): State<ApiState>,
    Service(caller): Service,
    UserPath(user): UserPath,
    Body(body): Body<KeyBody>,
) -> Result<(StatusCode, Json<KeyView>), Problem> {
    if body.role != Role::User && caller.role != Role::Admin {
        return Err(Problem::new(&codes::FORBIDDEN, "A service key creates user keys only.").with("field", "role"));
    }
    let label = body.label.unwrap_or_else(|| format!("of {user}"));
    printable("label", &label)?;
    if label.chars().count() > LABEL_CHARS_MAX {
        let detail = format!("label has more than the allowed {LABEL_CHARS_MAX} characters.");
        return Err(Problem::new(&codes::INVALID_BODY, detail).with("field", "label"));
    }
    let ports = &state.engine().ports;
    let token = new_token(secret(&state));
    let credential = Credential {
        id: CredentialId(ports.uuid()),
        hash: hash_token(&token),
        role: body.role,
        user: (body.role == Role::User).then_some(user),
        label,
        created_at: state.now(),
        revoked_at: None,
    };
    let view = KeyView { id: credential.id.to_string(), token, role: body.role };
    let written = state.engine().writer.submit(caller.actor, Command::IssueCredential { credential }).await;
    written.map_err(|error| not_written(&error, state.rules()))?;
    Ok((StatusCode::CREATED, Json(view)))
}

fn secret(state: &ApiState) -> [u8; 32] {
    let entropy = &state.engine().ports.entropy;
    let mut secret = [0; 32];
    secret[..16].copy_from_slice(&entropy.bytes());
    secret[16..].copy_from_slice(&entropy.bytes());
    secret
}
