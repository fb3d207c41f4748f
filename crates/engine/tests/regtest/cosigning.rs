//! Wallets of several keys: ours is one of them, the others are wallets of the bitcoind.

use adit_core::{Actor, AttemptId, Command, Knowledge, Stage, State, Status, WithdrawalId};
use adit_devnet::bitcoin::{Bitcoin, Cosigner, shared_wallet, wallet_of_one};
use adit_devnet::parts as installed;
use adit_engine::{CosignError, Engine};
use adit_store::Store;

use super::parts::Running;
use super::world::{COIN, World, cosigner_key};

/// A wallet whose keys are elsewhere, all or some.
struct Shared {
    world: World,
    others: Vec<Cosigner>,
}

impl Shared {
    /// Two of three: our key and two of others.
    async fn new(name: &str, coins: usize) -> Option<Self> {
        let bitcoin = started(name).await?;
        let others =
            vec![cosigner(&bitcoin, name, "one").await, cosigner(&bitcoin, name, "two").await];
        let keys = [cosigner_key(), others[0].key(), others[1].key()];
        let descriptor = shared_wallet(bitcoin.rpc(), 2, &keys).await.expect("a descriptor");
        Some(Self::over(bitcoin, descriptor, others, coins).await)
    }

    /// One key, and it is not ours.
    async fn elsewhere(name: &str, function: &str) -> Option<Self> {
        let bitcoin = started(name).await?;
        let others = vec![cosigner(&bitcoin, name, "only").await];
        let descriptor =
            wallet_of_one(bitcoin.rpc(), function, &others[0].key()).await.expect("a descriptor");
        Some(Self::over(bitcoin, descriptor, others, 2).await)
    }

    async fn over(
        bitcoin: Bitcoin,
        descriptor: String,
        others: Vec<Cosigner>,
        coins: usize,
    ) -> Self {
        for other in &others {
            other.join(&descriptor).await.expect("it takes part");
        }
        Self { world: World::over(bitcoin, Some(descriptor), &vec![COIN; coins]).await, others }
    }

    /// A payment that waits for the others, and its version.
    async fn waits(
        &self,
        running: &Running,
        payees: std::ops::Range<u32>,
    ) -> (Vec<WithdrawalId>, AttemptId) {
        self.world.credit(&running.engine, u128::from(payees.end - payees.start)).await;
        let ids = self.world.request(&running.engine, payees).await;
        (ids.clone(), self.waiting(running).await)
    }

    async fn waiting(&self, running: &Running) -> AttemptId {
        self.world
            .until("a version to wait for the others", async || {
                running
                    .engine
                    .waiting_for_cosigners()
                    .await
                    .is_ok_and(|waiting| !waiting.is_empty())
            })
            .await;
        running
            .engine
            .waiting_for_cosigners()
            .await
            .expect("readable")
            .last()
            .expect("one")
            .0
            .attempt
    }

    async fn signed_by_other(&self, engine: &Engine, attempt: AttemptId, other: usize) -> String {
        let (_, handout) = engine.hand_out(attempt).await.expect("handed out");
        assert!(handout.missing.is_empty(), "every spent coin's transaction is in it");
        self.others[other].sign(&handout.psbt).await.expect("it signs")
    }
}

async fn started(name: &str) -> Option<Bitcoin> {
    if let Err(missing) = installed::bitcoind() {
        println!("SKIPPED {name}, no Bitcoin wallet of several keys is tested: {missing}");
        return None;
    }
    Some(Bitcoin::start(adit_devnet::scratch::fresh(name)).await.expect("Bitcoin starts"))
}

async fn cosigner(bitcoin: &Bitcoin, name: &str, which: &str) -> Cosigner {
    Cosigner::new(bitcoin.rpc(), &format!("{name}-{which}")).await.expect("a wallet")
}

