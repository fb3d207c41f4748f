//! Asks the object store, and reads its answers.

use std::time::Duration;

use adit_engine::{AnchoredClock, Clock as _};
use anyhow::{Context as _, Result};
use reqwest::header::{ETAG, HeaderMap};
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use rusty_s3::{Bucket, Credentials, UrlStyle};

use super::OBJECT_BYTES_MAX;
use super::request::{Condition, Signing};
use crate::config::WitnessObject;

const CONNECT_MILLIS_MAX: u64 = 2_000;
/// An `ETag` is a digest in quotation marks.
const ETAG_BYTES_MAX: usize = 256;
/// So much of a refusal is read, to name its code.
const REFUSAL_BYTES_MAX: usize = 4 * 1024;
/// S3's longest code has 40 letters or so.
const CODE_CHARS_MAX: usize = 64;
/// S3's code of an object that is not there. Anything else that is not found is no empty place.
const NO_SUCH_KEY: &str = "NoSuchKey";

/// One bucket.
pub struct Store {
    client: Client,
    signing: Signing,
    clock: AnchoredClock,
    /// Host and bucket, for people.
    name: String,
}

/// An object, and what the store calls this version of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    pub etag: String,
    pub text: String,
}

/// What became of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    Done,
    /// The condition does not hold.
    Refused,
    /// Another write was under way. S3 asks for a repeat.
    Conflict,
}

/// Why nothing is known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The store may have done it, and may answer soon.
    #[error("{0}")]
    Passing(String),
    /// The same request would get the same answer.
    #[error("{0}")]
    Final(String),
}

impl Store {
    /// # Errors
    /// When no HTTP client can be made, or the endpoint is none.
    pub fn new(
        object: &WitnessObject,
        clock: AnchoredClock,
        request_max: Duration,
    ) -> Result<Self> {
        let _installed_before = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .user_agent(adit_chain::USER_AGENT)
            .timeout(request_max)
            .connect_timeout(Duration::from_millis(CONNECT_MILLIS_MAX).min(request_max))
            // A signed request goes nowhere else.
            .redirect(Policy::none())
            .no_proxy()
            .build()
            .context("the HTTP client of the object store cannot be made")?;
        let style = if object.path_style { UrlStyle::Path } else { UrlStyle::VirtualHost };
        let bucket = Bucket::new(
            object.endpoint.clone(),
            style,
            object.bucket.clone(),
            object.region.clone(),
        );
        let bucket = bucket.context("witness.object.endpoint cannot be used")?;
        let name = format!("bucket {:?} at {}", object.bucket, object.endpoint.authority());
        let credentials = Credentials::new(object.key_id.expose(), object.secret.expose());
        Ok(Self { client, signing: Signing { bucket, credentials }, clock, name })
    }

    /// Names an object for people.
    pub fn place(&self, key: &str) -> String {
        format!("object {key:?} in {}", self.name)
    }

    /// Returns the object, or None where the store says that there is none.
    ///
    /// # Errors
    /// [`Fault`], for every other answer.
    pub async fn get(&self, key: &str) -> Result<Option<Found>, Fault> {
        let response = sent(self.client.get(self.signing.get(key, self.clock.now()))).await?;
        if !response.status().is_success() {
            return match refusal(response).await {
                (StatusCode::NOT_FOUND, code) if code == NO_SUCH_KEY => Ok(None),
                (status, code) => Err(fault(status, &code)),
            };
        }
        let etag = etag(response.headers())?;
        let body = body(response).await?;
        // What is no text is shown, and never written over.
        Ok(Some(Found { etag, text: String::from_utf8_lossy(&body).into_owned() }))
    }

    /// Writes the object where the condition holds.
    ///
    /// # Errors
    /// [`Fault`]. A passing one says nothing about whether it was written.
    pub async fn put(
        &self,
        key: &str,
        text: &str,
        condition: &Condition,
    ) -> Result<Written, Fault> {
        let url = self.signing.put(key, condition, self.clock.now());
        let (name, value) = condition.header();
        let response = sent(self.client.put(url).header(name, value).body(text.to_owned())).await?;
        if response.status().is_success() {
            return Ok(Written::Done);
        }
        match refusal(response).await {
            (StatusCode::PRECONDITION_FAILED, _) => Ok(Written::Refused),
            // The object that was to be replaced is gone.
            (StatusCode::NOT_FOUND, code) if code == NO_SUCH_KEY => Ok(Written::Refused),
            (StatusCode::CONFLICT, _) => Ok(Written::Conflict),
            (status, code) => Err(fault(status, &code)),
        }
    }
}

