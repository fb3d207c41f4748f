//! The running server, asked over its HTTP API.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use reqwest::{Client, Method, Url};
use serde_json::Value;

const REQUEST_SECONDS_MAX: u64 = 60;

pub struct Remote {
    base: Url,
    token: String,
    http: Client,
}

impl Remote {
    /// # Errors
    /// When the address or the key cannot be used.
    pub fn new(api: &str, token: Option<&str>) -> Result<Self> {
        let form = || format!("--api is {api:?}; allowed is the server's address, like http://127.0.0.1:5000");
        let base = Url::parse(api).with_context(form)?;
        if base.cannot_be_a_base() {
            bail!(form());
        }
        let Some(token) = token.filter(|token| !token.is_empty()) else {
            bail!("there is no API key: give --token, or set ADIT_TOKEN to the key of a service or an admin");
        };
        let _installed_before = rustls::crypto::ring::default_provider().install_default();
        let http = Client::builder().timeout(Duration::from_secs(REQUEST_SECONDS_MAX)).build().context("the HTTP client cannot be made")?;
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
        let unreached = || format!("no server answers at {}; start it with `adit serve`, or give --api", self.base);
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

/// `problem+json`, or whatever else there is.
fn reason(body: &Value, text: &str) -> String {
    let part = |key: &str| body[key].as_str().map(str::to_owned);
    let code = part("code").map(|code| format!(" ({code})")).unwrap_or_default();
    part("detail").or_else(|| part("error")).or_else(|| part("title")).map_or_else(|| text.chars().take(400).collect(), |said| said + &code)
}