/// F4: nothing leaves before the others have signed; then it is sent, paid once and settled,
/// whatever crashes in between. bitcoind reads our PSBT, and we read what it finalised.
#[tokio::test(flavor = "multi_thread")]
async fn f04_two_of_three_sign_and_it_is_paid_once() {
    let Some(shared) = Shared::new("regtest-cosign", 2).await else { return };
    let running = shared.world.start();
    let (ids, attempt) = shared.waits(&running, 0..3).await;
    let (_, signatures) = running.engine.waiting_for_cosigners().await.expect("a read").remove(0);
    let signatures = signatures.expect("readable");
    assert_eq!((signatures.have, signatures.needed), (1, 2));
    shared.world.mine().await;
    assert!(shared.world.bitcoin.rpc().mempool().await.expect("a read").is_empty());
    running.crash();
    let running = shared.world.start();
    assert_eq!(shared.waiting(&running).await, attempt, "the same version after a crash");
    let file = shared.signed_by_other(&running.engine, attempt, 1).await;
    let brought = running
        .engine
        .bring_back(&Actor::Engine, attempt, file.as_bytes())
        .await
        .expect("taken over");
    assert!(brought.complete && brought.added > 0, "{brought:?}");
    let again = running
        .engine
        .bring_back(&Actor::Engine, attempt, file.as_bytes())
        .await
        .expect("nothing to do");
    assert!(again.complete && again.added == 0, "{again:?}");
    running.crash();
    let running = shared.world.start();
    shared.world.mine_until(&ids, Status::Completed).await;
    assert_eq!(shared.world.times_paid(0..3).await, [1, 1, 1]);
    assert_eq!(shared.world.transactions(&ids).await.len(), 1);
    let late = running.engine.bring_back(&Actor::Engine, attempt, file.as_bytes()).await;
    assert!(matches!(late, Err(CosignError::Unknown)), "it has ended: {late:?}");
    running.crash();
}

/// F4: change of what the others signed is not spent before a block holds it. They may sign a
/// dearer version of it instead, and what was handed out meanwhile would stand on nothing.
#[tokio::test(flavor = "multi_thread")]
async fn f04_change_of_what_is_out_waits_for_its_block() {
    let Some(shared) = Shared::new("regtest-cosign-change", 1).await else { return };
    let (world, running) = (&shared.world, shared.world.start());
    world.credit(&running.engine, 2).await;
    let first = world.request(&running.engine, [0]).await;
    let attempt = shared.waiting(&running).await;
    let file = shared.signed_by_other(&running.engine, attempt, 0).await;
    running.engine.bring_back(&Actor::Engine, attempt, file.as_bytes()).await.expect("taken over");
    world
        .until("it to be in the pool", async || {
            !world.bitcoin.rpc().mempool().await.expect("a read").is_empty()
        })
        .await;
    let second = world.request(&running.engine, [1]).await;
    let deferred = async || {
        matches!(world.withdrawal(second[0]).await.state, State::Approved { deferred: Some(_), .. })
    };
    world.until("the lane to say what it lacks", deferred).await;
    world.mine_until(&first, Status::Completed).await;
    let attempt = shared.waiting(&running).await;
    let file = shared.signed_by_other(&running.engine, attempt, 0).await;
    running.engine.bring_back(&Actor::Engine, attempt, file.as_bytes()).await.expect("taken over");
    world.mine_until(&second, Status::Completed).await;
    assert_eq!(world.times_paid(0..2).await, [1, 1]);
    running.crash();
}

/// F5, F21: a co-signer finishes and sends it himself, while our server is away: the chain has it,
/// and nobody is paid twice.
#[tokio::test(flavor = "multi_thread")]
async fn f05_f21_what_a_cosigner_sends_himself_is_found_and_settled() {
    let Some(shared) = Shared::new("regtest-cosign-self", 2).await else { return };
    let running = shared.world.start();
    let (ids, attempt) = shared.waits(&running, 0..2).await;
    let file = shared.signed_by_other(&running.engine, attempt, 0).await;
    running.crash();
    let rpc = shared.world.bitcoin.rpc();
    let finished: serde_json::Value =
        rpc.call("finalizepsbt", serde_json::json!([file])).await.expect("an answer");
    assert_eq!(finished["complete"], true, "{finished}");
    rpc.send_raw(finished["hex"].as_str().expect("hex")).await.expect("sent by the co-signer");
    shared.world.mine().await;
    let running = shared.world.start();
    shared.world.mine_until(&ids, Status::Completed).await;
    assert_eq!(shared.world.times_paid(0..2).await, [1, 1]);
    let lineage = shared.world.store.lineages_of(ids[0]).await.expect("a read").remove(0);
    assert!(
        matches!(
            lineage.attempts[0].stage,
            Stage::Signed { knowledge: Knowledge::Finalized { .. }, .. }
        ),
        "{lineage:?}"
    );
    running.crash();
}

