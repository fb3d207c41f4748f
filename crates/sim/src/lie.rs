//! What a lying endpoint says. One at a time lies: more is beyond what a quorum promises.

use adit_chain::RpcError;
use serde_json::{Value, json};

/// Another network's answers to what tells networks apart.
pub fn elsewhere(method: &str) -> Option<Result<Value, RpcError>> {
    (method == "eth_chainId").then(|| Ok(json!("0x1")))
}

/// Bends an answer. `dice` chooses among the lies of a method.
pub fn about(method: &str, params: &Value, answer: Result<Value, RpcError>, dice: u64) -> Result<Value, RpcError> {
    match method {
        "eth_sendRawTransaction" => about_sending(answer, dice),
        "eth_getTransactionCount" => Ok(json!(format!("0x{:x}", dice % 400))),
        "eth_getTransactionReceipt" => answer.map(|receipt| if dice.is_multiple_of(3) { Value::Null } else { forged(receipt, dice) }),
        "eth_getBlockReceipts" => answer.map(|receipts| match receipts {
            Value::Array(list) if !dice.is_multiple_of(3) => list.into_iter().map(|receipt| forged(receipt, dice)).collect(),
            _ => json!([]),
        }),
        "eth_getBlockByNumber" if params[0] == "finalized" => answer.map(|block| higher(block, dice % 40)),
        "eth_getBlockByNumber" if dice.is_multiple_of(2) => answer.map(|block| other_hash(block, dice)),
        "eth_getBalance" | "eth_maxPriorityFeePerGas" => Ok(json!(format!("0x{:x}", u128::from(dice) << 40))),
        _ => answer,
    }
}

/// Errors after accepting; success without relaying is what `swallows` of the chain does.
fn about_sending(answer: Result<Value, RpcError>, dice: u64) -> Result<Value, RpcError> {
    let error = |code, message: &str| Err(RpcError { code, message: message.to_owned(), data: None });
    match dice % 5 {
        0 => error(-32_000, "nonce too low"),
        1 => error(-32_000, "insufficient funds for gas * price + value"),
        2 => error(-32_603, "internal error"),
        3 => Ok(json!(format!("0x{:064x}", dice))),
        _ => answer,
    }
}

fn forged(mut receipt: Value, dice: u64) -> Value {
    if !receipt.is_object() {
        return receipt;
    }
    match dice % 4 {
        0 => receipt["status"] = json!("0x0"),
        1 => receipt["status"] = json!("0x1"),
        2 => receipt["logs"] = json!([]),
        _ => receipt["effectiveGasPrice"] = json!("0x1"),
    }
    receipt
}

fn higher(mut block: Value, by: u64) -> Value {
    let number = block["number"].as_str().and_then(|text| u64::from_str_radix(text.trim_start_matches("0x"), 16).ok());
    if let Some(number) = number {
        block["number"] = json!(format!("0x{:x}", number + by));
    }
    block
}

fn other_hash(mut block: Value, dice: u64) -> Value {
    if block.is_object() {
        block["hash"] = json!(format!("0x{dice:064x}"));
    }
    block
}
