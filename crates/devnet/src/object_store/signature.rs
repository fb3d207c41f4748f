//! AWS Signature Version 4 in the query, verified as the store does (AWS, "Authenticating Requests:
//! Using Query Parameters").

use std::collections::BTreeMap;

use axum::http::{HeaderMap, Method, Uri};
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::{KEY_ID, REGION, SECRET};

/// How far the date may lie ahead of the store's clock.
const AHEAD_SECONDS_MAX: i64 = 15 * 60;
const SIGNATURE: &str = "X-Amz-Signature";

/// # Errors
/// S3's code of what is wrong.
pub fn check(method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<(), &'static str> {
    let raw = uri.query().unwrap_or_default();
    let query: BTreeMap<&str, &str> =
        raw.split('&').filter_map(|pair| pair.split_once('=')).collect();
    let value = |name: &str| query.get(name).map(|value| decoded(value)).ok_or("AccessDenied");
    let (date, expires) = (value("X-Amz-Date")?, value("X-Amz-Expires")?);
    let scope = format!("{}/{REGION}/s3/aws4_request", date.get(..8).unwrap_or_default());
    if value("X-Amz-Algorithm")? != "AWS4-HMAC-SHA256" {
        return Err("AuthorizationQueryParametersError");
    }
    match value("X-Amz-Credential")?.split_once('/') {
        Some((KEY_ID, rest)) if rest == scope => {}
        Some((KEY_ID, _)) => return Err("AuthorizationQueryParametersError"),
        Some(_) | None => return Err("InvalidAccessKeyId"),
    }
    is_current(&date, &expires)?;
    let names = value("X-Amz-SignedHeaders")?;
    // Real stores take conditions that are not signed; this one holds its clients to more.
    let unsigned = ["host", "if-match", "if-none-match"].into_iter();
    if unsigned
        .filter(|name| headers.contains_key(*name))
        .any(|name| !names.split(';').any(|signed| signed == name))
    {
        return Err("AccessDenied");
    }
    let mut lines = String::new();
    for name in names.split(';') {
        let given =
            headers.get(name).and_then(|value| value.to_str().ok()).ok_or("AccessDenied")?;
        lines.push_str(&format!("{name}:{}\n", given.trim()));
    }
    let mut pairs: Vec<&str> = raw.split('&').filter(|pair| !pair.starts_with(SIGNATURE)).collect();
    pairs.sort_unstable();
    let canonical = format!(
        "{method}\n{}\n{}\n{lines}\n{names}\nUNSIGNED-PAYLOAD",
        uri.path(),
        pairs.join("&")
    );
    let digest = hex::encode(Sha256::digest(canonical));
    let text = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{digest}");
    let key =
        scope.split('/').fold(format!("AWS4{SECRET}").into_bytes(), |key, part| keyed(&key, part));
    let is_ours = query.get(SIGNATURE) == Some(&hex::encode(keyed(&key, &text)).as_str());
    if is_ours { Ok(()) } else { Err("SignatureDoesNotMatch") }
}

fn is_current(date: &str, expires: &str) -> Result<(), &'static str> {
    let signed = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", date)
        .and_then(|time| time.to_zoned(jiff::tz::TimeZone::UTC));
    let signed = signed.map_err(|_| "AuthorizationQueryParametersError")?.timestamp().as_second();
    let lasts: i64 = expires.parse().map_err(|_| "AuthorizationQueryParametersError")?;
    let now = Timestamp::now().as_second();
    if signed > now + AHEAD_SECONDS_MAX || now > signed + lasts {
        Err("RequestTimeTooSkewed")
    } else {
        Ok(())
    }
}

fn keyed(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

/// Percent-encoded, as a signed query is.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let escaped =
            tail.get(..2).filter(|_| *first == b'%').and_then(|digits| hex::decode(digits).ok());
        match escaped {
            Some(byte) => {
                bytes.extend_from_slice(&byte);
                rest = &tail[2..];
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
