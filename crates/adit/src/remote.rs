//! The running server, asked over its HTTP API.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use reqwest::{Client, Method, Url};
use serde_json::Value;

const REQUEST_SECONDS_MAX: u64 = 60;
/// Longest part of an unreadable answer that is shown.
const ECHO_CHARS_MAX: usize = 400;

/// A server and the key to ask it with.
pub struct Remote {
    base: Url,
    token: String,
    http: Client,
}

impl Remote {
    /// # Errors
    /// When the address or the key cannot be used.
    pub fn new(api: &str, token: Option<&str>) -> Result<Self> {
        let form = || {
            format!("--api is {api:?}; allowed is the server's address, like http://127.0.0.1:5000")
        };
        let base = Url::parse(api).with_context(form)?;
        if base.cannot_be_a_base() {
            bail!(form());
        }
        let Some(token) = token.filter(|token| !token.is_empty()) else {
            bail!(
                "there is no API key: give --token, or set ADIT_TOKEN to the key of a service or \
                 an admin"
            );
        };
        let _installed_before = rustls::crypto::ring::default_provider().install_default();
        let http = Client::builder()
            .user_agent(adit_chain::USER_AGENT)
            .timeout(Duration::from_secs(REQUEST_SECONDS_MAX))
            .build()
            .context("the HTTP client cannot be made")?;
        Ok(Self { base, token: token.to_owned(), http })
    }

    /// `path` as segments, so that nothing in one of them can become another.
    ///
    /// # Errors
    /// When the server cannot be reached, or refuses.
    pub async fn get(&self, path: &[&str], query: &[(&str, String)]) -> Result<Value> {
        let mut url = self.at(path)?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        self.send(Method::GET, url, None).await
    }

    /// # Errors
    /// As [`Remote::get`].
    pub async fn post(&self, path: &[&str], media_type: &str, body: String) -> Result<Value> {
        self.send(Method::POST, self.at(path)?, Some((media_type, body))).await
    }

    /// # Errors
    /// As [`Remote::get`].
    pub async fn delete(&self, path: &[&str], body: Option<String>) -> Result<Value> {
        self.send(Method::DELETE, self.at(path)?, body.map(|body| ("application/json", body))).await
    }

    /// The same server, asked with another key.
    pub fn with_token(&self, token: &str) -> Self {
        Self { base: self.base.clone(), token: token.to_owned(), http: self.http.clone() }
    }

    fn at(&self, path: &[&str]) -> Result<Url> {
        let mut url = self.base.clone();
        match url.path_segments_mut() {
            Ok(mut segments) => drop(segments.pop_if_empty().extend(path)),
            Err(()) => bail!("{} is no address of a server", self.base),
        }
        Ok(url)
    }

    async fn send(&self, method: Method, url: Url, body: Option<(&str, String)>) -> Result<Value> {
        let mut request = self.http.request(method, url).bearer_auth(&self.token);
        if let Some((media_type, body)) = body {
            request = request.header("content-type", media_type).body(body);
        }
        let unreached = || {
            format!("no server answers at {}; start it with `adit serve`, or give --api", self.base)
        };
        let response = request.send().await.with_context(unreached)?;
        let status = response.status();
        let text = response.text().await.context("the answer broke off; ask again")?;
        let body: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
        if !status.is_success() {
            bail!("the server refused with {status}: {}", reason(&body, &text));
        }
        Ok(body)
    }
}

/// Returns whether no server answered, as before it has started.
pub fn is_unreached(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| cause.is::<reqwest::Error>())
}

/// What `problem+json`, or each refused item, says; else the answer as it is.
fn reason(body: &Value, text: &str) -> String {
    let items = body["items"].as_array().or_else(|| body["errors"].as_array());
    let refused = items.into_iter().flatten().filter_map(|item| {
        sentence(item).map(|said| format!("{}: {said}", item["id"].as_str().unwrap_or("?")))
    });
    let refused: Vec<String> = refused.collect();
    match sentence(body) {
        Some(said) => said,
        None if refused.is_empty() => text.chars().take(ECHO_CHARS_MAX).collect(),
        None => refused.join("; "),
    }
}

fn sentence(body: &Value) -> Option<String> {
    let said = ["detail", "error", "title"].iter().find_map(|key| body[*key].as_str())?;
    Some(body["code"].as_str().map_or_else(|| said.to_owned(), |code| format!("{said} ({code})")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_refusal_is_a_sentence_with_its_code() {
        let problem = json!({ "title": "Not found", "detail": "There is no such withdrawal.", "code": "WITHDRAWAL_NOT_FOUND" });
        assert_eq!(reason(&problem, ""), "There is no such withdrawal. (WITHDRAWAL_NOT_FOUND)");
        let items = json!({ "items": [{ "id": "c1", "error": "Booked before.", "code": "CREDIT_MISMATCH" }] });
        assert_eq!(reason(&items, ""), "c1: Booked before. (CREDIT_MISMATCH)");
        assert_eq!(reason(&Value::Null, "<html>"), "<html>");
    }

    #[test]
    fn a_segment_stays_one() {
        let remote = Remote::new("http://127.0.0.1:5000/", Some("key")).expect("usable");
        assert_eq!(
            remote.at(&["api", "withdrawals", "a/../b?c"]).expect("a URL").path(),
            "/api/withdrawals/a%2F..%2Fb%3Fc"
        );
        assert!(Remote::new("localhost", Some("key")).is_err());
        assert!(Remote::new("http://127.0.0.1:5000", None).is_err());
    }
}
