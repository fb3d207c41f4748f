use std::collections::BTreeMap;
use std::sync::LazyLock;

use adit_core::{Amount, BitcoinDraft, DraftInput, DraftOutput, FeeRate};
use bdk_wallet::bitcoin::hashes::Hash;
use bdk_wallet::bitcoin::secp256k1::{Message, SecretKey};
use bdk_wallet::bitcoin::sighash::{EcdsaSighashType, SighashCache, TapSighashType};
use bdk_wallet::bitcoin::{Sequence, Txid, psbt};
use proptest::prelude::*;

use super::sighash::message;
use super::sign::tweaked;
use super::*;
use crate::wallet::root_tests::{PHRASES, root};
use crate::{Cosigner, KeyWallet, Network, RootKey};

mod vectors;

const NETWORK: Network = Network::Regtest;

/// Pays 60,000 to a foreign script, the rest of `coins` coins of 40,000 less 3,000 to change 5.
fn unsigned(wallet: &Wallet, coins: u32) -> Unsigned {
    let input = |number: u32| DraftInput {
        outpoint: format!("{}:{number}", Txid::from_byte_array([9; 32])),
        amount: Amount::new(40_000),
        keychain: Keychain::ALL[number as usize % 2],
        index: number,
        confirmed: true,
    };
    let change = wallet.script(Place { keychain: Keychain::Internal, index: 5 }).expect("an index");
    let payout = adit_core::PayoutId(uuid::Uuid::from_u128(1));
    let draft = BitcoinDraft {
        number: 5,
        inputs: (0..coins).map(input).collect(),
        outputs: vec![
            DraftOutput {
                script: Bytes([vec![0x51, 32], vec![7; 32]].concat()),
                amount: Amount::new(60_000),
                purpose: OutputPurpose::Pays(vec![payout]),
            },
            DraftOutput {
                script: Bytes(change.to_bytes()),
                amount: Amount::new(u128::from(coins) * 40_000 - 63_000),
                purpose: OutputPurpose::Change { index: 5 },
            },
        ],
        feerate: FeeRate::from_sat_per_kvb(10_000),
        vbytes: 1_000,
    };
    Unsigned::of(&draft).expect("fine")
}

fn proposal(wallet: &Wallet, coins: u32) -> Proposal {
    Proposal::new(wallet, unsigned(wallet, coins)).expect("its own change")
}

fn multisig(needed: usize) -> (Wallet, Vec<RootKey>) {
    let roots: Vec<RootKey> = PHRASES.iter().map(|words| root(NETWORK, words)).collect();
    let keys: Vec<Cosigner> = roots
        .iter()
        .map(|root| Cosigner::parse(&root.account("48'/1'/0'/2'")).expect("a key"))
        .collect();
    (Wallet::multisig(NETWORK, needed, &keys).expect("a wallet"), roots)
}

/// Those whose signature may be shorter than counted.
fn ecdsa_lengths(raw: &Bytes) -> Vec<usize> {
    let transaction: Transaction = encode::deserialize(&raw.0).expect("a transaction");
    let items = transaction
        .input
        .iter()
        .flat_map(|input| input.witness.iter().map(<[u8]>::len).collect::<Vec<_>>());
    items.filter(|length| (65..=72).contains(length)).collect()
}

#[test]
fn a_wallet_of_one_key_signs_alone_and_always_the_same() {
    for kind in [KeyWallet::Segwit, KeyWallet::Taproot] {
        let root = root(NETWORK, PHRASES[0]);
        let wallet = root.wallet(kind);
        let signed = |_: ()| {
            let mut proposal = proposal(&wallet, 3);
            assert_eq!(proposal.finish(), Err(Unfinished::TooFew { input: 0, have: 0, needed: 1 }));
            proposal.sign(&root).expect("our seed");
            (proposal.finish().expect("one signature each"), proposal)
        };
        let (transaction, proposal) = signed(());
        assert_eq!(signed(()).0, transaction, "equal bytes");
        assert_eq!(transaction.txid, proposal.unsigned().txid(), "signatures do not change the id");
        let expected = proposal.unsigned().weight(wallet.spend()).to_wu();
        let shorter: usize = ecdsa_lengths(&transaction.raw).iter().map(|length| 72 - length).sum();
        assert_eq!(transaction.weight.to_wu() + shorter as u64, expected, "{kind:?}");
    }
}

