//! A server between us and an honest source, that passes on what it is asked and lies as told.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use adit_devnet::rpc::http_client;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// What was asked: the path with its query, and the body.
pub struct Asked {
    pub path: String,
    pub body: Vec<u8>,
}

/// What is answered.
pub type Said = (u16, Vec<u8>);

type Lie = Arc<dyn Fn(&Asked, Said) -> Said + Send + Sync>;

#[derive(Clone)]
struct Between {
    target: String,
    http: reqwest::Client,
    lie: Arc<Mutex<Option<Lie>>>,
}

pub struct Twister {
    url: String,
    lie: Arc<Mutex<Option<Lie>>>,
    task: JoinHandle<()>,
}

impl Twister {
    /// In front of this base of paths.
    pub async fn start(target: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let between = Between {
            target: target.to_owned(),
            http: http_client(Duration::from_secs(10)).expect("a client"),
            lie: Arc::default(),
        };
        let lie = Arc::clone(&between.lie);
        let router = Router::new().fallback(pass).with_state(between);
        let task = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        Self { url, lie, task }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn lie(&self, lie: impl Fn(&Asked, Said) -> Said + Send + Sync + 'static) {
        *self.lie.lock().expect("unpoisoned") = Some(Arc::new(lie));
    }

    /// Answers to paths that hold this text are this text instead.
    pub fn say(&self, path: &'static str, answer: impl Into<String>) {
        let answer = answer.into();
        self.lie(
            move |asked, said| {
                if asked.path.contains(path) { (200, answer.clone().into_bytes()) } else { said }
            },
        );
    }

    /// Changes the JSON of answers to paths that hold this text.
    pub fn change(&self, path: &'static str, change: impl Fn(&mut Value) + Send + Sync + 'static) {
        self.lie(move |asked, (status, body)| {
            let json = serde_json::from_slice(&body).ok().filter(|_| asked.path.contains(path));
            let Some(mut json) = json else { return (status, body) };
            change(&mut json);
            (status, json.to_string().into_bytes())
        });
    }

    pub fn heal(&self) {
        *self.lie.lock().expect("unpoisoned") = None;
    }
}

impl Drop for Twister {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass(
    State(between): State<Between>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, Vec<u8>) {
    let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let mut passed =
        between.http.request(method, format!("{}{path}", between.target)).body(body.clone());
    for name in ["authorization", "content-type"] {
        if let Some(value) = headers.get(name) {
            passed = passed.header(name, value);
        }
    }
    let answer = passed.send().await.expect("an honest source");
    let said = (answer.status().as_u16(), answer.bytes().await.expect("a body").to_vec());
    let lie = between.lie.lock().expect("unpoisoned").clone();
    let (status, body) = match lie {
        Some(lie) => lie(&Asked { path, body: body.to_vec() }, said),
        None => said,
    };
    (StatusCode::from_u16(status).expect("a status"), body)
}
