//! What only a file does: schemas of other programs, a backup, triggers.

use std::path::Path;

use adit_core::Keys;
use adit_store::conformance::dump::dump;
use adit_store::conformance::journal::play;
use adit_store::conformance::sample;
use adit_store::{Store, StoreFault};
use adit_store_sqlite::SqliteStore;
use sqlx::{Connection, SqliteConnection};

async fn open(path: &Path) -> SqliteStore {
    SqliteStore::open(path).await.expect("the file opens")
}

/// As another program would, with the file to itself.
async fn run(path: &Path, statement: &'static str) {
    let url = format!("sqlite://{}", path.display());
    let mut connection = SqliteConnection::connect(&url).await.expect("the file opens");
    sqlx::raw_sql(statement).execute(&mut connection).await.expect("the statement runs");
    connection.close().await.expect("it closes");
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("adit.db");
    open(&path).await.close().await;
    let newer =
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (999, 'later', TRUE, x'00', 0)";
    run(&path, newer).await;
    let fault = SqliteStore::open(&path).await.err();
    assert_eq!(fault, Some(StoreFault::NewerSchema { found: 999, known: 7 }));
}

#[tokio::test]
async fn a_backup_is_the_same_and_is_made_while_a_group_is_open() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = open(&folder.path().join("adit.db")).await;
    play(&store, 7).await;
    let group = store.load(&Keys::default(), sample::THEN).await.expect("the store answers");
    let copy = folder.path().join("copy.db");
    store.backup(&copy).await.expect("there is room");
    drop(group);
    let copied = open(&copy).await;
    assert_eq!(dump(&copied).await, dump(&store).await);
    assert!(store.backup(&copy).await.is_err(), "a copy is never written over");
}

#[tokio::test]
async fn what_is_written_once_is_never_changed() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("adit.db");
    let store = open(&path).await;
    play(&store, 7).await;
    store.close().await;
    let mut connection = SqliteConnection::connect(&format!("sqlite://{}", path.display())).await.expect("the file opens");
    for statement in ["UPDATE transfer SET amount = amount", "DELETE FROM transfer", "UPDATE event SET at = 0", "DELETE FROM event"] {
        assert!(sqlx::raw_sql(statement).execute(&mut connection).await.is_err(), "{statement}");
    }
}
