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
    let keys: Vec<Cosigner> = roots.iter().map(|root| Cosigner::parse(&root.account("48'/1'/0'/2'")).expect("a key")).collect();
    (Wallet::multisig(NETWORK, needed, &keys).expect("a wallet"), roots)
}

/// Those whose signature may be shorter than counted.
fn ecdsa_lengths(raw: &Bytes) -> Vec<usize> {
    let transaction: Transaction = encode::deserialize(&raw.0).expect("a transaction");
    let items = transaction.input.iter().flat_map(|input| input.witness.iter().map(<[u8]>::len).collect::<Vec<_>>());
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
    let shorter: usize = ecdsa_lengths(&signed.raw).iter().filter(|length| **length > 69).map(|length| 72 - length).sum();
    assert_eq!(signed.weight.to_wu() + shorter as u64, ours.unsigned().weight(wallet.spend()).to_wu());
    ours.sign(&roots[1]).expect("a cosigner");
    assert!(ours.finish().is_ok(), "three of three do no harm");
}

/// What a program gives back that adds the last signature: signatures only in the witness (BIP-174, "Input Finalizer").
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
    assert!(finalised.inputs.iter().all(|input| input.partial_sigs.is_empty() && input.final_script_witness.is_some()));
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
    assert_eq!(wrong(&|elements| elements[3].push(0)), Tampered::Finalised { input: 1 }, "another script");
    assert_eq!(wrong(&|elements| elements[0].push(0)), Tampered::Finalised { input: 1 });
    assert_eq!(wrong(&|elements| elements[1].truncate(9)), Tampered::Finalised { input: 1 });
    // A byte of S, in the middle of the second number.
    assert!(matches!(wrong(&|elements| elements[1][50] ^= 1), Tampered::WrongSignature { input: 1, .. }));
    let many = wrong(&|elements| (0..3).for_each(|_| elements.insert(1, elements[1].clone())));
    assert_eq!(many, Tampered::Finalised { input: 1 }, "more signatures than keys");
    assert!(matches!(wrong(&|elements| *elements[1].last_mut().expect("long") = 3), Tampered::Sighash { input: 1, .. }));
}

#[test]
fn a_foreign_seed_signs_nothing() {
    let wallet = root(NETWORK, PHRASES[0]).wallet(KeyWallet::Taproot);
    let stranger = root(NETWORK, PHRASES[1]);
    let mut proposal = proposal(&wallet, 2);
    let before = proposal.clone();
    assert_eq!(proposal.sign(&stranger), Err(SignError::NotOurs { input: 0, fingerprint: stranger.fingerprint() }));
    assert_eq!(proposal, before);
}

#[test]
fn a_wallet_with_a_wrong_origin_is_found_before_it_signs() {
    let root = root(NETWORK, PHRASES[0]);
    for (kind, path) in [(KeyWallet::Segwit, "84'/1'/0'"), (KeyWallet::Taproot, "86'/1'/0'")] {
        let key = root.account("84'/1'/1'").replace("84'/1'/1'", path);
        let wallet = Wallet::of_account(NETWORK, kind, &key).expect("a key");
        assert!(matches!(proposal(&wallet, 1 + 1).sign(&root), Err(SignError::OtherKey { .. })), "{kind:?}");
    }
}

#[test]
fn f67_change_that_is_not_ours_is_not_signed() {
    let wallet = root(NETWORK, PHRASES[0]).wallet(KeyWallet::Segwit);
    let other = root(NETWORK, PHRASES[1]).wallet(KeyWallet::Segwit);
    let refused = Proposal::new(&wallet, unsigned(&other, 2)).expect_err("change to another wallet");
    assert!(refused.to_string().contains("is said to be change at 1/5"), "{refused}");
}

