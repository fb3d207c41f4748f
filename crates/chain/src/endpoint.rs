//! One way to a chain: a JSON-RPC endpoint over HTTP, bounded in time and size.
//!
//! Its URL may carry a key, so it is never shown: an endpoint is known by host and port. Whatever it does (HTML, endless
//! bodies, bytes that trickle) ends as a [`Fault`] within [`REQUEST_MILLIS_MAX`].

use std::fmt;
use std::sync::Once;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use adit_core::EndpointName;
use reqwest::Url;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::health::{Health, HealthReading};
use crate::json_rpc::{self, Answer, BATCH_CALLS_MAX, Call};
use crate::{Fault, vote};

/// Largest answer that is read. The receipts of a full block are a few megabytes.
pub const ANSWER_BYTES_MAX: usize = 32 * 1024 * 1024;
/// From the first byte sent to the last byte read.
pub const REQUEST_MILLIS_MAX: u64 = 10_000;
const CONNECT_MILLIS_MAX: u64 = 3_000;

/// One endpoint and what is known of its health.
pub struct Endpoint {
    name: EndpointName,
    url: Url,
    http: reqwest::Client,
    next_id: AtomicU64,
    pub(crate) health: Health,
}

/// Why a configured endpoint cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    #[error("endpoint number {position} is not an http or https URL with a host; write it like https://rpc.example.org/")]
    Url { position: usize },
    #[error("the HTTP client of {endpoint} cannot be made: {detail}")]
    Client { endpoint: EndpointName, detail: String },
}

impl Endpoint {
    /// All endpoints of a chain, with names that differ: a second one of the same host is called `host:443#2`.
    ///
    /// # Errors
    /// [`EndpointError`], which names the position and never the URL.
    pub fn all(urls: &[String], time_max: Duration) -> Result<Vec<Self>, EndpointError> {
        let mut endpoints: Vec<Self> = Vec::with_capacity(urls.len());
        for (index, text) in urls.iter().enumerate() {
            let wrong = EndpointError::Url { position: index + 1 };
            let url = Url::parse(text.trim()).map_err(|_| wrong.clone())?;
            let base = host_and_port(&url).ok_or_else(|| wrong.clone())?;
            let same = endpoints.iter().filter(|other| host_and_port(&other.url).as_ref() == Some(&base)).count();
            let suffix = if same == 0 { String::new() } else { format!("#{}", same + 1) };
            let name = EndpointName::new(format!("{base}{suffix}")).map_err(|_| wrong)?;
            endpoints.push(Self::new(name, url, time_max)?);
        }
        Ok(endpoints)
    }

    fn new(name: EndpointName, url: Url, time_max: Duration) -> Result<Self, EndpointError> {
        let http = client(time_max).map_err(|error| EndpointError::Client { endpoint: name.clone(), detail: hidden(error) })?;
        Ok(Self { name, url, http, next_id: AtomicU64::new(1), health: Health::default() })
    }

    pub fn name(&self) -> &EndpointName {
        &self.name
    }

    pub fn reading(&self) -> HealthReading {
        self.health.reading(self.name.clone())
    }

    /// One question whose answer has the form `T`.
    ///
    /// # Errors
    /// [`Fault`]; an `error` answer is [`Fault::Refused`].
    pub async fn ask<T: DeserializeOwned>(&self, call: Call) -> Result<T, Fault> {
        let method = call.method;
        let answers = self.batch(std::slice::from_ref(&call)).await?;
        let answer = answers.into_iter().next().expect("one call has one answer");
        self.read(method, answer)
    }

    /// Many questions, in as few requests as the bound on a batch allows; their answers in the same order.
    ///
    /// # Errors
    /// [`Fault`] when any of the requests fails as a whole.
    pub async fn batch(&self, calls: &[Call]) -> Result<Vec<Answer>, Fault> {
        let mut answers = Vec::with_capacity(calls.len());
        for some in calls.chunks(BATCH_CALLS_MAX) {
            answers.extend(self.exchange(some).await?);
        }
        Ok(answers)
    }

    /// Gives an answer its form.
    ///
    /// # Errors
    /// [`Fault::Refused`] or [`Fault::Malformed`].
    pub fn read<T: DeserializeOwned>(&self, method: &str, answer: Answer) -> Result<T, Fault> {
        let value = answer.map_err(|error| self.refused(method, error.to_string()))?;
        T::deserialize(&value).map_err(|error| self.malformed(method, error.to_string()))
    }

    pub fn malformed(&self, method: &str, detail: String) -> Fault {
        Fault::Malformed { endpoint: self.name.clone(), method: method.to_owned(), detail }
    }

    pub fn refused(&self, method: &str, text: String) -> Fault {
        Fault::Refused { endpoint: self.name.clone(), method: method.to_owned(), text }
    }

    async fn exchange(&self, calls: &[Call]) -> Result<Vec<Answer>, Fault> {
        let first_id = self.next_id.fetch_add(calls.len() as u64, Ordering::Relaxed);
        let method = calls.first().map_or("", |call| call.method);
        let answers = match self.post(&json_rpc::request(calls, first_id)).await {
            Ok(body) => json_rpc::answers(&body, first_id, calls.len()).map_err(|detail| self.malformed(method, detail)),
            Err(detail) => Err(vote::unreachable(self.name.as_str(), 0, 1, format!("{method}: {detail}"))),
        };
        match &answers {
            Ok(_) => self.health.answered(),
            Err(fault) => self.health.failed(&fault.to_string()),
        }
        answers
    }

    async fn post(&self, request: &Value) -> Result<Vec<u8>, String> {
        let mut response = self.http.post(self.url.clone()).json(request).send().await.map_err(hidden)?;
        let status = response.status();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(hidden)? {
            if body.len() + chunk.len() > ANSWER_BYTES_MAX {
                return Err(format!("the answer is larger than {ANSWER_BYTES_MAX} bytes"));
            }
            body.extend_from_slice(&chunk);
        }
        // Some nodes answer an error object with status 4xx: what can be read as JSON-RPC is read.
        let looks_like_json = matches!(body.first(), Some(b'{' | b'['));
        if status.is_success() || looks_like_json { Ok(body) } else { Err(format!("HTTP status {status}")) }
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({})", self.name)
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

fn host_and_port(url: &Url) -> Option<String> {
    let http = matches!(url.scheme(), "http" | "https");
    let host = url.host_str().filter(|_| http)?;
    Some(format!("{host}:{}", url.port_or_known_default()?))
}

/// The error without the URL it would print, which may hold a key.
fn hidden(error: reqwest::Error) -> String {
    let timed_out = error.is_timeout();
    let error = error.without_url();
    let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
    if timed_out { "no full answer in time".to_owned() } else { format!("{error}{cause}") }
}

#[cfg(test)]
#[path = "endpoint_tests.rs"]
mod tests;
