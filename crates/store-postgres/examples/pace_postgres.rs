//! Prints how many claims per second a Postgres takes, and what a limit costs at a million entries.
//! It starts a cluster of its own.
//!
//! `cargo run --release -p adit-store-postgres --example pace_postgres`

use adit_devnet::postgres::Postgres;
use adit_store::conformance::pace;
use adit_store_postgres::PostgresStore;

const USERS: u64 = 1_000;
const CLAIMS: u64 = 30_000;
const GROUPS_MAX: u64 = 500;
const ENTRIES: u64 = 1_000_000;

#[tokio::main]
async fn main() {
    let cluster =
        Postgres::start(std::env::temp_dir().join("adit-pace.log")).await.expect("Postgres starts");
    for size in [1, 16, 128, 512] {
        let store = fresh(&cluster, &format!("pace{size}")).await;
        pace::prepare(&store, USERS).await;
        let rate =
            pace::claims_per_second(&store, USERS, (CLAIMS / size).min(GROUPS_MAX), size).await;
        println!("{USERS:>6} users, groups of {size:>4}: {rate:>8.0} claims/s");
    }
    let seconds = pace::limit_seconds(&fresh(&cluster, "limit").await, ENTRIES).await;
    println!("a limit at {ENTRIES} entries: {:.0} µs", seconds * 1e6);
}

async fn fresh(cluster: &Postgres, name: &str) -> PostgresStore {
    cluster.create_database(name).await.expect("a fresh cluster has no such database");
    PostgresStore::connect(&cluster.url(name)).await.expect("a fresh database opens")
}
