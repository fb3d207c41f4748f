//! Bounds on what comes before a body: the address line and the headers.

use axum::extract::Request;
use axum::http::{HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::codes;
use crate::problem::Problem;

/// Longest path and query together.
pub const URI_BYTES_MAX: usize = 4 * 1024;
/// All names and values of headers together.
pub const HEADERS_BYTES_MAX: usize = 16 * 1024;

/// Refuses what is out of bounds, and says of every answer that it is neither to be kept nor
/// guessed at.
pub async fn bound(request: Request, next: Next) -> Response {
    let uri = request.uri().path_and_query().map_or(0, |path| path.as_str().len());
    if uri > URI_BYTES_MAX {
        let detail = format!("Path and query have {uri} bytes; allowed are {URI_BYTES_MAX}.");
        return Problem::new(&codes::URI_TOO_LONG, detail).into_response();
    }
    let headers: usize =
        request.headers().iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if headers > HEADERS_BYTES_MAX {
        let detail = format!("The headers have {headers} bytes; allowed are {HEADERS_BYTES_MAX}.");
        return Problem::new(&codes::HEADERS_TOO_LARGE, detail).into_response();
    }
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
