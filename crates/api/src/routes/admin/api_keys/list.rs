//! `GET /api/admin/api-keys`: the keys that exist, newest first.

use adit_core::{ClientId, Role};
use adit_store::{CredentialCursor, CredentialFilter};
use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::ApiKey;
use crate::auth::Service;
use crate::cursor;
use crate::docs::shapes::{ClientName, KeysShown, Place, RoleName, UserName};
use crate::extract::name;
use crate::problem::Problem;
use crate::query::{self, Params};
use crate::state::ApiState;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct ApiKeysQuery {
    /// Only keys of this client, whole as it is shown: `client/shop`.
    #[param(value_type = Option<ClientName>)]
    client: Option<String>,
    /// Only keys that speak for this user.
    #[param(value_type = Option<UserName>)]
    user_id: Option<String>,
    /// `user`, `service` or `admin`. A service key is shown user keys alone.
    #[param(value_type = Option<RoleName>)]
    role: Option<String>,
    /// `standing` (the default), or `all`: those too that are revoked or expired.
    #[param(value_type = Option<KeysShown>)]
    state: Option<String>,
    /// Rows of a page: 1 to 100, 50 by default.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100)]
    limit: Option<String>,
    /// `nextCursor` of the page before.
    #[param(value_type = Option<Place>)]
    cursor: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApiKeyPage {
    items: Vec<ApiKey>,
    /// Null on the last page.
    next_cursor: Option<String>,
}

/// API keys, newest first
#[utoipa::path(get, path = "/api/admin/api-keys", operation_id = "api_keys", tag = "Admin", params(ApiKeysQuery),
    responses((status = 200, body = ApiKeyPage), (status = 422, description = "INVALID_CURSOR, \
        INVALID_NAME")))]
pub async fn keys(
    State(state): State<ApiState>,
    Service(caller): Service,
    Params(asked): Params<ApiKeysQuery>,
) -> Result<Json<ApiKeyPage>, Problem> {
    let now = state.now();
    let all = asked.state.as_deref().map(shows_all).transpose()?.unwrap_or(false);
    let role = asked.role.as_deref().map(role).transpose()?;
    let filter = CredentialFilter {
        client: asked.client.as_deref().map(name::<ClientId>).transpose()?,
        user: asked.user_id.as_deref().map(name).transpose()?,
        role: if caller.role == Role::Admin { role } else { Some(Role::User) },
        standing_at: (!all).then_some(now),
        ..CredentialFilter::default()
    };
    let nothing_to_see = caller.role != Role::Admin && role.is_some_and(|role| role != Role::User);
    let (rows, after) = (
        cursor::rows(asked.limit.as_deref())?,
        asked.cursor.as_deref().map(cursor::read).transpose()?,
    );
    let mut found = match nothing_to_see {
        true => Vec::new(),
        false => state.store().credentials(&filter, after, rows + 1).await?,
    };
    let more = found.len() > rows;
    found.truncate(rows);
    let next_cursor = found
        .last()
        .filter(|_| more)
        .map(|last| cursor::write(CredentialCursor::of(&last.credential)));
    Ok(Json(ApiKeyPage {
        items: found.iter().map(|record| ApiKey::of(record, now, &caller)).collect(),
        next_cursor,
    }))
}

fn role(text: &str) -> Result<Role, Problem> {
    const ROLES: [Role; 3] = [Role::User, Role::Service, Role::Admin];
    let allowed = "user, service or admin";
    ROLES
        .into_iter()
        .find(|role| role.as_str() == text)
        .ok_or_else(|| query::misfit("role", text, allowed))
}

fn shows_all(text: &str) -> Result<bool, Problem> {
    match text {
        "standing" => Ok(false),
        "all" => Ok(true),
        other => Err(query::misfit("state", other, "standing or all")),
    }
}
