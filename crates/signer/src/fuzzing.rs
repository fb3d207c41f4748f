//! What the fuzz targets need and nobody else may use: the reader of what is about to be signed, and the builder before it.

use adit_core::EvmDraft;
use alloy::consensus::TxEip1559;
use alloy::primitives::TxKind;

use crate::evm::{Said, Unsigned};

/// What the bytes say, as the signer's own reader reads them.
///
/// # Errors
/// A sentence.
pub fn read(bytes: &[u8]) -> Result<TxEip1559, String> {
    Said::read(bytes).map(said)
}

/// What the bytes made of a draft say, and the digest that would be signed.
///
/// # Errors
/// A sentence.
pub fn build(draft: &EvmDraft) -> Result<(TxEip1559, [u8; 32]), String> {
    Unsigned::build(draft).map(|unsigned| (said(unsigned.says), unsigned.digest))
}

fn said(said: Said) -> TxEip1559 {
    TxEip1559 {
        chain_id: said.chain_id,
        nonce: said.nonce,
        gas_limit: said.gas_limit,
        max_fee_per_gas: said.max_fee_per_gas,
        max_priority_fee_per_gas: said.max_priority_fee_per_gas,
        to: TxKind::Call(said.to),
        value: said.value,
        access_list: Default::default(),
        input: said.input.into(),
    }
}
