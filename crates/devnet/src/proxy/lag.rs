//! An endpoint that is some blocks behind: what it would say if the newest blocks had not reached
//! it yet.
//!
//! Questions about now are asked as of its own head, and what lies above it does not exist for it.

use anyhow::Result;
use serde_json::{Value, json};

use super::node::{Node, number};

/// What an endpoint knows that is behind.
#[derive(Debug, Clone, Copy)]
pub(super) struct View {
    head: u64,
    finalized: u64,
}

/// What becomes of a question.
pub(super) enum Rewritten {
    /// The node is asked this instead.
    Ask(Value),
    /// The answer is known: its `result` or `error`.
    Known(Value),
}

impl View {
    /// So many blocks behind the node.
    ///
    /// # Errors
    /// When the node does not answer.
    pub async fn behind(node: &Node, blocks: u64) -> Result<Self> {
        let head = node.height("latest").await?.saturating_sub(blocks);
        let finalized = node.height("finalized").await.unwrap_or(0).saturating_sub(blocks);
        Ok(Self { head, finalized })
    }

    /// The parameters that ask the node what this endpoint would say.
    pub fn rewrite(self, method: &str, mut params: Value) -> Rewritten {
        if method == "eth_blockNumber" {
            return Rewritten::Known(json!({ "result": height(self.head) }));
        }
        if method == "eth_getLogs" {
            return self.logs(params);
        }
        let Some(place) = block_parameter(method) else { return Rewritten::Ask(params) };
        let Some(list) = params.as_array_mut() else { return Rewritten::Ask(params) };
        while list.len() <= place {
            list.push(json!("latest"));
        }
        match self.resolve(&list[place]) {
            Some(block) if block > self.head => Rewritten::Known(unknown(method)),
            Some(block) => {
                list[place] = height(block);
                Rewritten::Ask(params)
            }
            None => Rewritten::Ask(params),
        }
    }

    /// Takes out of an answer what this endpoint cannot know yet.
    pub fn hide(self, method: &str, answer: &mut Value) {
        let result = &mut answer["result"];
        let above = |block: &Value| number(block).is_ok_and(|block| block > self.head);
        match method {
            "eth_getTransactionReceipt" if above(&result["blockNumber"]) => *result = Value::Null,
            "eth_getBlockByHash" if above(&result["number"]) => *result = Value::Null,
            "eth_getBlockReceipts" if above(&result[0]["blockNumber"]) => *result = Value::Null,
            "eth_getTransactionByHash" if above(&result["blockNumber"]) => {
                for field in ["blockHash", "blockNumber", "transactionIndex"] {
                    result[field] = Value::Null;
                }
            }
            _ => {}
        }
    }

    /// `None`: a hash, or something that the node may judge.
    fn resolve(self, block: &Value) -> Option<u64> {
        match block.as_str()? {
            "latest" | "pending" => Some(self.head),
            "safe" | "finalized" => Some(self.finalized),
            "earliest" => Some(0),
            _ => number(block).ok(),
        }
    }

    fn logs(self, mut params: Value) -> Rewritten {
        let filter = &mut params[0];
        if filter["blockHash"].is_string() {
            return Rewritten::Ask(params);
        }
        let resolved = |block: &Value| self.resolve(block).unwrap_or(self.head);
        let (from, to) =
            (resolved(&filter["fromBlock"]), resolved(&filter["toBlock"]).min(self.head));
        if from > to {
            return Rewritten::Known(json!({ "result": [] }));
        }
        filter["fromBlock"] = height(from);
        filter["toBlock"] = height(to);
        Rewritten::Ask(params)
    }
}

/// Where a method names its block.
fn block_parameter(method: &str) -> Option<usize> {
    match method {
        "eth_getBlockByNumber"
        | "eth_getBlockReceipts"
        | "eth_getBlockTransactionCountByNumber" => Some(0),
        "eth_getBalance"
        | "eth_getCode"
        | "eth_getTransactionCount"
        | "eth_call"
        | "eth_estimateGas"
        | "eth_simulateV1" => Some(1),
        "eth_feeHistory" => Some(1),
        "eth_getStorageAt" | "eth_getProof" => Some(2),
        _ => None,
    }
}

/// What a node says of a block that it does not have: nothing of the block itself, an error of a
/// state in it.
fn unknown(method: &str) -> Value {
    if block_parameter(method) == Some(0) {
        return json!({ "result": null });
    }
    json!({ "error": { "code": -32_000, "message": "header not found" } })
}

fn height(block: u64) -> Value {
    json!(format!("{block:#x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const VIEW: View = View { head: 16, finalized: 10 };

    fn asked(method: &str, params: Value) -> Value {
        match VIEW.rewrite(method, params) {
            Rewritten::Ask(params) => params,
            Rewritten::Known(answer) => answer,
        }
    }

    #[test]
    fn questions_about_now_are_asked_as_of_its_own_head() {
        assert_eq!(asked("eth_blockNumber", json!([])), json!({ "result": "0x10" }));
        assert_eq!(asked("eth_getBalance", json!(["0xa", "latest"])), json!(["0xa", "0x10"]));
        assert_eq!(
            asked("eth_getTransactionCount", json!(["0xa", "pending"])),
            json!(["0xa", "0x10"])
        );
        assert_eq!(
            asked("eth_estimateGas", json!([{}])),
            json!([{}, "0x10"]),
            "no block is the newest one"
        );
        assert_eq!(
            asked("eth_getBlockByNumber", json!(["finalized", false])),
            json!(["0xa", false])
        );
        assert_eq!(
            asked("eth_getStorageAt", json!(["0xa", "0x0", "0x5"])),
            json!(["0xa", "0x0", "0x5"])
        );
        assert_eq!(asked("eth_chainId", json!([])), json!([]));
    }

    #[test]
    fn what_lies_above_its_head_does_not_exist() {
        assert_eq!(
            asked("eth_getBlockByNumber", json!(["0x11", false])),
            json!({ "result": null })
        );
        assert_eq!(asked("eth_call", json!([{}, "0x11"]))["error"]["message"], "header not found");
        assert_eq!(asked("eth_getLogs", json!([{ "fromBlock": "0x11" }])), json!({ "result": [] }));
        assert_eq!(
            asked("eth_getLogs", json!([{ "fromBlock": "0x2", "toBlock": "latest" }]))[0]["toBlock"],
            "0x10"
        );

        let mut receipt = json!({ "result": { "blockNumber": "0x11" } });
        VIEW.hide("eth_getTransactionReceipt", &mut receipt);
        assert_eq!(receipt, json!({ "result": null }));
        let mut transaction =
            json!({ "result": { "hash": "0x1", "blockNumber": "0x11", "blockHash": "0x2" } });
        VIEW.hide("eth_getTransactionByHash", &mut transaction);
        assert_eq!(
            (&transaction["result"]["hash"], &transaction["result"]["blockHash"]),
            (&json!("0x1"), &Value::Null)
        );
    }
}