async fn sent(request: RequestBuilder) -> Result<Response, Fault> {
    request.send().await.map_err(broken)
}

/// The error without the URL it would print, which is signed.
fn broken(error: reqwest::Error) -> Fault {
    let timed_out = error.is_timeout();
    let error = error.without_url();
    let cause =
        std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
    Fault::Passing(if timed_out {
        "no full answer in time".to_owned()
    } else {
        format!("{error}{cause}")
    })
}

/// A weak one names no bytes: RFC 9110, section 13.1.1, does not let `If-Match` compare it.
fn etag(headers: &HeaderMap) -> Result<String, Fault> {
    let given = headers.get(ETAG).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is_strong = given.len() > 2
        && given.len() <= ETAG_BYTES_MAX
        && given.starts_with('"')
        && given.ends_with('"');
    if is_strong {
        return Ok(given.to_owned());
    }
    let given: String = given.chars().take(40).collect();
    Err(Fault::Final(format!(
        "it answers with the ETag {given:?}, and allowed is a strong one in quotation marks; \
         name the object store itself in witness.object.endpoint"
    )))
}

async fn body(mut response: Response) -> Result<Vec<u8>, Fault> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(broken)? {
        if body.len() + chunk.len() > OBJECT_BYTES_MAX {
            return Err(Fault::Final(format!(
                "it holds more than {OBJECT_BYTES_MAX} bytes, so it is no witness of ours; name \
                 another witness.object.key"
            )));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Status and code of a refusal. Where the code cannot be read it is empty.
async fn refusal(mut response: Response) -> (StatusCode, String) {
    let mut body = Vec::new();
    while body.len() < REFUSAL_BYTES_MAX
        && let Ok(Some(chunk)) = response.chunk().await
    {
        body.extend_from_slice(&chunk);
    }
    (response.status(), code(&String::from_utf8_lossy(&body)))
}

/// S3 names what is wrong in one element; nothing else of the text is believed or repeated.
fn code(xml: &str) -> String {
    let inner = xml
        .split_once("<Code>")
        .and_then(|(_, rest)| rest.split_once("</Code>"))
        .map_or("", |(inner, _)| inner);
    let is_code = inner.len() <= CODE_CHARS_MAX && inner.chars().all(|c| c.is_ascii_alphanumeric());
    if is_code { inner.to_owned() } else { String::new() }
}

fn fault(status: StatusCode, code: &str) -> Fault {
    let said = format!("{} {code}", status.as_u16());
    let said = said.trim_end();
    let advice = match status.as_u16() {
        500..=599 | 408 | 429 => return Fault::Passing(format!("it answers {said}")),
        // A store without the right to list says 403 of an object that is not there.
        401 | 403 => {
            "let the key of AWS_ACCESS_KEY_ID get and put this object and the one beside it that ends in .probe, \
             and list the bucket; check the secret, the region and this machine's clock"
        }
        300..=399 => "name the endpoint of the bucket's own region",
        404 => "create the bucket, or name one that exists in witness.object.bucket",
        400 => {
            "check region and path_style of witness.object; the store has to know If-Match and \
             If-None-Match"
        }
        _ => {
            "name an object store that knows If-Match and If-None-Match in witness.object.endpoint"
        }
    };
    Fault::Final(format!("it answers {said}; {advice}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_named_by_its_code_alone() {
        assert_eq!(
            code(
                "<?xml version=\"1.0\"?>\n<Error><Code>NoSuchKey</Code><Message>x</Message></Error>"
            ),
            "NoSuchKey"
        );
        for text in [
            "",
            "<html>404</html>",
            "<Code>",
            "<Code>a b</Code>",
            &format!("<Code>{}</Code>", "x".repeat(65)),
        ] {
            assert_eq!(code(text), "", "{text}");
        }
    }
}
