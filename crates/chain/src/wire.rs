//! How a question travels to an endpoint and its answer back: bytes, bounded in time and size.

use std::sync::Once;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::{RequestBuilder, Url};

use crate::dated::{Dated, LastDate};
use crate::request::{Body, Request, Response, Verb};

/// Largest answer that is read. The receipts of a full block are a few megabytes; a full Bitcoin
/// block in hexadecimal is eight.
pub const ANSWER_BYTES_MAX: usize = 32 * 1024 * 1024;
/// From the first byte sent to the last byte read.
pub const REQUEST_MILLIS_MAX: u64 = 10_000;
/// Who asks. Some providers refuse whoever does not say so.
pub const USER_AGENT: &str = concat!("adit/", env!("CARGO_PKG_VERSION"));
const CONNECT_MILLIS_MAX: u64 = 3_000;

/// One way to one endpoint.
#[async_trait]
pub trait Wire: Send + Sync + 'static {
    /// Carries a question there and gives what came back, whatever its status.
    ///
    /// # Errors
    /// [`WireFault`]. Whether the other side has seen the request is then unknown.
    async fn exchange(&self, request: &Request) -> Result<Response, WireFault>;

    /// Returns what time the other side said it is, with its last answer. None where it says none.
    fn dated(&self) -> Option<Dated> {
        None
    }
}

/// Why there is no answer to read, in words without secrets.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WireFault {
    /// Nothing whole came back: no connection, a broken one, or silence. The same question may fare
    /// better.
    #[error("{0}")]
    NoAnswer(String),
    /// Something answered that will not say it differently at once.
    #[error("{0}")]
    Useless(String),
}

/// HTTP or HTTPS. The URL may carry a key, or user and password for basic authentication, so it is
/// never shown.
pub(crate) struct Http {
    url: Url,
    client: reqwest::Client,
    date: LastDate,
}

impl Http {
    /// # Errors
    /// In words, when no client can be made.
    pub(crate) fn new(url: Url, time_max: Duration) -> Result<Self, String> {
        Ok(Self {
            url,
            client: client(time_max).map_err(|error| hidden(error).to_string())?,
            date: LastDate::default(),
        })
    }

    /// The client sends the URL's user and password as basic authentication (RFC 7617) and not
    /// within the URL.
    fn builder(&self, request: &Request) -> RequestBuilder {
        let url = joined(&self.url, &request.path);
        let builder = match request.verb {
            Verb::Get => self.client.get(url),
            Verb::Post => self.client.post(url),
        };
        let builder = match &request.body {
            Some(Body::Json(value)) => builder.json(value),
            Some(Body::Text(text)) => {
                builder.header("content-type", "text/plain").body(text.clone())
            }
            None => builder,
        };
        match request.time_max {
            Some(time_max) => builder.timeout(time_max),
            None => builder,
        }
    }
}

#[async_trait]
impl Wire for Http {
    async fn exchange(&self, request: &Request) -> Result<Response, WireFault> {
        let mut response = self.builder(request).send().await.map_err(hidden)?;
        self.date.note(&response);
        let status = response.status().as_u16();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(hidden)? {
            if body.len() + chunk.len() > ANSWER_BYTES_MAX {
                return Err(WireFault::Useless(format!(
                    "the answer is larger than {ANSWER_BYTES_MAX} bytes"
                )));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Response { status, body })
    }

    fn dated(&self) -> Option<Dated> {
        self.date.read(self.url.host_str()?)
    }
}

/// The path below the URL's own, and both queries: the URL's may carry a token.
fn joined(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    if path.is_empty() {
        return url;
    }
    let (path, query) =
        path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
    url.set_path(&format!("{}{path}", base.path().trim_end_matches('/')));
    let queries = [query, base.query()];
    let queries: Vec<&str> = queries.into_iter().flatten().collect();
    url.set_query((!queries.is_empty()).then(|| queries.join("&")).as_deref());
    url
}

/// An HTTP client that follows no redirects (they would carry the question elsewhere) and uses no
/// proxy of the environment.
fn client(time_max: Duration) -> Result<reqwest::Client, reqwest::Error> {
    static TLS: Once = Once::new();
    TLS.call_once(|| {
        // Another part of the process may have installed it before: either is right.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
    reqwest::Client::builder()
        .user_agent(USER_AGENT)
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
    let cause =
        std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
    WireFault::NoAnswer(if timed_out {
        "no full answer in time".to_owned()
    } else {
        format!("{error}{cause}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_below_the_url_and_a_token_goes_along() {
        let url =
            |base: &str, path: &str| joined(&Url::parse(base).expect("a URL"), path).to_string();
        assert_eq!(url("https://x.org/api", "/tx/ab"), "https://x.org/api/tx/ab");
        assert_eq!(url("https://x.org/api/", "/tx/ab?limit=1"), "https://x.org/api/tx/ab?limit=1");
        assert_eq!(
            url("https://x.org/v1?token=t", "/tx/ab?limit=1"),
            "https://x.org/v1/tx/ab?limit=1&token=t"
        );
        assert_eq!(url("https://x.org/v2/key?a=b", ""), "https://x.org/v2/key?a=b");
        assert_eq!(url("https://u:p@x.org", "/tx"), "https://u:p@x.org/tx");
    }
}