/// What was done to the file on its way, and what is said about it.
#[test]
fn only_signatures_are_taken_from_a_file() {
    type Change = fn(&mut Psbt);
    let changes: [(Change, &str); 13] = [
        (|file| file.unsigned_tx.output[0].value = bdk_wallet::bitcoin::Amount::from_sat(1_000), "output 0 pays 1000"),
        (|file| file.unsigned_tx.output[1].script_pubkey = file.unsigned_tx.output[0].script_pubkey.clone(), "output 1 pays"),
        (|file| drop((file.unsigned_tx.output.pop(), file.outputs.pop())), "there are 1 outputs, and must be 2"),
        (|file| drop((file.unsigned_tx.input.pop(), file.inputs.pop())), "there are 1 inputs, and must be 2"),
        (|file| file.unsigned_tx.input[1].previous_output.vout = 77, "input 1 spends"),
        (|file| file.unsigned_tx.input[0].sequence = Sequence::MAX, "has the sequence 0xffffffff"),
        (|file| file.unsigned_tx.lock_time = bdk_wallet::bitcoin::absolute::LockTime::from_consensus(5), "the lock time is 5"),
        (|file| file.unsigned_tx.version = bdk_wallet::bitcoin::transaction::Version::ONE, "the version is 1"),
        (
            |file| file.inputs[1].witness_utxo.as_mut().expect("set").value += bdk_wallet::bitcoin::Amount::ONE_SAT,
            "input 1 is said to spend",
        ),
        (|file| file.inputs[0].sighash_type = Some(EcdsaSighashType::None.into()), "input 0 is signed for something else"),
        (
            |file| file.inputs[0].partial_sigs.values_mut().for_each(|signature| signature.sighash_type = EcdsaSighashType::Single),
            "SIGHASH_SINGLE",
        ),
        (
            |file| {
                let other = file.inputs[1].partial_sigs.values().next().copied().expect("signed");
                file.inputs[0].partial_sigs.values_mut().for_each(|signature| *signature = other);
            },
            "the signature of input 0",
        ),
        (|file| file.inputs[0].final_script_witness = Some(bdk_wallet::bitcoin::Witness::from_slice(&[[1]])), "is finalised already"),
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
    assert!(matches!(proposal(&wallet, 2).merge(&file.serialize()), Err(Tampered::ForeignKey { input: 0, .. })));
    let taproot = root(NETWORK, PHRASES[0]).wallet(KeyWallet::Taproot);
    let mut signed = proposal(&taproot, 2);
    signed.sign(&root(NETWORK, PHRASES[0])).expect("its seed");
    let mut file = signed.psbt.clone();
    file.inputs[0].tap_key_sig.as_mut().expect("signed").sighash_type = TapSighashType::All;
    assert!(matches!(proposal(&taproot, 2).merge(&file.serialize()), Err(Tampered::Sighash { input: 0, .. })));
    let mut file = signed.psbt;
    file.inputs[0].tap_key_sig = file.inputs[1].tap_key_sig;
    assert!(matches!(proposal(&taproot, 2).merge(&file.serialize()), Err(Tampered::WrongSignature { input: 0, .. })));
}

#[test]
fn previous_transactions_are_added_where_they_fit() {
    let wallet = root(NETWORK, PHRASES[0]).wallet(KeyWallet::Segwit);
    let previous = unsigned(&wallet, 2).transaction().clone();
    let change = previous.output.iter().position(|output| output.value.to_sat() == 17_000).expect("the change");
    let input = |satoshi| DraftInput {
        outpoint: format!("{}:{change}", previous.compute_txid()),
        amount: Amount::new(satoshi),
        keychain: Keychain::Internal,
        index: 5,
        confirmed: false,
    };
    let spending = |satoshi| {
        let output = DraftOutput { amount: Amount::new(9_000), ..unsigned(&wallet, 2).draft().outputs[1].clone() };
        let draft = BitcoinDraft { inputs: vec![input(satoshi)], outputs: vec![output], ..unsigned(&wallet, 2).draft().clone() };
        Proposal::new(&wallet, Unsigned::of(&draft).expect("fine")).expect("no change")
    };
    let whole = spending(17_000).with_previous(&previous).expect("it made the coin");
    assert_eq!(whole.psbt.inputs[0].non_witness_utxo.as_ref(), Some(&previous));
    assert!(matches!(spending(17_001).with_previous(&previous), Err(ProposalError::WrongPrevious { input: 0, .. })));
}

/// BIP-174, "Test Vectors": those that are said to be invalid are refused, the others are read.
#[test]
fn the_published_psbts_are_read_or_refused() {
    let mut counts = BTreeMap::new();
    for line in include_str!("bip174.tsv").lines().filter(|line| !line.starts_with('#')) {
        let [validity, case, base64] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("three fields: {line}") };
        assert_eq!(tampered::read(base64.as_bytes()).is_ok(), validity == "valid", "{case}");
        *counts.entry(validity).or_insert(0) += 1;
    }
    assert_eq!(counts, BTreeMap::from([("invalid", 20), ("valid", 10)]));
    let mut large = b"psbt\xff".to_vec();
    large.resize(tampered::PSBT_BYTES_MAX + 1, 0);
    assert!(matches!(tampered::read(&large), Err(Tampered::TooLarge { most: tampered::PSBT_BYTES_MAX, .. })));
    assert!(matches!(tampered::read(&vec![b'A'; tampered::PSBT_BYTES_MAX / 2 * 3]), Err(Tampered::TooLarge { .. })));
    let hex = tampered::read("0200000001".as_bytes()).expect_err("a transaction").to_string();
    assert!(hex.contains("it is a transaction"), "{hex}");
}

