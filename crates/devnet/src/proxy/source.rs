//! A bad network between one server and one source of Bitcoin's chain, whichever of the three it
//! is: loses answers by chance, and sees which transactions the node behind it takes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, Result};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use bitcoin::Transaction;
use bitcoin::consensus::encode::deserialize_hex;
use futures::stream;
use reqwest::Url;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::rpc::http_client;

use super::fault::{Drops, Loss, lock};
use super::taken::Taken;

const FORWARD_BOUND: Duration = Duration::from_secs(30);
/// The ends of the paths at which Esplora and BlockCypher take a transaction.
const ESPLORA_PUSH: &str = "/tx";
const BLOCKCYPHER_PUSH: &str = "/txs/push";

/// A running proxy; gone when dropped.
pub struct SourceProxy {
    url: String,
    dropped: Arc<AtomicU64>,
    task: JoinHandle<()>,
}

#[derive(Clone)]
struct Way {
    /// Scheme, host and port of the source.
    origin: Arc<str>,
    http: reqwest::Client,
    server: usize,
    taken: Arc<Taken>,
    drops: Arc<Mutex<Drops>>,
    dropped: Arc<AtomicU64>,
}

/// What the source said.
struct Said {
    status: StatusCode,
    media_type: Option<axum::http::HeaderValue>,
    body: Bytes,
}

impl SourceProxy {
    /// The way of server number `server` to the source at `target`, on a free port of the loopback
    /// interface.
    ///
    /// # Errors
    /// When `target` is no URL, or it cannot listen.
    pub async fn start(
        target: &str,
        server: usize,
        taken: &Arc<Taken>,
        drops: Drops,
    ) -> Result<Self> {
        let listener =
            TcpListener::bind("127.0.0.1:0").await.context("no free port on 127.0.0.1")?;
        let mut url: Url = target.parse().with_context(|| format!("{target:?} is no URL"))?;
        let origin = url.origin().ascii_serialization().into();
        let port = listener.local_addr().context("the port just bound has no address")?.port();
        url.set_port(Some(port)).ok().with_context(|| format!("{target:?} can have no port"))?;
        let dropped = Arc::<AtomicU64>::default();
        let way = Way {
            origin,
            http: http_client(FORWARD_BOUND)?,
            server,
            taken: Arc::clone(taken),
            drops: Arc::new(Mutex::new(drops)),
            dropped: Arc::clone(&dropped),
        };
        let router = Router::new().fallback(pass).with_state(way);
        let task = tokio::spawn(async move {
            // Ends only with the listener, which ends with this task.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { url: url.as_str().trim_end_matches('/').to_owned(), dropped, task })
    }

    /// As the source's own, with another port.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// How many answers chance has dropped.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

impl Drop for SourceProxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass(
    State(way): State<Way>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let asking = way.clone();
    // A sender who hangs up does not stop it half-way.
    let asked = tokio::spawn(async move { asking.ask(method, &uri, &headers, body).await }).await;
    match asked {
        Ok(Ok(said)) => way.lose(said).await,
        Ok(Err(problem)) => (StatusCode::BAD_GATEWAY, problem.to_string()).into_response(),
        Err(problem) => (StatusCode::BAD_GATEWAY, problem.to_string()).into_response(),
    }
}

impl Way {
    async fn ask(
        &self,
        method: Method,
        uri: &Uri,
        headers: &HeaderMap,
        body: Bytes,
    ) -> Result<Said, reqwest::Error> {
        let said = self.forward(method, uri, headers, body.clone()).await?;
        // Before anybody is told that they were.
        for transaction in taken(uri.path(), &body, &said) {
            self.taken.note(transaction, self.server);
        }
        Ok(said)
    }

    async fn lose(&self, said: Said) -> Response {
        let loss = lock(&self.drops).draw();
        self.dropped.fetch_add(u64::from(loss.is_some()), Ordering::Relaxed);
        match loss {
            None => said.into_response(),
            Some(Loss::Silent) => std::future::pending().await,
            Some(Loss::Broken) => broken(),
        }
    }

    async fn forward(
        &self,
        method: Method,
        uri: &Uri,
        headers: &HeaderMap,
        body: Bytes,
    ) -> Result<Said, reqwest::Error> {
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let mut request = self.http.request(method, format!("{}{path}", self.origin)).body(body);
        for name in [AUTHORIZATION, CONTENT_TYPE] {
            if let Some(value) = headers.get(&name) {
                request = request.header(name, value);
            }
        }
        let response = request.send().await?;
        let (status, media_type) =
            (response.status(), response.headers().get(CONTENT_TYPE).cloned());
        Ok(Said { status, media_type, body: response.bytes().await? })
    }
}

impl IntoResponse for Said {
    fn into_response(self) -> Response {
        let mut response = (self.status, self.body).into_response();
        if let Some(media_type) = self.media_type {
            response.headers_mut().insert(CONTENT_TYPE, media_type);
        }
        response
    }
}

/// The transactions of a request that the source says it has.
fn taken(path: &str, request: &Bytes, said: &Said) -> Vec<Transaction> {
    let hex = match path {
        _ if path.ends_with(BLOCKCYPHER_PUSH) => {
            pushed(request).filter(|_| said.status.is_success()).into_iter().collect()
        }
        _ if path.ends_with(ESPLORA_PUSH) => {
            text(request).filter(|_| said.status.is_success()).into_iter().collect()
        }
        _ => sent_raw(request, &said.body),
    };
    hex.iter().filter_map(|hex| deserialize_hex(hex.trim()).ok()).collect()
}

fn text(request: &Bytes) -> Option<String> {
    String::from_utf8(request.to_vec()).ok()
}

fn pushed(request: &Bytes) -> Option<String> {
    let request: Value = serde_json::from_slice(request).ok()?;
    request["tx"].as_str().map(str::to_owned)
}

/// Of one JSON-RPC call or a batch of them: what was sent with a result.
fn sent_raw(request: &Bytes, answer: &Bytes) -> Vec<String> {
    let (Ok(calls), Ok(answers)) =
        (serde_json::from_slice::<Value>(request), serde_json::from_slice::<Value>(answer))
    else {
        return Vec::new();
    };
    let (calls, answers) = (list(calls), list(answers));
    let has_result = |id: &Value| {
        answers.iter().any(|answer| answer["id"] == *id && answer["result"].is_string())
    };
    let sends = calls
        .iter()
        .filter(|call| call["method"] == "sendrawtransaction" && has_result(&call["id"]));
    sends.filter_map(|call| call["params"][0].as_str().map(str::to_owned)).collect()
}

fn list(value: Value) -> Vec<Value> {
    match value {
        Value::Array(list) => list,
        single => vec![single],
    }
}

fn broken() -> Response {
    let half =
        [Ok(Bytes::from_static(b"{\"")), Err(std::io::Error::other("the connection breaks here"))];
    Body::from_stream(stream::iter(half)).into_response()
}
