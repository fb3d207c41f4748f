//! What the engine plans, signed here: other programs find it valid.

use std::collections::BTreeSet;

use adit_bitcoin::{
    Batch, Evicted, OutputsMax, Payment, Proposal, Terms, UnderWay, Unsigned, cancel, consolidate,
    replace,
};
use adit_core::{Amount, BitcoinDraft, FeeRate};
use adit_signer::{AccountKind, SignRequest, Signature, Signer as _};
use bdk_wallet::miniscript::Interpreter;
use bitcoin::consensus::encode;
use bitcoin::secp256k1::Secp256k1;
use bitcoin::sighash::Prevouts;
use bitcoin::{ScriptBuf, Transaction, TxOut};

use super::world::{
    KINDS, Paid, batch, coin, config, draft, drafted, lane, pay, planned, purse, request, root,
    start, wallet,
};
use crate::world::{World, dry_run, entries_from, sign};

const THREE: [Paid; 3] = [(1, 0, 10_000), (2, 4, 20_000), (3, 0, 5_000)];

/// Whether nodes would take it: every input's witness satisfies the script of its coin, by an
/// interpreter that is neither the signer's nor the engine's code.
pub fn assert_valid(
    kind: AccountKind,
    request: &SignRequest,
    signature: &Signature,
) -> Transaction {
    let mut request = request.clone();
    let draft = draft(&mut request);
    let unsigned = Unsigned::of(draft).expect("fine");
    assert_eq!(unsigned.txid(), signature.signed.hash, "the id that the engine expects");
    let transaction = unsigned.check_bytes(&signature.signed.raw.0).expect("what the draft says");
    assert_eq!(encode::serialize(&transaction), signature.signed.raw.0);
    let wallet = wallet(kind);
    let coin = |input: &adit_core::DraftInput| TxOut {
        value: bitcoin::Amount::from_sat(
            u64::try_from(input.amount.base_units()).expect("satoshi"),
        ),
        script_pubkey: wallet.script(input.place()).expect("an index"),
    };
    let coins: Vec<TxOut> = unsigned.draft().inputs.iter().map(coin).collect();
    let curve = Secp256k1::verification_only();
    for (place, (input, coin)) in transaction.input.iter().zip(&coins).enumerate() {
        let empty = ScriptBuf::new();
        let script = Interpreter::from_txdata(
            &coin.script_pubkey,
            &empty,
            &input.witness,
            input.sequence,
            transaction.lock_time,
        )
        .expect("a witness of this script");
        let prevouts = Prevouts::All(&coins);
        let satisfied: Vec<_> = script
            .iter(&curve, &transaction, place, &prevouts)
            .collect::<Result<_, _>>()
            .expect("a valid signature");
        assert_eq!(satisfied.len(), 1, "one key");
    }
    assert!(transaction.weight() <= unsigned.weight(wallet.spend()), "not heavier than planned");
    transaction
}

fn alone(kind: AccountKind, draft: &BitcoinDraft) -> Evicted {
    let unsigned = Unsigned::of(draft).expect("fine");
    let vbytes = unsigned.weight(wallet(kind).spend()).to_vbytes_ceil();
    Evicted {
        transactions: 1,
        fees: unsigned.fee(),
        feerate_max: FeeRate::paid(unsigned.fee(), vbytes),
    }
}

