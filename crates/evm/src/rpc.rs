//! What nodes answer, read strictly: a negative number, a short hash or a missing field is no
//! answer.

use adit_chain::Ballot;
use adit_core::{Amount, BlockRef, Bytes as CoreBytes, EndpointName, Hash32};
use alloy::primitives::{Address, B256, Bytes, U64, U256};
use serde::Deserialize;
use serde_json::Value;

/// A block's header, as far as it matters.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Block {
    pub number: U64,
    pub hash: B256,
    pub parent_hash: B256,
    /// Unix seconds, as its proposer says.
    pub timestamp: U64,
    #[serde(default)]
    pub base_fee_per_gas: Option<U256>,
}

impl Block {
    pub(crate) fn at(&self) -> BlockRef {
        BlockRef { height: self.number.to(), hash: hash32(self.hash) }
    }
}

/// A receipt: what the transaction did, and what each endpoint that says so tells of its cost.
#[derive(Debug, Clone)]
pub(crate) struct TxReceipt {
    pub done: Done,
    /// One for each of those who agree on what was done.
    pub costs: Vec<(EndpointName, Cost)>,
}

/// What a transaction did. Enough endpoints have to say the same of all of it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Done {
    pub transaction_hash: B256,
    pub block_hash: B256,
    pub block_number: U64,
    pub from: Address,
    #[serde(default)]
    pub to: Option<Address>,
    /// 1, or 0 when it was reverted.
    pub status: U64,
    pub logs: Vec<Log>,
}

/// What one endpoint tells of a transaction's cost. Clients leave out different fields.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Cost {
    pub gas_used: Option<U64>,
    pub effective_gas_price: Option<U256>,
    /// What older nodes call the price that was paid.
    pub gas_price: Option<U256>,
    /// OP stack: what publishing the transaction's data cost.
    pub l1_fee: Option<U256>,
    /// OP stack, since Isthmus.
    pub operator_fee_scalar: Option<U256>,
    pub operator_fee_constant: Option<U256>,
    /// OP stack: present since Jovian, which changed the operator fee's formula.
    pub da_footprint_gas_scalar: Option<U256>,
    /// EIP-4844; on OP stack chains since Jovian something else (the data footprint).
    pub blob_gas_used: Option<U64>,
    pub blob_gas_price: Option<U256>,
}

/// One event.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Log {
    pub address: Address,
    pub topics: Vec<B256>,
    pub data: Bytes,
}

impl TxReceipt {
    /// Receipts are the same when they say that the same was done.
    pub(crate) const BALLOT: Ballot<Self> =
        Ballot { same: |one, other| one.done == other.done, merge: Self::merged };

    /// What an endpoint answered.
    ///
    /// # Errors
    /// When a field is missing or malformed that tells what was done.
    pub(crate) fn read(by: &EndpointName, answer: &Value) -> Result<Self, serde_json::Error> {
        let (done, cost) = (Done::deserialize(answer)?, Cost::deserialize(answer)?);
        Ok(Self { done, costs: vec![(by.clone(), cost)] })
    }

    /// Of receipts that are the same.
    pub(crate) fn merged(same: &[&Self]) -> Self {
        let costs = same.iter().flat_map(|receipt| receipt.costs.iter().cloned()).collect();
        Self { done: same[0].done.clone(), costs }
    }

    pub(crate) fn block(&self) -> BlockRef {
        BlockRef { height: self.done.block_number.to(), hash: hash32(self.done.block_hash) }
    }

    pub(crate) fn hash(&self) -> Hash32 {
        hash32(self.done.transaction_hash)
    }

    pub(crate) fn succeeded(&self) -> bool {
        self.done.status == U64::from(1)
    }
}

/// A block with its transactions.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct FullBlock {
    #[serde(flatten)]
    pub header: Block,
    pub transactions: Vec<Sender>,
}

/// Who sent a transaction, and at which place in their line.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Sender {
    pub hash: B256,
    pub from: Address,
    /// Only asked of our own.
    #[serde(default)]
    pub nonce: Option<U64>,
}

/// A transaction as a node shows it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Transaction {
    pub hash: B256,
    pub from: Address,
    pub nonce: U64,
    #[serde(default)]
    pub to: Option<Address>,
    pub value: U256,
    pub input: Bytes,
    #[serde(default, rename = "type")]
    pub kind: U64,
}

pub(crate) fn hash32(hash: B256) -> Hash32 {
    Hash32(hash.0)
}

pub(crate) fn b256(hash: Hash32) -> B256 {
    B256::new(hash.0)
}

pub(crate) fn core_bytes(bytes: &Bytes) -> CoreBytes {
    CoreBytes(bytes.to_vec())
}

/// Narrows a number of the chain to an amount; what does not fit into 128 bits is refused.
pub(crate) fn amount(value: U256) -> Option<Amount> {
    u128::try_from(value).ok().map(Amount::new)
}

/// A height as nodes want it.
pub(crate) fn height(number: u64) -> String {
    format!("0x{number:x}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nonsense_is_no_block() {
        let hash = format!("0x{}", "ab".repeat(32));
        let good = json!({ "number": "0x7", "hash": hash, "parentHash": hash, "timestamp": "0x1" });
        assert_eq!(Block::deserialize(&good).expect("a block").at().height, 7);
        for (field, value) in [
            ("number", json!("-0x7")),
            ("number", json!(-7)),
            ("number", json!("0x1ffffffffffffffff")),
            ("number", json!(null)),
            ("hash", json!("0xab")),
            ("hash", json!(null)),
            ("parentHash", json!("garbage")),
        ] {
            let mut bad = good.clone();
            bad[field] = value.clone();
            assert!(Block::deserialize(&bad).is_err(), "{field}: {value}");
        }
        assert!(Block::deserialize(json!(null)).is_err());
    }

    #[test]
    fn amounts_end_at_128_bits() {
        assert_eq!(amount(U256::from(u128::MAX)), Some(Amount::MAX));
        assert_eq!(amount(U256::from(u128::MAX) + U256::from(1)), None);
    }
}
