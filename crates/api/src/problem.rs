//! A refusal on its way out: RFC 9457 `application/problem+json`, or on `/api/token/*` the
//! `{success: false, error, code}` form.
//!
//! Handlers answer with a [`Problem`] and do not care which; [`dress`] stands outermost and gives
//! each its form by its path.

use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use crate::codes::{self, Code};
use crate::state::ApiState;

/// Routes below this carry the short form.
pub const TOKEN_ROUTES: &str = "/api/token/";

/// One refusal: its row of the table, a sentence about this very case, and its parameters.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    pub code: &'static Code,
    pub detail: String,
    pub params: Map<String, Value>,
    pub retry_after_seconds: Option<u64>,
}

impl Problem {
    pub fn new(code: &'static Code, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), params: Map::new(), retry_after_seconds: None }
    }

    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.params.insert(name.to_owned(), value.into());
        self
    }

    /// Takes in the fields of an object.
    #[must_use]
    pub fn with_all(mut self, params: Value) -> Self {
        if let Value::Object(fields) = params {
            self.params.extend(fields);
        }
        self
    }

    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after_seconds = Some(seconds.max(1));
        self
    }

    /// `{type, title, status, code, detail, …params}`.
    pub fn to_problem_json(&self) -> Value {
        let mut body = self.params.clone();
        body.insert("type".to_owned(), json!(format!("/api/docs#{}", self.code.name)));
        body.insert("title".to_owned(), json!(self.code.title));
        // A parameter may be called `status` too (of a withdrawal); RFC 9457 owns the name here.
        if let Some(of_withdrawal) = body.insert("status".to_owned(), json!(self.code.status)) {
            body.insert("withdrawalStatus".to_owned(), of_withdrawal);
        }
        body.insert("code".to_owned(), json!(self.code.name));
        body.insert("detail".to_owned(), json!(self.detail));
        Value::Object(body)
    }

    /// `{success: false, error, code, …params}`.
    pub fn to_token_json(&self) -> Value {
        let mut body = self.params.clone();
        body.insert("success".to_owned(), json!(false));
        body.insert("error".to_owned(), json!(self.detail));
        body.insert("code".to_owned(), json!(self.code.name));
        Value::Object(body)
    }

    fn respond(&self, body: &Value, media_type: &'static str) -> Response {
        let mut response = (self.code.status(), body.to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
        if let Some(seconds) = self.retry_after_seconds {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.code.status() == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.respond(&self.to_problem_json(), "application/problem+json");
        response.extensions_mut().insert(self);
        response
    }
}

/// Gives every refusal the form of its path, those of the framework included (unknown route, wrong
/// method, too large a body).
pub async fn dress(State(state): State<ApiState>, request: Request, next: Next) -> Response {
    let token_route = request.uri().path().starts_with(TOKEN_ROUTES);
    let about = format!(
        "{} {}",
        request.method(),
        request.uri().path().chars().take(200).collect::<String>()
    );
    let response = next.run(request).await;
    if !(response.status().is_client_error() || response.status().is_server_error()) {
        return response;
    }
    let problem = match response.extensions().get::<Problem>() {
        Some(problem) => problem.clone(),
        None if is_dressed(&response) => return response,
        None => {
            let code = codes::of_status(response.status());
            Problem::new(
                code,
                format!("{}: {about}. The routes are listed at /api/docs.", code.title),
            )
        }
    };
    state.metrics().refused(problem.code);
    let mut dressed = match token_route {
        true => problem.respond(&problem.to_token_json(), "application/json"),
        false => problem.respond(&problem.to_problem_json(), "application/problem+json"),
    };
    for (name, value) in response.headers() {
        if name != header::CONTENT_TYPE
            && name != header::CONTENT_LENGTH
            && !dressed.headers().contains_key(name)
        {
            dressed.headers_mut().insert(name.clone(), value.clone());
        }
    }
    dressed
}

/// A handler that answers an error status with JSON of its own (many credits of which some were
/// refused) meant it.
fn is_dressed(response: &Response) -> bool {
    response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_problem_has_two_forms() {
        let problem = Problem::new(&codes::NONCE_USED, "It was accepted before.")
            .with("withdrawalId", "w")
            .with("status", "pending");
        let long = problem.to_problem_json();
        assert_eq!((&long["status"], &long["withdrawalStatus"]), (&json!(409), &json!("pending")));
        assert_eq!(
            (&long["code"], &long["detail"]),
            (&json!("NONCE_USED"), &json!("It was accepted before."))
        );
        let short = problem.to_token_json();
        assert_eq!(
            (&short["success"], &short["error"]),
            (&json!(false), &json!("It was accepted before."))
        );
        assert_eq!((&short["code"], &short["withdrawalId"]), (&json!("NONCE_USED"), &json!("w")));
    }
}
