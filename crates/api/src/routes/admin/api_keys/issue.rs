//! `POST /api/admin/api-keys`: a new key. Its secret is shown once; only its hash is kept.

use adit_core::{ClientId, Command, Credential, CredentialId, Role, Span, Timestamp, UserId};
use adit_store::CredentialFilter;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ApiKey;
use crate::auth::{Principal, Service, hash_token, new_token};
use crate::codes;
use crate::docs::shapes::{ClientName, Label, RoleName, Time, UserName};
use crate::extract::{Body, invalid_name, name};
use crate::problem::Problem;
use crate::refused::not_written;
use crate::routes::withdrawals::cancel::printable;
use crate::state::ApiState;
use crate::units::{parse_time, rfc3339};

/// Longest label.
const LABEL_CHARS_MAX: usize = 100;
/// Longest life of a key that expires.
const LIFE_MAX: Span = Span::from_seconds(10 * 366 * 86_400);

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ApiKeyBody {
    /// `user`; an admin key may also create `service` and `admin`.
    #[schema(value_type = RoleName)]
    role: Role,
    /// Whose key it is, for `service` and `admin`: a name of your choice, or a client that has keys
    /// already. A user key is its user's.
    #[schema(value_type = Option<ClientName>)]
    client: Option<String>,
    /// For whom a user key speaks.
    #[schema(value_type = Option<UserName>)]
    user_id: Option<String>,
    /// What it is for; up to 100 characters.
    #[schema(value_type = Option<Label>)]
    label: Option<String>,
    /// From when on it is refused: at most ten years ahead. Without it the key does not expire.
    #[schema(value_type = Option<Time>)]
    expires_at: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewApiKey {
    /// Shown this once. `Authorization: Bearer <token>`.
    token: String,
    #[serde(flatten)]
    key: ApiKey,
}

/// A key that is about to be made.
pub struct Wish {
    pub role: Role,
    pub client: Option<ClientId>,
    pub user: Option<UserId>,
    pub label: Option<String>,
    pub expires_at: Option<Timestamp>,
}

/// Creates an API key
#[utoipa::path(post, path = "/api/admin/api-keys", operation_id = "issue_api_key", tag = "Admin", request_body = ApiKeyBody,
    responses((status = 201, body = NewApiKey), (status = 403, description = "FORBIDDEN: a service \
        key creates user keys only"),
        (status = 404, description = "USER_UNKNOWN"), (status = 422, description = "INVALID_NAME")))]
pub async fn issue(
    State(state): State<ApiState>,
    Service(caller): Service,
    Body(body): Body<ApiKeyBody>,
) -> Result<(StatusCode, Json<NewApiKey>), Problem> {
    let user = body.user_id.as_deref().map(name::<UserId>).transpose()?;
    let expires_at = body.expires_at.as_deref().map(|text| end(text, state.now())).transpose()?;
    let (client, user) = match body.role {
        Role::User => (
            no_client(body.client.as_deref())?,
            Some(user.ok_or_else(|| missing("userId", "the user for whom it speaks"))?),
        ),
        Role::Service | Role::Admin => {
            no_user(user.as_ref())?;
            let client = body
                .client
                .ok_or_else(|| missing("client", "whose key it is, a name such as \"shop\""))?;
            (Some(known_client(&state, &client).await?), None)
        }
    };
    let wish = Wish { role: body.role, client, user, label: body.label, expires_at };
    let (token, credential) = make(&state, &caller, wish).await?;
    let record = adit_store::CredentialRecord { credential, last_used_at: None };
    Ok((
        StatusCode::CREATED,
        Json(NewApiKey { token, key: ApiKey::of(&record, state.now(), &caller) }),
    ))
}

