//! A small JSON-RPC client of a bitcoind: bounded in time and size. What the node refuses keeps the
//! node's own code, because that is how a caller tells one refusal from another.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, bail};
use bitcoin::consensus::encode::{deserialize_hex, serialize_hex};
use bitcoin::{Address, Amount, Block, BlockHash, ScriptBuf, Transaction, Txid};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::unspent::Unspent;
use super::waiting::Waiting;
use crate::rpc::{body_within, http_client};

/// Generating a hundred blocks takes a second; nothing takes longer.
const CALL_BOUND: Duration = Duration::from_secs(30);
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;
/// `RPC_INVALID_ADDRESS_OR_KEY`: what was asked for is not there.
const NOT_FOUND: i64 = -5;

/// One bitcoind, and the right to ask it.
#[derive(Clone)]
pub struct Rpc {
    url: String,
    user: String,
    password: String,
    http: reqwest::Client,
}

/// Why a call gave no result.
#[derive(Debug, thiserror::Error)]
pub enum RpcError {
    #[error("{method}: bitcoind refuses: {} ({})", refusal.message, refusal.code)]
    Refused { method: String, refusal: Refusal },
    #[error("{method}: no answer that makes sense from bitcoind")]
    Fault { method: String, source: anyhow::Error },
}

/// bitcoind's RPC_INVALID_PARAMETER: what `scantxoutset` says while another search runs.
const SEARCH_RUNS: i64 = -8;
const SEARCH_LOOKS_MAX: u32 = 300;
const SEARCH_PAUSE: Duration = Duration::from_millis(100);

/// bitcoind's own words.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, serde::Serialize)]
pub struct Refusal {
    pub code: i64,
    pub message: String,
}

/// What `testmempoolaccept` says of one transaction.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Acceptance {
    pub txid: Txid,
    pub allowed: bool,
    pub reject_reason: Option<String>,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    result: Value,
    error: Option<Refusal>,
}

impl RpcError {
    /// What bitcoind said, if it said anything.
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused { refusal, .. } => Some(refusal),
            Self::Fault { .. } => None,
        }
    }
}

