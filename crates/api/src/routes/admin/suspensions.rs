//! `/api/admin/suspensions`: the emergency stop, of everything, one asset, or one user.

use adit_core::{Command, Refusal, Scope, Suspension};
use axum::Json;
use axum::extract::{Request, State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::amounts::asset;
use crate::auth::Service;
use crate::codes;
use crate::docs::shapes::{AssetName, Remark, ScopeName, Time, UserName};
use crate::extract::{Body, bytes, expect_json, json, name};
use crate::problem::Problem;
use crate::query::Params;
use crate::record::actor_name;
use crate::refused::{not_written, refused};
use crate::routes::withdrawals::cancel::reason;
use crate::state::ApiState;
use crate::units::rfc3339;

/// Which withdrawals. `asset` and `userId` belong to their scopes.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ScopeBody {
    /// `all`, `asset` or `user`.
    #[schema(value_type = ScopeName)]
    scope: String,
    #[schema(value_type = Option<AssetName>)]
    asset: Option<String>,
    #[schema(value_type = Option<UserName>)]
    user_id: Option<String>,
    /// Shown to those who are refused.
    #[schema(value_type = Option<Remark>)]
    reason: Option<String>,
}

/// The same in a query.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct ScopeQuery {
    /// Where there is no body: `all`, `asset` or `user`.
    #[param(value_type = Option<ScopeName>, required = false)]
    scope: String,
    #[param(value_type = Option<AssetName>)]
    asset: Option<String>,
    #[param(value_type = Option<UserName>)]
    user_id: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SuspensionView {
    /// `all`, `asset/DG`, `user/42`.
    scope: String,
    suspended: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Time>)]
    since: Option<String>,
}

/// All that stand.
#[derive(Debug, Serialize, ToSchema)]
pub struct SuspensionList {
    items: Vec<SuspensionView>,
}

/// What is suspended now
#[utoipa::path(get, path = "/api/admin/suspensions", tag = "Admin", responses((status = 200, body = SuspensionList)))]
pub async fn list(
    State(state): State<ApiState>,
    Service(_caller): Service,
) -> Result<Json<SuspensionList>, Problem> {
    let standing = state.store().suspensions().await?;
    Ok(Json(SuspensionList { items: standing.iter().map(view).collect() }))
}

/// Suspends: nothing in the scope is accepted or newly paid; what is signed is watched to its end
#[utoipa::path(post, path = "/api/admin/suspensions", operation_id = "suspend", tag = "Admin", request_body = ScopeBody,
    responses((status = 200, body = SuspensionView), (status = 403, description = "FORBIDDEN"), (status = 404, description = "USER_UNKNOWN"), (status = 422, description = "INVALID_BODY, INVALID_NAME, ASSET_UNKNOWN")))]
pub async fn suspend(
    State(state): State<ApiState>,
    Service(caller): Service,
    Body(body): Body<ScopeBody>,
) -> Result<Json<SuspensionView>, Problem> {
    let scope = scope(&state, &body)?;
    let reason = reason(body.reason, "suspended by an operator")?;
    known(&state, &scope).await?;
    let command = Command::Suspend { scope: scope.clone(), reason };
    state
        .engine()
        .writer
        .submit(caller.actor, command)
        .await
        .map_err(|error| not_written(&error, state.rules()))?;
    let standing = state.store().suspensions().await?;
    let found = standing.iter().find(|suspension| suspension.scope == scope).map(view);
    Ok(Json(found.unwrap_or_else(|| resumed(&scope))))
}

/// Ends a suspension. The scope stands in the body, or in the query where a client sends none
#[utoipa::path(delete, path = "/api/admin/suspensions", operation_id = "lift_suspension", tag = "Admin", request_body = Option<ScopeBody>,
    params(ScopeQuery),
    responses((status = 200, body = SuspensionView), (status = 403, description = "FORBIDDEN"), (status = 404, description = "USER_UNKNOWN"), (status = 422, description = "INVALID_BODY, INVALID_NAME, ASSET_UNKNOWN")))]
pub async fn resume(
    State(state): State<ApiState>,
    Service(caller): Service,
    request: Request,
) -> Result<Json<SuspensionView>, Problem> {
    let scope = scope(&state, &named(request).await?)?;
    let command = Command::Resume { scope: scope.clone() };
    state
        .engine()
        .writer
        .submit(caller.actor, command)
        .await
        .map_err(|error| not_written(&error, state.rules()))?;
    Ok(Json(resumed(&scope)))
}

async fn named(request: Request) -> Result<ScopeBody, Problem> {
    use axum::RequestExt;
    let mut request = request;
    let expected = expect_json(request.headers());
    let in_query = request.uri().query().is_some_and(|query| !query.is_empty());
    if in_query {
        let Params(ScopeQuery { scope, asset, user_id }) = request.extract_parts().await?;
        return Ok(ScopeBody { scope, asset, user_id, reason: None });
    }
    let body = bytes(request).await?;
    expected?;
    json(&body)
}

fn scope(state: &ApiState, body: &ScopeBody) -> Result<Scope, Problem> {
    let wrong = || {
        let detail = "The scope is \"all\", or \"asset\" with asset, or \"user\" with userId, and nothing \
             beside it.";
        Problem::new(&codes::INVALID_BODY, detail).with("field", "scope")
    };
    match (body.scope.as_str(), &body.asset, &body.user_id) {
        ("all", None, None) => Ok(Scope::All),
        ("asset", Some(text), None) => {
            let id = name(text)?;
            asset(state, &id)?;
            Ok(Scope::Asset { asset: id })
        }
        ("user", None, Some(user)) => Ok(Scope::User { user: name(user)? }),
        _ => Err(wrong()),
    }
}

fn view(suspension: &Suspension) -> SuspensionView {
    SuspensionView {
        scope: suspension.scope.to_string(),
        suspended: true,
        reason: Some(suspension.reason.clone()),
        by: Some(actor_name(&suspension.by)),
        since: Some(rfc3339(suspension.since)),
    }
}

fn resumed(scope: &Scope) -> SuspensionView {
    SuspensionView {
        scope: scope.to_string(),
        suspended: false,
        reason: None,
        by: None,
        since: None,
    }
}

/// A stop of somebody who does not exist stops nothing; in an emergency a slip must be seen.
async fn known(state: &ApiState, scope: &Scope) -> Result<(), Problem> {
    let Scope::User { user } = scope else { return Ok(()) };
    match state.store().user(user).await? {
        Some(_) => Ok(()),
        None => Err(refused(&Refusal::UnknownUser { user: user.clone() }, state.rules())),
    }
}
