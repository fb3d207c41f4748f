//! Whatever one thing of a good draft is changed: it is refused, or what is signed pays the same.

use std::collections::BTreeMap;

use adit_core::{Amount, BitcoinDraft, Bytes, FeeRate, Keychain, OutputPurpose, Place};
use adit_signer::AccountKind;
use bitcoin::Transaction;
use bitcoin::consensus::encode;
use proptest::prelude::*;

use super::world::{
    FEE_CAP, Paid, address, change, draft, drafted, outpoint, request, start, wallet,
};
use crate::world::{World, dry_run, payout, sign};

const NUMBER: u64 = 7;
const PAID: [Paid; 4] = [(1, 0, 10_000), (2, 4, 20_000), (3, 0, 5_000), (4, 1, 6_000)];

#[derive(Debug, Clone)]
enum Mutation {
    Number(u64),
    Outpoint(usize, u8),
    InputAmount(usize, u128),
    Keychain(usize),
    Index(usize, u32),
    Confirmed(usize),
    DropInput(usize),
    DoubleInput(usize),
    ScriptBit(usize, usize, u8),
    ScriptByte(usize, u8),
    Script(usize, usize),
    Amount(usize, u128),
    Payouts(usize, Vec<u128>),
    Change(usize, u32),
    DropOutput(usize),
    DoubleOutput(usize),
    SwapOutputs(usize, usize),
    SwapPurposes(usize, usize),
    MoreChange(u128),
    Offer(u64, u64),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let at = 0usize..8;
    let satoshi =
        prop_oneof![0u128..1_000, 1_000u128..300_000, Just(u128::from(u64::MAX)), Just(u128::MAX)];
    let index = prop_oneof![0u32..12, Just((1 << 31) - 1), Just(1 << 31), Just(u32::MAX)];
    prop_oneof![
        prop_oneof![0u64..10, Just(1 << 31), Just(u64::MAX)].prop_map(Mutation::Number),
        (at.clone(), 0u8..6).prop_map(|(at, coin)| Mutation::Outpoint(at, coin)),
        (at.clone(), satoshi.clone()).prop_map(|(at, satoshi)| Mutation::InputAmount(at, satoshi)),
        at.clone().prop_map(Mutation::Keychain),
        (at.clone(), index.clone()).prop_map(|(at, index)| Mutation::Index(at, index)),
        at.clone().prop_map(Mutation::Confirmed),
        at.clone().prop_map(Mutation::DropInput),
        at.clone().prop_map(Mutation::DoubleInput),
        (at.clone(), 0usize..40, 0u8..8)
            .prop_map(|(at, byte, bit)| Mutation::ScriptBit(at, byte, bit)),
        (at.clone(), any::<u8>()).prop_map(|(at, byte)| Mutation::ScriptByte(at, byte)),
        (at.clone(), 0usize..5).prop_map(|(at, payee)| Mutation::Script(at, payee)),
        (at.clone(), satoshi.clone()).prop_map(|(at, satoshi)| Mutation::Amount(at, satoshi)),
        (at.clone(), prop::collection::vec(0u128..6, 0..4))
            .prop_map(|(at, payouts)| Mutation::Payouts(at, payouts)),
        (at.clone(), index).prop_map(|(at, index)| Mutation::Change(at, index)),
        at.clone().prop_map(Mutation::DropOutput),
        at.clone().prop_map(Mutation::DoubleOutput),
        (at.clone(), at.clone()).prop_map(|(one, other)| Mutation::SwapOutputs(one, other)),
        (at.clone(), at).prop_map(|(one, other)| Mutation::SwapPurposes(one, other)),
        satoshi.prop_map(Mutation::MoreChange),
        (any::<u64>(), any::<u64>()).prop_map(|(rate, vbytes)| Mutation::Offer(rate, vbytes)),
    ]
}