/// BIP-143, "Native P2WPKH": the second input's digest, and the signature of its key.
#[test]
fn the_published_vector_of_bip143() {
    let raw = hex::decode("0100000002fff7f7881a8099afa6940d42d1e7f6362bec38171ea3edf433541db4e4ad969f0000000000eeffffffef51e1b804cc89d182d279655c3aa89e815b1b309fe287d9b2b55d57b90ec68a0100000000ffffffff02202cb206000000001976a9148280b37df378db99f66f85c95a783a76ac7a6d5988ac9093510d000000001976a9143bde42dbee7e4dbe6a21b2d50ce2f0167faa815988ac11000000").expect("hex");
    let transaction: Transaction = encode::deserialize(&raw).expect("a transaction");
    let script_pubkey = ScriptBuf::from_hex("00141d0f172a0ecb48aee1be1f2687d2963ae33f71a1").expect("hex");
    let spent = TxOut { value: bdk_wallet::bitcoin::Amount::from_btc(6.0).expect("fits"), script_pubkey };
    let input = psbt::Input { witness_utxo: Some(spent), ..psbt::Input::default() };
    let digest = message(&mut SighashCache::new(&transaction), 1, &input, &[]);
    assert_eq!(hex::encode(digest.as_ref()), "c37af31116d1b27caf68aae9e3ac82f1477929014d5b917657d0eb49478cb670");
    let key: SecretKey = "619c335025c7f4012e556c2a58b2506e30b8511b53ade95ea316fd8c3286feb9".parse().expect("a key");
    let signature = "304402203609e17b84f6a7d30c80bfa610b5b4542f32a8a0d5447a12fb1366d7f01cc44a0220573a954c4518331561406f90300e8f3358f51928d43c212a8caed02de67eebee";
    assert_eq!(CURVE.sign_ecdsa_low_r(&digest, &key).to_string(), signature);
}

