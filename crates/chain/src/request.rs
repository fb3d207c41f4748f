//! A question as it travels, and what came back: HTTP's shape, with or without HTTP.
//!
//! JSON-RPC is one form of it: a POST to the endpoint's own URL. REST is the other: verb and path.

use std::time::Duration;

use serde_json::Value;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    Get,
    Post,
}

/// What is sent along, with its content type.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// `application/json`
    Json(Value),
    /// `text/plain`
    Text(String),
}

/// One question.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    pub verb: Verb,
    /// Below the endpoint's URL, from its slash on; may end in a query. Never a secret: it is shown
    /// in errors.
    pub path: String,
    pub body: Option<Body>,
    /// For questions that take longer than the endpoint's usual bound. They are put only once.
    pub time_max: Option<Duration>,
}

/// What came back, whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// As in HTTP.
    pub status: u16,
    pub body: Vec<u8>,
}

impl Request {
    /// One JSON-RPC call, or a batch.
    pub fn json_rpc(calls: Value) -> Self {
        Self {
            verb: Verb::Post,
            path: String::new(),
            body: Some(Body::Json(calls)),
            time_max: None,
        }
    }

    pub fn get(path: impl Into<String>) -> Self {
        Self { verb: Verb::Get, path: path.into(), body: None, time_max: None }
    }

    pub fn post(path: impl Into<String>, body: Body) -> Self {
        Self { verb: Verb::Post, path: path.into(), body: Some(body), time_max: None }
    }

    pub fn within(self, time_max: Duration) -> Self {
        Self { time_max: Some(time_max), ..self }
    }

    /// The JSON that is sent along, such as the calls of JSON-RPC.
    pub fn json(&self) -> Option<&Value> {
        match &self.body {
            Some(Body::Json(value)) => Some(value),
            Some(Body::Text(_)) | None => None,
        }
    }

    /// What is asked, in an error's words.
    pub(crate) fn name(&self) -> String {
        let verb = match self.verb {
            Verb::Get => "GET",
            Verb::Post => "POST",
        };
        format!("{verb} {}", self.path)
    }
}

impl Response {
    pub fn ok(body: Vec<u8>) -> Self {
        Self { status: 200, body }
    }

    pub fn is_success(&self) -> bool {
        matches!(self.status, 200..=299)
    }

    /// The body as text; nothing when it is none.
    pub fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.body).ok()
    }

    /// Some nodes answer an error object with status 4xx or 500: what can be read as JSON-RPC is
    /// read.
    pub(crate) fn may_be_json_rpc(&self) -> bool {
        self.is_success() || matches!(self.body.first(), Some(b'{' | b'['))
    }

    /// A REST server that says "not found" or "bad request" has answered. One that wants other
    /// credentials, less haste or time for itself has not, and a redirect leads elsewhere.
    pub(crate) fn is_answer(&self) -> bool {
        let client_error = matches!(self.status, 400..=499)
            && !matches!(self.status, 401 | 403 | 407 | 408 | 425 | 429);
        self.is_success() || client_error
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_an_answer_and_a_throttle_is_none() {
        let is_answer = |status| Response { status, body: Vec::new() }.is_answer();
        assert!([200, 201, 400, 404, 409].into_iter().all(is_answer));
        assert!(![101, 301, 401, 403, 408, 429, 500, 503].into_iter().any(is_answer));
    }

    #[test]
    fn an_error_object_is_read_whatever_its_status() {
        let read = |status, body: &str| {
            Response { status, body: body.as_bytes().to_vec() }.may_be_json_rpc()
        };
        assert!(read(500, "{}") && read(400, "[]") && read(200, "<html>"));
        assert!(!read(502, "<html>") && !read(401, ""));
    }
}
