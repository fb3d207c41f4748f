//! Reading queries: as strict as bodies. Every refusal says which parameter, what it was, what is
//! allowed, and what to do.

use adit_core::Timestamp;
use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use utoipa::IntoParams;
use utoipa::openapi::path::ParameterIn;

use crate::codes;
use crate::problem::Problem;
use crate::units::parse_time;

/// Longest part of a refused value that is repeated.
const ECHO_CHARS_MAX: usize = 40;

/// The query. Its parameters are those of the document, each given at most once.
pub struct Params<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + IntoParams> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let pairs =
            Query::<Vec<(String, String)>>::try_from_uri(&parts.uri).map_err(|rejection| {
                let detail = format!(
                    "{}. Allowed is name=value, joined by &; write it so.",
                    rejection.body_text()
                );
                Problem::new(&codes::INVALID_QUERY, detail)
            })?;
        let documented = T::into_params(|| Some(ParameterIn::Query));
        let names: Vec<&str> = documented.iter().map(|parameter| parameter.name.as_str()).collect();
        read(pairs.0, &names).map(Self)
    }
}

fn read<T: DeserializeOwned>(pairs: Vec<(String, String)>, names: &[&str]) -> Result<T, Problem> {
    let mut fields = Map::new();
    for (name, value) in pairs {
        if !names.contains(&name.as_str()) {
            return Err(unknown(&name, &value, names));
        }
        if let Some(Value::String(first)) =
            fields.insert(name.clone(), Value::String(value.clone()))
        {
            let detail = format!(
                "{name} is given twice, as {:?} and as {:?}; allowed is one. Send it once.",
                short(&first),
                short(&value)
            );
            return Err(Problem::new(&codes::INVALID_QUERY, detail).with("parameter", name));
        }
    }
    serde_json::from_value(Value::Object(fields)).map_err(|error| {
        let detail = format!(
            "The query does not fit: {error}. Its parameters are {}; send what is missing.",
            names.join(", ")
        );
        Problem::new(&codes::INVALID_QUERY, detail).with("allowed", names)
    })
}

fn unknown(name: &str, value: &str, names: &[&str]) -> Problem {
    let (name, value) = (short(name), short(value));
    let detail = format!(
        "The query has {name:?} with the value {value:?}; allowed are {}. Leave it out, or correct \
         its name.",
        names.join(", ")
    );
    Problem::new(&codes::INVALID_QUERY, detail)
        .with("parameter", name)
        .with("got", value)
        .with("allowed", names)
}

/// A parameter whose value is not one. `allowed` finishes the sentence "allowed is …".
pub fn misfit(parameter: &'static str, got: &str, allowed: impl Into<String>) -> Problem {
    let (got, allowed) = (short(got), allowed.into());
    let detail =
        format!("{parameter} is {got:?}; allowed is {allowed}. Change it, or leave it out.");
    Problem::new(&codes::INVALID_QUERY, detail)
        .with("parameter", parameter)
        .with("got", got)
        .with("allowed", allowed)
}

/// Digits only: no sign, no point, no space.
///
/// # Errors
/// `INVALID_QUERY`.
pub fn whole(parameter: &'static str, text: &str, least: u64, most: u64) -> Result<u64, Problem> {
    let read = Some(text)
        .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))
        .and_then(|text| text.parse().ok());
    let fits = read.filter(|number| (least..=most).contains(number));
    fits.ok_or_else(|| {
        misfit(parameter, text, format!("a whole number from {least} to {most}, in digits"))
    })
}

/// # Errors
/// `INVALID_QUERY`.
pub fn time(parameter: &'static str, text: &str) -> Result<Timestamp, Problem> {
    let allowed = "a time by RFC 3339 like 2026-11-22T11:00:00Z or 2026-11-22T12:00:00.5%2B01:00 (a + is \
         written %2B in a query)";
    parse_time(text).ok_or_else(|| misfit(parameter, text, allowed))
}

fn short(text: &str) -> String {
    text.chars().take(ECHO_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_digits_within_their_bounds() {
        assert_eq!(whole("limit", "1", 1, 100).ok(), Some(1));
        assert_eq!(whole("limit", "100", 1, 100).ok(), Some(100));
        assert_eq!(whole("after", "18446744073709551615", 0, u64::MAX).ok(), Some(u64::MAX));
        for text in
            ["0", "101", "", "-1", "+1", " 1", "1.0", "1e1", "0x1", "١", "18446744073709551616"]
        {
            let refused = whole("limit", text, 1, 100).expect_err("refused");
            assert_eq!(
                (refused.code.name, &refused.params["got"]),
                ("INVALID_QUERY", &Value::from(text))
            );
        }
    }

    #[test]
    fn a_long_value_is_not_repeated_whole() {
        let refused = misfit("status", &"é".repeat(5_000), "short");
        assert!(refused.detail.len() < 200, "{}", refused.detail);
    }
}