/// BIP-341, `wallet-test-vectors.json`, `keyPathSpending`: the tweak of the one key without scripts (input 0), and digest and
/// signature of the one input that is signed with the default hash type (input 4).
#[test]
fn the_published_vectors_of_bip341() {
    let key = |hex: &str| hex.parse::<SecretKey>().expect("a key");
    let own = tweaked(&key("6b973d88838f27366ed61c9ad6367663045cb456e28335c109e30717ae0c6baa"));
    assert_eq!(own.secret_key(), key("2405b971772ad26915c8dcdf10f238753a9b837e5f8e6a86fd7c0cce5b7296d9"));
    let raw = hex::decode("02000000097de20cbff686da83a54981d2b9bab3586f4ca7e48f57f5b55963115f3b334e9c010000000000000000d7b7cab57b1393ace2d064f4d4a2cb8af6def61273e127517d44759b6dafdd990000000000fffffffff8e1f583384333689228c5d28eac13366be082dc57441760d957275419a418420000000000fffffffff0689180aa63b30cb162a73c6d2a38b7eeda2a83ece74310fda0843ad604853b0100000000feffffffaa5202bdf6d8ccd2ee0f0202afbbb7461d9264a25e5bfd3c5a52ee1239e0ba6c0000000000feffffff956149bdc66faa968eb2be2d2faa29718acbfe3941215893a2a3446d32acd050000000000000000000e664b9773b88c09c32cb70a2a3e4da0ced63b7ba3b22f848531bbb1d5d5f4c94010000000000000000e9aa6b8e6c9de67619e6a3924ae25696bb7b694bb677a632a74ef7eadfd4eabf0000000000ffffffffa778eb6a263dc090464cd125c466b5a99667720b1c110468831d058aa1b82af10100000000ffffffff0200ca9a3b000000001976a91406afd46bcdfd22ef94ac122aa11f241244a37ecc88ac807840cb0000000020ac9a87f5594be208f8532db38cff670c450ed2fea8fcdefcc9a663f78bab962b0065cd1d").expect("hex");
    let transaction: Transaction = encode::deserialize(&raw).expect("a transaction");
    let spent: Vec<TxOut> = [
        ("512053a1f6e454df1aa2776a2814a721372d6258050de330b3c6d10ee8f4e0dda343", 420_000_000),
        ("5120147c9c57132f6e7ecddba9800bb0c4449251c92a1e60371ee77557b6620f3ea3", 462_000_000),
        ("76a914751e76e8199196d454941c45d1b3a323f1433bd688ac", 294_000_000),
        ("5120e4d810fd50586274face62b8a807eb9719cef49c04177cc6b76a9a4251d5450e", 504_000_000),
        ("512091b64d5324723a985170e4dc5a0f84c041804f2cd12660fa5dec09fc21783605", 630_000_000),
        ("00147dd65592d0ab2fe0d0257d571abf032cd9db93dc", 378_000_000),
        ("512075169f4001aa68f15bbed28b218df1d0a62cbbcf1188c6665110c293c907b831", 672_000_000),
        ("5120712447206d7a5238acc7ff53fbe94a3b64539ad291c7cdbc490b7577e4b17df5", 546_000_000),
        ("512077e30a5522dd9f894c3f8b8bd4c4b2cf82ca7da8a3ea6a239655c39c050ab220", 588_000_000),
    ]
    .map(|(script, satoshi)| TxOut {
        value: bdk_wallet::bitcoin::Amount::from_sat(satoshi),
        script_pubkey: ScriptBuf::from_hex(script).expect("hex"),
    })
    .to_vec();
    let input = psbt::Input { witness_utxo: Some(spent[4].clone()), ..psbt::Input::default() };
    let digest: Message = message(&mut SighashCache::new(&transaction), 4, &input, &spent);
    assert_eq!(hex::encode(digest.as_ref()), "4f900a0bae3f1446fd48490c2958b5a023228f01661cda3496a11da502a7f7ef");
    let tweaked = key("a8e7aa924f0d58854185a490e6c41f6efb7b675c0f3331b7f14b549400b4d501").keypair(&CURVE);
    let signature = CURVE.sign_schnorr_no_aux_rand(&digest, &tweaked);
    assert_eq!(
        signature.to_string(),
        "b4010dd48a617db09926f729e79c33ae0b4e94b79f04a1ae93ede6315eb3669de185a17d2b0ac9ee09fd4c64b678a0b61a0a86fa888a273c8511be83bfd6810f"
    );
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
