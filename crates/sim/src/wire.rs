//! The way from one process to one endpoint, and everything that can go wrong on it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use adit_chain::{REQUEST_MILLIS_MAX, Request, Response, RpcError, Wire, WireFault};
use alloy::primitives::{B256, hex, keccak256};
use async_trait::async_trait;
use serde_json::{Value, json};

use crate::World;
use crate::crash::{Phase, Process};
use crate::lie;
use crate::weather::Manners;

/// Answers that an endpoint may repeat later.
const REMEMBERED_MAX: usize = 64;
const LATENCY_MILLIS: (u64, u64) = (5, 80);
const SEND: &str = "eth_sendRawTransaction";

/// One wire.
pub struct SimWire {
    world: Arc<World>,
    process: Process,
    node: usize,
    name: String,
    old: Mutex<BTreeMap<String, Vec<u8>>>,
}

impl SimWire {
    pub fn new(world: Arc<World>, process: Process, node: usize) -> Self {
        let name = format!("node-{node}");
        Self { world, process, node, name, old: Mutex::default() }
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
        let method = call["method"].as_str().unwrap_or_default();
        let mut chain = self.world.evm();
        let upto = chain.head().saturating_sub(manners.lag);
        let mut answer = if manners.elsewhere { lie::elsewhere(method) } else { None }
            .unwrap_or_else(|| chain.answer(self.node, upto, method, &call["params"]));
        drop(chain);
        if manners.lies {
            answer = lie::about(method, &call["params"], answer, self.world.weather.between(0, 1 << 32));
        }
        if method == SEND {
            self.world.check(self.world.truth().sent(hash_of(&call["params"][0])));
            self.world.story.tell(&self.name, || format!("is sent a transaction and says {}", said(&answer)));
        }
        match answer {
            Ok(result) => json!({ "jsonrpc": "2.0", "id": call["id"], "result": result }),
            Err(error) => {
                json!({ "jsonrpc": "2.0", "id": call["id"], "error": { "code": error.code, "message": error.message, "data": error.data } })
            }
        }
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
        let old = self.old.lock().expect("nothing panics while it holds this lock").get(question).cloned()?;
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

#[async_trait]
impl Wire for SimWire {
    async fn exchange(&self, request: &Request) -> Result<Response, WireFault> {
        let request = request.json().expect("an EVM chain is asked in JSON-RPC");
        let weather = &self.world.weather;
        let manners = weather.endpoint(self.node);
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
    let sends = |call: &Value| call["method"] == SEND;
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
