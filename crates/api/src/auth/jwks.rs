//! A provider's public keys (RFC 7517): fetched with bounds, remembered, and asked for again no
//! oftener than a stranger may make us.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use adit_core::{Span, Timestamp};
use jsonwebtoken::jwk::{Jwk, JwkSet};

use crate::codes;
use crate::problem::Problem;
use crate::settings::{JwksSource, SettingsError};

/// Largest key set that is read.
const JWKS_BYTES_MAX: usize = 256 * 1024;
const FETCH_SECONDS_MAX: u64 = 5;
/// How long keys are used before they are read again.
const KEYS_AGE_SECONDS_MAX: u64 = 600;
/// Older ones are used only where the provider does not answer: it may have withdrawn one.
const KEYS_TRUSTED_SECONDS_MAX: u64 = 3_600;
/// Least time between two reads, also when a token names a key that is not known.
const FETCH_PAUSE_SECONDS: u64 = 30;

/// One provider's keys. Whoever names a key that is known never waits for the provider.
pub struct Jwks {
    source: Arc<Source>,
}

struct Source {
    remote: Option<Remote>,
    keys: Mutex<Keys>,
    /// Held while they are read: by one at a time.
    reading: tokio::sync::Mutex<()>,
}

struct Remote {
    url: String,
    http: reqwest::Client,
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
        let (remote, set) = match source {
            JwksSource::Inline(set) => (None, Some(set.clone())),
            JwksSource::Url(url) => (Some(Remote { url: url.clone(), http: client()? }), None),
        };
        let keys = Mutex::new(Keys { set, ..Keys::default() });
        Ok(Self {
            source: Arc::new(Source { remote, keys, reading: tokio::sync::Mutex::default() }),
        })
    }

    /// The key of that id; where a token names none and the set holds one key, that.
    ///
    /// # Errors
    /// `SIGN_IN_UNAVAILABLE` when no keys are known and none can be read.
    pub async fn find(&self, kid: Option<&str>, now: Timestamp) -> Result<Option<Jwk>, Problem> {
        let (known, age_seconds) = {
            let keys = self.source.keys();
            (keys.named(kid).cloned(), now.since(keys.read_at).seconds())
        };
        match known {
            Some(key) if age_seconds < KEYS_AGE_SECONDS_MAX => return Ok(Some(key)),
            Some(key) if age_seconds < KEYS_TRUSTED_SECONDS_MAX => {
                tokio::spawn(read_again(self.source.clone(), now));
                return Ok(Some(key));
            }
            Some(_) | None => read_again(self.source.clone(), now).await,
        }
        let keys = self.source.keys();
        if keys.set.is_none() {
            let detail =
                "The sign-in provider's keys cannot be read now. Try again, or use an API key.";
            return Err(
                Problem::new(&codes::SIGN_IN_UNAVAILABLE, detail).retry_after(FETCH_PAUSE_SECONDS)
            );
        }
        Ok(keys.named(kid).cloned())
    }
}

/// Reads them, unless somebody has just tried.
async fn read_again(source: Arc<Source>, now: Timestamp) {
    let Some(Remote { url, http }) = &source.remote else { return };
    let _one = source.reading.lock().await;
    if !source.keys().may_try(now) {
        return;
    }
    match fetch(http, url).await {
        Ok(set) => {
            let mut keys = source.keys();
            (keys.set, keys.read_at) = (Some(set), now);
        }
        Err(error) => tracing::warn!(url, error, "the sign-in provider's keys could not be read"),
    }
}

impl Source {
    fn keys(&self) -> MutexGuard<'_, Keys> {
        self.keys.lock().expect("nothing panics while it holds this lock")
    }
}

impl Keys {
    /// Notes a try, where the last one is long enough ago.
    fn may_try(&mut self, now: Timestamp) -> bool {
        let may =
            self.tried_at.is_none_or(|at| now >= at.plus(Span::from_seconds(FETCH_PAUSE_SECONDS)));
        if may {
            self.tried_at = Some(now);
        }
        may
    }

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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Instant;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    /// The example of RFC 8037, appendix A.2.
    const SET: &str = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"k1","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;

    /// Answers once, and never again; gives how often it was asked.
    async fn provider() -> (String, Arc<AtomicUsize>) {
        let asked = Arc::new(AtomicUsize::new(0));
        let counted = asked.clone();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/jwks.json", listener.local_addr().expect("bound"));
        tokio::spawn(async move {
            let (mut first, _) = listener.accept().await.expect("asked");
            counted.fetch_add(1, Ordering::SeqCst);
            let mut question = [0; 1_024];
            let _asked = first.read(&mut question).await;
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                SET.len()
            );
            first.write_all(format!("{head}{SET}").as_bytes()).await.expect("answered");
            let mut silent = Vec::new();
            while let Ok((socket, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                silent.push(socket);
            }
        });
        (url, asked)
    }

    /// A provider that takes longer than anybody waits for: good tokens are answered at once, also
    /// while others name keys that nobody knows; and it is asked once, whoever asks.
    #[tokio::test]
    async fn a_provider_that_is_slow_keeps_nobody_waiting_whose_key_is_known() {
        let (url, asked) = provider().await;
        let keys = Arc::new(Jwks::new(&JwksSource::Url(url)).expect("a client"));
        let at = |seconds: i64| Timestamp::from_seconds(1_795_348_800 + seconds);
        assert!(keys.find(Some("k1"), at(0)).await.expect("read").is_some());
        let began = Instant::now();
        let strangers: Vec<_> = (0..20)
            .map(|_| {
                let keys = keys.clone();
                tokio::spawn(async move { keys.find(Some("k2"), at(700)).await })
            })
            .collect();
        let found =
            futures::future::join_all((0..100).map(|_| keys.find(Some("k1"), at(700)))).await;
        assert!(found.iter().all(|key| matches!(key, Ok(Some(_)))));
        assert!(
            began.elapsed() < Duration::from_secs(FETCH_SECONDS_MAX) / 2,
            "{:?}",
            began.elapsed()
        );
        for stranger in strangers {
            assert!(matches!(stranger.await.expect("no panic"), Ok(None)), "nobody's key");
        }
        assert!(
            began.elapsed() < Duration::from_secs(FETCH_SECONDS_MAX) * 2,
            "they wait for one answer, not one after the other"
        );
        assert_eq!(asked.load(Ordering::SeqCst), 2, "at the start, and once since");
        let found =
            futures::future::join_all((0..100).map(|_| keys.find(Some("k1"), at(720)))).await;
        assert!(found.iter().all(|key| matches!(key, Ok(Some(_)))));
        tokio::task::yield_now().await;
        assert_eq!(asked.load(Ordering::SeqCst), 2, "not again so soon");
    }
}
