//! A small client of the server's HTTP API, for the demo and for tests.
//!
//! A refusal is an answer like any other: [`Answer`] carries status and body, and only a server
//! that cannot be reached is an error.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::claim::SignedClaim;
use crate::config::{BOOK, MAIN, POINTS};
use crate::rpc::http_client;

/// Longer than the longest `Prefer: wait`.
const REQUEST_BOUND: Duration = Duration::from_secs(90);

/// The API as one principal sees it.
#[derive(Clone)]
pub struct Api {
    base: String,
    token: Option<String>,
    http: reqwest::Client,
}

/// What the server said.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: StatusCode,
    /// `null` when there was no JSON in it.
    pub body: Value,
}

/// `GET /api/token/withdraw/nonce`.
#[derive(Debug, Clone, Deserialize)]
pub struct NextNonce {
    pub nonce: u64,
    /// The latest allowed, in seconds since 1970.
    pub deadline: u64,
}

/// A credit of points. The same id is booked once, however often it is sent.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Credit {
    pub id: String,
    pub user_id: String,
    pub book: String,
    pub asset: String,
    pub amount: String,
}

impl Credit {
    /// Points of the demo's book.
    pub fn points(
        id: impl Into<String>,
        user_id: impl Into<String>,
        amount: impl Into<String>,
    ) -> Self {
        Self {
            id: id.into(),
            user_id: user_id.into(),
            book: BOOK.to_owned(),
            asset: POINTS.to_owned(),
            amount: amount.into(),
        }
    }

    /// Something that is paid as it is owed.
    pub fn main(
        asset: &str,
        id: impl Into<String>,
        user_id: impl Into<String>,
        amount: impl Into<String>,
    ) -> Self {
        Self {
            id: id.into(),
            user_id: user_id.into(),
            book: MAIN.to_owned(),
            asset: asset.to_owned(),
            amount: amount.into(),
        }
    }
}

/// The body of `POST /api/withdrawals`.
#[derive(Debug, Clone, Serialize)]
pub struct Order {
    pub asset: &'static str,
    pub book: &'static str,
    /// In whole units.
    pub amount: String,
    pub destination: String,
}

impl Api {
    /// Nobody in particular, at `base` (`http://127.0.0.1:5000`).
    ///
    /// # Errors
    /// When the HTTP client cannot be built.
    pub fn new(base: impl Into<String>) -> Result<Self> {
        Ok(Self { base: base.into(), token: None, http: http_client(REQUEST_BOUND)? })
    }

    /// The same server, with this API key.
    #[must_use]
    pub fn with_token(&self, token: impl Into<String>) -> Self {
        Self { token: Some(token.into()), ..self.clone() }
    }

    pub fn base(&self) -> &str {
        &self.base
    }

    /// # Errors
    /// When the server cannot be reached.
    pub async fn get(&self, path: &str) -> Result<Answer> {
        self.send(Method::GET, path, None, &[]).await
    }

    /// # Errors
    /// When the server cannot be reached.
    pub async fn put(&self, path: &str, body: &impl Serialize) -> Result<Answer> {
        self.send(Method::PUT, path, Some(serde_json::to_value(body)?), &[]).await
    }

    /// # Errors
    /// When the server cannot be reached.
    pub async fn post(&self, path: &str, body: &impl Serialize) -> Result<Answer> {
        self.post_with(path, body, &[]).await
    }

    /// # Errors
    /// When the server cannot be reached.
    pub async fn delete(&self, path: &str) -> Result<Answer> {
        self.send(Method::DELETE, path, None, &[]).await
    }

    /// A body that is not JSON, such as a file of credits.
    ///
    /// # Errors
    /// When the server cannot be reached.
    pub async fn post_text(&self, path: &str, media_type: &str, text: String) -> Result<Answer> {
        let request =
            self.request(Method::POST, path).header("Content-Type", media_type).body(text);
        answer(request).await.with_context(|| format!("POST {}{path}", self.base))
    }

