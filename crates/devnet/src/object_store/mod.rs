//! An object store that speaks the part of the S3 protocol that a witness needs: one bucket,
//! reached by its path, with `GET` and `PUT`, signatures in the query, strong `ETag`s, `If-Match`
//! and `If-None-Match`.
//!
//! It can also be what is found in its place: a store that ignores conditions, one that loses
//! answers, a web page.

mod answer;
mod behaviour;
mod signature;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::Response;
use sha2::{Digest as _, Sha256};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub use behaviour::Behaviour;

/// The one bucket, its region, and the one key that opens it.
pub const BUCKET: &str = "witnesses";
pub const REGION: &str = "devnet-1";
pub const KEY_ID: &str = "AKIADEVNET";
pub const SECRET: &str = "devnet/secret+of+the+object+store";

/// A running store; gone when dropped.
pub struct ObjectStore {
    url: String,
    shelf: Shelf,
    serving: JoinHandle<()>,
}

/// What the routes see.
#[derive(Clone, Default)]
struct Shelf(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    objects: BTreeMap<String, Vec<u8>>,
    behaviour: Behaviour,
    writes: usize,
    requests: usize,
}

impl ObjectStore {
    /// Listens on a free port of the loopback interface.
    ///
    /// # Errors
    /// When it cannot listen.
    pub async fn start() -> Result<Self> {
        let listener =
            TcpListener::bind("127.0.0.1:0").await.context("no free port on 127.0.0.1")?;
        let url = format!(
            "http://{}",
            listener.local_addr().context("the port just bound has no address")?
        );
        let shelf = Shelf::default();
        let router = Router::new().fallback(answered).with_state(shelf.clone());
        let serving = tokio::spawn(async move {
            // Ends only with the listener, which ends with this task.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { url, shelf, serving })
    }

    /// The endpoint.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// From now on it answers so.
    pub fn behave(&self, behaviour: Behaviour) {
        self.shelf.inner().behaviour = behaviour;
    }

    /// The object's content, as it is.
    pub fn object(&self, key: &str) -> Option<Vec<u8>> {
        self.shelf.inner().objects.get(key).cloned()
    }

    /// Puts something there, or takes it away, past all conditions.
    pub fn place(&self, key: &str, content: Option<&[u8]>) {
        let mut inner = self.shelf.inner();
        match content {
            Some(content) => drop(inner.objects.insert(key.to_owned(), content.to_vec())),
            None => drop(inner.objects.remove(key)),
        }
    }

    /// How often something was written there by request.
    pub fn writes(&self) -> usize {
        self.shelf.inner().writes
    }

    /// How often it was asked, whatever it answered.
    pub fn requests(&self) -> usize {
        self.shelf.inner().requests
    }
}

impl Drop for ObjectStore {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Shelf {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// As S3 makes it of small objects: a digest of the content, in quotation marks.
fn etag(content: &[u8]) -> String {
    format!("\"{}\"", &hex::encode(Sha256::digest(content))[..32])
}

async fn answered(
    State(shelf): State<Shelf>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let behaviour = {
        let mut inner = shelf.inner();
        inner.requests += 1;
        inner.behaviour.next(&method)
    };
    if let Some(answer) = behaviour.instead(&method).await {
        return answer;
    }
    if let Err(code) = signature::check(&method, &uri, &headers) {
        return answer::refused(StatusCode::FORBIDDEN, code);
    }
    let path = uri.path().trim_start_matches('/');
    let Some((BUCKET, key)) = path.split_once('/') else {
        return answer::refused(StatusCode::NOT_FOUND, "NoSuchBucket");
    };
    let answer = match method {
        Method::GET => shelf.get(key),
        Method::PUT => shelf.put(key, &headers, &body, behaviour),
        _ => answer::refused(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed"),
    };
    behaviour.after(&method, answer).await
}

impl Shelf {
    fn get(&self, key: &str) -> Response {
        match self.inner().objects.get(key) {
            Some(content) => answer::content(content.clone(), &etag(content)),
            None => answer::refused(StatusCode::NOT_FOUND, "NoSuchKey"),
        }
    }

    /// One lock from the condition to the write, as S3 promises.
    fn put(&self, key: &str, headers: &HeaderMap, body: &[u8], behaviour: Behaviour) -> Response {
        let mut inner = self.inner();
        let held = inner.objects.get(key).map(|content| etag(content));
        let named = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let refusal = match (named("if-none-match"), named("if-match"), &held) {
            (Some("*"), None, Some(_)) if behaviour.checks_absence() => {
                Some((StatusCode::PRECONDITION_FAILED, "PreconditionFailed"))
            }
            (None, Some(_), None) if behaviour.checks_version() => {
                Some((StatusCode::NOT_FOUND, "NoSuchKey"))
            }
            (None, Some(wanted), Some(held)) if behaviour.checks_version() && wanted != held => {
                Some((StatusCode::PRECONDITION_FAILED, "PreconditionFailed"))
            }
            // AWS: only `*` may be named here, and one of the two.
            (Some(other), _, _) if other != "*" => {
                Some((StatusCode::NOT_IMPLEMENTED, "NotImplemented"))
            }
            (Some(_), Some(_), _) => Some((StatusCode::NOT_IMPLEMENTED, "NotImplemented")),
            _ => None,
        };
        if refusal.is_none() || behaviour.writes_what_it_refuses() {
            inner.objects.insert(key.to_owned(), body.to_vec());
            inner.writes += 1;
        }
        match refusal {
            Some((status, code)) => answer::refused(status, code),
            None => answer::written(&etag(body)),
        }
    }
}

/// So that a body is made in one place.
fn bodied(status: StatusCode, head: &[(&str, &str)], body: impl Into<Body>) -> Response {
    let builder = Response::builder().status(status);
    let builder = head.iter().fold(builder, |builder, (name, value)| builder.header(*name, *value));
    builder.body(body.into()).expect("constant names and printable values")
}
