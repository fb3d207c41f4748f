use proptest::prelude::*;

use super::*;
use adit_core::{FeeRate, Keychain, OutputPurpose};

/// A P2WPKH script of this name.
fn script(name: u8) -> Bytes {
    Bytes([vec![0, 20], vec![name; 20]].concat())
}

fn input(name: u8, vout: u32, satoshi: u128) -> DraftInput {
    let outpoint = format!("{}:{vout}", format!("{name:02x}").repeat(32));
    DraftInput {
        outpoint,
        amount: Amount::new(satoshi),
        keychain: Keychain::External,
        index: 0,
        confirmed: true,
    }
}

fn pays(name: u8, satoshi: u128) -> DraftOutput {
    let payout = adit_core::PayoutId(uuid::Uuid::from_u128(u128::from(name)));
    DraftOutput {
        script: script(name),
        amount: Amount::new(satoshi),
        purpose: OutputPurpose::Pays(vec![payout]),
    }
}

pub(crate) fn draft() -> BitcoinDraft {
    let change = DraftOutput {
        script: script(99),
        amount: Amount::new(40_000),
        purpose: OutputPurpose::Change { index: 7 },
    };
    BitcoinDraft {
        number: 7,
        inputs: vec![input(2, 1, 70_000), input(1, 5, 40_000), input(2, 0, 10_000)],
        outputs: vec![change, pays(1, 50_000), pays(2, 20_000)],
        feerate: FeeRate::from_sat_per_kvb(30_000),
        vbytes: 339,
    }
}

#[test]
fn a_transaction_signals_replacement_and_stands_in_one_order() {
    let unsigned = Unsigned::of(&draft()).expect("fine");
    let transaction = unsigned.transaction();
    assert_eq!((transaction.version.0, transaction.lock_time.to_consensus_u32()), (2, 0));
    assert!(
        transaction.input.iter().all(|input| input.sequence.0 == 0xffff_fffd)
            && transaction.is_explicitly_rbf()
    );
    let vouts: Vec<u32> =
        transaction.input.iter().map(|input| input.previous_output.vout).collect();
    assert_eq!(vouts, [5, 0, 1]);
    let amounts: Vec<u64> = transaction.output.iter().map(|output| output.value.to_sat()).collect();
    assert_eq!(amounts, [20_000, 40_000, 50_000]);
    assert_eq!(unsigned.fee(), Amount::new(10_000));
    assert_eq!(unsigned.txid().to_string()[2..], transaction.compute_txid().to_string());
}

/// BIP-69, test vector of the transaction 0a6a…1ff3, its first inputs and its outputs.
#[test]
fn the_order_is_that_of_bip69() {
    let ids = [
        "0e53ec5dfb2cb8a71fec32dc9a634a35b7e24799295ddd5278217822e0b31f57",
        "26aa6e6d8b9e49bb0630aac301db6757c02e3619feb4ee0eea81eb1672947024",
        "28e0fdd185542f2c6ea19030b0796051e7772b6026dd5ddccd7a2f93b73e6fc2",
    ];
    let with = |id: &str| DraftInput { outpoint: format!("{id}:0"), ..input(0, 0, 40_000) };
    let turned = BitcoinDraft { inputs: ids.iter().rev().map(|id| with(id)).collect(), ..draft() };
    let ordered: Vec<String> = Unsigned::of(&turned)
        .expect("fine")
        .transaction()
        .input
        .iter()
        .map(|input| input.previous_output.txid.to_string())
        .collect();
    assert_eq!(ordered, ids);
}

