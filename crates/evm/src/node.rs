//! The chain behind its endpoints: typed questions, answered by a quorum.

use std::sync::{Arc, OnceLock};

use adit_chain::{Agreed, Answer, Call, Endpoint, Fault, NetworkCheck, Quorum, Timer, TokioTimer};
use adit_core::EvmPricing;
use alloy::primitives::{Address, B256, Bytes, U64, U256};
use async_trait::async_trait;
use serde_json::{Value, json};

use crate::config::{ConfigError, EvmConfig};
use crate::rpc::{Block, TxReceipt, height};
use crate::self_transfer::LastLimit;

/// Endpoints of one chain and its configuration.
pub(crate) struct Node {
    pub quorum: Quorum,
    pub config: EvmConfig,
    pub last_limit: LastLimit,
    /// Known once a quorum has said it.
    pub pricing: OnceLock<EvmPricing>,
    network: Arc<Network>,
}

/// What an endpoint must serve before it is heard.
struct Network {
    chain: String,
    chain_id: u64,
    /// Known once a quorum has said it.
    genesis: OnceLock<B256>,
}

impl Node {
    /// # Errors
    /// [`ConfigError`].
    pub(crate) fn new(config: EvmConfig) -> Result<Self, ConfigError> {
        let timer: Arc<dyn Timer> = Arc::new(TokioTimer::default());
        let endpoints = Endpoint::all(&config.endpoints, config.time_max(), &timer)?;
        Self::over(config, endpoints, timer)
    }

    /// # Errors
    /// [`ConfigError::TooFewEndpoints`].
    pub(crate) fn over(
        config: EvmConfig,
        endpoints: Vec<Endpoint>,
        timer: Arc<dyn Timer>,
    ) -> Result<Self, ConfigError> {
        config.enough_endpoints(endpoints.len())?;
        let network = Arc::new(Network {
            chain: config.name.to_string(),
            chain_id: config.chain_id,
            genesis: OnceLock::new(),
        });
        let quorum =
            Quorum::new(config.name.clone(), config.trust, endpoints, network.clone(), timer);
        Ok(Self {
            quorum,
            config,
            last_limit: LastLimit::default(),
            pricing: OnceLock::new(),
            network,
        })
    }

    /// From now on an endpoint with another first block is not heard.
    pub(crate) fn pin_genesis(&self, genesis: B256) {
        // A second quorum says the same, or `admit` would have refused it.
        let _ = self.network.genesis.set(genesis);
    }

    /// One question with one answer for all.
    ///
    /// # Errors
    /// [`Fault`].
    pub(crate) async fn ask<T>(&self, subject: &str, call: Call) -> Result<Agreed<T>, Fault>
    where
        T: serde::de::DeserializeOwned + PartialEq + Clone,
    {
        self.quorum
            .ask(subject, async |endpoint: Arc<Endpoint>| endpoint.ask(call.clone()).await)
            .await
    }

    /// How many transactions of the account the chain contains up to that height.
    ///
    /// # Errors
    /// [`Fault`].
    pub(crate) async fn transaction_count(&self, account: Address, at: u64) -> Result<u64, Fault> {
        let call = Call::new("eth_getTransactionCount", json!([account, height(at)]));
        self.ask::<U64>("the transaction count", call).await.map(|agreed| agreed.value.to())
    }

    /// The blocks at these heights, each agreed on by itself; `None` where too few know one.
    ///
    /// # Errors
    /// [`Fault`].
    pub(crate) async fn blocks_at(
        &self,
        heights: &[u64],
    ) -> Result<Vec<Option<Agreed<Block>>>, Fault> {
        let calls: Vec<Call> = heights.iter().map(|number| block_at(&height(*number))).collect();
        let question = async |endpoint: Arc<Endpoint>| read_known(&endpoint, &calls).await;
        self.quorum.ask_each("blocks by height", heights.len(), question).await
    }

    /// The receipts of these transactions, each agreed on by itself; `None` where too few know one.
    ///
    /// # Errors
    /// [`Fault`].
    pub(crate) async fn receipts_of(
        &self,
        hashes: &[B256],
    ) -> Result<Vec<Option<Agreed<TxReceipt>>>, Fault> {
        let calls: Vec<Call> = hashes
            .iter()
            .map(|hash| Call::new("eth_getTransactionReceipt", json!([hash])))
            .collect();
        let question = async |endpoint: Arc<Endpoint>| {
            let answers: Vec<Option<Value>> = read_known(&endpoint, &calls).await?;
            let read = |answer: Value| TxReceipt::read(endpoint.name(), &answer);
            let receipts: Result<_, _> =
                answers.into_iter().map(|answer| answer.map(read).transpose()).collect();
            receipts
                .map_err(|error| endpoint.malformed("eth_getTransactionReceipt", error.to_string()))
        };
        self.quorum.ask_each_by("receipts", hashes.len(), &TxReceipt::BALLOT, question).await
    }

    /// What a contract answers at that block (a height in hexadecimal, or a tag).
    ///
    /// # Errors
    /// [`Fault`]; a revert is [`Fault::Refused`] of each endpoint and so no agreement.
    pub(crate) async fn view(
        &self,
        subject: &str,
        contract: Address,
        input: Bytes,
        at: &str,
    ) -> Result<Agreed<Bytes>, Fault> {
        self.ask(subject, eth_call(contract, &input, at)).await
    }
}

pub(crate) fn block_at(tag: &str) -> Call {
    Call::new("eth_getBlockByNumber", json!([tag, false]))
}

pub(crate) fn eth_call(to: Address, input: &Bytes, at: &str) -> Call {
    Call::new("eth_call", json!([{ "to": to, "data": input }, at]))
}

/// The answers that are there; `null` and refusals are "not known".
///
/// # Errors
/// [`Fault`] when an answer has another form than its method promises.
pub(crate) async fn read_known<T: serde::de::DeserializeOwned>(
    endpoint: &Endpoint,
    calls: &[Call],
) -> Result<Vec<Option<T>>, Fault> {
    let answers = endpoint.batch(calls).await?;
    let read = |(call, answer): (&Call, Answer)| match answer {
        Ok(Value::Null) | Err(_) => Ok(None),
        known => endpoint.read(call.method, known).map(Some),
    };
    calls.iter().zip(answers).map(read).collect()
}

#[async_trait]
impl NetworkCheck for Network {
    async fn check(&self, endpoint: &Endpoint) -> Result<(), Fault> {
        let mut answers = endpoint
            .batch(&[Call::new("eth_chainId", json!([])), block_at(&height(0))])
            .await?
            .into_iter();
        let mut next = || answers.next().expect("two questions have two answers");
        let chain_id: U256 = endpoint.read("eth_chainId", next())?;
        if chain_id != U256::from(self.chain_id) {
            return Err(self.wrong(
                endpoint,
                format!("chain id {}", self.chain_id),
                format!("chain id {chain_id}"),
            ));
        }
        let Some(pinned) = self.genesis.get() else { return Ok(()) };
        let genesis: Block = endpoint.read("eth_getBlockByNumber", next())?;
        if genesis.hash == *pinned {
            Ok(())
        } else {
            Err(self.wrong(
                endpoint,
                format!("genesis {pinned}"),
                format!("genesis {}", genesis.hash),
            ))
        }
    }
}

impl Network {
    fn wrong(&self, endpoint: &Endpoint, pinned: String, seen: String) -> Fault {
        Fault::WrongNetwork {
            chain: self.chain.clone(),
            endpoint: endpoint.name().clone(),
            pinned,
            seen,
        }
    }
}
