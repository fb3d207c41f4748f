use adit_core::{Bytes, EvmFees, EvmPricing};
use alloy::primitives::U64;
use proptest::prelude::*;

use super::*;

/// 50,000 gas at 1,000 wei at most, 10 of them as tip.
fn draft() -> EvmDraft {
    let to = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed".parse().expect("an address");
    let fees = EvmFees { max_fee_per_gas: 1_000, max_priority_fee_per_gas: 10 };
    EvmDraft {
        chain_id: 1,
        nonce: 0,
        to,
        value: Amount::ZERO,
        input: Bytes::default(),
        gas_limit: 50_000,
        fees,
        pricing: EvmPricing::Dynamic,
    }
}

fn cost(gas: u64, price: u64) -> Cost {
    Cost {
        gas_used: Some(U64::from(gas)),
        effective_gas_price: Some(U256::from(price)),
        ..Cost::default()
    }
}

fn told(costs: &[Cost], base_fee: Option<u64>, op_stack: bool) -> Fee {
    let name = |index: usize| EndpointName::new(format!("e{index}")).expect("a name");
    let costs: Vec<_> =
        costs.iter().enumerate().map(|(index, cost)| (name(index), cost.clone())).collect();
    Fee::told(&costs, Bid { draft: &draft(), base_fee: base_fee.map(U256::from) }, op_stack)
}

fn total(cost: &Cost, op_stack: bool) -> u128 {
    let fee = told(std::slice::from_ref(cost), None, op_stack);
    assert!(fee.unknown.is_empty() && fee.differs.is_empty(), "{fee:?}");
    fee.total.base_units()
}

#[test]
fn f90_an_op_stack_receipt_has_three_parts() {
    let op = Cost {
        l1_fee: Some(U256::from(1_000)),
        operator_fee_scalar: Some(U256::from(2_000_000)),
        operator_fee_constant: Some(U256::from(7)),
        blob_gas_used: Some(U64::from(9)),
        ..cost(21_000, 10)
    };
    assert_eq!(total(&op, true), 210_000 + 1_000 + 42_000 + 7);
    let scalar = Some(U256::from(3));
    let jovian =
        Cost { da_footprint_gas_scalar: Some(U256::from(400)), operator_fee_scalar: scalar, ..op };
    assert_eq!(total(&jovian, true), 210_000 + 1_000 + 21_000 * 300 + 7);
}

/// No data fee told is not the same as none paid; no operator and no blobs are.
#[test]
fn f90_a_part_that_nobody_tells_is_unknown_and_never_zero() {
    let op = told(&[cost(21_000, 10)], None, true);
    assert_eq!((op.total.base_units(), op.unknown), (210_000, vec![Part::Data]));
    let nothing = told(&[Cost::default()], Some(5), false);
    assert_eq!((nothing.total.base_units(), nothing.unknown), (0, vec![Part::Execution]));
    let zero = Cost {
        operator_fee_scalar: Some(U256::ZERO),
        l1_fee: Some(U256::ZERO),
        ..cost(21_000, 10)
    };
    let absent = Cost { operator_fee_scalar: None, ..zero.clone() };
    assert_eq!(told(&[zero, absent.clone()], None, true), told(&[absent], None, true));
}

/// Of what endpoints tell, the highest is booked, and each is named with what it told.
#[test]
fn f90_what_differs_is_booked_at_the_highest() {
    let data = |fee: Option<u64>| Cost { l1_fee: fee.map(U256::from), ..cost(21_000, 10) };
    let differs = |costs: &[Cost]| {
        let fee = told(costs, None, true);
        (fee.total.base_units(), fee.differs, fee.unknown)
    };
    let both = "data (l1Fee): 100 by e0, 101 by e1".to_owned();
    assert_eq!(differs(&[data(Some(100)), data(Some(101))]), (210_101, vec![both], vec![]));
    let one = "data (l1Fee): nothing by e0, 100 by e1".to_owned();
    assert_eq!(differs(&[data(None), data(Some(100))]), (210_100, vec![one], vec![]));
    let price = told(&[cost(21_000, 10), cost(21_000, 11)], None, false);
    assert_eq!((price.total.base_units(), price.differs.len()), (231_000, 1));
}

/// Whoever signs an offer pays no more than that for execution, whatever an endpoint tells.
#[test]
fn f90_a_fee_above_what_was_signed_is_not_believed() {
    let fee = told(&[cost(21_000, 10), cost(21_000, u64::MAX)], None, false);
    assert_eq!((fee.total.base_units(), fee.differs.len()), (50_000_000, 1));
    assert_eq!(told(&[cost(50_000, 1_000)], None, false).differs, Vec::<String>::new());
    assert_eq!(told(&[cost(50_000, 1_001)], None, false).differs.len(), 1);
}

