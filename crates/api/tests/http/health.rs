//! Probes: they say whether the writer commits, never wait for a database, and read it once a
//! second.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use adit_api::{openapi, serve_metrics};
use adit_core::{
    BlockRef, EvmFees, EvmMarket, Hash32, Lane, LaneState, Market, Span, TIP_AGE_MAX, Tip,
};
use adit_store::MemStore;
use futures::future::join_all;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::silent::Silent;
use crate::world::{Parts, World, now};

/// Longer than a probe may read, and much shorter than a person waits.
const PROBE_MAX: Duration = Duration::from_secs(3);
const MICROS_PER_SECOND: i64 = 1_000_000;
const PROBES: u64 = 200;
/// What the engine may ask of the store itself while all of these probes are answered.
const ENGINE_READS_MAX: u64 = PROBES / 2;
/// Longer than a scrape or a stop takes.
const BOUND: Duration = Duration::from_secs(10);

struct Probed {
    world: World,
    store: Silent,
    clock: crate::fakes::Shifted,
}

async fn probed() -> Probed {
    let mem = MemStore::new();
    let store = Silent::new(mem.clone());
    let parts = Parts { store: mem, behind: Arc::new(store.clone()), ..Parts::new() };
    let clock = parts.clock.clone();
    Probed { world: World::of(parts).await, store, clock }
}

#[tokio::test]
async fn f98_a_silent_database_is_told_within_seconds_and_no_probe_hangs() {
    let Probed { world, store, clock } = probed().await;
    let ready = world.get("/readyz", "").await;
    assert_eq!(
        (ready.status.as_u16(), &ready.body["store"]),
        (200, &json!("ok")),
        "{}",
        ready.text
    );
    assert!(
        ready.body["lastCommitAgeSeconds"].as_u64().is_some_and(|age| age < 5),
        "{}",
        ready.text
    );
    store.fall_silent();
    // What was read of the lanes is told for a second.
    clock.0.fetch_add(2 * MICROS_PER_SECOND, Ordering::Relaxed);
    let began = Instant::now();
    let at_once = world.get("/readyz", "").await;
    assert!(began.elapsed() < PROBE_MAX, "a probe waited for the database");
    assert_eq!(at_once.body["lanes"][0]["state"], "unknown", "{}", at_once.text);
    clock.0.fetch_add(6 * MICROS_PER_SECOND, Ordering::Relaxed);
    let later = world.get("/readyz", "").await;
    assert_eq!(
        (later.status.as_u16(), &later.body["status"]),
        (503, &json!("unready")),
        "{}",
        later.text
    );
    assert_eq!(later.body["store"], "unavailable");
    assert!(
        later.body["lastCommitAgeSeconds"].as_u64().is_some_and(|age| age >= 5),
        "{}",
        later.text
    );
}

/// A lane that runs and finds no endpoint that answers plans nothing: it was said to run, and the
/// server to be ready.
#[tokio::test]
async fn a_lane_that_does_not_know_its_chain_is_not_said_to_pay() {
    let Probed { world, clock, .. } = probed().await;
    let seen = |seconds: u64| {
        let at = now().minus(Span::from_seconds(seconds));
        let head = BlockRef { height: 9, hash: Hash32([9; 32]) };
        let fees = EvmFees { max_fee_per_gas: 2, max_priority_fee_per_gas: 1 };
        Tip {
            head,
            final_height: 7,
            market: Market::Evm(EvmMarket { base_fee_per_gas: 1, fees }),
            mined_at: now(),
            at,
        }
    };
    for (tip, status, state) in [
        (Some(seen(0)), "ready", "running"),
        (Some(seen(TIP_AGE_MAX.seconds() + 60)), "degraded", "chain_unread"),
        (None, "degraded", "chain_unread"),
    ] {
        let running = |lane: Lane| Lane {
            state: LaneState::Running,
            journal_read: lane.epoch,
            tip: tip.clone(),
            ..lane
        };
        world.lane_becomes(running).await;
        // What was read of the lanes is told for a second. Three of them are still less than the
        // writer may be silent.
        clock.0.fetch_add(MICROS_PER_SECOND + 100_000, Ordering::Relaxed);
        let ready = world.get("/readyz", "").await;
        assert_eq!(
            (&ready.body["status"], &ready.body["lanes"][0]["state"]),
            (&json!(status), &json!(state)),
            "{}",
            ready.text
        );
        assert_eq!(ready.status, 200, "it accepts all the same");
    }
}

