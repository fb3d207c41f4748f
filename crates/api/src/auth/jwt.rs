//! Signed tokens of an external provider (RFC 7519): issuer, audience and algorithms are pinned,
//! keys come from its JWKS.

use std::collections::BTreeMap;
use std::sync::Arc;

use adit_core::{Actor, Command, Hash32, Span, Timestamp, UserId};
use jsonwebtoken::dangerous::insecure_decode_claims;
use jsonwebtoken::{DecodingKey, Validation, decode, decode_header};
use serde_json::{Map, Value};

use super::jwks::Jwks;
use super::{Principal, wallets};
use crate::codes;
use crate::problem::Problem;
use crate::settings::{JwtProvider, SettingsError};
use crate::state::ApiState;

/// How long a checked token is not checked again, and so the longest that a token works after its
/// end.
const REMEMBERED_SECONDS: u64 = 30;
/// How far the provider's clock may be off.
const LEEWAY_SECONDS: u64 = 30;

type Claims = Map<String, Value>;

/// Every provider whose tokens count.
pub struct JwtDesk {
    providers: BTreeMap<String, Provider>,
}

struct Provider {
    settings: JwtProvider,
    keys: Arc<Jwks>,
}

impl JwtDesk {
    /// # Errors
    /// [`SettingsError::Client`].
    pub fn new(providers: &[JwtProvider]) -> Result<Self, SettingsError> {
        let provider = |settings: &JwtProvider| {
            let keys = Arc::new(Jwks::new(&settings.keys)?);
            Ok((settings.issuer.clone(), Provider { settings: settings.clone(), keys }))
        };
        Ok(Self { providers: providers.iter().map(provider).collect::<Result<_, _>>()? })
    }

    /// Whether the token looks like one of a provider: header, claims and signature.
    pub fn reads(&self, token: &str) -> bool {
        !self.providers.is_empty() && token.bytes().filter(|byte| *byte == b'.').count() == 2
    }

    /// Checks the token; makes the user known and links the wallets that the provider vouches for.
    ///
    /// # Errors
    /// `UNAUTHENTICATED`; `SIGN_IN_UNAVAILABLE` when the provider's keys cannot be read.
    pub async fn sign_in(
        &self,
        state: &ApiState,
        token: &str,
        hash: Hash32,
    ) -> Result<Principal, Problem> {
        let now = state.now();
        let (provider, claims) = self.check(token, now).await?;
        let subject = claims.get(&provider.user_claim).and_then(Value::as_str);
        let user = subject.and_then(|subject| self.user(provider, subject));
        let user = user.ok_or_else(|| {
            refused(&format!("its claim {:?} is not a user id", provider.user_claim))
        })?;
        let principal = Principal::of_user(user.clone(), ends_at(&claims));
        introduce(state, &user, &provider.wallets(&claims)).await?;
        state.keys().remember(hash, principal.clone(), remembered_until(&claims, now), now);
        Ok(principal)
    }

    /// None for a name that no user of this provider may have: also one that begins as those of
    /// another provider do.
    fn user(&self, provider: &JwtProvider, subject: &str) -> Option<UserId> {
        let mut others = self
            .providers
            .values()
            .map(|other| &other.settings)
            .filter(|other| other.issuer != provider.issuer);
        let is_anothers = |other: &JwtProvider| {
            !other.user_prefix.is_empty() && subject.starts_with(&other.user_prefix)
        };
        if provider.user_prefix.is_empty() && others.any(is_anothers) {
            return None;
        }
        UserId::new(format!("{}{subject}", provider.user_prefix))
            .ok()
            .filter(|_| !subject.is_empty())
    }

    async fn check(&self, token: &str, now: Timestamp) -> Result<(&JwtProvider, Claims), Problem> {
        let header = decode_header(token).map_err(|_| refused("its header cannot be read"))?;
        let unchecked: Claims =
            insecure_decode_claims(token).map_err(|_| refused("its claims cannot be read"))?;
        let issuer = unchecked.get("iss").and_then(Value::as_str).unwrap_or_default();
        let Provider { settings, keys } = self
            .providers
            .get(issuer)
            .ok_or_else(|| refused("its issuer is not configured here"))?;
        if !settings.algorithms.contains(&header.alg) {
            return Err(refused(&format!(
                "its algorithm {:?} is not one of {:?}",
                header.alg, settings.algorithms
            )));
        }
        let key = keys
            .find(header.kid.as_deref(), now)
            .await?
            .ok_or_else(|| refused("its key is not one of the provider's"))?;
        let key = DecodingKey::from_jwk(&key).map_err(|_| refused("its key cannot be used"))?;
        let mut validation = Validation::new(header.alg);
        validation.set_issuer(&[&settings.issuer]);
        validation.set_audience(&settings.audiences);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.validate_nbf = true;
        validation.leeway = LEEWAY_SECONDS;
        let checked = decode::<Claims>(token, &key, &validation)
            .map_err(|error| refused(&error.to_string()))?;
        Ok((settings, checked.claims))
    }
}

impl JwtProvider {
    fn wallets(&self, claims: &Claims) -> Vec<String> {
        let Some(path) = &self.wallets_claim else { return Vec::new() };
        let mut parts = path.split('.');
        let found = parts.next().and_then(|first| claims.get(first));
        let found =
            parts.try_fold(found, |value, part| value.map(|value| value.get(part))).flatten();
        found.map(wallets::listed).unwrap_or_default()
    }
}

/// A provider's user exists here from his first request on. Wallets that cannot be linked (another
/// user's) are left out: the claim that needs one says so.
async fn introduce(state: &ApiState, user: &UserId, listed: &[String]) -> Result<(), Problem> {
    let (store, writer) = (state.store(), &state.engine().writer);
    let actor = Actor::User { user: user.clone() };
    let sheet = store.user(user).await?;
    if sheet.is_none() {
        // Not a PUT: between the look and this an admin may have given them a tier.
        let met = writer.submit(actor.clone(), Command::MeetUser { user: user.clone() }).await;
        met.map_err(|error| crate::refused::not_written(&error, state.rules()))?;
    }
    for address in wallets::parsed(state, listed) {
        let known = sheet
            .as_ref()
            .is_some_and(|sheet| sheet.wallets.iter().any(|link| link.address == address));
        if !known && store.wallet(&address).await?.is_none() {
            let linked = writer
                .submit(
                    actor.clone(),
                    Command::LinkWallet { user: user.clone(), address: address.clone() },
                )
                .await;
            if let Err(error) = linked {
                tracing::warn!(
                    %user,
                    wallet = %address,
                    %error,
                    "a wallet of the sign-in provider was not linked"
                );
            }
        }
    }
    Ok(())
}

fn remembered_until(claims: &Claims, now: Timestamp) -> Timestamp {
    let most = now.plus(Span::from_seconds(REMEMBERED_SECONDS));
    most.min(ends_at(claims).unwrap_or(now))
}

fn ends_at(claims: &Claims) -> Option<Timestamp> {
    claims.get("exp").and_then(Value::as_i64).map(Timestamp::from_seconds)
}

fn refused(why: &str) -> Problem {
    Problem::new(
        &codes::UNAUTHENTICATED,
        format!("The token of the sign-in provider is refused: {why}. Sign in again."),
    )
}
