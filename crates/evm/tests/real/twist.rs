//! An endpoint between us and an honest node, that lies or lags as told.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// Changes the result of a call, or its whole answer.
type Lie = Box<dyn Fn(&Value, &mut Value) + Send>;

#[derive(Default)]
struct Twists {
    lie: Option<Lie>,
    twist: Option<Lie>,
    /// Knows no block above this.
    stands_at: Option<u64>,
}

#[derive(Clone)]
struct Wire {
    target: String,
    http: reqwest::Client,
    twists: Arc<Mutex<Twists>>,
}

pub struct Twister {
    url: String,
    twists: Arc<Mutex<Twists>>,
    task: JoinHandle<()>,
}

impl Twister {
    pub async fn start(target: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let twists = Arc::<Mutex<Twists>>::default();
        let http =
            adit_devnet::rpc::http_client(std::time::Duration::from_secs(10)).expect("a client");
        let wire = Wire { target: target.to_owned(), http, twists: twists.clone() };
        let router = Router::new().route("/", post(pass)).with_state(wire);
        let task = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        Self { url, twists, task }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn lie(&self, lie: impl Fn(&Value, &mut Value) + Send + 'static) {
        self.twists.lock().expect("unpoisoned").lie = Some(Box::new(lie));
    }

    /// Changes the whole answer to a call, so that it may be an error.
    pub fn twist(&self, twist: impl Fn(&Value, &mut Value) + Send + 'static) {
        self.twists.lock().expect("unpoisoned").twist = Some(Box::new(twist));
    }

    /// Calls of this sort are answered with this error.
    pub fn refuse(&self, error: Value, refused: impl Fn(&Value) -> bool + Send + 'static) {
        self.twist(move |call, answer| {
            if refused(call) {
                *answer = json!({ "jsonrpc": "2.0", "id": call["id"], "error": error });
            }
        });
    }

    pub fn stand_at(&self, height: u64) {
        self.twists.lock().expect("unpoisoned").stands_at = Some(height);
    }

    pub fn heal(&self) {
        *self.twists.lock().expect("unpoisoned") = Twists::default();
    }
}

impl Drop for Twister {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass(State(wire): State<Wire>, body: String) -> String {
    let mut calls: Value = serde_json::from_str(&body).expect("JSON");
    let stands_at = wire.twists.lock().expect("unpoisoned").stands_at;
    each(&mut calls, |call| freeze(call, stands_at));
    let text = wire
        .http
        .post(&wire.target)
        .json(&calls)
        .send()
        .await
        .expect("anvil")
        .bytes()
        .await
        .expect("a body");
    let mut answers: Value = serde_json::from_slice(&text).expect("JSON");
    let questions: Vec<Value> = calls.as_array().cloned().unwrap_or_else(|| vec![calls.clone()]);
    each(&mut answers, |answer| {
        let question = questions
            .iter()
            .find(|call| call["id"] == answer["id"])
            .cloned()
            .unwrap_or(Value::Null);
        let twists = wire.twists.lock().expect("unpoisoned");
        if let Some(lie) = &twists.lie {
            lie(&question, &mut answer["result"]);
        }
        forget(&question, &mut answer["result"], stands_at);
        if let Some(twist) = &twists.twist {
            twist(&question, answer);
        }
    });
    answers.to_string()
}

fn each(value: &mut Value, mut act: impl FnMut(&mut Value)) {
    match value {
        Value::Array(many) => many.iter_mut().for_each(act),
        single => act(single),
    }
}

/// "latest" is where it stands.
fn freeze(call: &mut Value, stands_at: Option<u64>) {
    let Some(height) = stands_at else { return };
    for param in call["params"].as_array_mut().into_iter().flatten() {
        if *param == json!("latest") {
            *param = json!(format!("0x{height:x}"));
        }
    }
}

fn forget(call: &Value, result: &mut Value, stands_at: Option<u64>) {
    let Some(height) = stands_at else { return };
    let number = |value: &Value| {
        value.as_str().and_then(|text| u64::from_str_radix(text.strip_prefix("0x")?, 16).ok())
    };
    let asked = number(&call["params"][0]).filter(|_| {
        call["method"].as_str().is_some_and(|method| method.starts_with("eth_getBlock"))
    });
    let told = number(&result["blockNumber"]);
    if asked.or(told).is_some_and(|of| of > height) {
        *result = Value::Null;
    }
}
