//! Hashes as their chain's people write them: of Bitcoin without `0x`.

use adit_core::ChainKind;
use serde_json::Value;

/// The same with every text as [`ChainKind::written`] has it, at every depth.
pub fn written(kind: ChainKind, value: Value) -> Value {
    match value {
        Value::Object(fields) => Value::Object(
            fields.into_iter().map(|(name, value)| (name, written(kind, value))).collect(),
        ),
        Value::Array(items) => {
            Value::Array(items.into_iter().map(|item| written(kind, item)).collect())
        }
        Value::String(text) => Value::String(kind.written(&text)),
        plain @ (Value::Null | Value::Bool(_) | Value::Number(_)) => plain,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn hashes_are_written_as_on_their_chain() {
        let (hash, bare) = (format!("0x{}", "ab".repeat(32)), "ab".repeat(32));
        let said = |hash: &str| json!({ "block": { "height": 7, "hash": hash }, "said": [format!("{hash} took it"), null, true] });
        assert_eq!(written(ChainKind::Bitcoin, said(&hash)), said(&bare));
        assert_eq!(written(ChainKind::Evm, said(&hash)), said(&hash));
    }
}
