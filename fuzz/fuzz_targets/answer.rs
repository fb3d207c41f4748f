//! Answers of nodes, under the real chain, quorum and endpoints: with two honest endpoints a third
//! one moves nothing, whatever it says; one that is believed alone brings nobody down; a receipt's
//! fee is told whole or not at all.
#![no_main]

use adit_chain::{Endpoint, Sightings, Watch};
use adit_core::{Amount, FeePart, Trust};
use adit_evm::{EvmChain, TxReceipt, fee_parts};
use alloy::primitives::U512;
use arbitrary::{Arbitrary, Unstructured};
use futures::executor::block_on;
use libfuzzer_sys::fuzz_target;

use adit_chain::Chain as _;

#[path = "answer/lie.rs"]
mod lie;
#[path = "answer/node.rs"]
mod node;

use lie::Lie;
use node::Standstill;

#[derive(Debug, Arbitrary)]
enum Case {
    OneOfThree(Vec<Lie>),
    Alone(Vec<Lie>),
    Receipt { lies: Vec<Lie>, op_stack: bool },
}

fuzz_target!(|data: &[u8]| {
    let Ok(case) = Case::arbitrary_take_rest(Unstructured::new(data)) else { return };
    match case {
        Case::OneOfThree(lies) => moves_nothing(lies),
        Case::Alone(lies) => {
            let chain = chain(Trust::Single, vec![node::liar("liar", lies)]);
            // What it says is believed, so nothing can be demanded of it but an end.
            let _ = block_on(chain.tip());
            let _ = block_on(chain.watch(&node::watch()));
        }
        Case::Receipt { lies, op_stack } => tells_the_fee(&lies, op_stack),
    }
});

fn chain(trust: Trust, endpoints: Vec<Endpoint>) -> EvmChain {
    EvmChain::over(node::config(trust), endpoints, std::sync::Arc::new(Standstill))
        .expect("a right configuration")
}

/// The same is seen as by the honest two alone.
fn moves_nothing(lies: Vec<Lie>) {
    let honest = || vec![node::honest("one"), node::honest("two")];
    let (quiet, disturbed) = (chain(Trust::Quorum, honest()), {
        let mut all = honest();
        all.insert(0, node::liar("liar", lies));
        chain(Trust::Quorum, all)
    });
    let watch = node::watch();
    assert_eq!(
        block_on(disturbed.tip()).expect("two agree"),
        block_on(quiet.tip()).expect("two agree")
    );
    let (seen, meant) = (look(&disturbed, &watch), look(&quiet, &watch));
    assert_eq!(seen, meant);
    assert_eq!(
        meant.sightings.len(),
        node::SIGHTINGS,
        "the honest see the payment, at every depth: {meant:?}"
    );
    assert_eq!(meant.foreign.len(), 1, "and what is not ours: {meant:?}");
}

/// Without the names of those who said so.
fn look(chain: &EvmChain, watch: &Watch) -> Sightings {
    let mut seen = block_on(chain.watch(watch)).expect("two agree");
    seen.sightings.iter_mut().for_each(|sighting| sighting.witnesses.clear());
    seen
}

/// The parts sum up to the total; where one is missing or too large, there is no total.
fn tells_the_fee(lies: &[Lie], op_stack: bool) {
    let mut json = node::receipt();
    lies.iter().for_each(|lie| lie.edits(&mut json));
    let Ok(receipt) = serde_json::from_value::<TxReceipt>(json) else { return };
    let told = fee_parts(&receipt, op_stack);
    let sum = |parts: &[FeePart]| {
        parts.iter().fold(U512::ZERO, |sum, part| sum + U512::from(part.amount.base_units()))
    };
    match (told, meant(&receipt, op_stack)) {
        (Some((total, parts)), Some(meant)) => {
            assert_eq!(U512::from(total.base_units()), meant, "{receipt:?}");
            assert_eq!(sum(&parts), meant, "{receipt:?}");
        }
        (None, Some(meant)) => {
            assert!(meant > U512::from(Amount::MAX.base_units()), "{receipt:?} costs {meant}")
        }
        (Some(told), None) => panic!("{told:?} is not what {receipt:?} says"),
        (None, None) => {}
    }
}

/// In numbers that nothing overflows.
fn meant(receipt: &TxReceipt, op_stack: bool) -> Option<U512> {
    let gas = U512::from(receipt.gas_used);
    let execution = gas * U512::from(receipt.effective_gas_price);
    if !op_stack {
        let blob = receipt
            .blob_gas_used
            .zip(receipt.blob_gas_price)
            .map(|(used, price)| U512::from(used) * U512::from(price));
        return Some(execution + blob.unwrap_or_default());
    }
    let scaled = gas * U512::from(receipt.operator_fee_scalar.unwrap_or_default());
    let variable = match receipt.da_footprint_gas_scalar {
        Some(_) => scaled * U512::from(100u8),
        None => scaled / U512::from(1_000_000u32),
    };
    Some(
        execution
            + U512::from(receipt.l1_fee?)
            + variable
            + U512::from(receipt.operator_fee_constant.unwrap_or_default()),
    )
}
