//! Transactions of an account that anvil itself signs for: deployments, mints, funding.

use std::time::Duration;

use alloy::sol_types::SolCall;
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::anvil;
use crate::contracts::Contract;
use crate::primitives::{Address, B256, Bytes, U64, U256};
use crate::rpc::{Receipt, Rpc};
use crate::wait;

const MINED_BOUND: Duration = Duration::from_secs(30);
const MINED_PAUSE: Duration = Duration::from_millis(20);

/// Sends, mines at once if the node waits for its block time, and insists on success.
#[derive(Clone, Copy)]
pub struct Deployer<'a> {
    rpc: &'a Rpc,
    from: Address,
}

impl<'a> Deployer<'a> {
    pub fn new(rpc: &'a Rpc) -> Self {
        Self { rpc, from: anvil::DEPLOYER }
    }

    pub fn address(&self) -> Address {
        self.from
    }

    pub fn rpc(&self) -> &'a Rpc {
        self.rpc
    }

    /// `arguments` are the constructor's, ABI-encoded as parameters.
    ///
    /// # Errors
    /// When the node refuses or the constructor reverts.
    pub async fn deploy(&self, contract: &Contract, arguments: &[u8]) -> Result<Address> {
        let code = [contract.creation_code()?.as_ref(), arguments].concat();
        let receipt = self
            .transact(json!({ "from": self.from, "data": Bytes::from(code) }))
            .await
            .with_context(|| format!("deploying {}", contract.name))?;
        receipt
            .contract_address
            .with_context(|| format!("the deployment of {} made no contract", contract.name))
    }

    /// # Errors
    /// When the node refuses or the call reverts.
    pub async fn execute<C: SolCall>(&self, contract: Address, call: &C) -> Result<Receipt> {
        let data = Bytes::from(call.abi_encode());
        self.transact(json!({ "from": self.from, "to": contract, "data": data }))
            .await
            .with_context(|| format!("{} of {contract}", C::SIGNATURE))
    }

    /// Native coins, in wei.
    ///
    /// # Errors
    /// When the node refuses or the recipient reverts.
    pub async fn pay(&self, to: Address, wei: U256) -> Result<Receipt> {
        self.transact(json!({ "from": self.from, "to": to, "value": wei }))
            .await
            .with_context(|| format!("paying {to}"))
    }

    async fn transact(&self, transaction: Value) -> Result<Receipt> {
        let hash = self.rpc.call::<B256>("eth_sendTransaction", json!([transaction])).await?;
        let receipt = match self.rpc.receipt(hash).await? {
            Some(receipt) => receipt,
            None => self.mined(hash).await?,
        };
        if receipt.status != U64::from(1) {
            bail!("transaction {hash} was reverted in block {}", receipt.block_number);
        }
        Ok(receipt)
    }

    async fn mined(&self, hash: B256) -> Result<Receipt> {
        self.rpc.mine(1).await?;
        wait::until("a transaction to be mined", MINED_BOUND, MINED_PAUSE, async || {
            self.rpc.receipt(hash).await
        })
        .await
    }
}
