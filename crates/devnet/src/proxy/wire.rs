//! One request through the proxy: judged, forwarded or answered.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Result;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use futures::stream;
use serde_json::{Value, json};

use crate::rpc::http_client;

use super::Face;
use super::fault::{Book, Fault, lock};
use super::lag::{Rewritten, View};
use super::node::Node;

const FORWARD_BOUND: Duration = Duration::from_secs(30);

#[derive(Clone)]
pub(super) struct Wire {
    node: Arc<Node>,
    http: reqwest::Client,
    face: Face,
    book: Arc<Mutex<Book>>,
}

impl Wire {
    pub fn new(target: &str, face: Face, book: Arc<Mutex<Book>>) -> Result<Self> {
        Ok(Self {
            node: Arc::new(Node::new(target)?),
            http: http_client(FORWARD_BOUND)?,
            face,
            book,
        })
    }

    /// What this endpoint says when nothing goes wrong.
    async fn reply(&self, request: &Bytes, calls: &Value) -> Response {
        if self.face.pool.is_none() && self.face.lag_blocks == 0 {
            return self.forward(request).await;
        }
        let answers = match calls {
            Value::Array(batch) => self.face_value(batch).await.map(Value::Array),
            single => self
                .face_value(std::slice::from_ref(single))
                .await
                .map(|mut answers| answers.remove(0)),
        };
        match answers {
            Ok(answers) => axum::Json(answers).into_response(),
            Err(error) => (StatusCode::BAD_GATEWAY, format!("{error:#}")).into_response(),
        }
    }

    async fn forward(&self, request: &Bytes) -> Response {
        let sent = self
            .http
            .post(self.node.url())
            .header(CONTENT_TYPE, "application/json")
            .body(request.clone())
            .send()
            .await;
        let answer = async { sent?.bytes().await };
        match answer.await {
            Ok(bytes) => ([(CONTENT_TYPE, "application/json")], bytes).into_response(),
            Err(error) => (StatusCode::BAD_GATEWAY, error.to_string()).into_response(),
        }
    }

    /// The answers as pool and lag make them: sends go to the pool, in their order; the rest is
    /// asked at once.
    async fn face_value(&self, calls: &[Value]) -> Result<Vec<Value>> {
        let view = match self.face.lag_blocks {
            0 => None,
            blocks => Some(View::behind(&self.node, blocks).await?),
        };
        let mut answers = vec![Value::Null; calls.len()];
        let mut open = Vec::new();
        for (index, call) in calls.iter().enumerate() {
            let (method, params) =
                (call["method"].as_str().unwrap_or_default(), call["params"].clone());
            match (&self.face.pool, view) {
                (Some(pool), _) if method == "eth_sendRawTransaction" => {
                    answers[index] = pool.take(&params, self.face.name).await
                }
                (_, None) => open.push((index, (method.to_owned(), params))),
                (_, Some(view)) => match view.rewrite(method, params) {
                    Rewritten::Ask(params) => open.push((index, (method.to_owned(), params))),
                    Rewritten::Known(answer) => answers[index] = answer,
                },
            }
        }
        let (places, asked): (Vec<usize>, Vec<(String, Value)>) = open.into_iter().unzip();
        for ((index, (method, _)), mut answer) in
            places.into_iter().zip(&asked).zip(self.node.ask(&asked).await?)
        {
            if let Some(view) = view {
                view.hide(method, &mut answer);
            }
            answers[index] = answer;
        }
        for (call, answer) in calls.iter().zip(&mut answers) {
            answer["jsonrpc"] = json!("2.0");
            answer["id"] = call["id"].clone();
        }
        Ok(answers)
    }
}

pub(super) async fn pass(State(wire): State<Wire>, request: Bytes) -> Response {
    let calls: Value = serde_json::from_slice(&request).unwrap_or(Value::Null);
    let fault = lock(&wire.book).judge(&methods(&calls));
    match fault {
        None => wire.reply(&request, &calls).await,
        Some(Fault::RequestLost) => std::future::pending().await,
        Some(Fault::AnswerLost) => {
            wire.reply(&request, &calls).await;
            std::future::pending().await
        }
        Some(Fault::AnswerBroken) => {
            wire.reply(&request, &calls).await;
            broken()
        }
        Some(Fault::Refused { code, message }) => refusal(&calls, code, &message),
        Some(Fault::DoneButRefused { code, message }) => {
            wire.reply(&request, &calls).await;
            refusal(&calls, code, &message)
        }
        Some(Fault::Lie(result)) => answer(&calls, &json!({ "result": result })),
        Some(Fault::Page(status)) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
            (status, [(CONTENT_TYPE, "text/html")], "<html><body>Something is wrong.</body></html>")
                .into_response()
        }
        Some(Fault::Late(by)) => {
            tokio::time::sleep(by).await;
            wire.reply(&request, &calls).await
        }
        Some(Fault::Repeated) => {
            wire.reply(&request, &calls).await;
            wire.reply(&request, &calls).await
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
    let half = [
        Ok(Bytes::from_static(b"{\"jsonrpc\":")),
        Err(std::io::Error::other("the connection breaks here")),
    ];
    ([(CONTENT_TYPE, "application/json")], Body::from_stream(stream::iter(half))).into_response()
}
