//! Wallets of several keys: what is signed is a PSBT, whose transaction, id and our signature are
//! fixed, and which never is complete by us alone.

use adit_bitcoin::{Cosigner, Network, Payment, Proposal, RootKey, Unfinished, Unsigned, Wallet};
use adit_core::{BitcoinDraft, FeeRate, Keychain, LaneId, Place, Signed};
use adit_signer::{
    BitcoinAccount, BitcoinNetwork, LocalSigner, Refused, Seed, SignRequest, Signer as _, WalletKey,
};

use super::world::{Paid, WORDS, batch, chain, coin, config, draft, purse, request};
use crate::world::{World, entries_from};

/// Published test phrases (BIP-39).
const PHRASES: [&str; 3] = [
    WORDS,
    "legal winner thank year wave sausage worth useful legal winner thank yellow",
    "letter advice cage absurd amount doctor acoustic avoid letter advice cage above",
];

fn seed(at: usize) -> Seed {
    Seed::from_phrase(PHRASES[at]).expect("published words")
}

fn root(at: usize) -> RootKey {
    let stretched = bip39::Mnemonic::parse(PHRASES[at]).expect("published words").to_seed("");
    RootKey::from_seed(Network::Regtest, &stretched).expect("64 bytes")
}

/// The engine's half, made of the keys that each seed prints.
fn wallet(needed: usize) -> Wallet {
    let key = |at| seed(at).bitcoin_cosigner(BitcoinNetwork::Regtest, 0).expect("an account");
    let cosigners: Vec<Cosigner> =
        (0..3).map(|at| Cosigner::parse(&key(at)).expect("a key")).collect();
    Wallet::multisig(Network::Regtest, needed, &cosigners).expect("a wallet")
}

fn descriptor(needed: usize) -> String {
    let keys: Vec<String> = (0..3)
        .map(|at| {
            seed(at).bitcoin_cosigner(BitcoinNetwork::Regtest, 0).expect("an account") + "/<0;1>/*"
        })
        .collect();
    use bdk_wallet::miniscript::{Descriptor, DescriptorPublicKey};
    let text = format!("wsh(sortedmulti({needed},{}))", keys.join(","));
    text.parse::<Descriptor<DescriptorPublicKey>>().expect("a descriptor").to_string()
}

/// As the first of the three.
fn account(needed: usize) -> BitcoinAccount {
    seed(0).bitcoin_wallet(BitcoinNetwork::Regtest, &descriptor(needed)).expect("a wallet")
}

fn signer(world: &World, account: BitcoinAccount) -> LocalSigner {
    let mut config = config();
    config.keys.push((account.lane(chain()), WalletKey::from(account)));
    world.try_start(config).expect("starts")
}

const PAID: [Paid; 2] = [(1, 0, 60_000), (2, 4, 70_000)];

fn planned(needed: usize) -> BitcoinDraft {
    let wallet = wallet(needed);
    let payment = Payment { wallet: &wallet, number: 3, feerate: FeeRate::from_sat_per_kvb(5_000) };
    batch(&PAID).plan(payment, &purse(&[coin(1), coin(2)])).expect("enough")
}

fn asked(needed: usize) -> SignRequest {
    let lane: LaneId = account(needed).lane(chain());
    SignRequest { lane, ..request(adit_signer::AccountKind::Segwit, 3, &PAID, planned(needed)) }
}

async fn signed(signer: &LocalSigner, request: &SignRequest) -> Result<Signed, Refused> {
    signer
        .sign(std::slice::from_ref(request))
        .await
        .expect("answers")
        .remove(0)
        .map(|signature| signature.signed)
}

