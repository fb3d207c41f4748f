//! Questions about blocks, transactions and accounts.

use adit_chain::RpcError;
use alloy::primitives::{B256, Bytes};
use serde_json::{Value, json};

use super::params::{self, Params};
use super::{refused, shape};
use crate::evm::SimChain;
use crate::evm::balances::Coin;
use crate::evm::block::Block;
use crate::evm::execution::TRANSFER_GAS;

/// Blocks in one `eth_feeHistory` (geth's bound).
const FEE_HISTORY_BLOCKS_MAX: u64 = 1_024;
/// A contract that refuses: `revert(0, 0)`.
const REFUSING_CODE: [u8; 5] = [0x60, 0x00, 0x60, 0x00, 0xfd];

impl SimChain {
    /// The block that a height or a tag means to a node with that head.
    fn block_named(&self, upto: u64, name: &Value) -> Result<Option<&Block>, RpcError> {
        let seen = &self.blocks[upto as usize];
        let finalized = seen.finalized.min(upto);
        let height = match name.as_str() {
            Some("latest" | "pending") => upto,
            Some("finalized") => finalized,
            Some("safe") => finalized.max(upto.saturating_sub(self.final_depth / 2)),
            Some("earliest") => 0,
            Some(_) | None => params::quantity(name, "block number")?,
        };
        Ok(self.blocks[..=upto as usize].get(usize::try_from(height).unwrap_or(usize::MAX)))
    }

    /// The block whose state is asked for.
    pub(super) fn state_named(
        &self,
        upto: u64,
        params: Params<'_>,
        index: usize,
    ) -> Result<&Block, RpcError> {
        let latest = Value::from("latest");
        let block = self.block_named(upto, params.get(index).unwrap_or(&latest))?;
        block.ok_or_else(|| refused("header not found".to_owned()))
    }

    fn mined(&self, upto: u64, hash: B256) -> Option<(&Block, usize)> {
        let (height, index) = *self.places.get(&hash)?;
        (height <= upto).then(|| (&self.blocks[height as usize], index))
    }

    pub(super) fn block_by_number(&self, upto: u64, params: Params<'_>) -> Result<Value, RpcError> {
        let full = params.get(1).and_then(Value::as_bool).unwrap_or(false);
        let block = self.block_named(upto, params.value(0)?)?;
        Ok(block.map_or(Value::Null, |block| shape::block(block, full)))
    }

    pub(super) fn block_receipts(&self, upto: u64, params: Params<'_>) -> Result<Value, RpcError> {
        let block = self.block_named(upto, params.value(0)?)?;
        let receipts = |block: &Block| {
            (0..block.included.len()).map(|index| self.shown_receipt(block, index)).collect()
        };
        Ok(block.map_or(Value::Null, receipts))
    }

    pub(super) fn receipt(&self, upto: u64, params: Params<'_>) -> Result<Value, RpcError> {
        let mined = self.mined(upto, params.hash(0)?);
        Ok(mined.map_or(Value::Null, |(block, index)| self.shown_receipt(block, index)))
    }

    pub(super) fn transaction(
        &self,
        node: usize,
        upto: u64,
        params: Params<'_>,
    ) -> Result<Value, RpcError> {
        let hash = params.hash(0)?;
        if let Some((block, index)) = self.mined(upto, hash) {
            return Ok(shape::mined_transaction(block, index, &block.included[index].transaction));
        }
        let waiting = self.nodes.get(node).and_then(|pool| pool.find(hash));
        let waiting = waiting.filter(|transaction| transaction.nonce >= self.account(upto).nonce);
        Ok(waiting.map_or(Value::Null, |transaction| shape::waiting_transaction(transaction)))
    }

    pub(super) fn raw(
        &self,
        node: usize,
        upto: u64,
        params: Params<'_>,
    ) -> Result<Value, RpcError> {
        let hash = params.hash(0)?;
        let mined = self.mined(upto, hash).map(|(block, index)| &block.included[index].transaction);
        let known = mined.or_else(|| self.nodes.get(node)?.find(hash));
        Ok(known.map_or(Value::Null, |transaction| json!(transaction.raw)))
    }

    pub(super) fn transaction_count(
        &self,
        node: usize,
        upto: u64,
        params: Params<'_>,
    ) -> Result<Value, RpcError> {
        let block = self.state_named(upto, params, 1)?;
        if params.address(0)? != self.wallet {
            return Ok(json!("0x0"));
        }
        let pending = params.get(1).and_then(Value::as_str) == Some("pending");
        let pool = self.nodes.get(node).filter(|_| pending);
        let nonce = pool.map_or(block.nonce, |pool| pool.pending_nonce(block.nonce));
        Ok(json!(shape::quantity(nonce.into())))
    }

    /// What the node's pool holds of the wallet, as geth tells it. What is mined is not looked at
    /// by whoever asks.
    pub(super) fn pool_of(&self, node: usize, params: Params<'_>) -> Result<Value, RpcError> {
        let of_wallet = params.address(0)? == self.wallet;
        let held =
            self.nodes.get(node).filter(|_| of_wallet).into_iter().flat_map(|pool| pool.all());
        let pending: serde_json::Map<String, Value> =
            held.map(|(nonce, hash)| (nonce.to_string(), json!({ "hash": hash }))).collect();
        Ok(json!({ "pending": pending, "queued": {} }))
    }

    pub(super) fn coins(&self, upto: u64, params: Params<'_>) -> Result<Value, RpcError> {
        let block = self.state_named(upto, params, 1)?;
        Ok(json!(shape::quantity(self.balances.at(Coin::Native, params.address(0)?, block.height))))
    }

    pub(super) fn code(&self, upto: u64, params: Params<'_>) -> Result<Value, RpcError> {
        let account = params.address(0)?;
        self.state_named(upto, params, 1)?;
        let code = match self.contracts.token(account) {
            Some(index) => self.contracts.tokens[index].code.clone(),
            None if self.contracts.refusing.contains(&account) => {
                Bytes::from_static(&REFUSING_CODE)
            }
            None => Bytes::new(),
        };
        Ok(json!(code))
    }

    /// No token here is a proxy.
    pub(super) fn storage(&self, upto: u64, params: Params<'_>) -> Result<Value, RpcError> {
        params.address(0)?;
        self.state_named(upto, params, 2)?;
        Ok(json!(B256::ZERO))
    }

    pub(super) fn fee_history(&self, upto: u64, params: Params<'_>) -> Result<Value, RpcError> {
        let newest = self.state_named(upto, params, 1)?.height;
        let count = params.number(0)?.clamp(1, FEE_HISTORY_BLOCKS_MAX).min(newest + 1);
        let blocks = &self.blocks[(newest + 1 - count) as usize..=newest as usize];
        let next = blocks.last().map(|block| block.next_base_fee);
        let base_fees: Vec<String> =
            blocks.iter().map(|block| block.base_fee).chain(next).map(shape::quantity).collect();
        let used = |block: &Block| {
            (block.included.len() as u64 * TRANSFER_GAS) as f64 / shape::BLOCK_GAS_MAX as f64
        };
        let percentiles = params.get(2).and_then(Value::as_array).map_or(0, Vec::len);
        let reward = vec![vec![shape::quantity(self.priority); percentiles]; blocks.len()];
        Ok(json!({
            "oldestBlock": shape::quantity(blocks[0].height.into()),
            "baseFeePerGas": base_fees,
            "gasUsedRatio": blocks.iter().map(used).collect::<Vec<f64>>(),
            "reward": reward,
        }))
    }
}