#[test]
fn two_of_three_sign_one_after_the_other() {
    let (wallet, roots) = multisig(2);
    let mut ours = proposal(&wallet, 2);
    let [mut first, mut third] = [ours.clone(), ours.clone()];
    first.sign(&roots[0]).expect("a cosigner");
    third.sign(&roots[2]).expect("a cosigner");
    assert_eq!(ours.merge(&first.to_bytes()), Ok(2));
    assert_eq!(ours.finish(), Err(Unfinished::TooFew { input: 0, have: 1, needed: 2 }));
    assert_eq!(ours.merge(third.to_base64().as_bytes()), Ok(2));
    assert_eq!(ours.merge(&third.to_bytes()), Ok(0), "nothing new");
    let signed = ours.finish().expect("two of three");
    let shorter: usize = ecdsa_lengths(&signed.raw)
        .iter()
        .filter(|length| **length > 69)
        .map(|length| 72 - length)
        .sum();
    assert_eq!(
        signed.weight.to_wu() + shorter as u64,
        ours.unsigned().weight(wallet.spend()).to_wu()
    );
    ours.sign(&roots[1]).expect("a cosigner");
    assert!(ours.finish().is_ok(), "three of three do no harm");
}

/// What a program gives back that adds the last signature: signatures only in the witness (BIP-174,
/// "Input Finalizer").
#[test]
fn a_file_that_was_finalised_is_read_back() {
    let (wallet, roots) = multisig(2);
    let mut ours = proposal(&wallet, 2);
    let mut theirs = ours.clone();
    ours.sign(&roots[0]).expect("a cosigner");
    theirs.sign(&roots[0]).expect("a cosigner");
    theirs.sign(&roots[1]).expect("a cosigner");
    let mut finalised = theirs.psbt.clone();
    finalised.finalize_mut(&*CURVE).expect("two of three");
    assert!(
        finalised
            .inputs
            .iter()
            .all(|input| input.partial_sigs.is_empty() && input.final_script_witness.is_some())
    );
    let mut taken = ours.clone();
    assert_eq!(taken.merge(&finalised.serialize()), Ok(2), "one more for each input");
    assert_eq!(taken.finish(), theirs.finish());
    let wrong = |change: &dyn Fn(&mut Vec<Vec<u8>>)| {
        let mut file = finalised.clone();
        let mut elements = file.inputs[1].final_script_witness.clone().expect("finalised").to_vec();
        change(&mut elements);
        file.inputs[1].final_script_witness = Some(elements.into());
        ours.clone().merge(&file.serialize()).expect_err("refused")
    };
    assert_eq!(
        wrong(&|elements| elements[3].push(0)),
        Tampered::Finalised { input: 1 },
        "another script"
    );
    assert_eq!(wrong(&|elements| elements[0].push(0)), Tampered::Finalised { input: 1 });
    assert_eq!(wrong(&|elements| elements[1].truncate(9)), Tampered::Finalised { input: 1 });
    // A byte of S, in the middle of the second number.
    assert!(matches!(
        wrong(&|elements| elements[1][50] ^= 1),
        Tampered::WrongSignature { input: 1, .. }
    ));
    let many = wrong(&|elements| (0..3).for_each(|_| elements.insert(1, elements[1].clone())));
    assert_eq!(many, Tampered::Finalised { input: 1 }, "more signatures than keys");
    assert!(matches!(
        wrong(&|elements| *elements[1].last_mut().expect("long") = 3),
        Tampered::Sighash { input: 1, .. }
    ));
}

#[test]
fn a_foreign_seed_signs_nothing() {
    let wallet = root(NETWORK, PHRASES[0]).wallet(KeyWallet::Taproot);
    let stranger = root(NETWORK, PHRASES[1]);
    let mut proposal = proposal(&wallet, 2);
    let before = proposal.clone();
    assert_eq!(
        proposal.sign(&stranger),
        Err(SignError::NotOurs { input: 0, fingerprint: stranger.fingerprint() })
    );
    assert_eq!(proposal, before);
}

