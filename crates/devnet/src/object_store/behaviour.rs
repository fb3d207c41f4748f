//! What a store does, and what stands in its place when it is none.

use axum::body::Body;
use axum::http::{Method, StatusCode};
use axum::response::Response;
use futures::StreamExt as _;

use super::{answer, bodied};

/// More than anybody reads of a witness.
const HUGE_CHUNKS: usize = 64;
const HUGE_CHUNK_BYTES: usize = 64 * 1024;

/// How it answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Behaviour {
    /// As S3 does.
    #[default]
    Faithful,
    /// It writes whatever the conditions say, as stores do that do not know them.
    IgnoresConditions,
    /// It knows `If-None-Match` alone.
    IgnoresVersions,
    /// It answers 412, and has written.
    WritesWhatItRefuses,
    /// It writes, and says nothing; for so many writes.
    LosesAnswers(usize),
    /// It neither writes nor answers; for so many writes.
    LosesRequests(usize),
    /// It answers 409, as S3 does while another write is under way; for so many writes.
    Conflicts(usize),
    /// It answers 503 to everything.
    Overloaded,
    /// It answers nothing.
    Silent,
    /// A web page, with status 200 or 404.
    Page(u16),
    /// Far too much.
    Huge,
    /// A proxy in front made the `ETag` weak.
    WeakEtag,
    /// The bucket is elsewhere.
    Redirects,
}

impl Behaviour {
    /// What this request meets. Those of a number end by it.
    pub(super) fn next(&mut self, method: &Method) -> Self {
        let met = *self;
        let left = match self {
            Self::LosesAnswers(left) | Self::LosesRequests(left) | Self::Conflicts(left)
                if method == Method::PUT =>
            {
                left
            }
            _ => return met,
        };
        *left = left.saturating_sub(1);
        if *left == 0 {
            *self = Self::Faithful;
        }
        met
    }

    pub(super) fn checks_absence(self) -> bool {
        self != Self::IgnoresConditions
    }

    pub(super) fn checks_version(self) -> bool {
        !matches!(self, Self::IgnoresConditions | Self::IgnoresVersions)
    }

    pub(super) fn writes_what_it_refuses(self) -> bool {
        self == Self::WritesWhatItRefuses
    }

    /// An answer that looks at nothing.
    pub(super) async fn instead(self, method: &Method) -> Option<Response> {
        match self {
            Self::Silent => std::future::pending().await,
            Self::LosesRequests(_) if method == Method::PUT => std::future::pending().await,
            Self::Conflicts(_) if method == Method::PUT => {
                Some(answer::refused(StatusCode::CONFLICT, "ConditionalRequestConflict"))
            }
            Self::Overloaded => Some(answer::refused(StatusCode::SERVICE_UNAVAILABLE, "SlowDown")),
            Self::Page(status) => {
                let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
                let head = [("content-type", "text/html"), ("etag", "\"6870aa\"")];
                Some(bodied(status, &head, "<html><body>It works!</body></html>"))
            }
            Self::Huge if method == Method::GET => {
                let chunk = || Ok::<_, std::io::Error>(vec![b'x'; HUGE_CHUNK_BYTES]);
                let chunks = futures::stream::repeat_with(chunk).take(HUGE_CHUNKS);
                Some(bodied(StatusCode::OK, &[("etag", "\"6870aa\"")], Body::from_stream(chunks)))
            }
            Self::Redirects => Some(bodied(
                StatusCode::TEMPORARY_REDIRECT,
                &[("location", "http://127.0.0.1:9/")],
                Vec::new(),
            )),
            _ => None,
        }
    }

    /// What becomes of a true answer on its way.
    pub(super) async fn after(self, method: &Method, mut answer: Response) -> Response {
        match self {
            Self::LosesAnswers(_) if method == Method::PUT => std::future::pending().await,
            Self::WeakEtag => {
                let weak = answer
                    .headers()
                    .get("etag")
                    .and_then(|etag| format!("W/{}", etag.to_str().ok()?).parse().ok());
                if let Some(weak) = weak {
                    answer.headers_mut().insert("etag", weak);
                }
                answer
            }
            _ => answer,
        }
    }
}
