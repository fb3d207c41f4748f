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

/// A file as the version before incarnations left it.
const ROWS_OF_BEFORE: &str = "
    INSERT INTO lane (id, next_nonce, adopted_from, journal_id, lease_owner, lease_until, epoch, status, state, tip, trail, funds, pins,
                      form, version)
    VALUES ('base:0x00000000000000000000000000000000000000AA', 7, 0, NULL, '0a000000-0000-0000-0000-000000000001', 9, 3, 'running',
            '{\"lane\":\"running\"}', NULL, '[]', '[]', '{}', 1, 4);
    INSERT INTO idempotency (principal, key, fingerprint, withdrawal_id, at)
    VALUES ('user/player-1', 'key-1', '0x0000000000000000000000000000000000000000000000000000000000000000',
            '02000000-0000-0000-0000-000000000001', 5);
    INSERT INTO account (path, kind, user_id, book, asset, debits, credits, held, version)
    VALUES ('user/player-1/xp/XP', 'user', 'player-1', 'xp', 'XP', '000000000000000000000000000000000000000',
            '000000000000000000000000000000000000009', '000000000000000000000000000000000000004', 2);
    INSERT INTO withdrawal (id, user_id, payout_id, asset, amount, destination, book, source_asset, deducted, fee, balance_before,
        balance_after, hold_id, limit_asset, limit_seq, limit_at, limit_amount, limit_cumulative, policy_revision, created_at, retry_count,
        status, state, form, version)
    VALUES ('02000000-0000-0000-0000-000000000001', 'player-1', '03000000-0000-0000-0000-000000000001', 'DG', '4',
        '0x0000000000000000000000000000000000000001', 'xp', 'XP', '4', '0', '9', '5', '06000000-0000-0000-0000-000000000001', 'DG', 1, 5, '4',
        '4', 1, 5, 0, 'pending', '{\"state\":\"pending\"}', 1, 1)";
const BEFORE_INCARNATIONS: i64 = 6;

/// A file as an older program opened it.
async fn of_before(path: &Path) -> sqlx::SqlitePool {
    let all = sqlx::migrate!();
    let then = all
        .iter()
        .filter(|migration| migration.version <= BEFORE_INCARNATIONS)
        .cloned()
        .collect::<Vec<_>>();
    let then =
        sqlx::migrate::Migrator { migrations: then.into(), ..sqlx::migrate::Migrator::DEFAULT };
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path).create_if_missing(true);
    let options = options.journal_mode(sqlx::sqlite::SqliteJournalMode::Wal);
    let pool = sqlx::SqlitePool::connect_with(options).await.expect("a fresh file opens");
    then.run(&pool).await.expect("the older schema is made");
    pool
}

#[tokio::test]
async fn rows_of_before_incarnations_are_read() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("adit.db");
    let pool = of_before(&path).await;
    sqlx::raw_sql(ROWS_OF_BEFORE).execute(&pool).await.expect("the older rows fit");
    pool.close().await;
    let store = open(&path).await;
    let lane =
        store.lane(&sample::lane_id()).await.expect("the store answers").expect("the lane is kept");
    assert_eq!(
        (
            lane.next_nonce,
            lane.epoch.0,
            lane.counter,
            lane.journal_read.0,
            lane.witness,
            lane.doubt
        ),
        (7, 3, 0, 0, None, None)
    );
    assert!(
        lane.lease.is_some_and(|lease| lease.token.0.is_nil()),
        "a lease of before has no token"
    );
    let withdrawal = store
        .withdrawal(sample::withdrawal_id(1))
        .await
        .expect("the store answers")
        .expect("the withdrawal is kept");
    assert_eq!((withdrawal.idempotency, store.incarnation().await), (None, Ok(None)));
    let key = (sample::name("user/player-1"), sample::name("key-1"));
    let keys = Keys {
        idempotency: [key.clone()].into(),
        accounts: [sample::own_account(1)].into(),
        ..Keys::default()
    };
    let mut group = store.load(&keys, sample::THEN).await.expect("the store answers");
    let view = group.take_view();
    assert!(
        view.idempotency
            .get(&key)
            .is_some_and(|record| record.as_ref().is_some_and(|record| record.client == key.0))
    );
    assert_eq!(view.balance(&sample::own_account(1)).available().base_units(), 5);
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("adit.db");
    open(&path).await.close().await;
    let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (999, 'later', TRUE, x'00', 0)";
    run(&path, newer).await;
    let fault = SqliteStore::open(&path).await.err();
    assert_eq!(fault, Some(StoreFault::NewerSchema { found: 999, known: 14 }));
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

/// A newer program copies a database of an older server while that works on it: it migrated it
/// under the server's feet.
#[tokio::test]
async fn a_copy_keeps_an_older_schema_and_changes_nothing() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (path, copy) = (folder.path().join("adit.db"), folder.path().join("copy.db"));
    let server = of_before(&path).await;
    sqlx::raw_sql(ROWS_OF_BEFORE).execute(&server).await.expect("the older rows fit");
    let mut group = server.begin().await.expect("a group begins");
    sqlx::raw_sql("UPDATE lane SET next_nonce = 8")
        .execute(&mut *group)
        .await
        .expect("the older server writes");
    let schema =
        async || SqliteStore::glance(&path).await.expect("it is read").expect("it is ours").schema;
    assert_eq!(schema().await, BEFORE_INCARNATIONS);
    SqliteStore::copy(&path, &copy).await.expect("it is copied");
    group.commit().await.expect("the older server goes on");
    assert_eq!(schema().await, BEFORE_INCARNATIONS, "the server's own schema is as before");
    let copied = SqliteStore::glance(&copy).await.expect("it is read").expect("it is ours");
    assert_eq!(copied.schema, BEFORE_INCARNATIONS);
    server.close().await;
    let lane = open(&copy)
        .await
        .lane(&sample::lane_id())
        .await
        .expect("the store answers")
        .expect("the lane is kept");
    assert_eq!(lane.next_nonce, 7, "as of one moment, and migrated where it is opened");
    assert!(SqliteStore::copy(&path, &copy).await.is_err(), "a copy is never written over");
}

#[tokio::test]
async fn only_a_database_of_adit_is_copied() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (path, copy) = (folder.path().join("other.db"), folder.path().join("copy.db"));
    assert!(SqliteStore::copy(&path, &copy).await.is_err() && !path.exists(), "none is made");
    let other = sqlx::SqlitePool::connect(&format!("sqlite://{}?mode=rwc", path.display()))
        .await
        .expect("a fresh file opens");
    sqlx::raw_sql("CREATE TABLE note (text TEXT)").execute(&other).await.expect("it is made");
    other.close().await;
    let fault = SqliteStore::copy(&path, &copy).await.err();
    assert!(matches!(fault, Some(StoreFault::Corrupt { .. })) && !copy.exists(), "{fault:?}");
}

#[tokio::test]
async fn what_is_written_once_is_never_changed() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("adit.db");
    let store = open(&path).await;
    play(&store, 7).await;
    store.close().await;
    let mut connection = SqliteConnection::connect(&format!("sqlite://{}", path.display()))
        .await
        .expect("the file opens");
    for statement in [
        "UPDATE transfer SET amount = amount",
        "DELETE FROM transfer",
        "UPDATE event SET at = 0",
        "DELETE FROM event",
    ] {
        assert!(sqlx::raw_sql(statement).execute(&mut connection).await.is_err(), "{statement}");
    }
}
