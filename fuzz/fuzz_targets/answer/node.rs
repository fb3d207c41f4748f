//! A small chain as its nodes tell it: ten blocks, a payment of ours in block 5, and in block 8 a
//! transaction of our key that is not ours. A liar tells the same with lies in it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use adit_chain::{
    Endpoint, Request, Response, Timer, Watch, WatchedAttempt, WatchedLineage, Wire, WireFault,
};
use adit_core::*;
use adit_evm::EvmConfig;
use alloy::primitives::B256;
use async_trait::async_trait;
use futures::future::BoxFuture;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::lie::Lie;

const CHAIN_ID: u64 = 31_337;
const WALLET: &str = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
const PLAYER: &str = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";
const TOKEN: &str = "0x5FbDB2315678afecb367f032d93F642f64180aa3";
const TRANSFER: &str = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef";
const HEAD: u64 = 10;
const FINAL: u64 = 6;
const OURS_AT: u64 = 5;
const STRANGER_AT: u64 = 8;
const AMOUNT: u64 = 3_000;
/// Included, confirmed and final, of the one payment.
pub const SIGHTINGS: usize = 3;

/// Time that stands still: every answer is there at once, and nobody is late.
pub struct Standstill;

impl Timer for Standstill {
    fn elapsed(&self) -> Duration {
        Duration::ZERO
    }

    fn wait(&self, _: Duration) -> BoxFuture<'static, ()> {
        Box::pin(futures::future::pending())
    }
}

/// Tells lies in their order, and then the truth.
pub struct Liar {
    lies: Mutex<VecDeque<Lie>>,
}

#[async_trait]
impl Wire for Liar {
    async fn exchange(&self, request: &Request) -> Result<Response, WireFault> {
        let mut answer = match request.json().expect("an EVM chain is asked in JSON-RPC") {
            Value::Array(calls) => Value::Array(calls.iter().map(envelope).collect()),
            call => envelope(call),
        };
        let lie = self.lies.lock().expect("nobody panics in here").pop_front();
        match lie {
            Some(Lie::Body(bytes)) => return Ok(Response::ok(bytes)),
            Some(Lie::Silence) => return Err(WireFault::NoAnswer("nobody is there".to_owned())),
            Some(lie) => lie.edits(&mut answer),
            None => {}
        }
        Ok(Response::ok(answer.to_string().into_bytes()))
    }
}

pub fn honest(name: &str) -> Endpoint {
    liar(name, Vec::new())
}

pub fn liar(name: &str, lies: Vec<Lie>) -> Endpoint {
    let wire = Liar { lies: Mutex::new(lies.into()) };
    Endpoint::over(name.parse().expect("a name"), Box::new(wire), Arc::new(Standstill))
}

pub fn config(trust: Trust) -> EvmConfig {
    let mut config = EvmConfig::new(chain(), CHAIN_ID, Vec::new());
    config.trust = trust;
    let form = AssetForm::Token { chain: chain(), contract: TOKEN.to_owned() };
    config.assets = vec![Asset { id: asset(), decimals: 18, form }];
    config
}

/// What a lane asks that has sent one payment and knows the blocks up to 3.
pub fn watch() -> Watch {
    let leg = Leg {
        payout: PayoutId(Uuid::from_u128(1)),
        withdrawal: WithdrawalId(Uuid::from_u128(2)),
        user: "ada".parse().expect("a user"),
        book: "main".parse().expect("a book"),
        source_asset: asset(),
        asset: asset(),
        amount: Amount::new(AMOUNT.into()),
        destination: PLAYER.parse().expect("an address"),
    };
    let attempt = WatchedAttempt {
        attempt: AttemptId(Uuid::from_u128(3)),
        purpose: Purpose::Pay,
        hash: Hash32(transaction(0).0),
        draft: Draft::Evm(EvmDraft {
            chain_id: CHAIN_ID,
            nonce: 0,
            to: TOKEN.parse().expect("an address"),
            value: Amount::ZERO,
            input: Bytes::default(),
            gas_limit: 60_000,
            fees: EvmFees { max_fee_per_gas: 2_000_000_000, max_priority_fee_per_gas: 1_000_000 },
            pricing: adit_core::EvmPricing::Dynamic,
        }),
        included: None,
        confirmed: false,
    };
    Watch {
        lane: LaneId { chain: chain(), wallet: WALLET.parse().expect("an address") },
        next_nonce: 1,
        adopted_from: 0,
        confirmations: 2,
        trail: vec![BlockRef { height: 3, hash: Hash32(block_hash(3).0) }],
        lineages: vec![WatchedLineage {
            lineage: LineageId(Uuid::from_u128(4)),
            number: 0,
            legs: vec![leg],
            attempts: vec![attempt],
        }],
    }
}