#[test]
fn what_no_node_would_take_is_refused() {
    let refused = |change: &dyn Fn(&mut BitcoinDraft)| {
        let mut draft = draft();
        change(&mut draft);
        Unsigned::of(&draft).expect_err("not fine")
    };
    assert_eq!(refused(&|draft| draft.inputs.clear()), DraftError::Empty { inputs: 0, outputs: 3 });
    assert_eq!(
        refused(&|draft| draft.outputs.clear()),
        DraftError::Empty { inputs: 3, outputs: 0 }
    );
    assert!(matches!(
        refused(&|draft| draft.inputs[0] = draft.inputs[1].clone()),
        DraftError::SpentTwice { .. }
    ));
    assert!(matches!(
        refused(&|draft| draft.inputs[0].outpoint = "abc:0".to_owned()),
        DraftError::Outpoint { .. }
    ));
    assert!(matches!(
        refused(&|draft| draft.inputs[0].outpoint = format!("{}:01", "ab".repeat(32))),
        DraftError::Outpoint { .. }
    ));
    assert!(matches!(
        refused(&|draft| draft.inputs[0].outpoint = format!("{}:1", "AB".repeat(32))),
        DraftError::Outpoint { .. }
    ));
    assert!(matches!(
        refused(&|draft| draft.outputs[1].script = Bytes(vec![0x6a])),
        DraftError::Script { .. }
    ));
    assert!(matches!(
        refused(&|draft| draft.outputs[1].amount = Amount::new(293)),
        DraftError::Dust { .. }
    ));
    assert!(matches!(
        refused(&|draft| draft.outputs[1].amount = Amount::new(60_001)),
        DraftError::Overspent { .. }
    ));
    assert!(matches!(
        refused(&|draft| draft.inputs[1].amount = Amount::MAX),
        DraftError::TooMuch(_)
    ));
    let twice =
        |draft: &mut BitcoinDraft| draft.outputs[1].purpose = draft.outputs[2].purpose.clone();
    assert!(matches!(refused(&twice), DraftError::PaidTwice { .. }));
}

#[test]
fn bytes_that_say_else_are_named() {
    let unsigned = Unsigned::of(&draft()).expect("fine");
    let changed = |change: &dyn Fn(&mut Transaction)| {
        let mut transaction = unsigned.transaction().clone();
        change(&mut transaction);
        unsigned
            .check_bytes(&encode::serialize(&transaction))
            .expect_err("something else")
            .to_string()
    };
    assert!(changed(&|tx| tx.version = Version::ONE).contains("version is 1"));
    assert!(changed(&|tx| tx.lock_time = LockTime::from_consensus(9)).contains("lock time is 9"));
    assert!(changed(&|tx| tx.input.truncate(2)).contains("2 inputs, and must be 3"));
    assert!(changed(&|tx| tx.input[1].previous_output.vout = 4).starts_with("input 1 spends"));
    assert!(changed(&|tx| tx.input[2].sequence = Sequence::MAX).contains("0xffffffff"));
    assert!(
        changed(&|tx| tx.input[0].script_sig = ScriptBuf::from_bytes(vec![0x51]))
            .contains("script signature")
    );
    assert!(changed(&|tx| tx.output.truncate(1)).contains("1 outputs, and must be 3"));
    assert!(
        changed(&|tx| tx.output[0].value += bdk_wallet::bitcoin::Amount::ONE_SAT)
            .contains("pays 20001")
    );
    assert!(
        changed(&|tx| tx.output[0].script_pubkey = tx.output[1].script_pubkey.clone())
            .contains("output 0 pays")
    );
    assert!(
        unsigned
            .check_bytes(&[1, 2, 3])
            .expect_err("three bytes")
            .to_string()
            .contains("no transaction")
    );
}

proptest! {
    /// However a draft's parts are ordered, its bytes and its id are the same, and they say what it
    /// says.
    #[test]
    fn equal_drafts_are_equal_bytes(inputs in 0usize..6, outputs in 0usize..6) {
        let mut turned = draft();
        turned.inputs.rotate_left(inputs % 3);
        turned.outputs.rotate_left(outputs % 3);
        let (one, other) = (Unsigned::of(&draft()).expect("fine"), Unsigned::of(&turned).expect("fine"));
        prop_assert_eq!(&one, &other);
        let raw = encode::serialize(one.transaction());
        prop_assert_eq!(other.check_bytes(&raw), Ok(one.transaction().clone()));
    }
}
