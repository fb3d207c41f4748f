//! How a question travels to an endpoint and its answer back: bytes, bounded in time and size.

use std::sync::Once;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::Url;
use serde_json::Value;

/// Largest answer that is read. The receipts of a full block are a few megabytes.
pub const ANSWER_BYTES_MAX: usize = 32 * 1024 * 1024;
/// From the first byte sent to the last byte read.
pub const REQUEST_MILLIS_MAX: u64 = 10_000;
const CONNECT_MILLIS_MAX: u64 = 3_000;

/// One way to one endpoint.
#[async_trait]
pub trait Wire: Send + Sync + 'static {
    /// Carries a JSON-RPC request there and gives the body of what came back.
    ///
    /// # Errors
    /// [`WireFault`]. Whether the other side has seen the request is then unknown.
    async fn exchange(&self, request: &Value) -> Result<Vec<u8>, WireFault>;
}

/// Why there is no body to read, in words without secrets.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WireFault {
    /// Nothing whole came back: no connection, a broken one, or silence. The same question may fare better.
    #[error("{0}")]
    NoAnswer(String),
    /// Something answered that will not say it differently at once.
    #[error("{0}")]
    Useless(String),
}

/// HTTP or HTTPS. The URL may carry a key, so it is never shown.
pub(crate) struct Http {
    url: Url,
    client: reqwest::Client,
}

impl Http {
    /// # Errors
    /// In words, when no client can be made.
    pub(crate) fn new(url: Url, time_max: Duration) -> Result<Self, String> {
        Ok(Self { url, client: client(time_max).map_err(|error| hidden(error).to_string())? })
    }
}

#[async_trait]
impl Wire for Http {
    async fn exchange(&self, request: &Value) -> Result<Vec<u8>, WireFault> {
        let mut response = self.client.post(self.url.clone()).json(request).send().await.map_err(hidden)?;
        let status = response.status();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(hidden)? {
            if body.len() + chunk.len() > ANSWER_BYTES_MAX {
                return Err(WireFault::Useless(format!("the answer is larger than {ANSWER_BYTES_MAX} bytes")));
            }
            body.extend_from_slice(&chunk);
        }
        // Some nodes answer an error object with status 4xx: what can be read as JSON-RPC is read.
        let looks_like_json = matches!(body.first(), Some(b'{' | b'['));
        if status.is_success() || looks_like_json { Ok(body) } else { Err(WireFault::Useless(format!("HTTP status {status}"))) }
    }
}

/// An HTTP client that follows no redirects (they would carry the question elsewhere) and uses no proxy of the environment.
fn client(time_max: Duration) -> Result<reqwest::Client, reqwest::Error> {
    static TLS: Once = Once::new();
    TLS.call_once(|| {
        // Another part of the process may have installed it before: either is right.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
    reqwest::Client::builder()
        .timeout(time_max)
        .connect_timeout(Duration::from_millis(CONNECT_MILLIS_MAX).min(time_max))
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()
}

/// The error without the URL it would print, which may hold a key.
fn hidden(error: reqwest::Error) -> WireFault {
    let timed_out = error.is_timeout();
    let error = error.without_url();
    let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
    WireFault::NoAnswer(if timed_out { "no full answer in time".to_owned() } else { format!("{error}{cause}") })
}
