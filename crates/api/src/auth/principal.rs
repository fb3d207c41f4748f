//! Somebody whose credential was checked, and what he may do.

use adit_core::{Actor, Credential, CredentialId, Reader, Role, Standing, Timestamp, UserId};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use crate::codes;
use crate::problem::Problem;

const UNNAMED: &str = "A service key speaks for nobody by itself; name the user as userId.";

/// Whoever the credential speaks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    pub actor: Actor,
    pub role: Role,
    /// The key of ours that they used; none for a provider's token.
    pub key: Option<CredentialId>,
    /// From when on their key or token is refused.
    pub ends: Option<Timestamp>,
}

/// Anybody with a valid credential.
pub struct Caller(pub Principal);
/// A host application, or more.
pub struct Service(pub Principal);
/// A person who runs this instance.
pub struct Admin(pub Principal);

impl Principal {
    /// None where the credential is revoked or expired, or says that it speaks for a user and does
    /// not say for whom.
    pub fn of_credential(credential: &Credential, now: Timestamp) -> Option<Self> {
        let actor = match credential.standing(now) {
            Standing::Standing => credential.actor()?,
            Standing::Expired | Standing::Revoked => return None,
        };
        Some(Self {
            actor,
            role: credential.role,
            key: Some(credential.id),
            ends: credential.expires_at,
        })
    }

    /// A user whom a provider's token names, which is refused from `ends` on.
    pub fn of_user(user: UserId, ends: Option<Timestamp>) -> Self {
        Self { actor: Actor::User { user }, role: Role::User, key: None, ends }
    }

    /// How much of a withdrawal's explanation they see.
    pub fn reader(&self) -> Reader {
        Reader::of(&self.actor)
    }

    /// Himself, where he is a user.
    pub fn own(&self) -> Option<&UserId> {
        match &self.actor {
            Actor::User { user } => Some(user),
            Actor::Service { .. } | Actor::Admin { .. } | Actor::Engine => None,
        }
    }

    /// The user whom a body is about: a user only himself, a service whom it names.
    ///
    /// # Errors
    /// `FORBIDDEN` when a user names anybody, himself included; `INVALID_BODY` when a service names
    /// nobody.
    pub fn in_body(&self, named: Option<UserId>) -> Result<UserId, Problem> {
        self.on_behalf_of(named, || {
            Problem::new(&codes::INVALID_BODY, UNNAMED).with("field", "userId")
        })
    }

    /// The same for a request without a body.
    ///
    /// # Errors
    /// `FORBIDDEN` when a user names anybody, himself included; `INVALID_QUERY` when a service
    /// names nobody.
    pub fn in_query(&self, named: Option<UserId>) -> Result<UserId, Problem> {
        self.on_behalf_of(named, || {
            Problem::new(&codes::INVALID_QUERY, UNNAMED).with("parameter", "userId")
        })
    }

    fn on_behalf_of(
        &self,
        named: Option<UserId>,
        unnamed: impl FnOnce() -> Problem,
    ) -> Result<UserId, Problem> {
        match (self.own(), named) {
            (Some(own), None) => Ok(own.clone()),
            (Some(_), Some(_)) => {
                let detail = "Only a service key may name a userId. Leave it out: your credential says who \
                     you are.";
                Err(Problem::new(&codes::FORBIDDEN, detail).with("field", "userId"))
            }
            (None, Some(named)) => Ok(named),
            (None, None) => Err(unnamed()),
        }
    }

    /// Whose rows a list shows: a user's own, or of whomever a service names, or everybody's.
    ///
    /// # Errors
    /// `FORBIDDEN` when a user names anybody.
    pub fn scope(&self, named: Option<UserId>) -> Result<Option<UserId>, Problem> {
        match self.own() {
            Some(_) => self.in_query(named).map(Some),
            None => Ok(named),
        }
    }

    /// Whether a row of `user` exists for this caller. Where it does not, it is *not found*: an
    /// answer that says more would tell strangers which ids exist.
    pub fn may_see(&self, user: &UserId) -> bool {
        self.own().is_none_or(|own| own == user)
    }

    fn at_least(self, least: Role) -> Result<Self, Problem> {
        if self.role >= least {
            return Ok(self);
        }
        let needed = match least {
            Role::User => "any",
            Role::Service => "a service",
            Role::Admin => "an admin",
        };
        Err(Problem::new(&codes::FORBIDDEN, format!("This needs {needed} key.")))
    }
}

fn principal(parts: &Parts) -> Result<Principal, Problem> {
    parts.extensions.get::<Principal>().cloned().ok_or_else(|| {
        let detail =
            "Send an API key or a token of your sign-in provider: Authorization: Bearer <token>.";
        Problem::new(&codes::UNAUTHENTICATED, detail)
    })
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        principal(parts).map(Self)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Service {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        principal(parts)?.at_least(Role::Service).map(Self)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Admin {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        principal(parts)?.at_least(Role::Admin).map(Self)
    }
}
