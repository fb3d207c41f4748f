//! Answers in S3's form.

use axum::http::StatusCode;
use axum::response::Response;

use super::bodied;

pub fn content(content: Vec<u8>, etag: &str) -> Response {
    bodied(StatusCode::OK, &[("etag", etag), ("content-type", "binary/octet-stream")], content)
}

pub fn written(etag: &str) -> Response {
    bodied(StatusCode::OK, &[("etag", etag)], Vec::new())
}

/// An error in XML.
pub fn refused(status: StatusCode, code: &str) -> Response {
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>It is not done.</Message>\
         <RequestId>0</RequestId></Error>"
    );
    bodied(status, &[("content-type", "application/xml")], text)
}
