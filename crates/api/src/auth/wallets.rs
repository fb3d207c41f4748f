//! Wallets that a provider's token lists, whatever shape the provider gives the list.

use adit_core::Destination;
use serde_json::Value;

use crate::state::ApiState;

/// Wallets of one token that are looked at; one with more is nobody's.
const WALLETS_MAX: usize = 16;
/// Lists may stand inside one text or object of another.
const NESTING_MAX: u32 = 3;

/// Reads `"0x…"`, `["0x…"]`, `[{"address": "0x…"}]`, and any of these as a JSON text (Privy's
/// `linked_accounts`).
pub fn listed(value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    collect(value, NESTING_MAX, &mut found);
    found.truncate(WALLETS_MAX);
    found
}

fn collect(value: &Value, nesting: u32, found: &mut Vec<String>) {
    if nesting == 0 || found.len() >= WALLETS_MAX {
        return;
    }
    match value {
        Value::String(text) if text.trim_start().starts_with("0x") => found.push(text.clone()),
        Value::String(text) => {
            if let Ok(inner) = serde_json::from_str::<Value>(text) {
                collect(&inner, nesting - 1, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, nesting - 1, found)),
        Value::Object(fields) => {
            if let Some(Value::String(address)) = fields.get("address").filter(|address| {
                address.as_str().is_some_and(|text| text.trim_start().starts_with("0x"))
            }) {
                found.push(address.clone());
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Those that are addresses of the chain that claims are paid on. Providers write them in one case,
/// too, without a checksum: a claim is proved by its signature, so nobody is paid at an address
/// that was mistyped here.
pub fn parsed(state: &ApiState, listed: &[String]) -> Vec<Destination> {
    let Some(asset) = state.wallet_asset() else { return Vec::new() };
    let Some(chain) =
        state.rules().chain_of(asset).and_then(|rules| state.engine().chain(&rules.name))
    else {
        return Vec::new();
    };
    let parse = |text: &String| match chain.parse_destination(asset, &adit_evm::with_checksum(text))
    {
        Ok(parsed) => Some(parsed.0),
        Err(refused) => {
            tracing::warn!(wallet = text, %refused, "a wallet of the sign-in provider is left out");
            None
        }
    };
    listed.iter().filter_map(parse).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_shape_is_read() {
        let wallet = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed";
        assert_eq!(listed(&json!(wallet)), [wallet]);
        assert_eq!(listed(&json!([wallet, 7, null])), [wallet]);
        assert_eq!(
            listed(
                &json!([{ "type": "wallet", "address": wallet }, { "type": "email", "address": "a@b.c" }])
            ),
            [wallet]
        );
        let privy =
            json!([{ "type": "wallet", "address": wallet, "chain_type": "ethereum" }]).to_string();
        assert_eq!(listed(&json!(privy)), [wallet]);
    }

    #[test]
    fn endless_lists_end() {
        let many = vec!["0x1"; 1_000];
        assert_eq!(listed(&json!(many)).len(), WALLETS_MAX);
        let deep = json!([[[[["0x1"]]]]]);
        assert!(listed(&deep).is_empty());
        assert!(listed(&json!("not json")).is_empty());
    }
}