impl Rpc {
    /// `cookie` is what bitcoind writes into its file of that name: `user:password`.
    ///
    /// # Errors
    /// When the cookie has another form, or the HTTP client cannot be built.
    pub fn new(url: impl Into<String>, cookie: &str) -> anyhow::Result<Self> {
        let (user, password) =
            cookie.trim().split_once(':').context("bitcoind's cookie is not user:password")?;
        Ok(Self {
            url: url.into(),
            user: user.to_owned(),
            password: password.to_owned(),
            http: http_client(CALL_BOUND)?,
        })
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// With user and password in it, as clients are configured.
    pub fn url_with_password(&self) -> String {
        let bare = self.url.trim_start_matches("http://");
        format!("http://{}:{}@{bare}", self.user, self.password)
    }

    /// The same node, asked for one of its wallets.
    pub fn wallet(&self, name: &str) -> Self {
        Self { url: format!("{}/wallet/{name}", self.url.trim_end_matches('/')), ..self.clone() }
    }

    /// Any method of the node; its answer may be `null` where `T` is an `Option`.
    ///
    /// # Errors
    /// [`RpcError::Refused`] with the node's code; [`RpcError::Fault`] when it does not answer in
    /// time, or nonsense.
    pub async fn call<T: DeserializeOwned>(
        &self,
        method: &str,
        params: Value,
    ) -> Result<T, RpcError> {
        let fault = |source| RpcError::Fault { method: method.to_owned(), source };
        let answer = self.ask(method, params).await.map_err(fault)?;
        match answer.error {
            Some(refusal) => Err(RpcError::Refused { method: method.to_owned(), refusal }),
            None => serde_json::from_value(answer.result)
                .context("the result has another shape than expected")
                .map_err(fault),
        }
    }

    async fn ask(&self, method: &str, params: Value) -> anyhow::Result<Answer> {
        let request = json!({ "jsonrpc": "2.0", "id": method, "method": method, "params": params });
        let response = self
            .http
            .post(&self.url)
            .basic_auth(&self.user, Some(&self.password))
            .json(&request)
            .send()
            .await?;
        let status = response.status();
        let body = body_within(ANSWER_BYTES_MAX, response).await?;
        // An older bitcoind answers a refusal with status 500: the body decides.
        match serde_json::from_slice(&body) {
            Ok(answer) => Ok(answer),
            Err(error) => bail!("the answer (HTTP {status}) is not JSON-RPC: {error}"),
        }
    }

    /// The newest block of the best chain.
    ///
    /// # Errors
    /// As [`Rpc::call`].
    pub async fn tip(&self) -> Result<BlockHash, RpcError> {
        self.call("getbestblockhash", json!([])).await
    }

    /// # Errors
    /// As [`Rpc::call`].
    pub async fn height(&self) -> Result<u32, RpcError> {
        self.call("getblockcount", json!([])).await
    }

    /// # Errors
    /// As [`Rpc::call`]; when there is none at this height.
    pub async fn block_hash(&self, height: u32) -> Result<BlockHash, RpcError> {
        self.call("getblockhash", json!([height])).await
    }

    /// # Errors
    /// As [`Rpc::call`]; when it is unknown.
    pub async fn block(&self, hash: BlockHash) -> Result<Block, RpcError> {
        let hex: String = self.call("getblock", json!([hash, 0])).await?;
        decode("getblock", &hex)
    }

    /// `None` when neither the chain nor the mempool has it.
    ///
    /// # Errors
    /// As [`Rpc::call`].
    pub async fn transaction(&self, txid: Txid) -> Result<Option<Transaction>, RpcError> {
        match self.call::<String>("getrawtransaction", json!([txid])).await {
            Ok(hex) => decode("getrawtransaction", &hex).map(Some),
            Err(error) if error.refusal().is_some_and(|refusal| refusal.code == NOT_FOUND) => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// What waits to be mined, in no order.
    ///
    /// # Errors
    /// As [`Rpc::call`].
    pub async fn mempool(&self) -> Result<Vec<Txid>, RpcError> {
        self.call("getrawmempool", json!([])).await
    }

    /// What waits to be mined, with what it pays.
    ///
    /// # Errors
    /// As [`Rpc::call`].
    pub async fn waiting(&self) -> Result<BTreeMap<Txid, Waiting>, RpcError> {
        self.call("getrawmempool", json!([true])).await
    }

    /// Every unspent output of the chain to these scripts, by a search of the whole set.
    ///
    /// # Errors
    /// As [`Rpc::call`]; when another search has run for half a minute: a node does one at a time,
    /// and a server asks for them, too.
    pub async fn unspent(&self, scripts: &[ScriptBuf]) -> Result<Vec<Unspent>, RpcError> {
        #[derive(Deserialize)]
        struct Found {
            unspents: Vec<Unspent>,
        }
        let descriptors: Vec<String> =
            scripts.iter().map(|script| format!("raw({})", script.to_hex_string())).collect();
        let mut looks = 0..SEARCH_LOOKS_MAX;
        loop {
            match self.call::<Found>("scantxoutset", json!(["start", descriptors])).await {
                Err(RpcError::Refused { refusal: Refusal { code: SEARCH_RUNS, .. }, .. })
                    if looks.next().is_some() =>
                {
                    tokio::time::sleep(SEARCH_PAUSE).await;
                }
                answer => return answer.map(|found| found.unspents),
            }
        }
    }

    /// Hands in a transaction as hex, whatever it is.
    ///
    /// # Errors
    /// As [`Rpc::call`]; -22 when it cannot be read, -25 when an input is missing or spent, -26
    /// when the mempool's rules forbid it, -27 when it is in the chain already.
    pub async fn send_raw(&self, hex: &str) -> Result<Txid, RpcError> {
        self.call("sendrawtransaction", json!([hex])).await
    }

    /// # Errors
    /// As [`Rpc::send_raw`].
    pub async fn send(&self, transaction: &Transaction) -> Result<Txid, RpcError> {
        self.send_raw(&serialize_hex(transaction)).await
    }

    /// What [`Rpc::send`] would answer, without sending.
    ///
    /// # Errors
    /// As [`Rpc::call`].
    pub async fn would_accept(
        &self,
        transactions: &[Transaction],
    ) -> Result<Vec<Acceptance>, RpcError> {
        let hex: Vec<String> = transactions.iter().map(serialize_hex).collect();
        self.call("testmempoolaccept", json!([hex])).await
    }

    /// Mines so many blocks with what the mempool holds; their reward goes to `to`.
    ///
    /// # Errors
    /// As [`Rpc::call`].
    pub async fn generate(&self, blocks: u32, to: &Address) -> Result<Vec<BlockHash>, RpcError> {
        self.call("generatetoaddress", json!([blocks, to])).await
    }

    /// Mines one block with exactly these transactions, whatever the mempool holds.
    ///
    /// # Errors
    /// As [`Rpc::call`]; when the block would not be valid.
    pub async fn generate_block(
        &self,
        to: &Address,
        transactions: &[Transaction],
    ) -> Result<BlockHash, RpcError> {
        self.generate_of(to, transactions.iter().map(serialize_hex).collect()).await
    }

    /// The same with transactions of the mempool, parents before their children.
    ///
    /// # Errors
    /// As [`Rpc::generate_block`]; when one of them has left the mempool.
    pub async fn generate_block_of(
        &self,
        to: &Address,
        transactions: &[Txid],
    ) -> Result<BlockHash, RpcError> {
        self.generate_of(to, transactions.iter().map(Txid::to_string).collect()).await
    }

    async fn generate_of(
        &self,
        to: &Address,
        transactions: Vec<String>,
    ) -> Result<BlockHash, RpcError> {
        #[derive(Deserialize)]
        struct Mined {
            hash: BlockHash,
        }
        self.call::<Mined>("generateblock", json!([to, transactions])).await.map(|mined| mined.hash)
    }

    /// Declares a block and all that follows it void: the chain goes back to the one before.
    ///
    /// # Errors
    /// As [`Rpc::call`].
    pub async fn invalidate_block(&self, hash: BlockHash) -> Result<(), RpcError> {
        self.call::<Value>("invalidateblock", json!([hash])).await.map(drop)
    }

    /// Takes [`Rpc::invalidate_block`] back.
    ///
    /// # Errors
    /// As [`Rpc::call`].
    pub async fn reconsider_block(&self, hash: BlockHash) -> Result<(), RpcError> {
        self.call::<Value>("reconsiderblock", json!([hash])).await.map(drop)
    }

    /// Sets the node's clock, in seconds since 1970; 0 gives it the system's back.
    ///
    /// # Errors
    /// As [`Rpc::call`].
    pub async fn set_mock_time(&self, seconds: u64) -> Result<(), RpcError> {
        self.call::<Value>("setmocktime", json!([seconds])).await.map(drop)
    }

    /// The fee per 1000 virtual bytes with which a transaction should be mined within so many
    /// blocks; `None` when the node has not seen enough to say.
    ///
    /// # Errors
    /// As [`Rpc::call`].
    pub async fn fee_estimate(&self, blocks: u16) -> Result<Option<Amount>, RpcError> {
        #[derive(Deserialize)]
        struct Estimate {
            #[serde(default, with = "bitcoin::amount::serde::as_btc::opt")]
            feerate: Option<Amount>,
        }
        self.call::<Estimate>("estimatesmartfee", json!([blocks]))
            .await
            .map(|estimate| estimate.feerate)
    }
}

fn decode<T: bitcoin::consensus::Decodable>(method: &str, hex: &str) -> Result<T, RpcError> {
    let decoded = deserialize_hex(hex).context("the result cannot be decoded");
    decoded.map_err(|source| RpcError::Fault { method: method.to_owned(), source })
}