/// F73: a version is complete and out, a dearer one waits; the database is set back to before both.
/// The journal gives both back, without the others' signatures; they are brought again, and nobody
/// is paid twice.
#[tokio::test(flavor = "multi_thread")]
async fn f73_a_restored_database_takes_back_what_was_handed_out() {
    let Some(shared) = Shared::new("regtest-cosign-restore", 2).await else { return };
    let running = shared.world.start();
    shared.world.credit(&running.engine, 2).await;
    let ids = shared.world.request(&running.engine, 0..2).await;
    let backup = shared.world.store.snapshot();
    let first = shared.waiting(&running).await;
    let file = shared.signed_by_other(&running.engine, first, 0).await;
    running.engine.bring_back(&Actor::Engine, first, file.as_bytes()).await.expect("taken over");
    shared
        .world
        .until("it to be in the pool", async || {
            !shared.world.bitcoin.rpc().mempool().await.expect("a read").is_empty()
        })
        .await;
    shared.world.bitcoin.gateway().estimate(Some(40));
    let second = shared.waiting(&running).await;
    running.crash();
    shared.world.store.restore(&backup);
    let running = shared.world.start();
    shared
        .world
        .until("the journal's versions", async || {
            running.engine.waiting_for_cosigners().await.is_ok_and(|waiting| waiting.len() == 2)
        })
        .await;
    let lineage = shared.world.store.lineages_of(ids[0]).await.expect("a read").remove(0);
    assert_eq!(
        lineage.attempts.iter().map(|attempt| attempt.id).collect::<Vec<_>>(),
        [first, second]
    );
    let brought = running
        .engine
        .bring_back(&Actor::Engine, first, file.as_bytes())
        .await
        .expect("taken over again");
    assert!(brought.complete, "{brought:?}");
    shared.world.mine_until(&ids, Status::Completed).await;
    assert_eq!(shared.world.times_paid(0..2).await, [1, 1]);
    running.crash();
}

/// F30: a payment that was handed out is cancelled by a version that the others sign as well; what
/// was handed out before is refused then.
#[tokio::test(flavor = "multi_thread")]
async fn f30_what_was_handed_out_is_cancelled_by_the_chain() {
    let Some(shared) = Shared::new("regtest-cosign-cancel", 2).await else { return };
    let running = shared.world.start();
    let (ids, first) = shared.waits(&running, 0..1).await;
    let file = shared.signed_by_other(&running.engine, first, 0).await;
    let known = shared.world.withdrawal(ids[0]).await;
    let lineage = shared.world.store.lineages_of(ids[0]).await.expect("a read").remove(0).id;
    let (user, book, source_asset, asset) =
        (known.user, known.book, known.source_asset, known.asset);
    let (withdrawal, lineage, reason) = (ids[0], Some(lineage), "asked".to_owned());
    let cancel = Command::Cancel { withdrawal, user, book, source_asset, asset, lineage, reason };
    running.engine.writer.submit(Actor::Engine, cancel).await.expect("wished");
    shared
        .world
        .until("the cancelling version", async || shared.waiting(&running).await != first)
        .await;
    let cancelling = shared.waiting(&running).await;
    assert_eq!(
        running.engine.waiting_for_cosigners().await.expect("a read").len(),
        1,
        "what is to be undone is not handed out"
    );
    assert!(
        matches!(running.engine.hand_out(first).await, Err(CosignError::Refused(said)) if said.contains("being cancelled"))
    );
    let refused = running.engine.bring_back(&Actor::Engine, first, file.as_bytes()).await;
    assert!(matches!(refused, Err(CosignError::Write(_))), "{refused:?}");
    let file = shared.signed_by_other(&running.engine, cancelling, 0).await;
    assert!(
        running
            .engine
            .bring_back(&Actor::Engine, cancelling, file.as_bytes())
            .await
            .expect("taken over")
            .complete
    );
    shared.world.mine_until(&ids, Status::Cancelled).await;
    assert_eq!(shared.world.times_paid(0..1).await, [0]);
    running.crash();
}

