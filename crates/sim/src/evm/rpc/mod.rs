//! JSON-RPC as a node gives it that has seen the blocks up to some height.

mod params;
mod shape;
mod state;
mod trial;

use adit_chain::RpcError;
use serde_json::{Value, json};

use super::SimChain;
use super::balances::Coin;
use super::pool::Account;
use params::Params;

/// Geth's code for whatever has no code of its own.
const REFUSED_CODE: i64 = -32_000;
/// JSON-RPC 2.0, section 5.1.
const METHOD_UNKNOWN_CODE: i64 = -32_601;
const PARAMS_WRONG_CODE: i64 = -32_602;

/// An error answer in the node's words.
pub(crate) fn refused(message: String) -> RpcError {
    RpcError { code: REFUSED_CODE, message, data: None }
}

impl SimChain {
    /// What an honest node answers that has seen the blocks up to `upto`. `node` is its index: each
    /// has a pool of its own.
    ///
    /// # Errors
    /// [`RpcError`] in geth's words.
    pub fn answer(
        &mut self,
        node: usize,
        upto: u64,
        method: &str,
        params: &Value,
    ) -> Result<Value, RpcError> {
        let params = Params::of(params);
        let upto = upto.min(self.head());
        match method {
            "eth_chainId" => Ok(json!(shape::quantity(self.chain_id.into()))),
            "eth_blockNumber" => Ok(json!(shape::quantity(upto.into()))),
            "eth_getBlockByNumber" => self.block_by_number(upto, params),
            "eth_getBlockReceipts" => self.block_receipts(upto, params),
            "eth_getTransactionReceipt" => self.receipt(upto, params),
            "eth_getTransactionByHash" => self.transaction(node, upto, params),
            "eth_getRawTransactionByHash" => self.raw(node, upto, params),
            "eth_getTransactionCount" => self.transaction_count(node, upto, params),
            "txpool_contentFrom" => self.pool_of(node, params),
            "eth_getBalance" => self.coins(upto, params),
            "eth_getCode" => self.code(upto, params),
            "eth_getStorageAt" => self.storage(upto, params),
            "eth_call" => self.call(upto, params),
            "eth_estimateGas" => self.estimate(upto, params),
            "eth_simulateV1" => self.simulate(upto, params),
            "eth_maxPriorityFeePerGas" => Ok(json!(shape::quantity(self.priority))),
            "eth_feeHistory" => self.fee_history(upto, params),
            "eth_sendRawTransaction" => self.send(node, upto, params),
            unknown => Err(RpcError {
                code: METHOD_UNKNOWN_CODE,
                message: format!("the method {unknown} does not exist/is not available"),
                data: None,
            }),
        }
    }

    /// The wallet as a node with that head knows it.
    pub(super) fn account(&self, upto: u64) -> Account {
        let block = &self.blocks[upto as usize];
        Account { nonce: block.nonce, coins: self.balances.at(Coin::Native, self.wallet, upto) }
    }

    /// Whatever a node keeps, the miners hear of it; and of what a node is offered again, because
    /// who waits tells it again.
    fn send(&mut self, node: usize, upto: u64, params: Params<'_>) -> Result<Value, RpcError> {
        let transaction = self.known(&params.bytes(0)?)?;
        let account = self.account(upto);
        let pool = self.node(node);
        let said = pool.offer(&transaction, account);
        let kept = pool.find(transaction.hash).is_some();
        if kept && !pool.swallows {
            self.miners.add(transaction.clone(), false);
        }
        said.map(|_| json!(transaction.hash))
    }
}
