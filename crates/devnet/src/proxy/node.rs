//! The healthy node behind a proxy, asked in the proxy's own name.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::primitives::{Address, B256, U64, U128, U256};
use crate::rpc::http_client;

const ASK_BOUND: Duration = Duration::from_secs(30);

/// One node.
pub(super) struct Node {
    url: String,
    http: reqwest::Client,
}

/// What the chain says of a sender.
#[derive(Debug, Clone, Copy)]
pub(super) struct Account {
    pub nonce: u64,
    pub balance: U256,
}

/// Where the chain stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    pub hash: B256,
    /// Of the block that comes next.
    pub base_fee: u128,
}

impl Node {
    pub fn new(url: &str) -> Result<Self> {
        Ok(Self { url: url.to_owned(), http: http_client(ASK_BOUND)? })
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// Asks all of it at once. The answers, each with `result` or `error`, in the same order.
    ///
    /// # Errors
    /// When the node does not answer, or not to everything.
    pub async fn ask(&self, calls: &[(String, Value)]) -> Result<Vec<Value>> {
        if calls.is_empty() {
            return Ok(Vec::new());
        }
        let batch: Vec<Value> = calls
            .iter()
            .enumerate()
            .map(|(id, (method, params))| json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }))
            .collect();
        let response = self
            .http
            .post(&self.url)
            .json(&batch)
            .send()
            .await
            .context("the node cannot be reached")?;
        let mut answers: Vec<Value> = serde_json::from_slice(&response.bytes().await?)
            .context("the node answers no batch")?;
        answers.sort_by_key(|answer| answer["id"].as_u64());
        ensure!(answers.len() == calls.len(), "{} calls, {} answers", calls.len(), answers.len());
        Ok(answers)
    }

    /// # Errors
    /// As [`Node::ask`], and when the answer is none.
    pub async fn account(&self, of: Address) -> Result<Account> {
        let about = |method: &str| (method.to_owned(), json!([of, "latest"]));
        let answers =
            self.ask(&[about("eth_getTransactionCount"), about("eth_getBalance")]).await?;
        Ok(Account {
            nonce: number(&answers[0]["result"])?,
            balance: serde_json::from_value(answers[1]["result"].clone())?,
        })
    }

    /// # Errors
    /// As [`Node::account`].
    pub async fn head(&self) -> Result<Head> {
        let latest = ("eth_getBlockByNumber".to_owned(), json!(["latest", false]));
        let fees = ("eth_feeHistory".to_owned(), json!(["0x1", "latest", []]));
        let answers = self.ask(&[latest, fees]).await?;
        let base_fee: U128 =
            serde_json::from_value(answers[1]["result"]["baseFeePerGas"][1].clone())
                .context("the next base fee")?;
        let hash = serde_json::from_value(answers[0]["result"]["hash"].clone())
            .context("the newest block")?;
        Ok(Head { hash, base_fee: base_fee.to() })
    }

    /// # Errors
    /// As [`Node::account`].
    pub async fn height(&self, tag: &str) -> Result<u64> {
        let answers = self.ask(&[("eth_getBlockByNumber".to_owned(), json!([tag, false]))]).await?;
        number(&answers[0]["result"]["number"])
    }
}

/// A number as nodes write it.
pub(super) fn number(text: &Value) -> Result<u64> {
    let number: U64 =
        serde_json::from_value(text.clone()).with_context(|| format!("{text} is no number"))?;
    Ok(number.to())
}
