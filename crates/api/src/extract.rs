//! Reading requests: every way in which a body, a query or a path can be wrong is an answer, and
//! none a surprise.

use std::time::Duration;

use adit_core::{AttemptId, ChainName, CredentialId, NameError, UserId, WithdrawalId};
use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::Value;
use serde_json::error::Category;

use crate::codes;
use crate::problem::Problem;

/// Longest that a body may take to arrive.
pub const BODY_SECONDS_MAX: u64 = 30;

/// A JSON body. Unknown fields are refused by the types themselves.
pub struct Body<T>(pub T);
/// The same, or nothing at all.
pub struct MaybeBody<T>(pub T);
/// `{id}` of a withdrawal. One that is no id is not found.
pub struct WithdrawalPath(pub WithdrawalId);
/// `{id}` of a version that others sign. One that is no id is not found.
pub struct AttemptPath(pub AttemptId);
/// `{keyId}`. One that is no id is not found.
pub struct KeyPath(pub CredentialId);
/// `{userId}`.
pub struct UserPath(pub UserId);
/// `{chain}`.
pub struct ChainPath(pub ChainName);

/// A transaction in a path, with or without `0x`.
pub struct HashPath(pub adit_core::Hash32);

/// Reads the whole body, within its bounds of size and time.
///
/// # Errors
/// `BODY_TOO_LARGE`, `REQUEST_TIMEOUT`, `BAD_REQUEST`.
pub async fn bytes(request: Request) -> Result<Bytes, Problem> {
    let read = Bytes::from_request(request, &());
    let read = tokio::time::timeout(Duration::from_secs(BODY_SECONDS_MAX), read).await;
    let read = read.map_err(|_| {
        Problem::new(
            &codes::REQUEST_TIMEOUT,
            format!("The body did not arrive within {BODY_SECONDS_MAX} seconds."),
        )
    })?;
    read.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            Problem::new(&codes::BODY_TOO_LARGE, "The body is larger than this route allows.")
        }
        _broken_off => Problem::new(&codes::BAD_REQUEST, "The body broke off."),
    })
}

/// Reads a JSON object into a type.
///
/// # Errors
/// `MALFORMED_JSON` or `INVALID_BODY`, naming line and column.
pub fn json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    // A struct would also be read from an array of its fields in their order, which nobody means.
    let is_object = bytes.trim_ascii_start().first() == Some(&b'{');
    if !is_object {
        serde_json::from_slice::<IgnoredAny>(bytes).map_err(|error| not_json(&error))?;
        return Err(Problem::new(
            &codes::INVALID_BODY,
            "The body is JSON, and not an object: {\"field\": …}.",
        ));
    }
    serde_json::from_slice(bytes).map_err(|error| match error.classify() {
        Category::Data => misfit(&error),
        Category::Syntax | Category::Eof | Category::Io => not_json(&error),
    })
}

/// The same for a part of a body that was read before.
///
/// # Errors
/// `INVALID_BODY`.
pub fn fitting<T: DeserializeOwned>(value: Value) -> Result<T, Problem> {
    if !value.is_object() {
        return Err(Problem::new(&codes::INVALID_BODY, "It is not an object: {\"field\": …}."));
    }
    serde_json::from_value(value).map_err(|error| misfit(&error))
}

fn misfit(error: &serde_json::Error) -> Problem {
    Problem::new(&codes::INVALID_BODY, format!("The body does not fit: {error}."))
}

fn not_json(error: &serde_json::Error) -> Problem {
    Problem::new(&codes::MALFORMED_JSON, format!("The body is not JSON: {error}."))
}

/// The media type without its parameters.
pub fn media_type(headers: &HeaderMap) -> &str {
    let value =
        headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim()
}

/// # Errors
/// `UNSUPPORTED_MEDIA_TYPE` for everything but JSON.
pub fn expect_json(headers: &HeaderMap) -> Result<(), Problem> {
    match media_type(headers) {
        json if json.eq_ignore_ascii_case("application/json") => Ok(()),
        other => {
            let detail =
                format!("The body's Content-Type is {other:?}; this route reads application/json.");
            Err(Problem::new(&codes::UNSUPPORTED_MEDIA_TYPE, detail))
        }
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        expect_json(request.headers())?;
        json(&bytes(request).await?).map(Self)
    }
}

impl<S: Send + Sync, T: DeserializeOwned + Default> FromRequest<S> for MaybeBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let expected = expect_json(request.headers());
        let body = bytes(request).await?;
        if body.is_empty() {
            return Ok(Self(T::default()));
        }
        expected?;
        json(&body).map(Self)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for WithdrawalPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let text = Path::<String>::from_request_parts(parts, state)
            .await
            .map(|path| path.0)
            .unwrap_or_default();
        text.parse().map(Self).map_err(|_| no_withdrawal())
    }
}

impl<S: Send + Sync> FromRequestParts<S> for AttemptPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let text = Path::<String>::from_request_parts(parts, state)
            .await
            .map(|path| path.0)
            .unwrap_or_default();
        text.parse().map(Self).map_err(|_| no_psbt())
    }
}

impl<S: Send + Sync> FromRequestParts<S> for KeyPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let text = Path::<String>::from_request_parts(parts, state)
            .await
            .map(|path| path.0)
            .unwrap_or_default();
        text.parse().map(Self).map_err(|_| no_key())
    }
}

impl<S: Send + Sync> FromRequestParts<S> for UserPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let text = Path::<String>::from_request_parts(parts, state)
            .await
            .map(|path| path.0)
            .unwrap_or_default();
        UserId::new(text).map(Self).map_err(invalid_name)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for ChainPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let text = Path::<String>::from_request_parts(parts, state)
            .await
            .map(|path| path.0)
            .unwrap_or_default();
        ChainName::new(text).map(Self).map_err(invalid_name)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for HashPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let text = Path::<String>::from_request_parts(parts, state)
            .await
            .map(|path| path.0)
            .unwrap_or_default();
        let hex = text.strip_prefix("0x").unwrap_or(&text);
        format!("0x{hex}").parse().map(Self).map_err(|_| no_stray(&text))
    }
}

/// There is none, or none for this caller: both read the same.
pub fn no_withdrawal() -> Problem {
    Problem::new(&codes::WITHDRAWAL_NOT_FOUND, "There is no such withdrawal.")
}

/// No version with this id is under way.
pub fn no_psbt() -> Problem {
    Problem::new(
        &codes::PSBT_NOT_FOUND,
        "No version with this id waits for signatures. GET /api/admin/psbts lists those that do.",
    )
}

/// No key with this id, or none that the caller may see.
pub fn no_key() -> Problem {
    Problem::new(
        &codes::API_KEY_NOT_FOUND,
        "There is no such key, or you may not see it. GET /api/admin/api-keys lists yours.",
    )
}

/// No transaction of this hash waits to be explained.
pub fn no_stray(got: &str) -> Problem {
    let got: String = got.chars().take(80).collect();
    let detail = format!(
        "{got:?} is no transaction that waits to be explained; GET /api/admin/unmatched lists \
         those that do."
    );
    Problem::new(&codes::STRAY_NOT_FOUND, detail)
}

/// A text that is no name.
pub fn invalid_name(error: NameError) -> Problem {
    Problem::new(&codes::INVALID_NAME, format!("{error}."))
        .with("what", error.what)
        .with("got", error.got)
        .with("allowed", error.allowed)
}

/// Reads a name where one is given.
///
/// # Errors
/// `INVALID_NAME`.
pub fn name<T: std::str::FromStr<Err = NameError>>(text: &str) -> Result<T, Problem> {
    text.parse().map_err(invalid_name)
}