fn mutate(kind: AccountKind, draft: &mut BitcoinDraft, mutation: &Mutation) {
    let (inputs, outputs) = (draft.inputs.len(), draft.outputs.len());
    match mutation.clone() {
        Mutation::Number(number) => draft.number = number,
        Mutation::Outpoint(at, coin) => {
            draft.inputs[at % inputs].outpoint = outpoint(coin).to_string()
        }
        Mutation::InputAmount(at, satoshi) => {
            draft.inputs[at % inputs].amount = Amount::new(satoshi)
        }
        Mutation::Keychain(at) => {
            let input = &mut draft.inputs[at % inputs];
            input.keychain = if input.keychain == Keychain::External {
                Keychain::Internal
            } else {
                Keychain::External
            };
        }
        Mutation::Index(at, index) => draft.inputs[at % inputs].index = index,
        Mutation::Confirmed(at) => draft.inputs[at % inputs].confirmed ^= true,
        Mutation::DropInput(at) => drop(draft.inputs.remove(at % inputs)),
        Mutation::DoubleInput(at) => draft.inputs.push(draft.inputs[at % inputs].clone()),
        Mutation::ScriptBit(at, byte, bit) => {
            let script = &mut draft.outputs[at % outputs].script.0;
            let byte = byte % script.len();
            script[byte] ^= 1 << bit;
        }
        Mutation::ScriptByte(at, byte) => draft.outputs[at % outputs].script.0.push(byte),
        Mutation::Script(at, payee) => {
            draft.outputs[at % outputs].script = Bytes(address(payee).script().to_bytes())
        }
        Mutation::Amount(at, satoshi) => draft.outputs[at % outputs].amount = Amount::new(satoshi),
        Mutation::Payouts(at, payouts) => {
            draft.outputs[at % outputs].purpose =
                OutputPurpose::Pays(payouts.into_iter().map(payout).collect());
        }
        Mutation::Change(at, index) => {
            draft.outputs[at % outputs].purpose = OutputPurpose::Change { index }
        }
        Mutation::DropOutput(at) => drop(draft.outputs.remove(at % outputs)),
        Mutation::DoubleOutput(at) => draft.outputs.push(draft.outputs[at % outputs].clone()),
        Mutation::SwapOutputs(one, other) => draft.outputs.swap(one % outputs, other % outputs),
        Mutation::SwapPurposes(one, other) => {
            let (one, other) = (one % outputs, other % outputs);
            let purpose = draft.outputs[one].purpose.clone();
            draft.outputs[one].purpose =
                std::mem::replace(&mut draft.outputs[other].purpose, purpose);
        }
        Mutation::MoreChange(satoshi) => draft.outputs.push(change(kind, 7, satoshi)),
        Mutation::Offer(rate, vbytes) => {
            (draft.feerate, draft.vbytes) = (FeeRate::from_sat_per_kvb(rate), vbytes)
        }
    }
}

/// By the bytes alone: who gets how much. What is not for us must be what was approved.
fn assert_pays_the_same(kind: AccountKind, number: u64, inputs: u128, raw: &Bytes) {
    let transaction: Transaction = encode::deserialize(&raw.0).expect("a transaction");
    let change = u32::try_from(number)
        .ok()
        .and_then(|index| wallet(kind).script(Place { keychain: Keychain::Internal, index }).ok());
    let mut expected: BTreeMap<Vec<u8>, u64> = BTreeMap::new();
    for (_, payee, satoshi) in PAID {
        *expected.entry(address(payee).script().to_bytes()).or_default() +=
            u64::try_from(satoshi).expect("small");
    }
    let mut paid: BTreeMap<Vec<u8>, u64> = BTreeMap::new();
    let mut outputs = 0;
    for output in &transaction.output {
        outputs += u128::from(output.value.to_sat());
        if Some(&output.script_pubkey) != change.as_ref() {
            *paid.entry(output.script_pubkey.to_bytes()).or_default() += output.value.to_sat();
        }
    }
    assert_eq!(paid, expected);
    assert!(outputs <= inputs && inputs - outputs <= FEE_CAP, "a fee of {inputs} - {outputs}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn f67_a_changed_draft_is_refused_or_pays_the_same(taproot in any::<bool>(), mutations in prop::collection::vec(mutation(), 1..3)) {
        let kind = if taproot { AccountKind::Taproot } else { AccountKind::Segwit };
        let mut asked = request(kind, 7, &PAID, drafted(kind, NUMBER, &[1, 2, 3], &PAID, 2_000));
        for mutation in &mutations {
            if !draft(&mut asked).inputs.is_empty() && !draft(&mut asked).outputs.is_empty() {
                mutate(kind, draft(&mut asked), mutation);
            }
        }
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async {
            let signer = start(&World::new());
            let would = dry_run(&signer, &asked).await;
            let answer = sign(&signer, &asked).await;
            assert_eq!(would, answer.clone().map(drop), "the dry run told the truth");
            if let Ok(signature) = answer {
                let (number, inputs) = (draft(&mut asked).number, draft(&mut asked).input_total().base_units());
                assert_pays_the_same(kind, number, inputs, &signature.signed.raw);
            }
        });
    }
}