#[tokio::test]
async fn a_batch_its_bumps_and_its_cancel_are_valid_transactions() {
    for kind in KINDS {
        let world = World::new();
        let first = planned(kind, 7, &[1, 2], &THREE);
        let batched = request(kind, 7, &THREE, first.clone());
        let signature = sign(&start(&world), &batched).await.expect("signs");
        assert_valid(kind, &batched, &signature);

        let wallet = wallet(kind);
        let coins = [coin(3), coin(4)];
        let terms = Terms {
            wallet: &wallet,
            purse: purse(&coins),
            feerate: FeeRate::from_sat_per_kvb(30_000),
            fee_max: Amount::new(super::world::FEE_CAP),
        };
        let under_way = UnderWay {
            first: &first,
            base: &first,
            evicted: alone(kind, &first),
            gone: &BTreeSet::new(),
        };
        let bumped = replace(&under_way, &terms, &[]).expect("change pays for it");
        let bump = request(kind, 7, &THREE, bumped.clone());
        let signature = sign(&start(&world), &bump).await.expect("signs");
        assert_valid(kind, &bump, &signature);

        let more = [(4, 1, 90_000)];
        let joined: Vec<Paid> = THREE.iter().chain(&more).copied().collect();
        let under_way = UnderWay {
            first: &first,
            base: &bumped,
            evicted: alone(kind, &bumped),
            gone: &BTreeSet::new(),
        };
        let terms = Terms { feerate: FeeRate::from_sat_per_kvb(50_000), ..terms };
        let larger = replace(&under_way, &terms, &batch(&more).outputs).expect("coins are added");
        assert!(larger.inputs.len() > first.inputs.len());
        let join = request(kind, 7, &joined, larger.clone());
        let signature = sign(&start(&world), &join).await.expect("signs");
        assert_valid(kind, &join, &signature);

        let under_way = UnderWay {
            first: &first,
            base: &larger,
            evicted: alone(kind, &larger),
            gone: &BTreeSet::new(),
        };
        let terms = Terms {
            feerate: FeeRate::from_sat_per_kvb(60_000),
            fee_max: Amount::new(super::world::FEE_CAP * 2),
            ..terms
        };
        let cancelled = cancel(&under_way, &terms).expect("nobody is paid");
        let mut generous = config();
        let policy = adit_signer::BitcoinPolicy {
            network: adit_signer::BitcoinNetwork::Regtest,
            fee_cap: Amount::new(super::world::FEE_CAP * 2),
            feerate_cap: super::world::FEERATE_CAP,
        };
        generous.chains.insert(super::world::chain(), adit_signer::ChainPolicy::Bitcoin(policy));
        let end = request(kind, 7, &[], cancelled);
        let signature =
            sign(&world.try_start(generous).expect("starts"), &end).await.expect("signs");
        assert_valid(kind, &end, &signature);
    }
}

/// Both sign without randomness. (ECDSA signatures of the engine are ground for a short R; the
/// signer's are not.)
#[tokio::test]
async fn a_taproot_signature_is_that_of_another_implementation() {
    let kind = AccountKind::Taproot;
    let asked = request(kind, 7, &THREE, planned(kind, 7, &[1, 2], &THREE));
    let signature = sign(&start(&World::new()), &asked).await.expect("signs");
    let mut asked = asked;
    let mut proposal = Proposal::new(&wallet(kind), Unsigned::of(draft(&mut asked)).expect("fine"))
        .expect("our change");
    proposal.sign(&root()).expect("our seed");
    let theirs = proposal.finish().expect("one key");
    assert_eq!((theirs.raw, theirs.txid), (signature.signed.raw, signature.signed.hash));
}

#[tokio::test]
async fn f03_the_same_digest_gives_the_same_bytes_on_any_journal() {
    for kind in KINDS {
        let asked = request(kind, 7, &THREE, drafted(kind, 7, &[1, 2, 3], &THREE, 1_000));
        let world = World::new();
        let first = sign(&start(&world), &asked).await.expect("signs");
        assert_eq!(sign(&start(&world), &asked).await, Ok(first.clone()), "from the journal");
        assert_eq!(sign(&start(&World::new()), &asked).await, Ok(first), "signed once more");
    }
}

#[tokio::test]
async fn coins_are_merged_by_a_payment_to_nobody() {
    for kind in KINDS {
        let wallet = wallet(kind);
        let coins: Vec<_> = (1..=6).map(coin).collect();
        let payment =
            Payment { wallet: &wallet, number: 3, feerate: FeeRate::from_sat_per_kvb(2_000) };
        let rules = adit_core::Consolidation {
            quantile_percent: 50,
            small_below: Amount::new(200_000),
            coins_min: 3,
        };
        let merged =
            consolidate(payment, &purse(&coins), &rules).expect("an index").expect("enough");
        let asked = request(kind, 3, &[], merged);
        assert_eq!(dry_run(&start(&World::new()), &asked).await, Ok(()));
        let signature = sign(&start(&World::new()), &asked).await.expect("signs");
        assert_eq!(assert_valid(kind, &asked, &signature).input.len(), 6);
    }
}

