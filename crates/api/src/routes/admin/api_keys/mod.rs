//! API keys as those see them who give them out. What is shown never has a secret or its hash.

pub mod issue;
pub mod list;
pub mod revoke;

use adit_core::{Credential, CredentialId, Role, Standing, Timestamp};
use adit_store::{CredentialFilter, CredentialRecord};
use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::Principal;
use crate::docs::shapes::{ClientName, Id, KeyState, Label, RoleName, Time, UserName};
use crate::extract::no_key;
use crate::problem::Problem;
use crate::state::ApiState;
use crate::units::rfc3339;

/// An API key. Its secret was shown once.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApiKey {
    #[schema(value_type = Id)]
    id: String,
    /// Whose key it is. Idempotency keys, rates and approvals belong to the client.
    #[schema(value_type = ClientName)]
    client: String,
    #[schema(value_type = RoleName)]
    role: Role,
    /// For whom a user key speaks.
    #[schema(value_type = Option<UserName>)]
    user_id: Option<String>,
    #[schema(value_type = Label)]
    label: String,
    #[schema(value_type = Time)]
    created_at: String,
    /// To the minute, and up to a minute late.
    #[schema(value_type = Option<Time>)]
    last_used_at: Option<String>,
    #[schema(value_type = Option<Time>)]
    expires_at: Option<String>,
    #[schema(value_type = Option<Time>)]
    revoked_at: Option<String>,
    #[schema(value_type = KeyState)]
    state: Standing,
    /// Whether it is the key of this request.
    own: bool,
    /// Whether `ADIT_ADMIN_TOKEN` named it: another value there revokes it at the next start.
    from_environment: bool,
}

impl ApiKey {
    fn of(record: &CredentialRecord, now: Timestamp, caller: &Principal) -> Self {
        let CredentialRecord { credential: key, last_used_at } = record;
        Self {
            id: key.id.to_string(),
            client: key.client.to_string(),
            role: key.role,
            user_id: key.user.as_ref().map(ToString::to_string),
            label: key.label.clone(),
            created_at: rfc3339(key.created_at),
            last_used_at: last_used_at.map(rfc3339),
            expires_at: key.expires_at.map(rfc3339),
            revoked_at: key.revoked_at.map(rfc3339),
            state: key.standing(now),
            own: caller.key == Some(key.id),
            from_environment: key.from_environment,
        }
    }
}

/// A host application sees the keys of users alone.
fn may_see(caller: &Principal, key: &Credential) -> bool {
    caller.role == Role::Admin || key.role == Role::User
}

/// The key of this id, as far as the caller may see it.
async fn find(
    state: &ApiState,
    caller: &Principal,
    id: CredentialId,
) -> Result<CredentialRecord, Problem> {
    let filter = CredentialFilter { id: Some(id), ..CredentialFilter::default() };
    let found = state.store().credentials(&filter, None, 1).await?.pop();
    found.filter(|record| may_see(caller, &record.credential)).ok_or_else(no_key)
}
