//! What the fuzz targets need and nobody else may use: the reader of what is about to be signed,
//! and the builder before it.

use adit_core::{EvmDraft, EvmPricing};
use alloy::consensus::{TxEip1559, TxLegacy, TypedTransaction};
use alloy::primitives::TxKind;

use crate::evm::{Said, Unsigned};

/// What the bytes say, as the signer's own reader reads them.
///
/// # Errors
/// A sentence.
pub fn read(bytes: &[u8]) -> Result<TypedTransaction, String> {
    Said::read(bytes).map(said)
}

/// What the bytes made of a draft say, and the digest that would be signed.
///
/// # Errors
/// A sentence.
pub fn build(draft: &EvmDraft) -> Result<(TypedTransaction, [u8; 32]), String> {
    Unsigned::build(draft).map(|unsigned| (said(unsigned.says), unsigned.digest))
}

fn said(said: Said) -> TypedTransaction {
    let Said {
        pricing,
        chain_id,
        nonce,
        gas_limit,
        max_fee_per_gas,
        max_priority_fee_per_gas,
        to,
        value,
        input,
    } = said;
    let (to, input) = (TxKind::Call(to), input.into());
    match pricing {
        EvmPricing::Dynamic => {
            let access_list = Default::default();
            TxEip1559 {
                chain_id,
                nonce,
                gas_limit,
                max_fee_per_gas,
                max_priority_fee_per_gas,
                to,
                value,
                access_list,
                input,
            }
            .into()
        }
        EvmPricing::Legacy => TxLegacy {
            chain_id: Some(chain_id),
            nonce,
            gas_price: max_fee_per_gas,
            gas_limit,
            to,
            value,
            input,
        }
        .into(),
    }
}