/// Makes the key and commits it. Returns its secret, which is kept nowhere.
///
/// # Errors
/// `FORBIDDEN` where a service asks for more than a user key; `INVALID_BODY` for a label;
/// `USER_UNKNOWN`.
pub async fn make(
    state: &ApiState,
    caller: &Principal,
    wish: Wish,
) -> Result<(String, Credential), Problem> {
    if wish.role != Role::User && caller.role != Role::Admin {
        return Err(Problem::new(&codes::FORBIDDEN, "A service key creates user keys only.")
            .with("field", "role"));
    }
    let label = wish.label.unwrap_or_else(|| {
        wish.user.as_ref().map_or_else(String::new, |user| format!("of {user}"))
    });
    printable("label", &label)?;
    if label.chars().count() > LABEL_CHARS_MAX {
        let detail = format!("label has more than the allowed {LABEL_CHARS_MAX} characters.");
        return Err(Problem::new(&codes::INVALID_BODY, detail).with("field", "label"));
    }
    let ports = &state.engine().ports;
    let token = new_token(secret(state));
    let key = Credential::new(
        CredentialId(ports.uuid()),
        hash_token(&token),
        wish.role,
        wish.user,
        state.now(),
    );
    let client = wish.client.unwrap_or_else(|| key.client.clone());
    let credential = Credential { client, label, expires_at: wish.expires_at, ..key };
    let command = Command::IssueCredential { credential: credential.clone() };
    let written = state.engine().writer.submit(caller.actor.clone(), command).await;
    written.map_err(|error| not_written(&error, state.rules()))?;
    Ok((token, credential))
}

/// A name alone is one of a named client. Any other must have keys already: those of before clients
/// are `key/ID`.
async fn known_client(state: &ApiState, text: &str) -> Result<ClientId, Problem> {
    if let Some(known) =
        text.strip_prefix("client/").or_else(|| (!text.contains('/')).then_some(text))
    {
        return ClientId::named(known).map_err(invalid_name);
    }
    let client: ClientId = name(text)?;
    let filter = CredentialFilter { client: Some(client.clone()), ..CredentialFilter::default() };
    let known = state.store().credentials(&filter, None, 1).await?;
    if known.iter().any(|record| record.credential.role != Role::User) {
        return Ok(client);
    }
    let detail = format!(
        "The client {text:?} has no service or admin key. Allowed is one that has, or a name: 1 to \
         32 of a-z, 0-9, '-', '_'."
    );
    Err(Problem::new(&codes::INVALID_NAME, detail).with("field", "client"))
}

fn end(text: &str, now: Timestamp) -> Result<Timestamp, Problem> {
    let latest = now.plus(LIFE_MAX);
    let fits = |at: &Timestamp| *at > now && *at <= latest;
    parse_time(text).filter(fits).ok_or_else(|| {
        let got: String = text.chars().take(64).collect();
        let detail = format!(
            "expiresAt is {got:?}; allowed is a time (RFC 3339) after now and up to {}.",
            rfc3339(latest)
        );
        Problem::new(&codes::INVALID_BODY, detail).with("field", "expiresAt")
    })
}

fn missing(field: &'static str, what: &str) -> Problem {
    Problem::new(&codes::INVALID_BODY, format!("{field} is missing: {what}.")).with("field", field)
}

fn no_client(client: Option<&str>) -> Result<Option<ClientId>, Problem> {
    match client {
        None => Ok(None),
        Some(_) => Err(Problem::new(
            &codes::INVALID_BODY,
            "A user key belongs to its user; leave client out.",
        )
        .with("field", "client")),
    }
}

fn no_user(user: Option<&UserId>) -> Result<(), Problem> {
    match user {
        None => Ok(()),
        Some(_) => {
            let detail =
                "A service or admin key speaks for nobody in particular; leave userId out.";
            Err(Problem::new(&codes::INVALID_BODY, detail).with("field", "userId"))
        }
    }
}

fn secret(state: &ApiState) -> [u8; 32] {
    let entropy = &state.engine().ports.entropy;
    let mut secret = [0; 32];
    secret[..16].copy_from_slice(&entropy.bytes());
    secret[16..].copy_from_slice(&entropy.bytes());
    secret
}