#[test]
fn signer_and_engine_find_the_same_wallet_in_a_descriptor() {
    let (account, wallet) = (account(2), wallet(2));
    assert_eq!(account.descriptor_of_both(), descriptor(2));
    assert_eq!(account.fingerprint(), Some(root(0).fingerprint().to_string()));
    let watched =
        BitcoinAccount::watched(BitcoinNetwork::Regtest, &descriptor(2)).expect("a wallet");
    assert_eq!((watched.fingerprint(), watched.signatures()), (None, (2, 3)));
    for keychain in Keychain::ALL {
        assert_eq!(account.descriptor(keychain), wallet.descriptor(keychain));
        for index in [0, 1, 4_711, (1 << 31) - 1] {
            let place = Place { keychain, index };
            let theirs = wallet.address(place).expect("an index").destination().clone();
            assert_eq!(
                (account.address(place), watched.address(place)),
                (Some(theirs.clone()), Some(theirs))
            );
        }
    }
    assert_eq!(account.address(Place { keychain: Keychain::External, index: 1 << 31 }), None);
}

#[test]
fn what_is_no_wallet_of_several_keys_says_why() {
    let of =
        |text: &str| BitcoinAccount::watched(BitcoinNetwork::Regtest, text).expect_err("no wallet");
    let good = descriptor(2);
    let (body, _) = good.split_once('#').expect("a checksum");
    let with_checksum = |body: &str| {
        use bdk_wallet::miniscript::descriptor::checksum::desc_checksum;
        format!("{body}#{}", desc_checksum(body).expect("characters of BIP-380"))
    };
    assert!(of(body).contains("has no checksum"));
    assert!(of(&good.replace("sortedmulti(2", "sortedmulti(1")).contains("checksum is"));
    assert!(
        of(&with_checksum(&body.replace("sortedmulti", "multi"))).contains("is no wallet here")
    );
    assert!(
        of(&with_checksum(&body.replace("sortedmulti(2", "sortedmulti(4"))).contains("4 of 3 keys")
    );
    assert!(
        of(&with_checksum(&body.replace("sortedmulti(2", "sortedmulti(0"))).contains("0 of 3 keys")
    );
    assert!(
        of(&with_checksum(&body.replacen("/<0;1>/*", "/0/*", 1)))
            .contains("does not end in /<0;1>/*")
    );
    let first = body.split(',').nth(1).expect("a key").to_owned();
    let last = body.split(',').nth(3).expect("a key").trim_end_matches(')').to_owned();
    assert!(of(&with_checksum(&body.replace(&last, &first))).contains("twice"));
    let mainnet = BitcoinAccount::watched(BitcoinNetwork::Mainnet, &good).expect_err("of regtest");
    assert!(mainnet.contains("no public key of mainnet"), "{mainnet}");
}

/// F2, F3: the same bytes however often it is asked, and by a newer lease; a PSBT that the engine
/// takes over and another signer completes.
#[tokio::test]
async fn f02_f03_our_part_is_signed_and_another_completes_it() {
    let (world, request) = (World::new(), asked(2));
    let first = signed(&signer(&world, account(2)), &request).await.expect("signed");
    assert!(first.lacks_signatures());
    let again = SignRequest { epoch: adit_core::Epoch(2), ..request.clone() };
    assert_eq!(
        signed(&signer(&world, account(2)), &again).await,
        Ok(first.clone()),
        "after a restart"
    );
    let draft = Unsigned::of(&planned(2)).expect("a draft");
    assert_eq!(
        first.hash,
        adit_bitcoin::hash_of(draft.transaction().compute_txid()),
        "signatures do not change the id"
    );
    let mut proposal = Proposal::new(&wallet(2), draft).expect("ours");
    assert_eq!(proposal.merge(&first.raw.0), Ok(2), "one for each input, each verified");
    assert!(matches!(proposal.finish(), Err(Unfinished::TooFew { have: 1, needed: 2, .. })));
    proposal.sign(&root(2)).expect("the third is one of them");
    let complete = proposal.finish().expect("two of three");
    assert_eq!(complete.txid, first.hash);
}