/// The receipt of our payment, with everything that an OP stack chain adds.
pub fn receipt() -> Value {
    let topic =
        |address: &str| format!("0x{:0>64}", address.trim_start_matches("0x").to_lowercase());
    let data = format!("0x{AMOUNT:064x}");
    let log = json!({ "address": TOKEN, "topics": [TRANSFER, topic(WALLET), topic(PLAYER)], "data": data, "logIndex": "0x0" });
    json!({
        "transactionHash": transaction(0), "blockHash": block_hash(OURS_AT), "blockNumber": quantity(OURS_AT), "from": WALLET,
        "to": TOKEN, "status": "0x1", "gasUsed": "0xc350", "effectiveGasPrice": "0x3b9aca00", "logs": [log], "type": "0x2",
        "l1Fee": "0x5f5e100", "operatorFeeScalar": "0x2710", "operatorFeeConstant": "0x7", "daFootprintGasScalar": "0x3",
        "blobGasUsed": "0x20000", "blobGasPrice": "0x1",
    })
}

fn strangers_receipt() -> Value {
    json!({
        "transactionHash": transaction(1), "blockHash": block_hash(STRANGER_AT), "blockNumber": quantity(STRANGER_AT), "from": WALLET,
        "to": PLAYER, "status": "0x1", "gasUsed": "0x5208", "effectiveGasPrice": "0x3b9aca00", "logs": [], "type": "0x2",
    })
}

fn envelope(call: &Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": call["id"], "result": result(call["method"].as_str().unwrap_or_default(), &call["params"]) })
}

fn result(method: &str, params: &Value) -> Value {
    let at = |index: usize| height(&params[index]);
    match method {
        "eth_chainId" => json!(quantity(CHAIN_ID)),
        "eth_getBlockByNumber" => block(at(0)),
        "eth_maxPriorityFeePerGas" => json!("0x3b9aca00"),
        "eth_feeHistory" => {
            json!({ "baseFeePerGas": ["0x7", "0x8", "0x9"], "reward": [["0x3"], ["0x1"]], "oldestBlock": "0x9" })
        }
        "eth_getTransactionCount" => json!(quantity(
            [OURS_AT, STRANGER_AT].iter().filter(|mined| **mined <= at(1)).count() as u64
        )),
        "eth_getBlockReceipts" => match at(0) {
            OURS_AT => json!([receipt()]),
            STRANGER_AT => json!([strangers_receipt()]),
            other if other <= HEAD => json!([]),
            _unknown => Value::Null,
        },
        "eth_getTransactionReceipt" if params[0] == json!(transaction(0)) => receipt(),
        "eth_getTransactionReceipt" if params[0] == json!(transaction(1)) => strangers_receipt(),
        "eth_getTransactionByHash" if params[0] == json!(transaction(1)) => json!({
            "hash": transaction(1), "from": WALLET, "nonce": "0x1", "to": PLAYER, "value": "0x5", "input": "0x", "type": "0x2",
        }),
        _unknown => Value::Null,
    }
}

fn block(number: u64) -> Value {
    if number > HEAD {
        return Value::Null;
    }
    let holds: Vec<Value> = [(OURS_AT, 0), (STRANGER_AT, 1)]
        .iter()
        .filter(|(mined, _)| *mined == number)
        .map(|(_, nonce)| json!({ "hash": transaction(*nonce), "from": WALLET }))
        .collect();
    let parent = number.checked_sub(1).map_or(B256::ZERO, block_hash);
    json!({
        "number": quantity(number), "hash": block_hash(number), "parentHash": parent, "timestamp": quantity(1_800_000_000 + number),
        "baseFeePerGas": "0x8", "transactions": holds,
    })
}

fn height(tag: &Value) -> u64 {
    match tag.as_str().unwrap_or_default() {
        "latest" => HEAD,
        "finalized" => FINAL,
        number => u64::from_str_radix(number.trim_start_matches("0x"), 16).unwrap_or(u64::MAX),
    }
}

fn transaction(nonce: u8) -> B256 {
    B256::repeat_byte(0xA0 + nonce)
}

fn block_hash(number: u64) -> B256 {
    B256::repeat_byte(u8::try_from(number + 1).unwrap_or(u8::MAX))
}

fn quantity(value: u64) -> String {
    format!("{value:#x}")
}

fn chain() -> ChainName {
    "devnet".parse().expect("a chain")
}

fn asset() -> AssetId {
    "DG".parse().expect("an asset")
}
