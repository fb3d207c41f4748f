//! The forms in which nodes show blocks, transactions, receipts and events.

use alloy::primitives::{Address, B256, Bytes};
use alloy::sol_types::SolEvent;
use serde_json::{Value, json};

use crate::evm::SimChain;
use crate::evm::balances::{Coin, MINER};
use crate::evm::block::{Block, Included, Movement};
use crate::evm::token::Erc20;
use crate::evm::transaction::Transaction;

/// Of every block here; Ethereum's at the time of writing.
pub(super) const BLOCK_GAS_MAX: u64 = 36_000_000;

/// A number in hexadecimal.
pub(super) fn quantity(number: u128) -> String {
    format!("0x{number:x}")
}

pub(super) fn block(block: &Block, full: bool) -> Value {
    let transactions: Vec<Value> = block
        .included
        .iter()
        .enumerate()
        .map(|(index, included)| {
            if full {
                mined_transaction(block, index, &included.transaction)
            } else {
                json!(included.transaction.hash)
            }
        })
        .collect();
    let gas_used: u64 = block.included.iter().map(|included| included.gas_used).sum();
    json!({
        "number": quantity(block.height.into()),
        "hash": block.hash,
        "parentHash": block.parent,
        "timestamp": quantity(block.timestamp.into()),
        "baseFeePerGas": quantity(block.base_fee),
        "gasUsed": quantity(gas_used.into()),
        "gasLimit": quantity(BLOCK_GAS_MAX.into()),
        "miner": MINER,
        "transactions": transactions,
    })
}

pub(super) fn mined_transaction(block: &Block, index: usize, transaction: &Transaction) -> Value {
    let mut shown = waiting_transaction(transaction);
    shown["blockHash"] = json!(block.hash);
    shown["blockNumber"] = json!(quantity(block.height.into()));
    shown["transactionIndex"] = json!(quantity(index as u128));
    shown
}

pub(super) fn waiting_transaction(transaction: &Transaction) -> Value {
    json!({
        "type": "0x2",
        "hash": transaction.hash,
        "chainId": quantity(transaction.chain_id.into()),
        "from": transaction.sender,
        "to": transaction.to,
        "nonce": quantity(transaction.nonce.into()),
        "value": transaction.value,
        "input": transaction.input,
        "gas": quantity(transaction.gas_limit.into()),
        "maxFeePerGas": quantity(transaction.max_fee),
        "maxPriorityFeePerGas": quantity(transaction.tip),
        "gasPrice": quantity(transaction.max_fee),
        "accessList": [],
        "blockHash": null,
        "blockNumber": null,
        "transactionIndex": null,
    })
}

impl SimChain {
    pub(super) fn shown_receipt(&self, block: &Block, index: usize) -> Value {
        let included = &block.included[index];
        let before: u64 = block.included[..index].iter().map(|earlier| earlier.gas_used).sum();
        json!({
            "type": "0x2",
            "transactionHash": included.transaction.hash,
            "transactionIndex": quantity(index as u128),
            "blockHash": block.hash,
            "blockNumber": quantity(block.height.into()),
            "from": included.transaction.sender,
            "to": included.transaction.to,
            "contractAddress": null,
            "status": status(included.truth.succeeded),
            "gasUsed": quantity(included.gas_used.into()),
            "cumulativeGasUsed": quantity(u128::from(before + included.gas_used)),
            "effectiveGasPrice": quantity(included.price),
            "logs": self.mined_logs(block, index, included),
        })
    }

    fn mined_logs(&self, block: &Block, index: usize, included: &Included) -> Vec<Value> {
        let events = |of: &Included| {
            of.movements.iter().filter(|movement| movement.coin != Coin::Native).count()
        };
        let before: usize = block.included[..index].iter().map(events).sum();
        let mut logs = self.logs(&included.movements);
        for (place, log) in logs.iter_mut().enumerate() {
            log["transactionHash"] = json!(included.transaction.hash);
            log["transactionIndex"] = json!(quantity(index as u128));
            log["blockHash"] = json!(block.hash);
            log["blockNumber"] = json!(quantity(block.height.into()));
            log["logIndex"] = json!(quantity((before + place) as u128));
            log["removed"] = json!(false);
        }
        logs
    }

    /// Tokens report every movement; coins move in silence.
    pub(super) fn logs(&self, movements: &[Movement]) -> Vec<Value> {
        movements
            .iter()
            .filter_map(|movement| self.token_of(movement.coin).map(|token| log(token, movement)))
            .collect()
    }
}

fn log(token: Address, movement: &Movement) -> Value {
    let event = Erc20::Transfer {
        from: movement.from,
        to: movement.to,
        value: alloy::primitives::U256::from(movement.amount),
    };
    let data = event.encode_log_data();
    let topics: &[B256] = data.topics();
    let words: &Bytes = &data.data;
    json!({ "address": token, "topics": topics, "data": words })
}

pub(super) fn status(succeeded: bool) -> &'static str {
    if succeeded { "0x1" } else { "0x0" }
}
