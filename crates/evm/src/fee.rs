//! Fees: what to offer, and what was paid. Pure.

use adit_core::{Amount, EvmFees, FeePart};
use alloy::primitives::U256;

use crate::rpc::TxReceipt;

/// Least tip that is offered where nodes suggest none: 0.001 gwei, what Base's nodes ask for.
pub const PRIORITY_FEE_FLOOR_WEI: u128 = 1_000_000;
/// The base fee grows by at most 1/8 per block (EIP-1559): twice of it lasts six full blocks.
const BASE_FEE_TIMES: u128 = 2;
/// Isthmus: the operator's scalar is in millionths.
const ISTHMUS_SCALAR_PER_GAS: u64 = 1_000_000;
/// Jovian: the scalar counts in hundreds of wei.
const JOVIAN_SCALAR_WEI: u64 = 100;

/// What a new attempt should offer, from the base fee of the next block and the tips that endpoints suggest.
pub fn suggest(base_fee: u128, tips: &[u128], floor: u128) -> EvmFees {
    let tip = lower_median(tips).unwrap_or(0).max(floor);
    EvmFees { max_fee_per_gas: base_fee.saturating_mul(BASE_FEE_TIMES).saturating_add(tip), max_priority_fee_per_gas: tip }
}

/// Of two, the smaller one: a single liar cannot raise it.
pub(crate) fn lower_median(values: &[u128]) -> Option<u128> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len().checked_sub(1)? / 2).copied()
}

/// Everything that the wallet paid for a transaction, besides what it sent; none where it exceeds 128 bits.
///
/// Execution: EIP-1559. Blobs: EIP-4844. Data and operator: OP stack specifications, "Ecotone", "Isthmus" and "Jovian", execution engine.
pub fn fee_parts(receipt: &TxReceipt, op_stack: bool) -> Option<(Amount, Vec<FeePart>)> {
    let gas = U256::from(receipt.gas_used);
    let mut parts = vec![("execution", gas.checked_mul(receipt.effective_gas_price)?)];
    if op_stack {
        parts.push(("data", receipt.l1_fee?));
        parts.push(("operator", operator_fee(receipt)?));
    } else if let (Some(used), Some(price)) = (receipt.blob_gas_used, receipt.blob_gas_price) {
        parts.push(("blob", U256::from(used).checked_mul(price)?));
    }
    let total = parts.iter().try_fold(U256::ZERO, |sum, (_, part)| sum.checked_add(*part))?;
    let spent = parts.into_iter().enumerate().filter(|(index, (_, part))| *index == 0 || !part.is_zero());
    let named: Option<Vec<FeePart>> =
        spent.map(|(_, (name, part))| Some(FeePart { name: name.to_owned(), amount: crate::rpc::amount(part)? })).collect();
    Some((crate::rpc::amount(total)?, named?))
}

fn operator_fee(receipt: &TxReceipt) -> Option<U256> {
    let scalar = receipt.operator_fee_scalar.unwrap_or_default();
    let constant = receipt.operator_fee_constant.unwrap_or_default();
    let scaled = U256::from(receipt.gas_used).checked_mul(scalar)?;
    let variable = match receipt.da_footprint_gas_scalar {
        Some(_) => scaled.checked_mul(U256::from(JOVIAN_SCALAR_WEI))?,
        None => scaled / U256::from(ISTHMUS_SCALAR_PER_GAS),
    };
    variable.checked_add(constant)
}

#[cfg(test)]
mod tests {
    use alloy::primitives::{Address, B256, U64};
    use proptest::prelude::*;

    use super::*;

    fn receipt(gas: u64, price: u64) -> TxReceipt {
        TxReceipt {
            transaction_hash: B256::ZERO,
            block_hash: B256::ZERO,
            block_number: U64::from(1),
            from: Address::ZERO,
            to: None,
            status: U64::from(1),
            gas_used: U64::from(gas),
            effective_gas_price: U256::from(price),
            logs: Vec::new(),
            l1_fee: None,
            operator_fee_scalar: None,
            operator_fee_constant: None,
            da_footprint_gas_scalar: None,
            blob_gas_used: None,
            blob_gas_price: None,
        }
    }

    fn total(receipt: &TxReceipt, op_stack: bool) -> Option<u128> {
        fee_parts(receipt, op_stack).map(|(total, _)| total.base_units())
    }

