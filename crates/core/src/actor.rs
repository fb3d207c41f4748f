//! Who asked: written into every event.

use serde::{Deserialize, Serialize};

use crate::{ClientId, CredentialId, UserId};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "actor", from = "Written")]
pub enum Actor {
    User {
        user: UserId,
    },
    /// A host application, by one of its keys.
    Service {
        client: ClientId,
        credential: CredentialId,
    },
    /// A person who runs this instance, by one of their keys.
    Admin {
        client: ClientId,
        credential: CredentialId,
    },
    /// The engine itself.
    Engine,
}

impl Actor {
    /// An admin's key that belongs to no named client.
    pub fn admin(credential: CredentialId) -> Self {
        Self::Admin { client: ClientId::of_key(credential), credential }
    }

    /// A host application's key that belongs to no named client.
    pub fn service(credential: CredentialId) -> Self {
        Self::Service { client: ClientId::of_key(credential), credential }
    }

    /// Returns the scope of idempotency keys, and whom approvals and releases tell apart: two
    /// clients never share one.
    pub fn client(&self) -> ClientId {
        match self {
            Self::User { user } => ClientId::of_user(user),
            Self::Service { client, .. } | Self::Admin { client, .. } => client.clone(),
            Self::Engine => ClientId::engine(),
        }
    }

    pub fn is_operator(&self) -> bool {
        match self {
            Self::Admin { .. } | Self::Service { .. } | Self::Engine => true,
            Self::User { .. } => false,
        }
    }
}

/// An actor as rows have it: those of before clients name none.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case", tag = "actor")]
enum Written {
    User { user: UserId },
    Service { client: Option<ClientId>, credential: CredentialId },
    Admin { client: Option<ClientId>, credential: CredentialId },
    Engine,
}

impl From<Written> for Actor {
    fn from(written: Written) -> Self {
        match written {
            Written::User { user } => Self::User { user },
            Written::Service { client: Some(client), credential } => {
                Self::Service { client, credential }
            }
            Written::Service { client: None, credential } => Self::service(credential),
            Written::Admin { client: Some(client), credential } => {
                Self::Admin { client, credential }
            }
            Written::Admin { client: None, credential } => Self::admin(credential),
            Written::Engine => Self::Engine,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_actor_of_before_clients_is_a_client_of_its_own() {
        let row = r#"{"actor":"admin","credential":"01890a5d-ac96-774b-bcce-b302099a8057"}"#;
        let actor: Actor = serde_json::from_str(row).expect("a row of before");
        assert_eq!(actor.client().as_str(), "key/01890a5d-ac96-774b-bcce-b302099a8057");
        let again = serde_json::to_string(&actor).expect("it is written");
        assert_eq!(serde_json::from_str::<Actor>(&again).expect("it is read"), actor);
    }
}
