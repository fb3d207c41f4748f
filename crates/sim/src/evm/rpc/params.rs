//! What was asked, read.

use adit_chain::RpcError;
use alloy::primitives::{Address, B256, Bytes, U256};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::PARAMS_WRONG_CODE;
use crate::evm::execution::Message;

/// Gas of a call that names none: geth's `--rpc.gascap`.
const CALL_GAS_MAX: u64 = 50_000_000;

/// The parameters of one question, by position.
#[derive(Clone, Copy)]
pub(super) struct Params<'a>(&'a [Value]);

impl<'a> Params<'a> {
    pub(super) fn of(params: &'a Value) -> Self {
        Self(params.as_array().map_or(&[], Vec::as_slice))
    }

    pub(super) fn get(self, index: usize) -> Option<&'a Value> {
        self.0.get(index).filter(|value| !value.is_null())
    }

    pub(super) fn value(self, index: usize) -> Result<&'a Value, RpcError> {
        self.get(index).ok_or_else(|| wrong(format!("missing value for required argument {index}")))
    }

    pub(super) fn address(self, index: usize) -> Result<Address, RpcError> {
        read(self.value(index)?, &format!("argument {index}"))
    }

    pub(super) fn hash(self, index: usize) -> Result<B256, RpcError> {
        read(self.value(index)?, &format!("argument {index}"))
    }

    pub(super) fn bytes(self, index: usize) -> Result<Bytes, RpcError> {
        read(self.value(index)?, &format!("argument {index}"))
    }

    pub(super) fn number(self, index: usize) -> Result<u64, RpcError> {
        quantity(self.value(index)?, &format!("argument {index}"))
    }
}

/// A transaction object of `eth_call` and its likes.
///
/// # Errors
/// [`RpcError`].
pub(super) fn message(object: &Value) -> Result<Message, RpcError> {
    let input = [&object["input"], &object["data"]].into_iter().find(|value| !value.is_null());
    Ok(Message {
        from: optional(&object["from"], "from")?.unwrap_or_default(),
        to: optional(&object["to"], "to")?.ok_or_else(|| {
            wrong("a call without \"to\" creates a contract; name one".to_owned())
        })?,
        value: optional::<U256>(&object["value"], "value")?.unwrap_or_default(),
        input: input.map(|value| read(value, "input")).transpose()?.unwrap_or_default(),
        gas_limit: if object["gas"].is_null() {
            CALL_GAS_MAX
        } else {
            quantity(&object["gas"], "gas")?.min(CALL_GAS_MAX)
        },
    })
}

fn optional<T: DeserializeOwned>(value: &Value, name: &str) -> Result<Option<T>, RpcError> {
    if value.is_null() { Ok(None) } else { read(value, name).map(Some) }
}

fn read<T: DeserializeOwned>(value: &Value, name: &str) -> Result<T, RpcError> {
    T::deserialize(value).map_err(|error| wrong(format!("invalid {name}: {error}")))
}

/// A number in hexadecimal.
///
/// # Errors
/// [`RpcError`].
pub(super) fn quantity(value: &Value, name: &str) -> Result<u64, RpcError> {
    let digits = value.as_str().and_then(|text| text.strip_prefix("0x"));
    let number = digits.and_then(|digits| u64::from_str_radix(digits, 16).ok());
    number.ok_or_else(|| {
        wrong(format!("invalid {name}: {value} is not a number in hexadecimal with 0x"))
    })
}

pub(super) fn wrong(message: String) -> RpcError {
    RpcError { code: PARAMS_WRONG_CODE, message, data: None }
}
