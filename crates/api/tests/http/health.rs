//! Probes: they say whether the writer commits, and never wait for a database.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use adit_store::MemStore;
use serde_json::json;

use crate::silent::Silent;
use crate::world::{Parts, World};

/// Longer than a probe may read, and much shorter than a person waits.
const PROBE_MAX: Duration = Duration::from_secs(3);
const MICROS_PER_SECOND: i64 = 1_000_000;

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
    assert_eq!((ready.status.as_u16(), &ready.body["store"]), (200, &json!("ok")), "{}", ready.text);
    assert!(ready.body["lastCommitAgeSeconds"].as_u64().is_some_and(|age| age < 5), "{}", ready.text);
    store.fall_silent();
    let began = Instant::now();
    let at_once = world.get("/readyz", "").await;
    assert!(began.elapsed() < PROBE_MAX, "a probe waited for the database");
    assert_eq!(at_once.body["lanes"][0]["state"], "unknown", "{}", at_once.text);
    clock.0.fetch_add(6 * MICROS_PER_SECOND, Ordering::Relaxed);
    let later = world.get("/readyz", "").await;
    assert_eq!((later.status.as_u16(), &later.body["status"]), (503, &json!("unready")), "{}", later.text);
    assert_eq!(later.body["store"], "unavailable");
    assert!(later.body["lastCommitAgeSeconds"].as_u64().is_some_and(|age| age >= 5), "{}", later.text);
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