#[test]
fn a_wallet_with_a_wrong_origin_is_found_before_it_signs() {
    let root = root(NETWORK, PHRASES[0]);
    for (kind, path) in [(KeyWallet::Segwit, "84'/1'/0'"), (KeyWallet::Taproot, "86'/1'/0'")] {
        let key = root.account("84'/1'/1'").replace("84'/1'/1'", path);
        let wallet = Wallet::of_account(NETWORK, kind, &key).expect("a key");
        assert!(
            matches!(proposal(&wallet, 1 + 1).sign(&root), Err(SignError::OtherKey { .. })),
            "{kind:?}"
        );
    }
}

#[test]
fn f67_change_that_is_not_ours_is_not_signed() {
    let wallet = root(NETWORK, PHRASES[0]).wallet(KeyWallet::Segwit);
    let other = root(NETWORK, PHRASES[1]).wallet(KeyWallet::Segwit);
    let refused =
        Proposal::new(&wallet, unsigned(&other, 2)).expect_err("change to another wallet");
    assert!(refused.to_string().contains("is said to be change at 1/5"), "{refused}");
}

/// What was done to the file on its way, and what is said about it.
#[test]
fn only_signatures_are_taken_from_a_file() {
    type Change = fn(&mut Psbt);
    let changes: [(Change, &str); 13] = [
        (
            |file| file.unsigned_tx.output[0].value = bdk_wallet::bitcoin::Amount::from_sat(1_000),
            "output 0 pays 1000",
        ),
        (
            |file| {
                file.unsigned_tx.output[1].script_pubkey =
                    file.unsigned_tx.output[0].script_pubkey.clone()
            },
            "output 1 pays",
        ),
        (
            |file| drop((file.unsigned_tx.output.pop(), file.outputs.pop())),
            "there are 1 outputs, and must be 2",
        ),
        (
            |file| drop((file.unsigned_tx.input.pop(), file.inputs.pop())),
            "there are 1 inputs, and must be 2",
        ),
        (|file| file.unsigned_tx.input[1].previous_output.vout = 77, "input 1 spends"),
        (|file| file.unsigned_tx.input[0].sequence = Sequence::MAX, "has the sequence 0xffffffff"),
        (
            |file| {
                file.unsigned_tx.lock_time =
                    bdk_wallet::bitcoin::absolute::LockTime::from_consensus(5)
            },
            "the lock time is 5",
        ),
        (
            |file| file.unsigned_tx.version = bdk_wallet::bitcoin::transaction::Version::ONE,
            "the version is 1",
        ),
        (
            |file| {
                file.inputs[1].witness_utxo.as_mut().expect("set").value +=
                    bdk_wallet::bitcoin::Amount::ONE_SAT
            },
            "input 1 is said to spend",
        ),
        (
            |file| file.inputs[0].sighash_type = Some(EcdsaSighashType::None.into()),
            "input 0 is signed for something else",
        ),
        (
            |file| {
                file.inputs[0]
                    .partial_sigs
                    .values_mut()
                    .for_each(|signature| signature.sighash_type = EcdsaSighashType::Single)
            },
            "SIGHASH_SINGLE",
        ),
        (
            |file| {
                let other = file.inputs[1].partial_sigs.values().next().copied().expect("signed");
                file.inputs[0].partial_sigs.values_mut().for_each(|signature| *signature = other);
            },
            "the signature of input 0",
        ),
        (
            |file| {
                file.inputs[0].final_script_witness =
                    Some(bdk_wallet::bitcoin::Witness::from_slice(&[[1]]))
            },
            "is finalised already",
        ),
    ];
    let (wallet, roots) = multisig(2);
    let mut signed = proposal(&wallet, 2);
    signed.sign(&roots[0]).expect("a cosigner");
    for (change, said) in changes {
        let mut ours = proposal(&wallet, 2);
        let mut file = signed.psbt.clone();
        change(&mut file);
        let refused = ours.merge(&file.serialize()).expect_err(said).to_string();
        assert!(refused.contains(said), "{refused}");
        assert_eq!(ours, proposal(&wallet, 2), "nothing was taken over");
    }
}

