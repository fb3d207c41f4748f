//! A provider's public keys (RFC 7517): fetched with bounds, remembered, and asked for again no oftener than a stranger may make us.

use std::time::Duration;

use adit_core::{Span, Timestamp};
use jsonwebtoken::jwk::{Jwk, JwkSet};
use tokio::sync::Mutex;

use crate::codes;
use crate::problem::Problem;
use crate::settings::{JwksSource, SettingsError};

/// Largest key set that is read.
const JWKS_BYTES_MAX: usize = 256 * 1024;
const FETCH_SECONDS_MAX: u64 = 5;
/// How long keys are used before they are read again.
const KEYS_AGE_SECONDS_MAX: u64 = 600;
/// Least time between two reads, also when a token names a key that is not known.
const FETCH_PAUSE_SECONDS: u64 = 30;

pub struct Jwks {
    url: Option<String>,
    http: Option<reqwest::Client>,
    keys: Mutex<Keys>,
}

#[derive(Default)]
struct Keys {
    set: Option<JwkSet>,
    read_at: Timestamp,
    tried_at: Option<Timestamp>,
}

impl Jwks {
    /// # Errors
    /// [`SettingsError::Client`].
    pub fn new(source: &JwksSource) -> Result<Self, SettingsError> {
        match source {
            JwksSource::Inline(set) => {
                Ok(Self { url: None, http: None, keys: Mutex::new(Keys { set: Some(set.clone()), ..Keys::default() }) })
            }
            JwksSource::Url(url) => Ok(Self { url: Some(url.clone()), http: Some(client()?), keys: Mutex::default() }),
        }
    }

    /// The key of that id; where a token names none and the set holds one key, that.
    ///
    /// # Errors
    /// `SIGN_IN_UNAVAILABLE` when no keys are known and none can be read.
    pub async fn find(&self, kid: Option<&str>, now: Timestamp) -> Result<Option<Jwk>, Problem> {
        let mut keys = self.keys.lock().await;
        let stale = now.since(keys.read_at).seconds() >= KEYS_AGE_SECONDS_MAX || keys.set.is_none();
        let missing = keys.named(kid).is_none();
        let may_ask = keys.tried_at.is_none_or(|at| now >= at.plus(Span::from_seconds(FETCH_PAUSE_SECONDS)));
        if let (true, Some(url), Some(http)) = ((stale || missing) && may_ask, &self.url, &self.http) {
            keys.tried_at = Some(now);
            match fetch(http, url).await {
                Ok(set) => (keys.set, keys.read_at) = (Some(set), now),
                Err(error) => tracing::warn!(url, error, "the sign-in provider's keys could not be read"),
            }
        }
        if keys.set.is_none() {
            let detail = "The sign-in provider's keys cannot be read now. Try again, or use an API key.";
            return Err(Problem::new(&codes::SIGN_IN_UNAVAILABLE, detail).retry_after(FETCH_PAUSE_SECONDS));
        }
        Ok(keys.named(kid).cloned())
    }
}

impl Keys {
    fn named(&self, kid: Option<&str>) -> Option<&Jwk> {
        let set = self.set.as_ref()?;
        match kid {
            Some(kid) => set.find(kid),
            None => set.keys.first().filter(|_| set.keys.len() == 1),
        }
    }
}

fn client() -> Result<reqwest::Client, SettingsError> {
    let _installed_before = rustls::crypto::ring::default_provider().install_default();
    let builder = reqwest::Client::builder()
        .user_agent(adit_chain::USER_AGENT)
        .timeout(Duration::from_secs(FETCH_SECONDS_MAX))
        .redirect(reqwest::redirect::Policy::none());
    builder.build().map_err(|error| SettingsError::Client { detail: error.to_string() })
}

async fn fetch(http: &reqwest::Client, url: &str) -> Result<JwkSet, String> {
    let answer = http.get(url).send().await.and_then(reqwest::Response::error_for_status);
    let mut answer = answer.map_err(|error| error.to_string())?;
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| error.to_string())? {
        if body.len() + chunk.len() > JWKS_BYTES_MAX {
            return Err(format!("more than {JWKS_BYTES_MAX} bytes"));
        }
        body.extend_from_slice(&chunk);
    }
    serde_json::from_slice(&body).map_err(|error| error.to_string())
}
