//! Database and journal restored together, and declared: what neither remembers is swept away, and
//! two admins release what waits (cases F91, F96). Every endpoint hides what the lost part sent.

use std::sync::Arc;

use adit_chain::{Endpoint, Request, Response, Timer, TokioTimer, Wire, WireFault};
use adit_core::{
    Actor, Command, CredentialId, EndpointName, HaltReason, IncarnationId, LaneState, Signed,
    Status, WentBack, WithdrawalId,
};
use adit_engine::AnchoredClock;
use adit_store::Store;
use async_trait::async_trait;

use super::both::{PAYEES, nobody_twice, resume, sent_after_a_snapshot, state};
use super::parts::{Running, System};
use super::world::World;

/// Database and journal are restored to one moment, and an admin says so. Every endpoint hides what
/// waits, so the lane sweeps.
async fn declared(world: &World) -> Running {
    declared_on(world, world.start()).await
}

async fn declared_on(world: &World, running: Running) -> Running {
    let because = WentBack::BothDeclared { what: "a snapshot".to_owned() };
    let next = IncarnationId(uuid::Uuid::from_u128(0x7777));
    let found = Command::FindWentBack { because, next, take_over: true };
    running.engine.writer.submit(Actor::Engine, found).await.expect("noted");
    for _ in 0..400 {
        if world
            .store
            .lane(&world.lane)
            .await
            .expect("a read")
            .is_some_and(|lane| lane.restoration.is_some())
        {
            resume(world, &running).await;
            return running;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    panic!("the next life does not begin");
}

async fn until_unreleased(world: &World) {
    for _ in 0..60 {
        world.mine_for_a_second().await;
        if matches!(state(world).await, LaneState::Halted { reason: HaltReason::Unreleased, .. }) {
            return;
        }
    }
    panic!("the sweep does not end: {:?}", world.store.lane(&world.lane).await);
}

async fn release(world: &World, running: &Running) {
    let by = |credential: u128| Actor::admin(CredentialId(uuid::Uuid::from_u128(credential)));
    let release = || Command::ReleaseLane { lane: world.lane.clone(), seen: 3 };
    running.engine.writer.submit(by(1), release()).await.expect("the first of two");
    running.engine.writer.submit(by(1), release()).await.expect_err("it takes another credential");
    assert!(matches!(state(world).await, LaneState::Halted { reason: HaltReason::Unreleased, .. }));
    running.engine.writer.submit(by(2), release()).await.expect("the second of two");
}

/// What the lost part had sent: its bytes are in no pool any more, and may turn up again.
async fn hidden(world: &World, ids: &[WithdrawalId]) -> Vec<Signed> {
    let mut hidden = Vec::new();
    for id in ids {
        hidden.extend(world.versions(*id).await);
    }
    for signed in &hidden {
        world.forget(signed).await;
    }
    hidden
}

#[tokio::test(flavor = "multi_thread")]
async fn f91_what_every_pool_hides_is_swept_once_it_is_declared() {
    let (world, volume, ids) = sent_after_a_snapshot().await;
    let hidden = hidden(&world, &ids).await;
    world.set_back(&volume);
    let again = declared(&world).await;
    until_unreleased(&world).await;
    let refused = Command::ResumeLane { lane: world.lane.clone(), accept: None };
    again.engine.writer.submit(Actor::Engine, refused).await.expect_err("a resume is no release");
    for signed in &hidden {
        world.try_send(signed).await;
    }
    world.mine_for_a_second().await;
    for (payee, id) in (0..).zip(&ids) {
        let paid = world.times_paid(payee).await;
        assert_eq!(
            (world.status(*id).await.status(), paid),
            (Status::Approved, 0),
            "nothing forgotten can be mined any more"
        );
    }
    release(&world, &again).await;
    world.mine_until(&ids, Status::Completed).await;
    nobody_twice(&world).await;
    again.crash();
}

/// A node that counts what waits in its pool and shows nothing of it, as many do.
struct Counts {
    url: String,
    http: reqwest::Client,
}

#[async_trait]
impl Wire for Counts {
    async fn exchange(&self, request: &Request) -> Result<Response, WireFault> {
        let mut json = request.json().expect("it is asked in JSON-RPC").clone();
        let calls = if json.is_array() {
            json.as_array_mut().expect("looked at").as_mut_slice()
        } else {
            std::slice::from_mut(&mut json)
        };
        for call in calls {
            let shows = ["txpool_contentFrom", "eth_getTransactionBySenderAndNonce"]
                .iter()
                .any(|method| call["method"] == *method);
            if shows || (call["method"] == "eth_getBlockByNumber" && call["params"][0] == "pending")
            {
                call["method"] = "nobody_knows".into();
            }
        }
        let answer = self
            .http
            .post(&self.url)
            .json(&json)
            .send()
            .await
            .map_err(|error| WireFault::NoAnswer(error.to_string()))?;
        let (status, body) =
            (answer.status().as_u16(), answer.bytes().await.expect("anvil ends its answers"));
        Ok(Response { status, body: body.to_vec() })
    }
}

/// A pool counts what the lost part sent, and no endpoint shows it. That such numbers are swept is
/// what an admin declares: without it the lane would stand until blocks hold them, and a payment
/// that is too cheap for them keeps it for ever.
#[tokio::test(flavor = "multi_thread")]
async fn f91_what_is_counted_and_never_shown_is_swept_once_it_is_declared() {
    let (world, volume, ids) = sent_after_a_snapshot().await;
    world.set_back(&volume);
    let timer: Arc<dyn Timer> = Arc::new(TokioTimer::default());
    let wire = Counts {
        url: world.anvil.url().to_owned(),
        http: reqwest::Client::builder().no_proxy().build().expect("a client"),
    };
    let endpoint =
        Endpoint::over(EndpointName::new("counts").expect("a name"), Box::new(wire), timer.clone());
    let running =
        world.start_over(vec![endpoint], timer, AnchoredClock::accepted(Arc::new(System)));
    let again = declared_on(&world, running).await;
    for _ in 0..300 {
        if state(&world).await == LaneState::Sweeping {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert_eq!(state(&world).await, LaneState::Sweeping);
    until_unreleased(&world).await;
    for (payee, id) in (0..).zip(&ids) {
        let (paid, status) = (world.times_paid(payee).await, world.status(*id).await.status());
        assert_eq!(
            paid == 1,
            status == Status::HeldForInspection,
            "payee {payee}: {paid}, {status:?}"
        );
        assert!(paid <= 1, "payee {payee}");
    }
    again.crash();
}

/// A kill in the middle of the sweep, and one of the hidden payments is mined in the place of its
/// sweep: its payee is paid once, and nothing pays them again.
#[tokio::test(flavor = "multi_thread")]
async fn f91_what_is_mined_in_the_place_of_a_sweep_is_held() {
    let (world, volume, ids) = sent_after_a_snapshot().await;
    let hidden = hidden(&world, &ids).await;
    world.set_back(&volume);
    let again = declared(&world).await;
    for _ in 0..400 {
        if world
            .store
            .lane(&world.lane)
            .await
            .expect("a read")
            .is_some_and(|lane| lane.next_nonce > PAYEES)
        {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    again.crash();
    let swept = world.store.live_lineages(&world.lane, 100).await.expect("a read");
    for lineage in &swept {
        for signed in lineage.attempts.iter().filter_map(|attempt| attempt.signed()) {
            world.forget(signed).await;
        }
    }
    world.try_send(&hidden[0]).await;
    world.mine_for_a_second().await;
    assert_eq!(world.times_paid(0).await, 1, "it was mined");
    let last = world.start();
    until_unreleased(&world).await;
    // Where the kill came before a sweep was signed at its number, the block's bytes are taken back
    // as its own; else a person says so.
    let first = world.status(ids[0]).await.status();
    assert!(matches!(first, Status::HeldForInspection | Status::Completed), "{first:?}");
    release(&world, &last).await;
    world.mine_until(&ids[1..], Status::Completed).await;
    nobody_twice(&world).await;
    last.crash();
}

/// A block that holds the sweep may still vanish, and something forgotten come in its place: the
/// sweep counts once it is final.
#[tokio::test(flavor = "multi_thread")]
async fn f91_a_sweep_counts_only_once_it_is_final() {
    let (world, volume, ids) = sent_after_a_snapshot().await;
    hidden(&world, &ids).await;
    world.set_back(&volume);
    let again = declared(&world).await;
    let live = async || world.store.live_lineages(&world.lane, 1_000).await.expect("a read");
    for _ in 0..600 {
        let below = world
            .store
            .lane(&world.lane)
            .await
            .expect("a read")
            .and_then(|lane| Some((lane.restoration?.sweeps_below()?, lane.next_nonce)));
        let swept = live().await;
        let sent = swept.iter().all(|lineage| lineage.was_sent());
        if below.is_some_and(|(below, next)| next >= below) && !swept.is_empty() && sent {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    world.mine_one().await;
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    assert!(
        live().await.iter().all(|lineage| lineage.included().is_some()),
        "a block holds all of it"
    );
    assert_eq!(state(&world).await, LaneState::Sweeping);
    until_unreleased(&world).await;
    again.crash();
}

/// The journal's copy is older than the database's: taught what that recorded, it signs the sweep.
/// Without, it refuses every number that follows one which it does not know, and the lane sweeps
/// for ever.
#[tokio::test(flavor = "multi_thread")]
async fn f96_an_older_journal_is_taught_before_the_lane_sweeps() {
    let world = World::new(None).await;
    let old = world.journal_copy();
    let running = world.start();
    world.seed(&running.engine, 100).await;
    world.until_running().await;
    let paid = [world.request(&running.engine, 0).await, world.request(&running.engine, 1).await];
    world.mine_until(&paid, Status::Completed).await;
    let volume = world.volume();
    running.crash();
    world.set_back(&volume);
    world.put_journal(&old);
    let signer = world.signer();
    let taught = adit_engine::teach(&*world.store, &signer, std::slice::from_ref(&world.lane))
        .await
        .expect("taught");
    assert_eq!(taught.attempts.taught, 2);
    drop(signer);
    let again = declared(&world).await;
    until_unreleased(&world).await;
    release(&world, &again).await;
    let next = world.request(&again.engine, 2).await;
    world.mine_until(&[next], Status::Completed).await;
    nobody_twice(&world).await;
    again.crash();
}
