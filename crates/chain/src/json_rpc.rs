//! JSON-RPC 2.0 as text: requests with ids, and answers matched to them by id.
//!
//! A node may answer a batch in any order (JSON-RPC 2.0, section 6), and a broken one answers
//! somebody else's question: what does not carry exactly the ids that were asked is refused as a
//! whole.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

/// Calls in one HTTP request. Common providers allow 100.
pub const BATCH_CALLS_MAX: usize = 100;

/// One question.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    pub method: &'static str,
    pub params: Value,
    /// For a call that takes longer than the endpoint's usual bound; see
    /// [`Request::time_max`](crate::Request::time_max).
    pub time_max: Option<Duration>,
}

/// What the node said to one question: a result, or an error of its own. `null` is a result.
pub type Answer = Result<Value, RpcError>;

/// The `error` member of an answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Deserialize)]
#[error("{message} ({code})")]
pub struct RpcError {
    pub code: i64,
    #[serde(default)]
    pub message: String,
    /// With a reverted call: what the contract returned, in hexadecimal.
    #[serde(default, deserialize_with = "text_or_nothing")]
    pub data: Option<String>,
}

#[derive(Deserialize)]
struct Envelope {
    id: Option<Value>,
    #[serde(default, deserialize_with = "present")]
    result: Option<Value>,
    error: Option<RpcError>,
}

/// Longest error text that is passed on; nodes are known to return whole pages.
const ERROR_TEXT_CHARS_MAX: usize = 300;

impl Call {
    pub fn new(method: &'static str, params: Value) -> Self {
        Self { method, params, time_max: None }
    }

    pub fn within(self, time_max: Duration) -> Self {
        Self { time_max: Some(time_max), ..self }
    }
}

/// `present` keeps `"result": null` apart from a missing `result`.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// Some nodes put objects there; only hexadecimal text is of use.
fn text_or_nothing<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<String>, D::Error> {
    Value::deserialize(deserializer).map(|data| data.as_str().map(str::to_owned))
}

/// The body of one request, or of a batch whose ids count up from `first_id`.
pub(crate) fn request(calls: &[Call], first_id: u64) -> Value {
    let one = |(id, call): (u64, &Call)| json!({ "jsonrpc": "2.0", "id": id, "method": call.method, "params": call.params });
    let mut requests: Vec<Value> = (first_id..).zip(calls).map(one).collect();
    if requests.len() == 1 { requests.remove(0) } else { Value::Array(requests) }
}

/// A body that does not answer exactly what was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unread {
    pub detail: String,
    /// It is JSON all the same: a batch may be refused in it.
    pub is_json: bool,
}

/// The answers in the order of the questions.
///
/// # Errors
/// In words, when the body does not answer exactly these ids.
pub(crate) fn answers(body: &[u8], first_id: u64, count: usize) -> Result<Vec<Answer>, Unread> {
    let value = serde_json::from_slice(body)
        .map_err(|error| Unread { detail: format!("not JSON: {error}"), is_json: false })?;
    matched(value, first_id, count).map_err(|detail| Unread { detail, is_json: true })
}

fn matched(value: Value, first_id: u64, count: usize) -> Result<Vec<Answer>, String> {
    let envelopes = match value {
        Value::Array(many) => many,
        single => vec![single],
    };
    if let [Value::Object(only)] = envelopes.as_slice()
        && count > 1
        && let Some(error) = only.get("error")
    {
        return Err(shorten(&format!("a batch was refused as a whole: {error}")));
    }
    let mut found: Vec<Option<Answer>> = vec![None; count];
    for envelope in envelopes {
        let (slot, answer) = opened(envelope, first_id, count)?;
        if found[slot].replace(answer).is_some() {
            return Err(format!("two answers carry the id {}", first_id + slot as u64));
        }
    }
    let missing = found.iter().position(Option::is_none);
    if let Some(slot) = missing {
        return Err(format!("no answer carries the id {}", first_id + slot as u64));
    }
    Ok(found.into_iter().flatten().collect())
}

fn opened(envelope: Value, first_id: u64, count: usize) -> Result<(usize, Answer), String> {
    let envelope: Envelope = serde_json::from_value(envelope)
        .map_err(|error| format!("not a JSON-RPC answer: {error}"))?;
    let id = envelope.id.as_ref().and_then(Value::as_u64);
    let slot =
        id.and_then(|id| id.checked_sub(first_id)).and_then(|slot| usize::try_from(slot).ok());
    let Some(slot) = slot.filter(|slot| *slot < count) else {
        let said = envelope.error.map(|error| format!(" and says {error}")).unwrap_or_default();
        return Err(shorten(&format!(
            "an answer carries the id {}, which was not asked{said}",
            envelope.id.unwrap_or(Value::Null)
        )));
    };
    match (envelope.result, envelope.error) {
        (_, Some(error)) => Ok((slot, Err(RpcError { message: shorten(&error.message), ..error }))),
        (Some(result), None) => Ok((slot, Ok(result))),
        (None, None) => Err("an answer has neither result nor error".to_owned()),
    }
}

fn shorten(text: &str) -> String {
    text.chars().take(ERROR_TEXT_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, count: usize) -> Result<Vec<Answer>, Unread> {
        answers(text.as_bytes(), 7, count)
    }

    #[test]
    fn answers_are_matched_by_id_and_not_by_order() {
        let body = r#"[{"id":8,"error":{"code":-32000,"message":"no"}},{"id":7,"result":null}]"#;
        let error = RpcError { code: -32000, message: "no".to_owned(), data: None };
        assert_eq!(read(body, 2), Ok(vec![Ok(Value::Null), Err(error)]));
    }

    #[test]
    fn what_does_not_answer_exactly_these_ids_is_refused() {
        for body in [
            "<html>busy</html>",
            "",
            "[]",
            "{}",
            "7",
            r#"[{"id":7,"result":1}]"#,
            r#"[{"id":7,"result":1},{"id":7,"result":1}]"#,
            r#"[{"id":7,"result":1},{"id":9,"result":1}]"#,
            r#"[{"id":7,"result":1},{"id":-8,"result":1}]"#,
            r#"[{"id":7,"result":1},{"id":8}]"#,
            r#"{"id":null,"error":{"code":-32600,"message":"batches are not allowed"}}"#,
        ] {
            assert!(read(body, 2).is_err(), "{body}");
        }
    }

    #[test]
    fn one_call_is_sent_alone() {
        let call = Call::new("eth_chainId", json!([]));
        assert!(request(std::slice::from_ref(&call), 1).is_object());
        assert!(request(&[call.clone(), call], 1).is_array());
    }
}