    /// With headers of its own, such as `Idempotency-Key`.
    ///
    /// # Errors
    /// When the server cannot be reached.
    pub async fn post_with(
        &self,
        path: &str,
        body: &impl Serialize,
        headers: &[(&str, &str)],
    ) -> Result<Answer> {
        self.send(Method::POST, path, Some(serde_json::to_value(body)?), headers).await
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
        headers: &[(&str, &str)],
    ) -> Result<Answer> {
        let mut request = self.request(method.clone(), path);
        if let Some(body) = body {
            request = request.json(&body);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        answer(request).await.with_context(|| format!("{method} {}{path}", self.base))
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.base));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// The next nonce of the user whose key this is.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn next_nonce(&self) -> Result<NextNonce> {
        let body =
            self.get("/api/token/withdraw/nonce").await?.expect_success("asking for a nonce")?;
        serde_json::from_value(body).context("the next nonce has another shape than expected")
    }

    /// Posts a claim and waits up to `wait_seconds` for its confirmations.
    ///
    /// # Errors
    /// When the server cannot be reached.
    pub async fn claim(&self, claim: &SignedClaim, wait_seconds: u32) -> Result<Answer> {
        let prefer = format!("wait={wait_seconds}");
        self.post_with("/api/token/withdraw", claim, &[("Prefer", &prefer)]).await
    }

    /// One record of `/api/token/withdrawals`.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn claim_record(&self, id: &str) -> Result<Value> {
        self.get(&format!("/api/token/withdrawals/{id}")).await?.expect_success("reading a claim")
    }

    /// # Errors
    /// When the server cannot be reached.
    pub async fn withdraw(&self, order: &Order) -> Result<Answer> {
        self.post("/api/withdrawals", order).await
    }

    /// One record of `/api/withdrawals`.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn withdrawal(&self, id: &str) -> Result<Value> {
        self.get(&format!("/api/withdrawals/{id}")).await?.expect_success("reading a withdrawal")
    }

    /// The points that the user can still spend, as a decimal string.
    ///
    /// # Errors
    /// When it is refused, or he has none of them.
    pub async fn points_available(&self) -> Result<String> {
        self.available(BOOK, POINTS).await
    }

    /// What the user can still withdraw, as a decimal string of whole units.
    ///
    /// # Errors
    /// When it is refused, or he never had any of it.
    pub async fn available(&self, book: &str, asset: &str) -> Result<String> {
        let me = self.get("/api/me").await?.expect_success("reading /api/me")?;
        let balances = me["balances"].as_array().into_iter().flatten();
        let mut found =
            balances.filter(|balance| balance["book"] == book && balance["asset"] == asset);
        let available =
            found.next().and_then(|balance| balance["available"].as_str().map(str::to_owned));
        available
            .with_context(|| format!("/api/me shows no balance of {asset} in book {book}: {me}"))
    }

    /// Creates or updates a user. Service keys only, as the next three.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn put_user(&self, user: &str, tier: Option<&str>) -> Result<()> {
        let body = tier.map_or_else(|| json!({}), |tier| json!({ "tier": tier }));
        self.put(&format!("/api/admin/users/{user}"), &body)
            .await?
            .expect_success("creating a user")
            .map(drop)
    }

    /// # Errors
    /// When it is refused.
    pub async fn link_wallet(&self, user: &str, address: &str) -> Result<()> {
        let path = format!("/api/admin/users/{user}/wallets");
        self.post(&path, &json!({ "address": address }))
            .await?
            .expect_success("linking a wallet")
            .map(drop)
    }

    /// An API key with which the user acts for himself.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn create_key(&self, user: &str) -> Result<String> {
        let path = format!("/api/admin/users/{user}/keys");
        let body =
            self.post(&path, &json!({ "role": "user" })).await?.expect_success("creating a key")?;
        body["token"].as_str().map(str::to_owned).context("the answer carries no token")
    }

    /// # Errors
    /// When one is refused.
    pub async fn credit(&self, credits: &[Credit]) -> Result<()> {
        self.post("/api/admin/credits", &json!({ "credits": credits }))
            .await?
            .expect_success("crediting")
            .map(drop)
    }
}

async fn answer(request: RequestBuilder) -> Result<Answer> {
    let response = request.send().await?;
    let status = response.status();
    let text = response.bytes().await.context("the answer broke off")?;
    Ok(Answer { status, body: serde_json::from_slice(&text).unwrap_or(Value::Null) })
}

impl Answer {
    /// The stable code of a refusal; empty when there is none.
    pub fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    /// The body of a good answer.
    ///
    /// # Errors
    /// When it was a refusal, naming what was tried.
    pub fn expect_success(self, what: &str) -> Result<Value> {
        if !self.status.is_success() {
            bail!("{what} was answered with {}: {}", self.status, self.body);
        }
        Ok(self.body)
    }
}
