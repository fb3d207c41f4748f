//! A small JSON-RPC client of an EVM node: bounded in time and size, and errors that name the
//! method.

use std::sync::Once;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use alloy::sol_types::SolCall;
use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::primitives::{Address, B256, Bytes, U64, U256};

const CALL_BOUND: Duration = Duration::from_secs(30);
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;

/// An HTTP client of this workspace: TLS comes from ring, once per process.
///
/// # Errors
/// When the client cannot be built.
pub fn http_client(bound: Duration) -> Result<reqwest::Client> {
    static TLS: Once = Once::new();
    TLS.call_once(|| {
        // Another part of the process may have installed the same provider: either is right.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
    reqwest::Client::builder()
        .timeout(bound)
        .no_proxy()
        .build()
        .context("cannot build an HTTP client")
}

/// An answer's body, read to its end.
///
/// # Errors
/// When it breaks off, or is larger than that.
pub async fn body_within(bytes_max: usize, mut response: reqwest::Response) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > bytes_max {
            bail!("the answer is larger than {bytes_max} bytes");
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// One endpoint.
pub struct Rpc {
    url: String,
    http: reqwest::Client,
    next_id: AtomicU64,
}

/// What became of a transaction.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Receipt {
    pub transaction_hash: B256,
    pub block_number: U64,
    pub block_hash: B256,
    /// 1 when it did what it should, 0 when it was reverted.
    pub status: U64,
    pub gas_used: U64,
    pub effective_gas_price: U256,
    pub contract_address: Option<Address>,
    pub logs: Vec<Log>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Log {
    pub address: Address,
    pub topics: Vec<B256>,
    pub data: Bytes,
    pub transaction_hash: Option<B256>,
}

#[derive(Deserialize)]
struct Answer {
    result: Option<Value>,
    error: Option<Problem>,
}

#[derive(Deserialize)]
struct Problem {
    code: i64,
    message: String,
}

impl Rpc {
    /// # Errors
    /// When the HTTP client cannot be built.
    pub fn new(url: &str) -> Result<Self> {
        Ok(Self { url: url.to_owned(), http: http_client(CALL_BOUND)?, next_id: AtomicU64::new(1) })
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// Any method of the node; its answer may be `null` where `T` is an `Option`.
    ///
    /// # Errors
    /// When the node does not answer in time, answers too much or not in JSON, or with an error of
    /// its own.
    pub async fn call<T: DeserializeOwned>(&self, method: &str, params: Value) -> Result<T> {
        self.ask(method, params).await.with_context(|| format!("{method} at {}", self.url))
    }

    async fn ask<T: DeserializeOwned>(&self, method: &str, params: Value) -> Result<T> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let request = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
        let body =
            body_within(ANSWER_BYTES_MAX, self.http.post(&self.url).json(&request).send().await?)
                .await?;
        let answer: Answer = serde_json::from_slice(&body).context("the answer is not JSON-RPC")?;
        if let Some(problem) = answer.error {
            bail!("the node says: {} ({})", problem.message, problem.code);
        }
        serde_json::from_value(answer.result.unwrap_or(Value::Null))
            .context("the answer has another shape than expected")
    }

    /// # Errors
    /// As [`Rpc::call`].
    pub async fn chain_id(&self) -> Result<u64> {
        self.call::<U64>("eth_chainId", json!([])).await.map(|id| id.to())
    }

    /// The newest block's number.
    ///
    /// # Errors
    /// As [`Rpc::call`].
    pub async fn block_number(&self) -> Result<u64> {
        self.call::<U64>("eth_blockNumber", json!([])).await.map(|number| number.to())
    }

    /// # Errors
    /// As [`Rpc::call`].
    pub async fn native_balance(&self, of: Address) -> Result<U256> {
        self.call("eth_getBalance", json!([of, "latest"])).await
    }

    /// How many transactions of `of` are mined: its next nonce.
    ///
    /// # Errors
    /// As [`Rpc::call`].
    pub async fn nonce(&self, of: Address) -> Result<u64> {
        self.call::<U64>("eth_getTransactionCount", json!([of, "latest"]))
            .await
            .map(|nonce| nonce.to())
    }

    /// Asks a contract without changing anything.
    ///
    /// # Errors
    /// As [`Rpc::call`]; when the call reverts; when the answer is not what `C` returns.
    pub async fn view<C: SolCall>(&self, contract: Address, question: &C) -> Result<C::Return> {
        let data = Bytes::from(question.abi_encode());
        let answer: Bytes =
            self.call("eth_call", json!([{ "to": contract, "data": data }, "latest"])).await?;
        C::abi_decode_returns(&answer)
            .with_context(|| format!("{} of {contract} answered {answer}", C::SIGNATURE))
    }

    /// `None` while it is not mined.
    ///
    /// # Errors
    /// As [`Rpc::call`].
    pub async fn receipt(&self, transaction: B256) -> Result<Option<Receipt>> {
        self.call("eth_getTransactionReceipt", json!([transaction])).await
    }

    /// Every log of `contract` since the first block whose first topics are these.
    ///
    /// # Errors
    /// As [`Rpc::call`].
    pub async fn logs(&self, contract: Address, topics: &[Option<B256>]) -> Result<Vec<Log>> {
        let filter = json!({ "address": contract, "topics": topics, "fromBlock": "earliest", "toBlock": "latest" });
        self.call("eth_getLogs", json!([filter])).await
    }

    /// Mines so many blocks now, whatever the block time (anvil only).
    ///
    /// # Errors
    /// As [`Rpc::call`].
    pub async fn mine(&self, blocks: u64) -> Result<()> {
        self.call::<Value>("anvil_mine", json!([U64::from(blocks)])).await.map(drop)
    }
}
