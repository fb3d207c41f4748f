//! What tests of a lost database need: a wire that can be cut, and a second host.
#![allow(dead_code)]

pub mod forwarder;
pub mod standby;

use std::time::{Duration, Instant};

use adit_core::{Keys, Timestamp};
use adit_devnet::postgres::Postgres;
use adit_store::conformance::sample;
use adit_store::{Group, Store, StoreFault};
use adit_store_postgres::PostgresStore;

/// Tests fail instead of hanging.
pub const PATIENCE: Duration = Duration::from_secs(15);

pub fn log() -> std::path::PathBuf {
    std::env::temp_dir().join("adit-store-postgres.log")
}

pub async fn cluster() -> Postgres {
    let cluster = Postgres::start(log()).await.expect("Postgres starts");
    cluster.create_database("adit").await.expect("a fresh cluster has no such database");
    cluster
}

pub fn url(port: u16) -> String {
    format!("postgres://postgres@127.0.0.1:{port}/adit")
}

pub async fn connect(port: u16) -> PostgresStore {
    PostgresStore::connect(&url(port)).await.expect("the database opens")
}

/// Runs SQL, as the superuser, in a session of its own.
pub async fn sql(port: u16, text: &'static str) -> Option<String> {
    use sqlx::{Connection, Row};
    let mut session = sqlx::PgConnection::connect(&url(port)).await.expect("the database answers");
    let rows = sqlx::raw_sql(text).fetch_all(&mut session).await.expect("the statement runs");
    rows.first().map(|row| row.try_get_unchecked::<String, _>(0).expect("its first column is text"))
}

pub async fn within<T>(what: &str, work: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, work)
        .await
        .unwrap_or_else(|_| panic!("{what} did not end within {} s", PATIENCE.as_secs()))
}

/// Asks until it is so.
pub async fn until(what: &str, mut asked: impl AsyncFnMut() -> bool) {
    let started = Instant::now();
    while !asked().await {
        assert!(started.elapsed() < PATIENCE, "waited for {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

pub async fn load(store: &PostgresStore) -> Result<Box<dyn Group>, StoreFault> {
    let keys = Keys { users: [sample::user_id(1)].into(), ..Keys::default() };
    within("a load", store.load(&keys, Timestamp::from_micros(0))).await
}

/// Loads until something else than a lost connection is answered.
pub async fn load_at_last(store: &PostgresStore) -> Result<Box<dyn Group>, StoreFault> {
    let started = Instant::now();
    loop {
        match load(store).await {
            Err(StoreFault::Unreachable { .. } | StoreFault::Contention { .. })
                if started.elapsed() < 2 * PATIENCE =>
            {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            other => return other,
        }
    }
}
