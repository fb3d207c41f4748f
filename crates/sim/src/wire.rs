//! The way from one process to one endpoint, and everything that can go wrong on it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use adit_chain::{REQUEST_MILLIS_MAX, Request, Response, RpcError, Wire, WireFault};
use adit_core::Hash32;
use alloy::primitives::{B256, hex, keccak256};
use async_trait::async_trait;
use bitcoin::consensus::encode::deserialize_hex;
use serde_json::{Value, json};

use crate::World;
use crate::check::Broken;
use crate::crash::{Phase, Process};
use crate::lie;
use crate::rules::BITCOIN_ENDPOINTS_FROM;
use crate::weather::{Manners, PoolShown};

/// Answers that an endpoint may repeat later.
const REMEMBERED_MAX: usize = 64;
const LATENCY_MILLIS: (u64, u64) = (5, 80);
/// The node that has seen all blocks, and keeps nothing else.
const NO_POOL: usize = usize::MAX;
const SENDS: [&str; 2] = ["eth_sendRawTransaction", "sendrawtransaction"];

/// Which chain a node serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Served {
    Evm,
    Bitcoin,
}

/// One wire.
pub struct SimWire {
    world: Arc<World>,
    process: Process,
    chain: Served,
    /// Its place among the endpoints of its chain.
    node: usize,
    name: String,
    old: Mutex<BTreeMap<String, Vec<u8>>>,
}

impl SimWire {
    pub fn new(world: Arc<World>, process: Process, chain: Served, node: usize) -> Self {
        let name = chain.name(node);
        Self { world, process, chain, node, name, old: Mutex::default() }
    }

    async fn wait(&self, millis: u64) {
        self.world.handle.sleep(millis * 1_000).await;
    }

    async fn time_out(&self) -> Result<Response, WireFault> {
        self.wait(REQUEST_MILLIS_MAX).await;
        Err(WireFault::NoAnswer("no full answer in time".to_owned()))
    }

    /// What the node makes of the request.
    fn carry_out(&self, request: &Value, manners: &Manners) -> Value {
        match request {
            Value::Array(calls) => calls.iter().map(|call| self.answer(call, manners)).collect(),
            call => self.answer(call, manners),
        }
    }

    fn answer(&self, call: &Value, manners: &Manners) -> Value {
        let (method, params) = (call["method"].as_str().unwrap_or_default(), &call["params"]);
        let elsewhere = if manners.elsewhere { lie::elsewhere(method, params) } else { None };
        let mut answer = elsewhere.unwrap_or_else(|| self.honest(method, params, manners));
        if let PoolShown::More(by) = manners.pool {
            answer = lie::about_pool(method, params, answer, by);
        }
        if manners.lies {
            answer = lie::about(method, params, answer, self.world.weather.between(0, 1 << 32));
        }
        if SENDS.contains(&method) {
            self.check_sent(&params[0]);
            self.world
                .story
                .tell(&self.name, || format!("is sent a transaction and says {}", said(&answer)));
        }
        match answer {
            Ok(result) => json!({ "jsonrpc": "2.0", "id": call["id"], "result": result }),
            Err(error) => {
                json!({ "jsonrpc": "2.0", "id": call["id"], "error": { "code": error.code, "message": error.message, "data": error.data } })
            }
        }
    }

    fn honest(&self, method: &str, params: &Value, manners: &Manners) -> Result<Value, RpcError> {
        let (lag, hides) =
            (manners.lag, manners.pool == PoolShown::Nothing && !SENDS.contains(&method));
        let node = if hides { NO_POOL } else { self.node };
        match self.chain {
            Served::Evm => {
                let mut chain = self.world.evm();
                let upto = chain.head().saturating_sub(lag);
                chain.answer(node, upto, method, params)
            }
            Served::Bitcoin => {
                let mut chain = self.world.utxo();
                let upto = chain.head().saturating_sub(lag);
                chain.answer(node, upto, self.world.unix_seconds(), method, params)
            }
        }
    }

    /// What leaves was recorded before.
    fn check_sent(&self, raw: &Value) {
        let sent = match self.chain {
            Served::Evm => {
                let hash = hash_of(raw);
                self.world.sends(&self.process, Hash32(hash.0));
                self.world.truth().sent(hash)
            }
            Served::Bitcoin => {
                match deserialize_hex::<bitcoin::Transaction>(raw.as_str().unwrap_or_default()) {
                    Ok(body) => {
                        let txid = body.compute_txid();
                        self.world.sends(&self.process, adit_bitcoin::hash_of(txid));
                        self.world.coin_truth().sent(txid)
                    }
                    Err(error) => Err(Broken::new(
                        "signed bytes",
                        format!("what leaves is no transaction: {error}"),
                    )),
                }
            }
        };
        self.world.check(sent);
    }