/// F96: what others completed is recorded with their signatures. It teaches where ours is among
/// them, and the journal keeps what we sign.
#[tokio::test]
async fn f96_a_completed_payment_teaches_where_our_signature_is_in_it() {
    use adit_signer::{JournalEntry, Learned, Lesson};
    let request = asked(2);
    let ours = signed(&signer(&World::new(), account(2)), &request).await.expect("signed");
    let complete = |with_ours: bool| {
        let mut proposal =
            Proposal::new(&wallet(2), Unsigned::of(&planned(2)).expect("a draft")).expect("ours");
        match with_ours {
            true => assert_eq!(proposal.merge(&ours.raw.0), Ok(2)),
            false => proposal.sign(&root(1)).expect("the second"),
        }
        proposal.sign(&root(2)).expect("the third");
        let whole = proposal.finish().expect("two of three");
        Signed { raw: whole.raw, hash: whole.txid }
    };
    let world = World::new();
    let signer = signer(&world, account(2));
    let lesson = |signed: Signed| Lesson::Signed {
        at: Default::default(),
        entry: JournalEntry { request: request.clone(), signed },
    };
    let answers = signer
        .teach(&[lesson(complete(false)), lesson(complete(true)), lesson(ours.clone())])
        .await
        .expect("answers");
    assert!(
        matches!(
            &answers[..],
            [Err(Refused::Mismatch { .. }), Ok(Learned::Taught), Ok(Learned::Known)]
        ),
        "{answers:?}"
    );
    let told = entries_from(&signer, &request.lane, 0).await;
    assert_eq!(told.into_iter().map(|entry| entry.signed).collect::<Vec<_>>(), [ours]);
}

#[tokio::test]
async fn without_a_key_here_nothing_is_signed_and_everything_is_judged() {
    let (world, mut request) = (World::new(), asked(2));
    let watched =
        BitcoinAccount::watched(BitcoinNetwork::Regtest, &descriptor(2)).expect("a wallet");
    let signer = signer(&world, watched);
    let bare = signed(&signer, &request).await.expect("journaled");
    let mut proposal =
        Proposal::new(&wallet(2), Unsigned::of(&planned(2)).expect("a draft")).expect("ours");
    assert_eq!(proposal.merge(&bare.raw.0), Ok(0));
    for at in [1, 2] {
        proposal.sign(&root(at)).expect("one of them");
    }
    assert_eq!(proposal.finish().expect("two of three").txid, bare.hash);
    request.attempt = crate::world::next_attempt();
    draft(&mut request).outputs[0].amount = adit_core::Amount::new(60_001);
    assert!(matches!(signed(&signer, &request).await, Err(Refused::Mismatch { .. })));
}

#[tokio::test]
async fn one_of_three_is_complete_by_us_alone() {
    let world = World::new();
    let complete = signed(&signer(&world, account(1)), &asked(1)).await.expect("signed");
    assert!(!complete.lacks_signatures());
    let transaction: bitcoin::Transaction =
        bitcoin::consensus::deserialize(&complete.raw.0).expect("a transaction");
    let draft = planned(1);
    assert!(
        transaction.vsize() as u64 <= draft.vbytes
            && draft.vbytes <= transaction.vsize() as u64 + 2,
        "{}",
        transaction.vsize()
    );
    let mut bare = transaction.clone();
    bare.input.iter_mut().for_each(|input| input.witness = bitcoin::Witness::new());
    assert_eq!(adit_bitcoin::hash_of(bare.compute_txid()), complete.hash);
    for (input, drafted) in transaction.input.iter().zip(&draft.inputs) {
        let script = wallet(1).script(drafted.place()).expect("an index");
        let witness: Vec<&[u8]> = input.witness.iter().collect();
        assert_eq!((witness.len(), witness[0].len()), (3, 0));
        assert_eq!(bitcoin::ScriptBuf::from_bytes(witness[2].to_vec()).to_p2wsh(), script);
    }
}

/// F67: change to another place than our own is refused, as for one key.
#[tokio::test]
async fn f67_change_that_is_not_ours_is_not_signed() {
    let (world, mut request) = (World::new(), asked(2));
    let foreign = super::world::change(adit_signer::AccountKind::Segwit, 3, 1).script;
    let change =
        draft(&mut request).outputs.iter_mut().find(|output| !output.is_payment()).expect("change");
    change.script = foreign;
    let Err(Refused::Mismatch { detail }) = signed(&signer(&world, account(2)), &request).await
    else {
        panic!("signed")
    };
    assert!(detail.contains("said to be change"), "{detail}");
}
