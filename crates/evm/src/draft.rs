//! Drafts of transactions: what will be signed, as a transaction of type 2, or of type 0 on chains
//! without a base fee.

use adit_core::{
    Amount, Bytes, Destination, EvmDraft, EvmFees, EvmPricing, Hash32, Mistake, planted,
};
use alloy::consensus::{TxEip1559, TxLegacy, TypedTransaction};
use alloy::eips::eip2930::AccessList;
use alloy::primitives::{Address, TxKind, U256, keccak256};

use crate::config::Paying;
use crate::{address_of, canonical, erc20};

/// What the signature covers. None when the draft's recipient is no address.
pub fn unsigned(draft: &EvmDraft) -> Option<TypedTransaction> {
    let (to, value) = (TxKind::Call(address_of(&draft.to)?), U256::from(draft.value.base_units()));
    let (nonce, gas_limit, input) = (draft.nonce, draft.gas_limit, draft.input.0.clone().into());
    let EvmFees { max_fee_per_gas, max_priority_fee_per_gas } = draft.fees;
    Some(match draft.pricing {
        EvmPricing::Dynamic => {
            let (chain_id, access_list) = (draft.chain_id, AccessList::default());
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
        EvmPricing::Legacy => {
            let chain_id = Some(draft.chain_id);
            TxLegacy { chain_id, nonce, gas_price: max_fee_per_gas, gas_limit, to, value, input }
                .into()
        }
    })
}

/// The hash of signed bytes: computed here, whatever a node says (window F11).
pub fn raw_hash(raw: &Bytes) -> Hash32 {
    Hash32(keccak256(&raw.0).0)
}

/// Recipient, value and data of one payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    pub to: Address,
    pub value: Amount,
    pub input: Bytes,
}

impl Message {
    pub(crate) fn paying(paying: Paying, to: Address, amount: Amount) -> Self {
        let amount = if planted(Mistake::AmountAsFloat) { floated(amount) } else { amount };
        match paying {
            Paying::Native => Self { to, value: amount, input: Bytes::default() },
            Paying::Token(token) => Self {
                to: token,
                value: Amount::ZERO,
                input: Bytes(erc20::transfer(to, amount).to_vec()),
            },
        }
    }

    pub(crate) fn draft(self, form: Form, nonce: u64, gas_limit: u64, fees: EvmFees) -> EvmDraft {
        form.draft(canonical(self.to), self.value, self.input, nonce, gas_limit, fees)
    }
}

/// What every transaction of one chain has in common.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Form {
    pub chain_id: u64,
    pub pricing: EvmPricing,
}

impl Form {
    pub(crate) fn draft(
        self,
        to: Destination,
        value: Amount,
        input: Bytes,
        nonce: u64,
        gas_limit: u64,
        fees: EvmFees,
    ) -> EvmDraft {
        let Self { chain_id, pricing } = self;
        EvmDraft {
            chain_id,
            nonce,
            to,
            value,
            input,
            gas_limit,
            fees: pricing.shaped(fees),
            pricing,
        }
    }
}

/// What a floating-point number makes of it: 32 bits have seven digits.
fn floated(amount: Amount) -> Amount {
    Amount::new(amount.base_units() as f32 as u128)
}

#[cfg(test)]
mod tests {
    use alloy::consensus::{SignableTransaction, Transaction as _};

    use super::*;

    /// F11: the hash is of the bytes, whatever a node says. keccak-256 of nothing is published.
    #[test]
    fn f11_a_hash_is_of_its_bytes() {
        let empty = "0xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470";
        assert_eq!(raw_hash(&Bytes::default()).to_string(), empty);
        assert_ne!(raw_hash(&Bytes(vec![1])), raw_hash(&Bytes(vec![2])));
    }

    #[test]
    fn what_is_signed_is_what_was_drafted() {
        let fees = EvmFees { max_fee_per_gas: 9, max_priority_fee_per_gas: 3 };
        let form = Form { chain_id: 7, pricing: EvmPricing::Dynamic };
        let to = address_of(&"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed".parse().expect("a name"))
            .expect("an address");
        let draft =
            Message::paying(Paying::Native, to, Amount::new(5)).draft(form, 11, 30_000, fees);
        let transaction = unsigned(&draft).expect("an address");
        assert_eq!(
            (transaction.chain_id(), transaction.nonce(), transaction.gas_limit()),
            (Some(7), 11, 30_000)
        );
        assert_eq!((transaction.kind(), transaction.value()), (TxKind::Call(to), U256::from(5)));
        assert_eq!(transaction.encoded_for_signing()[0], 2, "EIP-1559 transactions are of type 2");
    }
}
