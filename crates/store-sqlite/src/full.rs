//! F77: a full disk refuses what does not fit, keeps what was there, and takes more once there is
//! room.

use adit_core::Change;
use adit_store::CommitFault;
use adit_store::conformance::dump::dump;
use adit_store::conformance::{sample, script};

use crate::SqliteStore;

#[tokio::test]
async fn f77_a_full_disk_refuses_and_goes_on_when_there_is_room() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = SqliteStore::open(folder.path().join("adit.db")).await.expect("a fresh file opens");
    script::put(&store, vec![Change::User(sample::user(1))]).await;
    let before = dump(&store).await;
    // No more pages than there are: SQLite answers as it does when the disk is full.
    sqlx::query("PRAGMA max_page_count = 1")
        .execute(&store.writer)
        .await
        .expect("the limit is set");
    let many: Vec<Change> =
        (10..3_000).map(|number| Change::Event(sample::event(number, None, None))).collect();
    let fault = script::try_put(&store, many.clone()).await.expect_err("there is no room");
    assert!(matches!(fault, CommitFault::Unwritable { .. }), "{fault:?}");
    assert_eq!(dump(&store).await, before);
    sqlx::query("PRAGMA max_page_count = 1000000")
        .execute(&store.writer)
        .await
        .expect("the limit is lifted");
    script::put(&store, many).await;
}

/// A COMMIT that meets a full disk is rolled back by SQLite itself, and the driver does not learn
/// of it.
#[tokio::test]
async fn f77_a_transaction_that_sqlite_ended_by_itself_blocks_nobody() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = SqliteStore::open(folder.path().join("adit.db")).await.expect("a fresh file opens");
    let mut transaction = store.writer.begin_with("BEGIN IMMEDIATE").await.expect("a transaction");
    sqlx::query("ROLLBACK")
        .execute(&mut *transaction)
        .await
        .expect("as SQLite does on an I/O error");
    drop(transaction);
    script::put(&store, vec![Change::User(sample::user(1))]).await;
}
