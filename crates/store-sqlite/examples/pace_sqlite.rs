//! Prints how many claims per second a file takes, and what a limit costs at a million entries.
//!
//! `cargo run --release -p adit-store-sqlite --example pace_sqlite`

use adit_store::conformance::pace;
use adit_store_sqlite::SqliteStore;

const CROWDS: [u64; 2] = [1_000, 50_000];
const CLAIMS: u64 = 30_000;
const ENTRIES: u64 = 1_000_000;

#[tokio::main]
async fn main() {
    for (users, size) in
        CROWDS.into_iter().flat_map(|users| [(users, 1), (users, 16), (users, 128), (users, 512)])
    {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let store =
            SqliteStore::open(folder.path().join("adit.db")).await.expect("a fresh file opens");
        pace::prepare(&store, users).await;
        let groups = (CLAIMS / size).min(500);
        let rate = pace::claims_per_second(&store, users, groups, size).await;
        println!("{users:>6} users, groups of {size:>4}: {rate:>8.0} claims/s");
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = SqliteStore::open(folder.path().join("adit.db")).await.expect("a fresh file opens");
    let seconds = pace::limit_seconds(&store, ENTRIES).await;
    println!("a limit at {ENTRIES} entries: {:.0} µs", seconds * 1e6);
}