#[tokio::test]
async fn payouts_to_one_address_are_one_output_or_several() {
    let paid = [(1, 0, 10_000), (2, 0, 20_000), (3, 0, 30_000)];
    let together = pay(1, &[1], &paid);
    sign(&start(&World::new()), &together).await.expect("one output");
    let mut apart = together.clone();
    let outputs = &mut draft(&mut apart).outputs;
    let place = outputs.iter().position(adit_core::DraftOutput::is_payment).expect("a payment");
    let whole = outputs.remove(place);
    for (number, _, satoshi) in paid.into_iter().rev() {
        let purpose = adit_core::OutputPurpose::Pays(vec![crate::world::payout(number)]);
        outputs.insert(
            0,
            adit_core::DraftOutput { amount: Amount::new(satoshi), purpose, ..whole.clone() },
        );
    }
    let signature = sign(&start(&World::new()), &apart).await.expect("three outputs");
    let transaction: Transaction =
        encode::deserialize(&signature.signed.raw.0).expect("a transaction");
    assert_eq!(transaction.output.len(), 4);
}

#[tokio::test]
async fn f73_entries_tell_what_was_signed_in_the_order_of_numbers() {
    let world = World::new();
    let signer = start(&world);
    let first = pay(5, &[1], &[(1, 0, 10_000)]);
    let requests = [
        first.clone(),
        pay(3, &[2], &[(2, 1, 10_000)]),
        super::world::pay_for(5, &[1], &[(1, 0, 10_000)], 3_000),
        pay(4, &[4], &[]),
    ];
    let signed = signer.sign(&requests).await.expect("writes");
    let entries = entries_from(&start(&world), &lane(AccountKind::Segwit), 0).await;
    let order: Vec<_> = [1, 3, 0, 2]
        .map(|at: usize| (requests[at].clone(), signed[at].clone().expect("signed").signed))
        .into();
    assert_eq!(
        entries.into_iter().map(|entry| (entry.request, entry.signed)).collect::<Vec<_>>(),
        order
    );
    assert_eq!(entries_from(&signer, &lane(AccountKind::Segwit), 4).await.len(), 3);
    assert!(entries_from(&signer, &lane(AccountKind::Taproot), 0).await.is_empty());
}

#[tokio::test]
async fn a_full_batch_is_signed() {
    let kind = AccountKind::Segwit;
    let root = adit_bitcoin::RootKey::from_seed(super::world::NETWORK, &[7; 32]).expect("a seed");
    let others = root.wallet(adit_bitcoin::KeyWallet::Taproot);
    let payable = |index: u32| adit_bitcoin::Payable {
        payout: crate::world::payout(index.into()),
        address: others
            .address(adit_core::Place { keychain: adit_core::Keychain::External, index })
            .expect("an index"),
        amount: Amount::new(500),
    };
    let payables: Vec<_> = (0..250).map(payable).collect();
    let (wallet, coins) = (wallet(kind), (1..=6).map(coin).collect::<Vec<_>>());
    let payment = Payment { wallet: &wallet, number: 9, feerate: FeeRate::from_sat_per_kvb(1_500) };
    let batch = Batch::of(&payables, OutputsMax::new(250).expect("the most"));
    let mut asked =
        request(kind, 9, &[(1, 0, 1)], batch.plan(payment, &purse(&coins)).expect("enough"));
    let approve = |payable: &adit_bitcoin::Payable| adit_signer::Approved {
        payout: payable.payout,
        asset: super::world::btc(),
        amount: payable.amount,
        destination: payable.address.destination().clone(),
    };
    asked.approved = payables.iter().map(approve).collect();
    let signature = sign(&start(&World::new()), &asked).await.expect("signs");
    assert_valid(kind, &asked, &signature);
}
