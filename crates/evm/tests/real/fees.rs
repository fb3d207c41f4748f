//! What a payment cost is agreed on apart from what it did: a fee that nobody knows settles, marked
//! (case F90).

use adit_chain::{Chain, Sightings};
use adit_core::{Fact, FeeKnown, Receipt, Trust};
use adit_devnet::primitives::U256;
use serde_json::{Value, json};

use crate::twist::Twister;
use crate::world::{BOB, World, facts, leg};

const ALL: [&str; 3] = ["included", "confirmed", "final"];

/// Every receipt, alone or in a block.
fn each_receipt(call: &Value, result: &mut Value, change: impl Fn(&mut Value)) {
    match (call["method"].as_str(), result) {
        (Some("eth_getTransactionReceipt"), receipt @ Value::Object(_)) => change(receipt),
        (Some("eth_getBlockReceipts"), Value::Array(receipts)) => {
            receipts.iter_mut().for_each(change)
        }
        _ => {}
    }
}

/// Sets each field, or takes it away where the value is none.
fn set(receipt: &mut Value, fields: &[(&'static str, Option<Value>)]) {
    let receipt = receipt.as_object_mut().expect("a receipt is an object");
    for (field, value) in fields {
        match value {
            Some(value) => receipt.insert((*field).to_owned(), value.clone()),
            None => receipt.remove(*field),
        };
    }
}

type Fields = Vec<(&'static str, Option<Value>)>;

/// One payment, seen by endpoints whose receipts are changed like this; `op_stack` and what is
/// final.
async fn seen(world: &World, op_stack: bool, told: Vec<Fields>, payments: u64) -> Sightings {
    let trust = if told.len() == 1 { Trust::Single } else { Trust::Quorum };
    let mut twisters = Vec::new();
    for fields in told {
        let twister = Twister::start(world.anvil.url()).await;
        twister
            .lie(move |call, result| each_receipt(call, result, |receipt| set(receipt, &fields)));
        twisters.push(twister);
    }
    let urls: Vec<&str> = twisters.iter().map(Twister::url).collect();
    let mut config = world.config(trust, &urls);
    config.op_stack = op_stack;
    let chain = adit_evm::EvmChain::new(config).expect("a chain");
    let first = chain.consumed(&world.lane, 0).await.expect("a count");
    let leg = leg("DG", BOB, 3);
    let plan =
        world.plan(&world.chain(), std::slice::from_ref(&leg)).await.remove(0).expect("ready");
    let trail = chain
        .watch(&world.watch(&[], &[]))
        .await
        .map_or_else(|fault| panic!("{fault}"), |look| look.trail);
    world.automine(false).await;
    let paid: Vec<_> =
        (first..first + payments).map(|nonce| world.pay_with(&chain, &leg, &plan, nonce)).collect();
    for one in &paid {
        chain.broadcast(std::slice::from_ref(&one.signed)).await;
    }
    world.mine(6).await;
    world.automine(true).await;
    let lineages: Vec<_> = paid.iter().map(|one| &one.lineage).collect();
    chain.watch(&world.watch(&lineages, &trail)).await.expect("a look")
}

fn receipts(seen: &Sightings) -> Vec<&Receipt> {
    fn of(fact: &Fact) -> Option<&Receipt> {
        match fact {
            Fact::Final { receipt, .. } => Some(receipt),
            Fact::Included { .. } | Fact::Vanished { .. } | Fact::Confirmed { .. } => None,
            Fact::Conflicted { .. } | Fact::Orphaned { .. } => None,
        }
    }
    seen.sightings.iter().filter_map(|sighting| of(&sighting.fact)).collect()
}

/// What the honest node says that the payment cost.
async fn execution(world: &World, receipt: &Receipt) -> u128 {
    let said = world.rpc("eth_getTransactionReceipt", json!([receipt.hash.to_string()])).await;
    let number =
        |field: &str| -> U256 { said[field].as_str().expect("told").parse().expect("a number") };
    (number("gasUsed") * number("effectiveGasPrice")).to()
}

/// Two clients tell the same payment and fees that differ: it is a payment, the higher fee is
/// booked and marked.
#[tokio::test]
async fn f39_f90_receipts_that_differ_in_a_fee_only_are_a_payment() {
    let world = World::with_dg().await;
    let data = |fee: &str| vec![("l1Fee", Some(json!(fee)))];
    let operator = |scalar: Option<&str>| {
        vec![
            ("l1Fee", Some(json!("0x64"))),
            ("operatorFeeScalar", scalar.map(|scalar| json!(scalar))),
        ]
    };
    for (subject, op_stack, told, extra, marked) in [
        ("l1Fee differs", true, [data("0x64"), data("0x65")], 0x65, true),
        ("l1Fee is absent in one", true, [data("0x64"), vec![("l1Fee", None)]], 0x64, true),
        (
            "the operator's scalar is zero or absent",
            true,
            [operator(Some("0x0")), operator(None)],
            0x64,
            false,
        ),
        (
            "a blob price that nothing is bought at",
            false,
            [vec![("blobGasPrice", Some(json!("0x1")))], vec![("blobGasPrice", None)]],
            0,
            false,
        ),
        ("the same", true, [data("0x64"), data("0x64")], 0x64, false),
    ] {
        let seen = seen(&world, op_stack, told.to_vec(), 1).await;
        assert_eq!(facts(&seen), ALL, "{subject}");
        let receipt = receipts(&seen)[0];
        assert_eq!(
            receipt.network_fee.base_units(),
            execution(&world, receipt).await + extra,
            "{subject}"
        );
        match (&receipt.fee_known, marked) {
            (FeeKnown::Agreed, false) => {}
            (FeeKnown::Differs { said }, true) => {
                assert!(said[0].contains("l1Fee") && said[0].contains("127.0.0.1"), "{said:?}")
            }
            (other, _) => panic!("{subject}: {other:?}"),
        }
    }
}

/// A single endpoint among those that agree on the payment cannot book more than was signed.
#[tokio::test]
async fn f39_f90_a_price_above_what_was_signed_is_not_booked() {
    let world = World::with_dg().await;
    let price = |price: Option<Value>| vec![("effectiveGasPrice", price)];
    for (told, marked) in [
        (vec![price(Some(json!("0xffffffffffffffffffffffff"))), price(None)], true),
        (vec![price(None), price(Some(json!(null)))], false),
    ] {
        let seen = seen(&world, false, told, 1).await;
        assert_eq!(facts(&seen), ALL);
        let (receipt, gas) = (receipts(&seen)[0], 100_000);
        assert_eq!(receipt.fee_known.is_agreed(), !marked, "{:?}", receipt.fee_known);
        assert!(
            receipt.network_fee.base_units() < gas * 1_000_000_000_000,
            "{}",
            receipt.network_fee
        );
    }
}

/// Without its price a receipt still settles: the block's base fee and what was signed say the
/// price.
#[tokio::test]
async fn f90_a_receipt_without_its_price_settles() {
    let world = World::with_dg().await;
    for (subject, fields) in [
        ("absent", vec![("effectiveGasPrice", None)]),
        ("null", vec![("effectiveGasPrice", Some(json!(null)))]),
    ] {
        let seen = seen(&world, false, vec![fields], 1).await;
        assert_eq!(facts(&seen), ALL, "{subject}");
        let receipt = receipts(&seen)[0];
        assert_eq!(receipt.network_fee.base_units(), execution(&world, receipt).await, "{subject}");
        assert_eq!(receipt.fee_known, FeeKnown::Agreed, "{subject}");
    }
    let older = vec![("effectiveGasPrice", None), ("gasPrice", Some(json!("0x7")))];
    let seen = seen(&world, false, vec![older], 1).await;
    let receipt = receipts(&seen)[0];
    let gas = world.rpc("eth_getTransactionReceipt", json!([receipt.hash.to_string()])).await;
    let gas: U256 = gas["gasUsed"].as_str().expect("told").parse().expect("a number");
    assert_eq!(U256::from(receipt.network_fee.base_units()), gas * U256::from(7));
}

/// A data fee that nobody tells is unknown, never zero. The wallet's change of balance says it
/// where nothing else of the wallet is in the block.
#[tokio::test]
async fn f90_op_stack_without_a_data_fee_settles_and_the_fee_is_marked() {
    let world = World::with_dg().await;
    let without = || vec![vec![("l1Fee", None)], vec![("l1Fee", None)]];
    let alone = seen(&world, true, without(), 1).await;
    assert_eq!(facts(&alone), ALL);
    let receipt = receipts(&alone)[0];
    assert_eq!(receipt.fee_known, FeeKnown::Derived { parts: vec!["data (l1Fee)".to_owned()] });
    assert_eq!(
        receipt.network_fee.base_units(),
        execution(&world, receipt).await,
        "anvil charges nothing for data"
    );

    let two = seen(&world, true, without(), 2).await;
    for receipt in receipts(&two) {
        assert_eq!(receipt.fee_known, FeeKnown::Unknown { parts: vec!["data (l1Fee)".to_owned()] });
        assert_eq!(receipt.network_fee.base_units(), execution(&world, receipt).await);
    }
    assert_eq!(receipts(&two).len(), 2);
}
