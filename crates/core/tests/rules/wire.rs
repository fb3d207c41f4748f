//! The forms in which money is stored and sent: a number that is read back as another number is a
//! loss.

use adit_core::*;
use serde_json::{Value, from_value, json};

use super::world::*;

/// F79: base units are a decimal string; nothing else is read as an amount.
#[test]
fn f79_an_amount_is_a_decimal_string_and_no_number() {
    let amount = Amount::new(9_007_199_254_740_993);
    assert_eq!(serde_json::to_value(amount).expect("json"), json!("9007199254740993"));
    assert_eq!(from_value::<Amount>(json!("9007199254740993")).expect("read"), amount);
    assert_eq!(
        (amount.to_string().as_str(), format!("{amount:?}").as_str()),
        ("9007199254740993", "Amount(9007199254740993)")
    );
    let beyond = "340282366920938463463374607431768211456";
    for wrong in [
        json!(5),
        json!(5.0),
        json!("-1"),
        json!("1.5"),
        json!("0x10"),
        json!(""),
        json!(null),
        json!(beyond),
    ] {
        assert!(from_value::<Amount>(wrong.clone()).is_err(), "{wrong}");
    }
}

/// F79: the longest text that may be an amount, and one character more.
#[test]
fn f79_the_longest_text_is_read_and_a_longer_one_is_not() {
    assert_eq!(Amount::parse(&"9".repeat(AMOUNT_TEXT_BYTES_MAX), 0), Err(AmountError::TooLarge));
    assert_eq!(
        Amount::parse(&"9".repeat(AMOUNT_TEXT_BYTES_MAX + 1), 0),
        Err(AmountError::Malformed)
    );
    assert_eq!(
        (Amount::parse("0", 0), Amount::parse_positive("1", 0)),
        (Ok(Amount::ZERO), Ok(Amount::new(1)))
    );
}

#[test]
fn f79_arithmetic_is_checked_at_both_ends() {
    let (one, two) = (Amount::new(1), Amount::new(2));
    assert_eq!((two.checked_add(one), Amount::MAX.checked_add(one)), (Some(Amount::new(3)), None));
    assert_eq!((two.checked_sub(one), one.checked_sub(two)), (Some(one), None));
    assert_eq!((two.saturating_sub(one), one.saturating_sub(two)), (one, Amount::ZERO));
    assert_eq!((two.plus(one), two.minus(one)), (Amount::new(3), one));
    assert!(std::panic::catch_unwind(|| Amount::MAX.plus(Amount::new(1))).is_err());
    assert!(std::panic::catch_unwind(|| Amount::ZERO.minus(Amount::new(1))).is_err());
}

#[test]
fn fees_are_decimal_strings_of_wei() {
    let fees = EvmFees { max_fee_per_gas: u128::MAX, max_priority_fee_per_gas: 7 };
    let text = json!({"max_fee_per_gas": "340282366920938463463374607431768211455", "max_priority_fee_per_gas": "7"});
    assert_eq!(serde_json::to_value(fees).expect("json"), text);
    assert_eq!(from_value::<EvmFees>(text).expect("read"), fees);
    let number: Value = json!({"max_fee_per_gas": 1, "max_priority_fee_per_gas": "7"});
    assert!(from_value::<EvmFees>(number).is_err());
}

/// A lane and an anchor are found by these texts again; two anchors never share one.
#[test]
fn lanes_and_anchors_are_stored_by_one_text() {
    let text = "devnet:0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
    assert_eq!((lane().to_string().as_str(), text.parse()), (text, Ok(lane())));
    for wrong in ["", "devnet", ":0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266", "devnet:"] {
        assert!(wrong.parse::<LaneId>().is_err(), "{wrong:?}");
    }
    assert_eq!(Anchor::Nonce { lane: lane(), nonce: 7 }.to_string(), format!("{text}/7"));
    let outpoint = Anchor::Outpoint { chain: lane().chain, outpoint: "ab:0".to_owned() };
    assert_eq!(outpoint.to_string(), "devnet:ab:0");
}

#[test]
fn the_most_that_a_draft_can_cost() {
    let world = World::with_points(0);
    let Draft::Evm(evm) = world.draft(7, 10) else { panic!("an EVM draft") };
    assert_eq!(Draft::Evm(evm.clone()).cost_max(), Amount::new(10_000_000_000 * 60_000));
    let dear = EvmFees { max_fee_per_gas: u128::MAX, max_priority_fee_per_gas: 1 };
    assert_eq!(Draft::Evm(EvmDraft { fees: dear, ..evm }).cost_max(), Amount::MAX);
}
