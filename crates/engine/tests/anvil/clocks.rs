//! Clocks that jump by years under an engine that pays on a real node, whose blocks are its second
//! clock (case F97).

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use adit_core::{Actor, ClockDoubt, CredentialId, EventKind, Refusal, Span, Status, Timestamp};
use adit_engine::{Clock, Source, WriteError};
use futures::future::BoxFuture;

use crate::parts::{Running, System, now};
use crate::world::World;

const FIVE_YEARS: i64 = 5 * 365 * 86_400;
const MOMENT: Duration = Duration::from_millis(1_500);
const LOOKS_MAX: u32 = 200;

/// The system's clocks, of which the wall's is off by so many seconds.
#[derive(Clone, Default)]
pub struct Jumping(Arc<AtomicI64>);

impl Jumping {
    pub fn to(&self, seconds: i64) {
        self.0.store(seconds, Ordering::Relaxed);
    }
}

impl Clock for Jumping {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(now().micros() + self.0.load(Ordering::Relaxed) * 1_000_000)
    }

    fn monotonic(&self) -> Duration {
        System.monotonic()
    }

    fn sleep(&self, span: Span) -> BoxFuture<'static, ()> {
        System.sleep(span)
    }
}

fn is_doubted(error: &WriteError) -> bool {
    matches!(error, WriteError::Refused(Refusal::ClockDoubted { .. }))
}

/// The blocks agree with the clock sooner or later.
async fn until_sure(running: &Running) {
    for _ in 0..LOOKS_MAX {
        if running.engine.ports.clock.doubt().is_none() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the clock is still in doubt: {:?}", running.engine.ports.clock.standing());
}

#[tokio::test(flavor = "multi_thread")]
async fn f97_a_clock_years_off_for_a_moment_delays_nobody_restart_included() {
    let world = World::new(Some(1)).await;
    let clock = Jumping::default();
    let running = world.start_doubting(&clock);
    until_sure(&running).await;
    world.seed(&running.engine, 100).await;
    let mut ids = vec![world.request(&running.engine, 1).await];
    for (payee, off) in [(2, FIVE_YEARS), (3, -FIVE_YEARS)] {
        ids.push(world.request(&running.engine, payee).await);
        clock.to(off);
        tokio::time::sleep(MOMENT).await;
        let refused = world
            .request_with_key(&running.engine, 9)
            .await
            .expect_err("nobody knows what time it is");
        assert!(is_doubted(&refused), "{refused}");
        clock.to(0);
    }
    running.crash();
    let running = world.start_doubting(&clock);
    until_sure(&running).await;
    ids.push(world.request(&running.engine, 4).await);
    world.mine_until(&ids, Status::Completed).await;
    for (payee, id) in [1, 2, 3, 4].into_iter().zip(ids) {
        assert_eq!(world.times_paid(payee).await, 1, "payee {payee}");
        let known = adit_store::Store::history(&*world.store, id).await.expect("a read");
        let off = known.iter().map(|event| (event.at.micros() - now().micros()).abs()).max();
        assert!(
            off.is_some_and(|off| off < 600_000_000),
            "something was dated {off:?} microseconds off"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f97_a_server_that_starts_years_ahead_accepts_when_its_clock_is_right_and_pays() {
    let world = World::new(Some(1)).await;
    let clock = Jumping::default();
    let first = world.start_doubting(&clock);
    until_sure(&first).await;
    world.seed(&first.engine, 100).await;
    let waits = world.request(&first.engine, 1).await;
    first.crash();
    clock.to(FIVE_YEARS);
    let running = world.start_doubting(&clock);
    tokio::time::sleep(2 * MOMENT).await;
    assert!(running.engine.ports.clock.doubt().is_some(), "a block says otherwise");
    let refused =
        world.request_with_key(&running.engine, 2).await.expect_err("nobody knows what time it is");
    assert!(is_doubted(&refused), "{refused}");
    assert!(
        running.engine.ports.clock.accept("an admin", now()).is_err(),
        "the machine shows another time"
    );
    clock.to(0);
    until_sure(&running).await;
    let later = world.request(&running.engine, 2).await;
    world.mine_until(&[waits, later], Status::Completed).await;
    assert_eq!((world.times_paid(1).await, world.times_paid(2).await), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn f97_without_a_chain_an_admin_says_what_time_it_is_and_the_audit_keeps_it() {
    let world = World::new(Some(1)).await;
    let clock = Jumping::default();
    let running = world.start_doubting(&clock);
    until_sure(&running).await;
    clock.to(7_200);
    tokio::time::sleep(MOMENT).await;
    assert!(
        running.engine.ports.clock.doubt().is_some(),
        "no block agrees with a clock two hours ahead"
    );
    let (mut told, admin) =
        (running.engine.hub.listen(), Actor::admin(CredentialId(uuid::Uuid::from_u128(9))));
    assert!(
        running.engine.accept_clock(admin.clone(), "an admin", now()).is_err(),
        "the machine shows another time"
    );
    running
        .engine
        .accept_clock(admin.clone(), "an admin", now().plus(Span::from_hours(2)))
        .expect("it is the machine's own");
    assert_eq!(running.engine.ports.clock.doubt(), None);
    let accepted = async {
        loop {
            let event = told.recv().await.expect("the hub lives");
            if let EventKind::ClockAccepted { replica, given, machine, doubt } = event.kind {
                return (event.actor.clone(), replica, given, machine, doubt);
            }
        }
    };
    let (actor, replica, given, machine, doubt) =
        tokio::time::timeout(10 * MOMENT, accepted).await.expect("it is in the audit");
    assert_eq!((actor, replica), (admin, running.engine.replica));
    assert!(
        given.since(now()) > Span::from_hours(1) && machine.since(given) < Span::from_seconds(300),
        "{given:?} {machine:?}"
    );
    assert!(matches!(doubt, Some(ClockDoubt::Jumped { seconds: 7_190..=7_210 })), "{doubt:?}");
}

/// The alert names it; nothing is refused for it.
#[tokio::test(flavor = "multi_thread")]
async fn f97_a_signer_whose_clock_is_off_is_named() {
    let world = World::new(Some(1)).await;
    world.signer_clock.to(7_200);
    let running = world.start();
    let named = async {
        loop {
            let apart = running.engine.ports.clock.standing().apart;
            if let Some((source, seconds)) =
                apart.into_iter().find(|(source, _)| matches!(source, Source::Signer { .. }))
            {
                return (source.to_string(), seconds);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let (name, seconds) = tokio::time::timeout(10 * MOMENT, named).await.expect("it is named");
    assert_eq!(name, "the signer of this process");
    assert!((7_190..=7_210).contains(&seconds), "{seconds}");
    assert_eq!(running.engine.ports.clock.doubt(), None);
    running.crash();
}