/// As told, as older nodes call it, and last what the block and the signature make it.
#[test]
fn f90_a_price_that_is_not_told_is_computed() {
    let silent = Cost { effective_gas_price: None, ..cost(21_000, 0) };
    let older = Cost { gas_price: Some(U256::from(7)), ..silent.clone() };
    assert_eq!(told(&[older], Some(5), false).total.base_units(), 21_000 * 7);
    assert_eq!(told(std::slice::from_ref(&silent), Some(5), false).total.base_units(), 21_000 * 15);
    assert_eq!(
        told(std::slice::from_ref(&silent), Some(995), false).total.base_units(),
        21_000 * 1_000
    );
    assert_eq!(told(&[silent], None, false).unknown, [Part::Execution]);
}

/// What the wallet lost beyond the known parts is the rest; less than these says that something
/// else came in.
#[test]
fn f90_what_the_wallet_lost_says_the_rest() {
    let known = || told(&[cost(21_000, 10)], None, true);
    let part =
        |name: &str, amount: u128| FeePart { name: name.to_owned(), amount: Amount::new(amount) };
    let mut fee = known();
    assert!(fee.derive(U256::from(210_300)));
    assert_eq!(fee.parts, [part("execution", 210_000), part("data", 300)]);
    let mut nothing = known();
    assert!(nothing.derive(U256::from(210_000)) && nothing.parts == [part("execution", 210_000)]);
    let mut less = known();
    assert!(!less.derive(U256::from(209_999)) && !less.derive(U256::MAX) && less == known());
}

/// Parts that cost nothing are not named, but for execution, which always is.
#[test]
fn f90_every_part_is_named_that_costs_something() {
    let named = |cost: &Cost, op_stack: bool| -> Vec<(String, u128)> {
        let fee = told(std::slice::from_ref(cost), None, op_stack);
        fee.parts.into_iter().map(|part| (part.name, part.amount.base_units())).collect()
    };
    let part = |name: &str, amount: u128| (name.to_owned(), amount);
    assert_eq!(named(&cost(21_000, 0), false), [part("execution", 0)]);
    let free = Cost { l1_fee: Some(U256::ZERO), ..cost(21_000, 10) };
    assert_eq!(named(&free, true), [part("execution", 210_000)]);
    let constant = Some(U256::from(7));
    let op =
        Cost { l1_fee: Some(U256::from(5)), operator_fee_constant: constant, ..cost(21_000, 10) };
    assert_eq!(
        named(&op, true),
        [part("execution", 210_000), part("data", 5), part("operator", 7)]
    );
    let price_alone = Cost { blob_gas_price: Some(U256::from(3)), ..cost(21_000, 10) };
    assert_eq!(named(&price_alone, false), [part("execution", 210_000)]);
}

/// A part that does not fit is not booked as something smaller.
#[test]
fn f90_a_fee_that_does_not_fit_is_unknown() {
    let beyond = Cost { l1_fee: Some(U256::from(u128::MAX)), ..cost(1, 1) };
    assert_eq!(told(&[beyond], None, true).unknown, [Part::Data]);
    let far = Cost { l1_fee: Some(U256::MAX), ..cost(1, 1) };
    assert_eq!(told(&[far], None, true).unknown, [Part::Data]);
}

#[test]
fn f90_blobs_are_paid_too() {
    let (used, price) = (Some(U64::from(131_072)), Some(U256::from(3)));
    let blob = Cost { blob_gas_used: used, blob_gas_price: price, ..cost(21_000, 10) };
    assert_eq!(total(&blob, false), 210_000 + 393_216);
}

proptest! {
    #[test]
    fn the_total_is_the_sum_of_its_parts(
        gas: u64, price: u64, data: u64, scalar in any::<u32>(), constant: u64, lost: u128
    ) {
        let op = Cost {
            l1_fee: Some(U256::from(data)),
            operator_fee_scalar: Some(U256::from(scalar)),
            operator_fee_constant: Some(U256::from(constant)),
            ..cost(gas, price)
        };
        let mut fee = told(&[op], None, true);
        fee.derive(U256::from(lost));
        let sum: u128 = fee.parts.iter().map(|part| part.amount.base_units()).sum();
        prop_assert_eq!(fee.total.base_units(), sum);
    }
}