/// F28, F29: a version that the others signed becomes too cheap; a dearer one waits for them, while
/// the first stays out and is mined.
#[tokio::test(flavor = "multi_thread")]
async fn f28_f29_the_version_that_is_out_is_mined_while_a_dearer_one_waits() {
    let Some(shared) = Shared::new("regtest-cosign-bump", 2).await else { return };
    let running = shared.world.start();
    let (ids, first) = shared.waits(&running, 0..1).await;
    let file = shared.signed_by_other(&running.engine, first, 0).await;
    running.engine.bring_back(&Actor::Engine, first, file.as_bytes()).await.expect("taken over");
    shared
        .world
        .until("it to be in the pool", async || {
            !shared.world.bitcoin.rpc().mempool().await.expect("a read").is_empty()
        })
        .await;
    shared.world.bitcoin.gateway().estimate(Some(40));
    let second = shared.waiting(&running).await;
    assert_ne!(second, first);
    shared.world.mine_until(&ids, Status::Completed).await;
    assert_eq!(shared.world.times_paid(0..1).await, [1]);
    let late = running.engine.hand_out(second).await;
    assert!(
        matches!(late, Err(CosignError::Unknown)),
        "a version of an ended lineage is not handed out any more: {late:?}"
    );
    running.crash();
}

/// A wallet whose only key is on somebody's device: we plan, reserve, check, watch and settle, and
/// sign nothing.
#[tokio::test(flavor = "multi_thread")]
async fn f04_a_wallet_whose_only_key_is_elsewhere_pays_once() {
    for function in ["wpkh", "tr"] {
        let Some(shared) =
            Shared::elsewhere(&format!("regtest-watched-{function}"), function).await
        else {
            return;
        };
        let running = shared.world.start();
        let (ids, attempt) = shared.waits(&running, 0..2).await;
        let (_, signatures) =
            running.engine.waiting_for_cosigners().await.expect("a read").remove(0);
        let signatures = signatures.expect("readable");
        assert_eq!((signatures.have, signatures.needed), (0, 1), "{function}");
        let file = shared.signed_by_other(&running.engine, attempt, 0).await;
        let brought = running
            .engine
            .bring_back(&Actor::Engine, attempt, file.as_bytes())
            .await
            .expect("taken over");
        assert!(brought.complete && brought.added == 1, "{function}: {brought:?}");
        shared.world.mine_until(&ids, Status::Completed).await;
        assert_eq!(shared.world.times_paid(0..2).await, [1, 1], "{function}");
        running.crash();
    }
}

/// Bad files are refused with what differs, and nothing of them is taken over.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_says_something_else_is_refused_with_what_differs() {
    let Some(shared) = Shared::new("regtest-cosign-tampered", 2).await else { return };
    let running = shared.world.start();
    let (_, attempt) = shared.waits(&running, 0..2).await;
    let (_, handout) = running.engine.hand_out(attempt).await.expect("handed out");
    let psbt: bitcoin::Psbt = read(&handout.psbt);
    let said = async |file: &bitcoin::Psbt| match running
        .engine
        .bring_back(&Actor::Engine, attempt, &file.serialize())
        .await
    {
        Err(CosignError::Refused(said)) => said,
        other => panic!("{other:?}"),
    };
    let mut other = psbt.clone();
    other.unsigned_tx.output[0].value += bitcoin::Amount::ONE_SAT;
    assert!(said(&other).await.contains("output 0 pays"), "{}", said(&other).await);
    let mut other = psbt.clone();
    other.unsigned_tx.input.pop();
    other.inputs.pop();
    assert!(said(&other).await.contains("inputs"), "{}", said(&other).await);
    let mut other = psbt.clone();
    let signature = other.inputs[0].partial_sigs.values_mut().next().expect("ours");
    signature.sighash_type = bitcoin::EcdsaSighashType::None;
    assert!(said(&other).await.contains("signed for something else"), "{}", said(&other).await);
    let refused = running.engine.bring_back(&Actor::Engine, attempt, b"<html>").await;
    assert!(
        matches!(&refused, Err(CosignError::Refused(said)) if said.contains("no PSBT")),
        "{refused:?}"
    );
    let same = running
        .engine
        .bring_back(&Actor::Engine, attempt, handout.psbt.as_bytes())
        .await
        .expect("nothing new");
    assert_eq!((same.added, same.complete), (0, false), "too few signatures stay too few");
    running.crash();
}

fn read(base64: &str) -> bitcoin::Psbt {
    use base64::Engine as _;
    let bytes = base64::engine::general_purpose::STANDARD.decode(base64).expect("base64");
    bitcoin::Psbt::deserialize(&bytes).expect("a PSBT")
}
