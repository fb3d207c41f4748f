//! A bad network between the server and a healthy node: loses requests and answers, delays, repeats and lies.
//!
//! What passes untouched passes as it is, byte for byte. A rule may be limited to one method and to so many requests.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use anyhow::{Context, Result};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use futures::stream;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::rpc::http_client;

const FORWARD_BOUND: Duration = Duration::from_secs(30);

/// What goes wrong with a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Fault {
    /// The node never sees it, and nobody ever answers.
    RequestLost,
    /// The node does what it was asked; nobody ever answers.
    AnswerLost,
    /// The node does what it was asked; the connection breaks in the middle of the answer.
    AnswerBroken,
    /// The node never sees it; this JSON-RPC error is the answer.
    Refused { code: i64, message: String },
    /// The node does what it was asked; this JSON-RPC error is the answer all the same.
    DoneButRefused { code: i64, message: String },
    /// The node never sees it; this is the answer.
    Lie(Value),
    /// The node never sees it; the answer is a web page with this status.
    Page(u16),
    /// The node sees it after so long.
    Late(Duration),
    /// The node sees it twice; the second answer is the answer.
    Repeated,
}

struct Rule {
    /// `None`: any method.
    method: Option<String>,
    fault: Fault,
    /// `None`: until [`Proxy::heal`].
    left: Option<u32>,
}

#[derive(Default)]
struct Book {
    rules: Vec<Rule>,
    seen: BTreeMap<String, u64>,
}

#[derive(Clone)]
struct Wire {
    target: String,
    http: reqwest::Client,
    book: Arc<Mutex<Book>>,
}

/// A running proxy; gone when dropped.
pub struct Proxy {
    url: String,
    book: Arc<Mutex<Book>>,
    task: JoinHandle<()>,
}

impl Proxy {
    /// In front of the node at `target`, on a free port of the loopback interface, without any fault.
    ///
    /// # Errors
    /// When it cannot listen.
    pub async fn start(target: &str) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("no free port on 127.0.0.1")?;
        let url = format!("http://{}", listener.local_addr().context("the port just bound has no address")?);
        let book = Arc::new(Mutex::new(Book::default()));
        let wire = Wire { target: target.to_owned(), http: http_client(FORWARD_BOUND)?, book: Arc::clone(&book) };
        let router = Router::new().route("/", post(pass)).with_state(wire);
        let task = tokio::spawn(async move {
            // Ends only with the listener, which ends with this task.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { url, book, task })
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// From now on, every request of `method` (`None`: every request) meets this fault.
    pub fn always(&self, method: Option<&str>, fault: Fault) {
        self.add(method, fault, None);
    }

    /// Only the next `times` requests of `method` meet this fault.
    pub fn next(&self, times: u32, method: Option<&str>, fault: Fault) {
        self.add(method, fault, Some(times));
    }

    /// No faults from now on.
    pub fn heal(&self) {
        lock(&self.book).rules.clear();
    }

    /// How many requests of `method` came in, faulty or not.
    pub fn seen(&self, method: &str) -> u64 {
        lock(&self.book).seen.get(method).copied().unwrap_or_default()
    }

    fn add(&self, method: Option<&str>, fault: Fault, left: Option<u32>) {
        lock(&self.book).rules.push(Rule { method: method.map(str::to_owned), fault, left });
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Book {
    /// Counts the request and uses up the first rule that fits it.
    fn judge(&mut self, methods: &[String]) -> Option<Fault> {
        for method in methods {
            *self.seen.entry(method.clone()).or_default() += 1;
        }
        let fits = |rule: &Rule| rule.method.as_ref().is_none_or(|method| methods.contains(method));
        let index = self.rules.iter().position(fits)?;
        let rule = &mut self.rules[index];
        let fault = rule.fault.clone();
        rule.left = rule.left.map(|left| left - 1);
        if rule.left == Some(0) {
            self.rules.remove(index);
        }
        Some(fault)
    }
}

impl Wire {
    async fn forward(&self, request: &Bytes) -> Response {
        let sent = self.http.post(&self.target).header(CONTENT_TYPE, "application/json").body(request.clone()).send().await;
        let answer = async { sent?.bytes().await };
        match answer.await {
            Ok(bytes) => ([(CONTENT_TYPE, "application/json")], bytes).into_response(),
            Err(error) => (StatusCode::BAD_GATEWAY, error.to_string()).into_response(),
        }
    }
}

async fn pass(State(wire): State<Wire>, request: Bytes) -> Response {
    let calls: Value = serde_json::from_slice(&request).unwrap_or(Value::Null);
    let fault = lock(&wire.book).judge(&methods(&calls));
    match fault {
        None => wire.forward(&request).await,
        Some(Fault::RequestLost) => std::future::pending().await,
        Some(Fault::AnswerLost) => {
            wire.forward(&request).await;
            std::future::pending().await
        }
        Some(Fault::AnswerBroken) => {
            wire.forward(&request).await;
            broken()
        }
        Some(Fault::Refused { code, message }) => refusal(&calls, code, &message),
        Some(Fault::DoneButRefused { code, message }) => {
            wire.forward(&request).await;
            refusal(&calls, code, &message)
        }
        Some(Fault::Lie(result)) => answer(&calls, &json!({ "result": result })),
        Some(Fault::Page(status)) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
            (status, [(CONTENT_TYPE, "text/html")], "<html><body>Something is wrong.</body></html>").into_response()
        }
        Some(Fault::Late(by)) => {
            tokio::time::sleep(by).await;
            wire.forward(&request).await
        }
        Some(Fault::Repeated) => {
            wire.forward(&request).await;
            wire.forward(&request).await
        }
    }
}

/// The methods of a call, or of a batch of calls.
fn methods(calls: &Value) -> Vec<String> {
    let one = |call: &Value| call["method"].as_str().map(str::to_owned);
    match calls {
        Value::Array(batch) => batch.iter().filter_map(one).collect(),
        single => one(single).into_iter().collect(),
    }
}

fn refusal(calls: &Value, code: i64, message: &str) -> Response {
    answer(calls, &json!({ "error": { "code": code, "message": message } }))
}

/// The same content for each call, under its id.
fn answer(calls: &Value, content: &Value) -> Response {
    let one = |call: &Value| {
        let mut answer = json!({ "jsonrpc": "2.0", "id": call["id"] });
        for (name, value) in content.as_object().into_iter().flatten() {
            answer[name] = value.clone();
        }
        answer
    };
    let body = match calls {
        Value::Array(batch) => batch.iter().map(one).collect(),
        single => one(single),
    };
    axum::Json(body).into_response()
}

fn broken() -> Response {
    let half = [Ok(Bytes::from_static(b"{\"jsonrpc\":")), Err(std::io::Error::other("the connection breaks here"))];
    ([(CONTENT_TYPE, "application/json")], Body::from_stream(stream::iter(half))).into_response()
}

fn lock(book: &Mutex<Book>) -> MutexGuard<'_, Book> {
    book.lock().expect("nobody panics while holding it")
}
