//! Fees: what to offer. Pure. What was paid: `paid.rs`.

use adit_core::EvmFees;

/// Least tip that is offered where nodes suggest none: 0.001 gwei, what Base's nodes ask for.
pub const PRIORITY_FEE_FLOOR_WEI: u128 = 1_000_000;
/// The base fee grows by at most 1/8 per block (EIP-1559): twice of it lasts six full blocks.
const BASE_FEE_TIMES: u128 = 2;

/// What a new attempt should offer, from the base fee of the next block and the tips that endpoints
/// suggest.
pub fn suggest(base_fee: u128, tips: &[u128], floor: u128) -> EvmFees {
    let tip = lower_median(tips).unwrap_or(0).max(floor);
    EvmFees {
        max_fee_per_gas: base_fee.saturating_mul(BASE_FEE_TIMES).saturating_add(tip),
        max_priority_fee_per_gas: tip,
    }
}

/// What a new attempt should offer where blocks have no base fee, from the prices that endpoints
/// suggest.
pub(crate) fn suggest_price(prices: &[u128], floor: u128) -> EvmFees {
    let price = lower_median(prices).unwrap_or(0).max(floor);
    EvmFees { max_fee_per_gas: price, max_priority_fee_per_gas: price }
}

/// Of two, the smaller one: a single liar cannot raise it.
pub(crate) fn lower_median(values: &[u128]) -> Option<u128> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len().checked_sub(1)? / 2).copied()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_high_tip_does_not_raise_the_offer() {
        let fees = suggest(100, &[1_000_000_000_000, 5], 1);
        assert_eq!(fees, EvmFees { max_fee_per_gas: 205, max_priority_fee_per_gas: 5 });
        assert_eq!(suggest(100, &[7, 3, 5], 1).max_priority_fee_per_gas, 5);
        assert_eq!(suggest(100, &[0, 0], 9).max_priority_fee_per_gas, 9);
        assert_eq!(suggest(100, &[], 9).max_priority_fee_per_gas, 9);
    }

    proptest! {
        #[test]
        fn an_offer_always_covers_base_fee_and_tip(base: u128, tips in prop::collection::vec(any::<u128>(), 0..5), floor: u64) {
            let fees = suggest(base, &tips, floor.into());
            prop_assert!(fees.max_fee_per_gas >= fees.max_priority_fee_per_gas);
            prop_assert!(fees.max_fee_per_gas >= base);
            prop_assert!(fees.max_priority_fee_per_gas >= floor.into());
        }
    }
}