    fn remember(&self, question: String, body: &[u8]) {
        let mut old = self.old.lock().expect("nothing panics while it holds this lock");
        if old.len() < REMEMBERED_MAX || old.contains_key(&question) {
            old.entry(question).or_insert_with(|| body.to_vec());
        } else {
            old.pop_first();
        }
    }

    fn repeated(&self, question: &str, request: &Value) -> Option<Vec<u8>> {
        let old = self
            .old
            .lock()
            .expect("nothing panics while it holds this lock")
            .get(question)
            .cloned()?;
        let mut body: Value = serde_json::from_slice(&old).ok()?;
        let stamp = |answer: &mut Value, call: &Value| answer["id"] = call["id"].clone();
        match (&mut body, request) {
            (Value::Array(answers), Value::Array(calls)) => {
                answers.iter_mut().zip(calls).for_each(|(answer, call)| stamp(answer, call));
            }
            (answer, call) => stamp(answer, call),
        }
        serde_json::to_vec(&body).ok()
    }
}

impl Served {
    pub fn name(self, node: usize) -> String {
        match self {
            Self::Evm => format!("node-{node}"),
            Self::Bitcoin => format!("bitcoind-{node}"),
        }
    }

    /// Its first place in the weather.
    fn first(self) -> usize {
        match self {
            Self::Evm => 0,
            Self::Bitcoin => BITCOIN_ENDPOINTS_FROM,
        }
    }
}

#[async_trait]
impl Wire for SimWire {
    async fn exchange(&self, request: &Request) -> Result<Response, WireFault> {
        let request = request.json().expect("these chains are asked in JSON-RPC");
        let weather = &self.world.weather;
        let manners = weather.endpoint(self.chain.first() + self.node);
        let sends = is_send(request);
        if sends {
            self.world.crashes.pass(&self.process, "send", Phase::Before, &self.world.story).await;
        }
        self.wait(weather.between(LATENCY_MILLIS.0, LATENCY_MILLIS.1) + manners.slow).await;
        if manners.silent || weather.strikes(manners.lost_requests) {
            return self.time_out().await;
        }
        if weather.strikes(manners.errors) {
            if weather.between(0, 2) == 0 {
                self.carry_out(request, &manners);
            }
            return Ok(Response::ok(b"<html>Bad gateway</html>".to_vec()));
        }
        let question = (manners.repeats > 0 && !sends).then(|| question(request));
        if let Some(question) = &question
            && weather.strikes(manners.repeats)
            && let Some(old) = self.repeated(question, request)
        {
            return Ok(Response::ok(old));
        }
        let answer = self.carry_out(request, &manners);
        if sends {
            self.world.crashes.pass(&self.process, "send", Phase::Effect, &self.world.story).await;
        }
        if weather.strikes(manners.lost_answers) {
            return self.time_out().await;
        }
        self.wait(weather.between(LATENCY_MILLIS.0, LATENCY_MILLIS.1)).await;
        if sends {
            self.world.crashes.pass(&self.process, "send", Phase::After, &self.world.story).await;
        }
        let body = serde_json::to_vec(&answer).expect("JSON");
        if let Some(question) = question {
            self.remember(question, &body);
        }
        Ok(Response::ok(body))
    }
}

/// The hash of raw bytes in hexadecimal.
fn hash_of(raw: &Value) -> B256 {
    keccak256(hex::decode(raw.as_str().unwrap_or_default()).unwrap_or_default())
}

fn is_send(request: &Value) -> bool {
    let sends = |call: &Value| SENDS.iter().any(|send| call["method"] == *send);
    match request {
        Value::Array(calls) => calls.iter().any(sends),
        call => sends(call),
    }
}

/// The request without its ids.
fn question(request: &Value) -> String {
    let one = |call: &Value| format!("{}{}", call["method"], call["params"]);
    match request {
        Value::Array(calls) => calls.iter().map(one).collect::<Vec<_>>().join("\n"),
        call => one(call),
    }
}

fn said(answer: &Result<Value, RpcError>) -> String {
    match answer {
        Ok(hash) => hash.to_string(),
        Err(error) => error.to_string(),
    }
}
