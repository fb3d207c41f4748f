//! What a lying endpoint says. One at a time lies: more is beyond what a quorum promises.

use adit_chain::RpcError;
use serde_json::{Value, json};

/// The first block of the main network (`kernel/chainparams.cpp` of Bitcoin Core).
const MAIN_NETWORK: &str = "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f";

/// Another network's answers to what tells networks apart.
pub fn elsewhere(method: &str, params: &Value) -> Option<Result<Value, RpcError>> {
    match method {
        "eth_chainId" => Some(Ok(json!("0x1"))),
        "getblockhash" if params[0] == 0 => Some(Ok(json!(MAIN_NETWORK))),
        _ => None,
    }
}

/// Bends an answer. `dice` chooses among the lies of a method.
pub fn about(
    method: &str,
    params: &Value,
    answer: Result<Value, RpcError>,
    dice: u64,
) -> Result<Value, RpcError> {
    match method {
        "eth_sendRawTransaction" => about_sending(answer, dice),
        "eth_getTransactionCount" => Ok(json!(format!("0x{:x}", dice % 400))),
        "eth_getTransactionReceipt" => {
            answer.map(
                |receipt| if dice.is_multiple_of(3) { Value::Null } else { forged(receipt, dice) },
            )
        }
        "eth_getBlockReceipts" => answer.map(|receipts| match receipts {
            Value::Array(list) if !dice.is_multiple_of(3) => {
                list.into_iter().map(|receipt| forged(receipt, dice)).collect()
            }
            _ => json!([]),
        }),
        "eth_getBlockByNumber" if params[0] == "finalized" => {
            answer.map(|block| higher(block, dice % 40))
        }
        "eth_getBlockByNumber" if dice.is_multiple_of(2) => {
            answer.map(|block| other_hash(block, dice))
        }
        "sendrawtransaction" => about_bitcoin(answer, dice),
        "getblockhash" if dice.is_multiple_of(2) => Ok(json!(format!("{dice:064x}"))),
        "getblockchaininfo" => answer.map(|info| ahead(info, dice % 40)),
        "estimatesmartfee" => {
            Ok(json!({ "feerate": (dice % 1_000) as f64 / 1_000.0, "blocks": params[0] }))
        }
        // Unspent what is spent, and gone what is there.
        "gettxout" => answer
            .map(|output| if output.is_null() { json!(null) } else { unconfirmed(output, dice) }),
        "getrawtransaction" => answer.map(|found| elsewhere_mined(found, dice)),
        "scantxoutset" => answer.map(|found| fewer_or_richer(found, dice)),
        "eth_getBalance" | "eth_maxPriorityFeePerGas" => {
            Ok(json!(format!("0x{:x}", u128::from(dice) << 40)))
        }
        _ => answer,
    }
}

/// `by` more payments of the wallet than the pool has: counted, and named by what spends each coin,
/// but with no bytes to show.
pub fn about_pool(
    method: &str,
    params: &Value,
    answer: Result<Value, RpcError>,
    by: u64,
) -> Result<Value, RpcError> {
    match method {
        "eth_getTransactionCount" if params[1] == "pending" => {
            answer.map(|count| raised(&count, by))
        }
        "gettxspendingprevout" => answer.map(|spent| all_spent(spent, by)),
        _ => answer,
    }
}

fn raised(count: &Value, by: u64) -> Value {
    let number =
        count.as_str().and_then(|text| u64::from_str_radix(text.trim_start_matches("0x"), 16).ok());
    number.map_or(count.clone(), |number| json!(format!("0x{:x}", number + by)))
}

fn all_spent(mut spent: Value, by: u64) -> Value {
    for output in
        spent.as_array_mut().into_iter().flatten().filter(|output| output["spendingtxid"].is_null())
    {
        output["spendingtxid"] = json!(format!("{by:064x}"));
    }
    spent
}

/// Errors after accepting; success without relaying is what `swallows` of the chain does.
fn about_sending(answer: Result<Value, RpcError>, dice: u64) -> Result<Value, RpcError> {
    let error =
        |code, message: &str| Err(RpcError { code, message: message.to_owned(), data: None });
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
    let number = block["number"]
        .as_str()
        .and_then(|text| u64::from_str_radix(text.trim_start_matches("0x"), 16).ok());
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

/// Errors after accepting, in bitcoind's words.
fn about_bitcoin(answer: Result<Value, RpcError>, dice: u64) -> Result<Value, RpcError> {
    let error =
        |code, message: &str| Err(RpcError { code, message: message.to_owned(), data: None });
    match dice % 5 {
        0 => error(-25, "bad-txns-inputs-missingorspent"),
        1 => error(-26, "txn-mempool-conflict"),
        2 => error(-27, "Transaction outputs already in utxo set"),
        3 => Ok(json!(format!("{dice:064x}"))),
        _ => answer,
    }
}

fn ahead(mut info: Value, by: u64) -> Value {
    if let Some(blocks) = info["blocks"].as_u64() {
        info["blocks"] = json!(blocks + by);
    }
    info
}

fn unconfirmed(mut output: Value, dice: u64) -> Value {
    if dice.is_multiple_of(2) {
        return Value::Null;
    }
    output["confirmations"] = json!(dice % 3);
    output
}

fn elsewhere_mined(mut found: Value, dice: u64) -> Value {
    match (&found, dice % 3) {
        (_, 0) => Value::Null,
        (Value::Object(_), 1) => {
            found["blockhash"] = json!(format!("{dice:064x}"));
            found
        }
        _ => found,
    }
}

fn fewer_or_richer(mut found: Value, dice: u64) -> Value {
    let Some(unspents) = found["unspents"].as_array_mut() else { return found };
    match unspents.pop() {
        Some(mut last) if dice.is_multiple_of(2) => {
            last["amount"] = json!(21.0);
            unspents.push(last);
        }
        Some(_) | None => {}
    }
    found
}
