//! Amounts and addresses as requests carry them.

use adit_chain::RefusedDestination;
use adit_core::{Amount, Asset, AssetId, AssetRules, Destination};
use serde::Deserialize;
use serde_json::Value;

use crate::codes;
use crate::problem::Problem;
use crate::state::ApiState;

/// Longest part of a refused value that is repeated.
const ECHO_CHARS_MAX: usize = 80;

/// Whatever stands where an amount belongs. Only a string is one: JSON numbers lose digits above
/// 2^53, and nobody may be paid a rounded amount.
#[derive(Debug, Clone, Deserialize)]
#[serde(transparent)]
pub struct RawAmount(Value);

impl RawAmount {
    /// Whole units of the asset, above zero.
    ///
    /// # Errors
    /// `INVALID_AMOUNT`, with what is allowed.
    pub fn read(&self, asset: &Asset) -> Result<Amount, Problem> {
        let allowed = format!(
            "a string of whole units like \"3000\" or \"0.5\", above zero, with at most {} digits \
             after the point",
            asset.decimals
        );
        let wrong = |why: String| {
            let got: String = self.0.to_string().chars().take(ECHO_CHARS_MAX).collect();
            let detail = format!(
                "The amount {got} is not one of {}: {why}. Allowed is {allowed}.",
                asset.id
            );
            Problem::new(&codes::INVALID_AMOUNT, detail)
                .with("field", "amount")
                .with("allowed", allowed.clone())
        };
        match &self.0 {
            Value::String(text) => Amount::parse_positive(text, asset.decimals)
                .map_err(|error| wrong(error.to_string())),
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::Array(_)
            | Value::Object(_) => {
                Err(wrong("amounts are strings, because JSON numbers lose digits".to_owned()))
            }
        }
    }
}

/// A number that is not an amount (a nonce, a deadline), given as a number or as its digits in a
/// string.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Whole(pub u64);

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wrong = || {
            serde::de::Error::custom(
                "expected a whole number from 0 to 18446744073709551615, or the same as a string \
                 of digits",
            )
        };
        match Value::deserialize(deserializer)? {
            Value::Number(number) => number.as_u64().map(Self).ok_or_else(wrong),
            Value::String(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => {
                text.parse().map(Self).map_err(|_| wrong())
            }
            Value::String(_)
            | Value::Null
            | Value::Bool(_)
            | Value::Array(_)
            | Value::Object(_) => Err(wrong()),
        }
    }
}

/// The asset of that name.
///
/// # Errors
/// `ASSET_UNKNOWN`, with those that are configured.
pub fn asset<'a>(state: &'a ApiState, id: &AssetId) -> Result<&'a AssetRules, Problem> {
    let unknown = || {
        crate::refused::refused(
            &adit_core::Refusal::UnknownAsset { asset: id.clone() },
            state.rules(),
        )
    };
    state.rules().asset(id).ok_or_else(unknown)
}

/// An address in the canonical form of the asset's chain.
///
/// # Errors
/// `INVALID_ADDRESS`, `FORBIDDEN_DESTINATION`; `ASSET_NOT_WITHDRAWABLE` where no chain pays the
/// asset.
pub fn destination(
    state: &ApiState,
    asset: &AssetId,
    text: &str,
    field: &'static str,
) -> Result<Destination, Problem> {
    let chain = state.rules().chain_of(asset).and_then(|rules| state.engine().chain(&rules.name));
    let not_paid = || {
        crate::refused::refused(
            &adit_core::Refusal::NotWithdrawable { asset: asset.clone() },
            state.rules(),
        )
    };
    let parsed = chain.ok_or_else(not_paid)?.parse_destination(asset, text);
    parsed.map(|parsed| parsed.0).map_err(|refused| match &refused {
        RefusedDestination::Invalid { got, wrong: _, allowed, paste } => {
            let problem = Problem::new(&codes::INVALID_ADDRESS, format!("{refused}."))
                .with("field", field)
                .with("got", got.as_str())
                .with("allowed", allowed.as_str());
            paste.iter().fold(problem, |problem, paste| problem.with("paste", paste.as_str()))
        }
        RefusedDestination::Forbidden { got, what } => {
            Problem::new(&codes::FORBIDDEN_DESTINATION, format!("{refused}."))
                .with("field", field)
                .with("got", got.as_str())
                .with("what", what.as_str())
        }
    })
}

#[cfg(test)]
mod tests {
    use adit_core::AssetForm;
    use serde_json::json;

    use super::*;

    fn dg() -> Asset {
        Asset { id: "DG".parse().expect("an asset"), decimals: 18, form: AssetForm::Points }
    }

    /// Abuse cases 4 and 5.
    #[test]
    fn only_plain_strings_are_amounts() {
        let two_to_256 =
            "115792089237316195423570985008687907853269984665640564039457584007913129639936";
        let texts = [
            "-1",
            "0",
            "0.0",
            "1e18",
            "0x10",
            "１",
            "+1",
            "01",
            "1.",
            ".5",
            " 1",
            "1 ",
            "",
            "1.0000000000000000001",
            two_to_256,
        ];
        let mut values: Vec<Value> = texts.iter().map(|text| json!(text)).collect();
        values.extend([
            json!("9".repeat(79)),
            json!(3000),
            json!(9_007_199_254_740_993_u64),
            json!(1.5),
            json!(null),
            json!(["1"]),
            json!({}),
        ]);
        for value in values {
            let read = RawAmount(value.clone()).read(&dg());
            assert_eq!(read.map_err(|problem| problem.code.name), Err("INVALID_AMOUNT"), "{value}");
        }
        assert_eq!(
            RawAmount(json!("0.5")).read(&dg()).ok(),
            Some(Amount::new(500_000_000_000_000_000))
        );
    }

    #[test]
    fn whole_numbers_have_two_forms() {
        let read = |text: &str| serde_json::from_str::<Whole>(text).ok().map(|whole| whole.0);
        assert_eq!(read("7"), Some(7));
        assert_eq!(read("\"18446744073709551615\""), Some(u64::MAX));
        for text in
            ["-1", "1.5", "1e3", "\"-1\"", "\"\"", "\"1e3\"", "null", "18446744073709551616", "[]"]
        {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