#[tokio::test]
async fn f98_an_idle_writer_stays_ready_by_its_heartbeat() {
    let Probed { world, .. } = probed().await;
    let first = world.get("/readyz", "").await.body["lastCommitAt"].clone();
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    let second = world.get("/readyz", "").await;
    assert_eq!(second.status, 200);
    assert_ne!(second.body["lastCommitAt"], first, "nobody asked for anything, and it committed");
}

/// Two hundred probes were two hundred reads of the database.
#[tokio::test]
async fn p32_probes_read_once_a_second() {
    let Probed { world, store, clock } = probed().await;
    let before = store.reads().so_far();
    for answer in join_all((0..PROBES).map(|_| world.get("/readyz", ""))).await {
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
    for answer in join_all((0..PROBES).map(|_| world.metrics())).await {
        assert!(answer.text.contains("adit_store_up 1"), "{}", answer.text);
    }
    let after = store.reads().so_far();
    for ((what, before), after) in ["loads", "lanes", "counts"].into_iter().zip(before).zip(after) {
        assert!(
            after - before < ENGINE_READS_MAX,
            "{what}: {} for {PROBES} probes of each kind",
            after - before
        );
    }
    let told = world.metrics().await.text;
    assert_eq!(world.get("/api/nothing", &world.admin).await.status, 404);
    clock.0.fetch_add(2 * MICROS_PER_SECOND, Ordering::Relaxed);
    let [_, _, before] = store.reads().so_far();
    let later = world.metrics().await.text;
    let [_, _, after] = store.reads().so_far();
    assert!(after > before && later != told, "a second later it is read again");
    assert!(later.contains("adit_refusals_total{code=\"ROUTE_NOT_FOUND\"} 1"), "{later}");
}

/// A scrape hung for as long as the database did.
#[tokio::test]
async fn f98_a_scrape_does_not_wait_for_a_silent_database() {
    let Probed { world, store, .. } = probed().await;
    store.fall_silent();
    let told = tokio::time::timeout(BOUND, world.metrics())
        .await
        .expect("a scrape waited for the database");
    assert!(told.text.contains("adit_store_up 0"), "{}", told.text);
}

/// Anybody who could reach the API read balances and volumes.
#[tokio::test]
async fn p32_metrics_are_not_on_the_public_address() {
    let Probed { world, .. } = probed().await;
    for token in ["", world.admin.as_str()] {
        assert_eq!(world.get("/metrics", token).await.is(), (404, "ROUTE_NOT_FOUND"));
    }
    assert!(openapi()["paths"]["/metrics"].is_null(), "it is not described either");
    let scraped = world.metrics().await;
    assert_eq!(scraped.status, 200);
    assert!(
        scraped.header("content-type").starts_with("application/openmetrics-text"),
        "{:?}",
        scraped.headers
    );
    for path in ["/", "/healthz", "/readyz", "/api/me", "/api/docs", "/metrics/"] {
        assert_eq!(world.get_beside(path).await.is(), (404, "ROUTE_NOT_FOUND"), "{path}");
    }
}

#[tokio::test]
async fn p32_the_address_of_the_metrics_ends_with_the_server() {
    let Probed { world, .. } = probed().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let served = tokio::spawn(serve_metrics(listener, world.state.clone()));
    // It is kept open, as Prometheus keeps it.
    let mut socket = TcpStream::connect(address).await.expect("connected");
    socket.write_all(b"GET /metrics HTTP/1.1\r\nhost: adit\r\n\r\n").await.expect("sent");
    let mut begins = [0; 15];
    tokio::time::timeout(BOUND, socket.read_exact(&mut begins))
        .await
        .expect("in time")
        .expect("an answer");
    assert_eq!(&begins, b"HTTP/1.1 200 OK");
    world.state.close();
    tokio::time::timeout(BOUND, served).await.expect("it ends").expect("it does not panic");
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens there any more");
}
