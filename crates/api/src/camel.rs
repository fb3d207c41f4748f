//! Rules name fields in snake_case; the API speaks camelCase.

use serde_json::{Map, Value};

/// Renames every field, at every depth. Values stay as they are.
pub fn camel(value: Value) -> Value {
    match value {
        Value::Object(fields) => Value::Object(
            fields
                .into_iter()
                .map(|(name, value)| (camel_name(&name), camel(value)))
                .collect::<Map<_, _>>(),
        ),
        Value::Array(items) => Value::Array(items.into_iter().map(camel).collect()),
        plain @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => plain,
    }
}

fn camel_name(name: &str) -> String {
    let mut parts = name.split('_');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |mut whole, part| {
        let mut letters = part.chars();
        whole.extend(letters.next().map(|letter| letter.to_ascii_uppercase()));
        whole.push_str(letters.as_str());
        whole
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_change_and_values_do_not() {
        let snake =
            json!({ "base_fee_wei": "a_b", "block": { "final_height": [{ "in_flight": 1 }] } });
        assert_eq!(
            camel(snake),
            json!({ "baseFeeWei": "a_b", "block": { "finalHeight": [{ "inFlight": 1 }] } })
        );
    }
}
