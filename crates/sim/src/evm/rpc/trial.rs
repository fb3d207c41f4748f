//! Calls that are tried and change nothing: `eth_call`, `eth_estimateGas`, `eth_simulateV1`.

use adit_chain::RpcError;
use alloy::primitives::U256;
use alloy::sol_types::{Revert, SolError};
use serde_json::{Value, json};

use super::params::{self, Params};
use super::{refused, shape};
use crate::evm::SimChain;
use crate::evm::balances::{Coin, Ledger, Trying};
use crate::evm::execution::{Message, Mode, Outcome};

/// Geth's code for a revert.
const REVERTED_CODE: i64 = 3;
/// execution-apis, `eth_simulateV1`: a failure that is no revert, and too little money.
const VM_ERROR_CODE: i64 = -32_015;
const FUNDS_CODE: i64 = -38_014;
/// Calls in one question: far above what is asked, and finite.
const SIMULATED_CALLS_MAX: usize = 1_000;

impl SimChain {
    pub(super) fn call(&self, upto: u64, params: Params<'_>) -> Result<Value, RpcError> {
        self.tried_alone(upto, params).map(|outcome| json!(outcome.returned))
    }

    pub(super) fn estimate(&self, upto: u64, params: Params<'_>) -> Result<Value, RpcError> {
        self.tried_alone(upto, params)
            .map(|outcome| json!(shape::quantity(outcome.gas_used.into())))
    }

    fn tried_alone(&self, upto: u64, params: Params<'_>) -> Result<Outcome, RpcError> {
        let message = params::message(params.value(0)?)?;
        let mut ledger = Trying::new(&self.balances, self.state_named(upto, params, 1)?.height);
        if lacks_coins(&message, &ledger) {
            return Err(refused("insufficient funds for transfer".to_owned()));
        }
        let outcome = self.contracts.execute(Mode::Tried, &message, &mut ledger);
        if outcome.succeeded { Ok(outcome) } else { Err(failure(&outcome)) }
    }

    /// One block after another, each call on top of those before it; gas costs nothing.
    pub(super) fn simulate(&self, upto: u64, params: Params<'_>) -> Result<Value, RpcError> {
        let block = self.state_named(upto, params, 1)?;
        let mut ledger = Trying::new(&self.balances, block.height);
        let asked = params.value(0)?["blockStateCalls"].as_array();
        let asked = asked.ok_or_else(|| params::wrong("blockStateCalls is missing".to_owned()))?;
        let mut blocks = Vec::with_capacity(asked.len());
        for (above, simulated) in (1..).zip(asked) {
            let calls = simulated["calls"].as_array().map_or(&[][..], Vec::as_slice);
            if calls.len() > SIMULATED_CALLS_MAX {
                return Err(params::wrong(format!(
                    "{} calls in one block; at most {SIMULATED_CALLS_MAX} are tried",
                    calls.len()
                )));
            }
            let results: Result<Vec<Value>, RpcError> =
                calls.iter().map(|call| self.simulated(call, &mut ledger)).collect();
            let number = shape::quantity(u128::from(block.height) + above);
            blocks.push(json!({ "number": number, "baseFeePerGas": "0x0", "calls": results? }));
        }
        Ok(Value::Array(blocks))
    }

    fn simulated(&self, call: &Value, ledger: &mut Trying<'_>) -> Result<Value, RpcError> {
        let message = params::message(call)?;
        if lacks_coins(&message, ledger) {
            let held = ledger.balance(Coin::Native, message.from);
            let message = format!(
                "insufficient funds for gas * price + value: address {} have {held} want {}",
                message.from, message.value
            );
            return Err(RpcError { code: FUNDS_CODE, message, data: None });
        }
        let outcome = self.contracts.execute(Mode::Tried, &message, ledger);
        let mut shown = json!({
            "status": shape::status(outcome.succeeded),
            "gasUsed": shape::quantity(outcome.gas_used.into()),
            "returnData": outcome.returned,
            "logs": self.logs(&outcome.movements),
        });
        if !outcome.succeeded {
            let RpcError { code, message, data } = failure(&outcome);
            let code = if code == REVERTED_CODE { code } else { VM_ERROR_CODE };
            shown["error"] = json!({ "code": code, "message": message, "data": data });
        }
        Ok(shown)
    }
}

fn lacks_coins(message: &Message, ledger: &impl Ledger) -> bool {
    message.value > U256::from(ledger.balance(Coin::Native, message.from))
}

/// Whoever ran out of gas returns nothing; whoever reverts says why.
fn failure(outcome: &Outcome) -> RpcError {
    if outcome.returned.is_empty() {
        return refused("out of gas".to_owned());
    }
    let reason = Revert::abi_decode(&outcome.returned)
        .map(|revert| format!(": {}", revert.reason))
        .unwrap_or_default();
    RpcError {
        code: REVERTED_CODE,
        message: format!("execution reverted{reason}"),
        data: Some(outcome.returned.to_string()),
    }
}