#[test]
fn keys_of_others_are_not_taken_over() {
    let (wallet, _) = multisig(2);
    let stranger = root(NETWORK, PHRASES[0]).wallet(KeyWallet::Segwit);
    let mut theirs = proposal(&stranger, 2);
    theirs.sign(&root(NETWORK, PHRASES[0])).expect("its seed");
    let mut file = proposal(&wallet, 2).psbt;
    file.inputs[0].partial_sigs = theirs.psbt.inputs[0].partial_sigs.clone();
    assert!(matches!(
        proposal(&wallet, 2).merge(&file.serialize()),
        Err(Tampered::ForeignKey { input: 0, .. })
    ));
    let taproot = root(NETWORK, PHRASES[0]).wallet(KeyWallet::Taproot);
    let mut signed = proposal(&taproot, 2);
    signed.sign(&root(NETWORK, PHRASES[0])).expect("its seed");
    let mut file = signed.psbt.clone();
    file.inputs[0].tap_key_sig.as_mut().expect("signed").sighash_type = TapSighashType::All;
    assert!(matches!(
        proposal(&taproot, 2).merge(&file.serialize()),
        Err(Tampered::Sighash { input: 0, .. })
    ));
    let mut file = signed.psbt;
    file.inputs[0].tap_key_sig = file.inputs[1].tap_key_sig;
    assert!(matches!(
        proposal(&taproot, 2).merge(&file.serialize()),
        Err(Tampered::WrongSignature { input: 0, .. })
    ));
}

#[test]
fn previous_transactions_are_added_where_they_fit() {
    let wallet = root(NETWORK, PHRASES[0]).wallet(KeyWallet::Segwit);
    let previous = unsigned(&wallet, 2).transaction().clone();
    let change = previous
        .output
        .iter()
        .position(|output| output.value.to_sat() == 17_000)
        .expect("the change");
    let input = |satoshi| DraftInput {
        outpoint: format!("{}:{change}", previous.compute_txid()),
        amount: Amount::new(satoshi),
        keychain: Keychain::Internal,
        index: 5,
        confirmed: false,
    };
    let spending = |satoshi| {
        let output = DraftOutput {
            amount: Amount::new(9_000),
            ..unsigned(&wallet, 2).draft().outputs[1].clone()
        };
        let draft = BitcoinDraft {
            inputs: vec![input(satoshi)],
            outputs: vec![output],
            ..unsigned(&wallet, 2).draft().clone()
        };
        Proposal::new(&wallet, Unsigned::of(&draft).expect("fine")).expect("no change")
    };
    let whole = spending(17_000).with_previous(&previous).expect("it made the coin");
    assert_eq!(whole.psbt.inputs[0].non_witness_utxo.as_ref(), Some(&previous));
    assert!(matches!(
        spending(17_001).with_previous(&previous),
        Err(ProposalError::WrongPrevious { input: 0, .. })
    ));
}

/// A proposal of one of three, and the file of one who signed it.
static SIGNED: LazyLock<(Proposal, Vec<u8>)> = LazyLock::new(|| {
    let (wallet, roots) = multisig(1);
    let ours = proposal(&wallet, 2);
    let mut signed = ours.clone();
    signed.sign(&roots[1]).expect("a cosigner");
    (ours, signed.to_bytes())
});

proptest! {
    #[test]
    fn no_file_brings_it_down(file in prop::collection::vec(any::<u8>(), 0..300), magic: bool) {
        let file = if magic { [b"psbt\xff".as_slice(), &file].concat() } else { file };
        prop_assert!(SIGNED.0.clone().merge(&file).is_err());
    }

    /// A file that was changed in one byte brings signatures of this transaction or nothing.
    #[test]
    fn a_changed_byte_never_changes_the_transaction(at in any::<prop::sample::Index>(), by in 1u8..) {
        let (mut ours, mut file) = SIGNED.clone();
        let at = at.index(file.len());
        file[at] ^= by;
        let txid = ours.unsigned().txid();
        if ours.merge(&file).is_ok_and(|added| added > 1) {
            prop_assert_eq!(ours.finish().expect("one of three").txid, txid);
        }
    }
}