    #[test]
    fn one_high_tip_does_not_raise_the_offer() {
        let fees = suggest(100, &[1_000_000_000_000, 5], 1);
        assert_eq!(fees, EvmFees { max_fee_per_gas: 205, max_priority_fee_per_gas: 5 });
        assert_eq!(suggest(100, &[7, 3, 5], 1).max_priority_fee_per_gas, 5);
        assert_eq!(suggest(100, &[0, 0], 9).max_priority_fee_per_gas, 9);
        assert_eq!(suggest(100, &[], 9).max_priority_fee_per_gas, 9);
    }

    #[test]
    fn f90_an_op_stack_receipt_has_three_parts() {
        let op = TxReceipt {
            l1_fee: Some(U256::from(1_000)),
            operator_fee_scalar: Some(U256::from(2_000_000)),
            operator_fee_constant: Some(U256::from(7)),
            blob_gas_used: Some(U64::from(9)),
            ..receipt(21_000, 10)
        };
        assert_eq!(total(&op, true), Some(210_000 + 1_000 + 42_000 + 7));
        let jovian = TxReceipt { da_footprint_gas_scalar: Some(U256::from(400)), operator_fee_scalar: Some(U256::from(3)), ..op };
        assert_eq!(total(&jovian, true), Some(210_000 + 1_000 + 21_000 * 300 + 7));
    }

    #[test]
    fn f90_an_op_stack_receipt_without_its_data_fee_is_not_booked() {
        assert_eq!(total(&receipt(21_000, 10), true), None);
    }

    /// Parts that cost nothing are not named, but for execution, which always is.
    #[test]
    fn f90_every_part_is_named_that_costs_something() {
        let named = |receipt: &TxReceipt, op_stack: bool| -> Vec<(String, u128)> {
            let (_, parts) = fee_parts(receipt, op_stack).expect("fits");
            parts.into_iter().map(|part| (part.name, part.amount.base_units())).collect()
        };
        let part = |name: &str, amount: u128| (name.to_owned(), amount);
        assert_eq!(named(&receipt(21_000, 0), false), [part("execution", 0)]);
        let free = TxReceipt { l1_fee: Some(U256::ZERO), ..receipt(21_000, 10) };
        assert_eq!(named(&free, true), [part("execution", 210_000)]);
        let op = TxReceipt { l1_fee: Some(U256::from(5)), operator_fee_constant: Some(U256::from(7)), ..receipt(21_000, 10) };
        assert_eq!(named(&op, true), [part("execution", 210_000), part("data", 5), part("operator", 7)]);
        let price_alone = TxReceipt { blob_gas_price: Some(U256::from(3)), ..receipt(21_000, 10) };
        assert_eq!(named(&price_alone, false), [part("execution", 210_000)]);
    }

    /// A fee that does not fit is not booked as something smaller.
    #[test]
    fn f90_a_fee_that_does_not_fit_is_not_booked() {
        let dear = TxReceipt { effective_gas_price: U256::MAX, ..receipt(2, 0) };
        assert_eq!(total(&dear, false), None);
        let beyond = TxReceipt { l1_fee: Some(U256::from(u128::MAX)), ..receipt(1, 1) };
        assert_eq!(total(&beyond, true), None);
    }

    #[test]
    fn f90_blobs_are_paid_too() {
        let blob = TxReceipt { blob_gas_used: Some(U64::from(131_072)), blob_gas_price: Some(U256::from(3)), ..receipt(21_000, 10) };
        assert_eq!(total(&blob, false), Some(210_000 + 393_216));
    }

    proptest! {
        #[test]
        fn the_total_is_the_sum_of_its_parts(gas: u64, price: u64, data: u64, scalar in any::<u32>(), constant: u64) {
            let op = TxReceipt {
                l1_fee: Some(U256::from(data)),
                operator_fee_scalar: Some(U256::from(scalar)),
                operator_fee_constant: Some(U256::from(constant)),
                ..receipt(gas, price)
            };
            if let Some((total, parts)) = fee_parts(&op, true) {
                let sum: u128 = parts.iter().map(|part| part.amount.base_units()).sum();
                prop_assert_eq!(total.base_units(), sum);
            }
        }

        #[test]
        fn an_offer_always_covers_base_fee_and_tip(base: u128, tips in prop::collection::vec(any::<u128>(), 0..5), floor: u64) {
            let fees = suggest(base, &tips, floor.into());
            prop_assert!(fees.max_fee_per_gas >= fees.max_priority_fee_per_gas);
            prop_assert!(fees.max_fee_per_gas >= base);
            prop_assert!(fees.max_priority_fee_per_gas >= floor.into());
        }
    }
}
