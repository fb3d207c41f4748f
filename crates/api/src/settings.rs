//! What is configured about HTTP.

use jsonwebtoken::Algorithm;
use jsonwebtoken::jwk::JwkSet;

/// Everything about HTTP that is configured. [`ApiSettings::default`] holds the careful choices.
#[derive(Clone)]
pub struct ApiSettings {
    /// Web origins that browsers may call from, such as `https://app.example.org`. Empty: none.
    pub cors_origins: Vec<String>,
    /// Requests that one credential, or one address without one, may make per second in the long
    /// run.
    pub requests_per_second: u32,
    /// Requests that it may make at once.
    pub requests_burst: u32,
    /// Longest body of an ordinary request.
    pub body_bytes_max: usize,
    /// Longest body of a bulk import.
    pub import_bytes_max: usize,
    /// A proxy in front appends the caller's address to `X-Forwarded-For`; without one anybody
    /// could write it.
    pub behind_proxy: bool,
    pub membership: Membership,
    pub jwt_providers: Vec<JwtProvider>,
    /// Live connections in all, and of one user.
    pub live_connections_max: usize,
    pub live_connections_per_user_max: usize,
}

/// Who may claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Membership {
    /// Only members of the lock.
    Required,
    /// Everybody.
    Open,
    /// Everybody; members have this tier, unless they have one already.
    Tiered { tier: adit_core::Tier },
}

/// An external provider whose signed tokens sign users in (Privy, Supabase and alike).
#[derive(Clone)]
pub struct JwtProvider {
    /// `iss`, compared byte by byte. Privy: `privy.io`. Supabase:
    /// `https://<project>.supabase.co/auth/v1`.
    pub issuer: String,
    /// `aud`: one of these. Privy: the app's id. Supabase: `authenticated`.
    pub audiences: Vec<String>,
    /// Nothing else is accepted, whatever the token's header says. Privy and Supabase: ES256.
    pub algorithms: Vec<Algorithm>,
    pub keys: JwksSource,
    /// The claim that is the user's id here: `sub` unless the application says otherwise.
    pub user_claim: String,
    /// Stands before it, so that the accounts of two providers are never one. One provider may have
    /// none, so that accounts of before stay.
    pub user_prefix: String,
    /// The claim that lists the user's wallets, its parts joined by points (`linked_accounts`,
    /// `app_metadata.wallets`). It must be one that only the provider can write: Supabase lets
    /// users write `user_metadata` themselves.
    pub wallets_claim: Option<String>,
}

/// Where a provider's public keys come from.
#[derive(Clone)]
pub enum JwksSource {
    /// `https://auth.privy.io/api/v1/apps/<app>/jwks.json`,
    /// `https://<project>.supabase.co/auth/v1/.well-known/jwks.json`.
    Url(String),
    Inline(JwkSet),
}

impl Default for ApiSettings {
    fn default() -> Self {
        Self {
            cors_origins: Vec::new(),
            requests_per_second: 20,
            requests_burst: 60,
            body_bytes_max: 64 * 1024,
            import_bytes_max: 16 * 1024 * 1024,
            behind_proxy: false,
            membership: Membership::Open,
            jwt_providers: Vec::new(),
            live_connections_max: 10_000,
            live_connections_per_user_max: 8,
        }
    }
}

/// Why settings cannot be used. Nothing starts then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    #[error(
        "cors_origins holds {got:?}; it must be an origin like https://app.example.org, without a \
         path and without *"
    )]
    Origin { got: String },
    #[error("requests_per_second and requests_burst must be 1 or more, and {name} is 0")]
    Rate { name: &'static str },
    #[error("the sign-in provider {issuer:?} has no {what}; it must be pinned")]
    Provider { issuer: String, what: &'static str },
    #[error(
        "the sign-in provider {issuer:?} may use {got:?}; only algorithms with a public key are \
         possible: ES256, ES384, RS256 to RS512, PS256 to PS512, EdDSA"
    )]
    Algorithm { issuer: String, got: String },
    #[error("the sign-in provider {issuer:?} is configured twice; each has one table")]
    SameProvider { issuer: String },
    #[error(
        "the sign-in providers {one:?} and {other:?} could have one user each of the same name; give each a user_prefix, of which none begins \
         with another, and leave out at most one"
    )]
    SamePrefix { one: String, other: String },
    #[error("the client for sign-in keys cannot be made: {detail}")]
    Client { detail: String },
}

impl ApiSettings {
    /// # Errors
    /// [`SettingsError`], naming what is wrong and what is allowed.
    pub fn check(&self) -> Result<(), SettingsError> {
        for origin in &self.cors_origins {
            let host = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
            let fine = host.is_some_and(|host| {
                !host.is_empty() && !host.contains(['/', '*', ' ']) && host.is_ascii()
            });
            if !fine {
                return Err(SettingsError::Origin { got: origin.clone() });
            }
        }
        for (name, value) in [
            ("requests_per_second", self.requests_per_second),
            ("requests_burst", self.requests_burst),
        ] {
            if value == 0 {
                return Err(SettingsError::Rate { name });
            }
        }
        self.jwt_providers.iter().try_for_each(JwtProvider::check)?;
        let after = |index: usize| &self.jwt_providers[index + 1..];
        self.jwt_providers.iter().enumerate().try_for_each(|(index, one)| {
            after(index).iter().try_for_each(|other| one.is_apart_from(other))
        })
    }
}

impl JwtProvider {
    /// No user of one is a user of the other. One without a prefix may stand beside others: its
    /// users named like theirs are refused.
    fn is_apart_from(&self, other: &Self) -> Result<(), SettingsError> {
        if self.issuer == other.issuer {
            return Err(SettingsError::SameProvider { issuer: self.issuer.clone() });
        }
        let (first, second) = (self.user_prefix.as_str(), other.user_prefix.as_str());
        let clash = match (first.is_empty(), second.is_empty()) {
            (true, true) => true,
            (false, false) => first.starts_with(second) || second.starts_with(first),
            (true, false) | (false, true) => false,
        };
        if clash {
            Err(SettingsError::SamePrefix { one: self.issuer.clone(), other: other.issuer.clone() })
        } else {
            Ok(())
        }
    }

    fn check(&self) -> Result<(), SettingsError> {
        let missing = |what| Err(SettingsError::Provider { issuer: self.issuer.clone(), what });
        if self.issuer.is_empty() {
            return missing("issuer");
        }
        if self.audiences.is_empty() {
            return missing("audience");
        }
        if self.algorithms.is_empty() {
            return missing("algorithm");
        }
        match self.algorithms.iter().find(|algorithm| {
            matches!(algorithm, Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512)
        }) {
            Some(shared) => Err(SettingsError::Algorithm {
                issuer: self.issuer.clone(),
                got: format!("{shared:?}"),
            }),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_origins() {
        let with = |origin: &str| {
            ApiSettings { cors_origins: vec![origin.to_owned()], ..ApiSettings::default() }.check()
        };
        assert_eq!(with("https://app.example.org"), Ok(()));
        assert_eq!(with("http://localhost:5173"), Ok(()));
        for origin in ["*", "https://*", "https://a.example/", "app.example.org", "", "https://"] {
            assert!(matches!(with(origin), Err(SettingsError::Origin { .. })), "{origin:?}");
        }
    }
}
