//! A server whose clock cannot be trusted: it accepts nothing, says why, and does everything else
//! (case F97).

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use adit_core::{Actor, EventKind};
use adit_store::MemStore;
use serde_json::json;

use crate::fakes::Shifted;
use crate::silent::Silent;
use crate::world::{Parts, World, as_json, now};

const FIVE_YEARS: i64 = 5 * 365 * 86_400;
const MICROS_PER_SECOND: i64 = 1_000_000;

async fn clocked() -> (World, Shifted) {
    let parts = Parts::new();
    let clock = parts.clock.clone();
    (World::of(parts).await, clock)
}

impl Shifted {
    /// The machine's clock is off by so many seconds.
    fn jump(&self, seconds: i64) {
        self.1.store(seconds * MICROS_PER_SECOND, Ordering::Relaxed);
    }
}

#[tokio::test]
async fn f97_a_clock_that_jumps_for_a_moment_accepts_nothing_then_and_dates_nothing() {
    let (world, clock) = clocked().await;
    let ada = world.player("ada", 10_000).await;
    for off in [FIVE_YEARS, -FIVE_YEARS] {
        let claim = as_json(&world.claim(&ada, "3000", |_| {}).await);
        clock.jump(off);
        let refused = world.withdraw(&ada.token, &claim).await;
        assert_eq!(refused.is(), (503, "CLOCK_DOUBTED"), "{}", refused.text);
        assert_eq!(refused.body["clock"]["seconds"], json!(off), "{}", refused.text);
        let text = refused.body["error"].as_str().expect("a sentence");
        assert!(text.contains("at most 30 s") && text.contains("adit clock accept"), "{text}");
        let nonce = world.get("/api/token/withdraw/nonce", &ada.token).await;
        assert_eq!(nonce.is(), (503, "CLOCK_DOUBTED"), "it would say a deadline");
        clock.jump(0);
        let accepted = world.withdraw(&ada.token, &claim).await;
        assert_eq!(accepted.status, 202, "{}", accepted.text);
        let record = world
            .get(
                &format!(
                    "/api/token/withdrawals/{}",
                    accepted.body["withdrawalId"].as_str().expect("an id")
                ),
                &ada.token,
            )
            .await;
        let this_hour = jiff::Timestamp::from_second(now().seconds()).expect("a time").to_string()
            [..13]
            .to_owned();
        assert!(record.text.contains(&this_hour), "{}", record.text);
    }
}

#[tokio::test]
async fn f97_a_doubted_server_suspends_cancels_and_says_why() {
    let (world, clock) = clocked().await;
    let ada = world.player("ada", 10_000).await;
    let claim = as_json(&world.claim(&ada, "3000", |_| {}).await);
    let waits = world.withdraw(&ada.token, &claim).await.body["withdrawalId"]
        .as_str()
        .expect("an id")
        .to_owned();
    assert_eq!(world.get("/readyz", "").await.body["clock"], "ok");
    clock.jump(FIVE_YEARS);

    let ready = world.get("/readyz", "").await;
    assert_eq!(
        (ready.status.as_u16(), &ready.body["status"], &ready.body["clock"]),
        (503, &json!("unready"), &json!("doubted"))
    );
    assert!(
        ready.body["clockSentence"].as_str().is_some_and(|text| text.contains("ahead")),
        "{}",
        ready.text
    );
    let alerts = world.get("/api/admin/alerts", &world.admin).await;
    let doubted = alerts.body["items"]
        .as_array()
        .expect("a list")
        .iter()
        .any(|alert| alert["alert"] == "clock_doubted");
    assert!(doubted, "{}", alerts.text);
    let shown = world.get("/api/admin/clock", &world.admin).await;
    assert_eq!(
        (&shown.body["state"], &shown.body["driftMilliseconds"]),
        (&json!("doubted"), &json!(FIVE_YEARS * 1_000)),
        "{}",
        shown.text
    );
    let metrics = world.metrics().await;
    assert!(metrics.text.contains("clock_doubted 1"), "{}", metrics.text);
    let suspended =
        world.post("/api/admin/suspensions", &world.admin, &json!({ "scope": "all" })).await;
    assert_eq!(suspended.status, 200, "{}", suspended.text);
    let cancelled =
        world.post(&format!("/api/withdrawals/{waits}/cancel"), &world.admin, &json!({})).await;
    assert_eq!(cancelled.status, 200, "{}", cancelled.text);
}

