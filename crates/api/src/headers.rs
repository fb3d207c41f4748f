//! The two headers that change what a request does: `Prefer: wait=n` (RFC 7240) and
//! `Idempotency-Key`.

use std::time::Duration;

use adit_core::IdempotencyKey;
use axum::http::HeaderMap;

use crate::codes;
use crate::problem::Problem;

/// How long a claim's answer waits for confirmations where the caller does not say.
pub const WAIT_SECONDS_DEFAULT: u64 = 25;
/// Longest such wait.
pub const WAIT_SECONDS_MAX: u64 = 60;

/// A preference is a wish (RFC 7240): what cannot be read is ignored, more than the most is the
/// most.
pub fn wait(headers: &HeaderMap) -> Duration {
    let preferences = headers
        .get_all("prefer")
        .into_iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    let mut waits = preferences.filter_map(|preference| {
        let (name, value) = preference.split(';').next()?.split_once('=')?;
        let value = value.trim().trim_matches('"');
        (name.trim().eq_ignore_ascii_case("wait")
            && value.bytes().all(|byte| byte.is_ascii_digit())
            && !value.is_empty())
        .then(|| value.parse().unwrap_or(WAIT_SECONDS_MAX))
    });
    Duration::from_secs(waits.next().unwrap_or(WAIT_SECONDS_DEFAULT).min(WAIT_SECONDS_MAX))
}

/// The caller's own key for a request that he may send twice.
///
/// # Errors
/// `INVALID_HEADER` when it is empty, too long, has other characters, or stands there twice.
pub fn idempotency_key(headers: &HeaderMap) -> Result<Option<IdempotencyKey>, Problem> {
    let wrong = |what: &str| {
        let detail =
            format!("Idempotency-Key {what}; allowed is one of 1 to 128 visible ASCII characters.");
        Problem::new(&codes::INVALID_HEADER, detail).with("header", "Idempotency-Key")
    };
    let mut values = headers.get_all("idempotency-key").into_iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(_), Some(_)) => Err(wrong("is given twice")),
        (Some(value), None) => {
            let text = value.to_str().map_err(|_| wrong("has other characters"))?;
            IdempotencyKey::new(text)
                .map(Some)
                .map_err(|_| wrong("is empty, too long, or has other characters"))
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn with(name: &'static str, values: &[&'static str]) -> HeaderMap {
        values
            .iter()
            .map(|value| {
                (axum::http::HeaderName::from_static(name), HeaderValue::from_static(value))
            })
            .collect()
    }

    #[test]
    fn a_wait_is_read_and_bounded() {
        let seconds = |values: &[&'static str]| wait(&with("prefer", values)).as_secs();
        assert_eq!(seconds(&[]), 25);
        assert_eq!(seconds(&["wait=0"]), 0);
        assert_eq!(seconds(&["respond-async, wait=7"]), 7);
        assert_eq!(seconds(&["return=minimal", "Wait=\"8\"; foo"]), 8);
        assert_eq!(seconds(&["wait=60"]), 60);
        assert_eq!(seconds(&["wait=61"]), 60);
        assert_eq!(seconds(&["wait=99999999999999999999999"]), 60);
        for nonsense in ["wait=-1", "wait=", "wait", "wait=1.5", "wait=abc"] {
            assert_eq!(wait(&with("prefer", &[nonsense])).as_secs(), 25, "{nonsense}");
        }
    }

    #[test]
    fn a_key_is_one_short_word() {
        let read = |values: &[&'static str]| idempotency_key(&with("idempotency-key", values));
        assert_eq!(read(&[]).ok(), Some(None));
        assert!(matches!(read(&["order-7"]), Ok(Some(key)) if key.as_str() == "order-7"));
        for values in [vec![""], vec!["a b"], vec!["a", "a"]] {
            assert!(read(&values).is_err_and(|problem| problem.code.status == 422), "{values:?}");
        }
        let long: HeaderMap = [(
            axum::http::HeaderName::from_static("idempotency-key"),
            HeaderValue::from_str(&"k".repeat(129)).expect("ASCII"),
        )]
        .into_iter()
        .collect();
        assert!(idempotency_key(&long).is_err());
    }
}