#[tokio::test]
async fn f97_a_clock_that_drifts_a_little_is_told_and_accepts() {
    let (world, clock) = clocked().await;
    let ada = world.player("ada", 10_000).await;
    clock.jump(20);
    let alerts = world.get("/api/admin/alerts", &world.admin).await;
    let drifts = alerts.body["items"]
        .as_array()
        .expect("a list")
        .iter()
        .any(|alert| alert["alert"] == "clock_drifts");
    assert!(drifts, "{}", alerts.text);
    let claim = as_json(&world.claim(&ada, "3000", |_| {}).await);
    assert_eq!(world.withdraw(&ada.token, &claim).await.status, 202);
}

#[tokio::test]
async fn f97_an_admin_says_what_time_it_is() {
    let (world, clock) = clocked().await;
    let ada = world.player("ada", 10_000).await;
    clock.jump(7_200);
    let accept = |seconds: i64| {
        let time =
            jiff::Timestamp::from_second(now().seconds() + seconds).expect("a time").to_string();
        let (world, json) = (&world, json!({ "time": time }));
        async move { world.post("/api/admin/clock/accept", &world.admin, &json).await }
    };
    let refused = accept(0).await;
    assert_eq!(refused.is(), (409, "CLOCK_DISAGREES"), "{}", refused.text);
    assert_eq!(refused.body["withinSeconds"], 300);
    assert_eq!(accept(7_200 + 310).await.code(), "CLOCK_DISAGREES", "{}", refused.text);
    let nonsense =
        world.post("/api/admin/clock/accept", &world.admin, &json!({ "time": "noon" })).await;
    assert_eq!(nonsense.is(), (422, "INVALID_BODY"), "{}", nonsense.text);
    let user = world
        .post("/api/admin/clock/accept", &ada.token, &json!({ "time": "2026-11-22T11:27:34Z" }))
        .await;
    assert_eq!(user.is(), (403, "FORBIDDEN"));
    let accepted = accept(7_200).await;
    assert_eq!(
        (accepted.status.as_u16(), &accepted.body["state"]),
        (200, &json!("ok")),
        "{}",
        accepted.text
    );
    assert_eq!(world.get("/readyz", "").await.status, 200);
    clock.jump(7_200 + FIVE_YEARS);
    assert_eq!(world.get("/readyz", "").await.status, 503, "the next jump is doubted again");
}

/// The word counts at once; the audit has it once there is room.
#[tokio::test]
async fn f97_a_database_that_takes_nothing_does_not_keep_the_time_in_doubt() {
    let mem = MemStore::new();
    let store = Silent::new(mem.clone());
    let parts = Parts { store: mem, behind: Arc::new(store.clone()), ..Parts::new() };
    let clock = parts.clock.clone();
    let world = World::of(parts).await;
    let mut told = world.state.engine().hub.listen();
    store.fill(true);
    clock.jump(7_200);
    let time = jiff::Timestamp::from_second(now().seconds() + 7_200).expect("a time").to_string();
    let accepted =
        world.post("/api/admin/clock/accept", &world.admin, &json!({ "time": time })).await;
    assert_eq!(
        (accepted.status.as_u16(), &accepted.body["state"]),
        (200, &json!("ok")),
        "{}",
        accepted.text
    );
    tokio::time::sleep(Duration::from_millis(500)).await;
    store.fill(false);
    let kept = async {
        loop {
            let event = told.recv().await.expect("the hub lives");
            if let EventKind::ClockAccepted { .. } = event.kind {
                return event.actor.clone();
            }
        }
    };
    let actor =
        tokio::time::timeout(Duration::from_secs(60), kept).await.expect("it is in the audit");
    assert!(matches!(actor, Actor::Admin { .. }), "{actor:?}");
}
