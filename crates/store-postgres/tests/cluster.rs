//! What only Postgres does: replicas that start together, sessions that are cut, readers who see
//! their own.

use std::sync::Arc;

use adit_core::{Batch, Change, Keys, Row, Span, Timestamp};
use adit_devnet::postgres::Postgres;
use adit_store::conformance::dump::dump;
use adit_store::conformance::journal::play;
use adit_store::conformance::sample::{self, THEN, group_id};
use adit_store::conformance::script;
use adit_store::{CommitFault, Store, StoreFault};
use adit_store_postgres::PostgresStore;

async fn cluster() -> Postgres {
    let cluster = Postgres::start(std::env::temp_dir().join("adit-store-postgres.log"))
        .await
        .expect("Postgres starts");
    cluster.create_database("adit").await.expect("a fresh cluster has no such database");
    cluster
}

async fn connect(cluster: &Postgres) -> PostgresStore {
    PostgresStore::connect(&cluster.url("adit")).await.expect("the database opens")
}

async fn sql(cluster: &Postgres, text: &str) -> String {
    cluster.sql("adit", text).await.expect("the statement runs")
}

fn new_user(number: u64) -> Batch {
    Batch {
        now: THEN,
        users: vec![Row { version: 0, row: sample::user(number) }],
        ..Batch::default()
    }
}

const ALL_BUT_ME: &str =
    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'adit'";

#[tokio::test(flavor = "multi_thread")]
async fn replicas_start_together_and_a_newer_schema_is_refused() {
    let cluster = Arc::new(cluster().await);
    let starts: Vec<_> = (0..6)
        .map(|_| {
            tokio::spawn({
                let cluster = Arc::clone(&cluster);
                async move { connect(&cluster).await }
            })
        })
        .collect();
    for start in starts {
        start.await.expect("each of them starts").ping().await.expect("and works");
    }
    assert_eq!(
        sql(&cluster, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'").await,
        "0"
    );
    let untold = "SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
                  AND obj_description(oid) IS NULL AND relname NOT LIKE '\\_sqlx%'";
    assert_eq!(sql(&cluster, untold).await, "0", "every table says what it is");
    sql(&cluster, "INSERT INTO _sqlx_migrations VALUES (999, 'later', now(), TRUE, '', 0)").await;
    let fault = PostgresStore::connect(&cluster.url("adit")).await.err();
    assert_eq!(fault, Some(StoreFault::NewerSchema { found: 999, known: 15 }));
}

/// F71: the asker takes the id, so what was given up stays given up.
#[tokio::test(flavor = "multi_thread")]
async fn f71_a_settled_question_stays_settled() {
    let cluster = cluster().await;
    let store = connect(&cluster).await;
    let id = group_id();
    let late = store.load(&Keys::default(), THEN).await.expect("the store answers");
    assert_eq!(store.was_committed(id).await, Ok(false));
    let fault = late.commit(id, new_user(1)).await.expect_err("the id is taken");
    assert_eq!(fault, CommitFault::Constraint { constraint: "commit_group_pk".to_owned() });
    assert_eq!(store.user(&sample::user_id(1)).await, Ok(None));
    assert_eq!(store.was_committed(id).await, Ok(false));
}

/// A COMMIT that may still be under way is waited for.
#[tokio::test(flavor = "multi_thread")]
async fn f71_the_question_waits_for_a_commit_under_way() {
    let cluster = cluster().await;
    let store = connect(&cluster).await;
    for (end, is_there) in [("COMMIT", true), ("ROLLBACK", false)] {
        let id = group_id();
        // Another session holds the id for a moment, as an old backend would.
        let held = format!(
            "BEGIN; INSERT INTO commit_group (id, at) VALUES ('{id}', 1); SELECT pg_sleep(0.5); \
             {end};"
        );
        let (_, answer) = tokio::join!(sql(&cluster, &held), async {
            while sql(
                &cluster,
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'",
            )
            .await
                == "0"
            {}
            store.was_committed(id).await
        });
        assert_eq!(answer, Ok(is_there), "{end}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_session_changes_nothing_and_the_next_one_works() {
    let cluster = cluster().await;
    let store = connect(&cluster).await;
    let id = group_id();
    let group = store.load(&Keys::default(), THEN).await.expect("the store answers");
    sql(&cluster, ALL_BUT_ME).await;
    let fault = group.commit(id, new_user(1)).await.expect_err("its session is gone");
    assert!(matches!(fault, CommitFault::Unwritable { .. }), "{fault:?}");
    let mut answer = store.was_committed(id).await;
    while answer.is_err() {
        answer = store.was_committed(id).await;
    }
    assert_eq!(answer, Ok(false));
    script::put(&store, vec![Change::User(sample::user(2))]).await;
}

/// F75: two groups that wait for each other in a circle; one of them is told to try again.
#[tokio::test(flavor = "multi_thread")]
async fn f75_a_deadlock_is_contention() {
    let cluster = cluster().await;
    let store = connect(&cluster).await;
    let first = store.load(&Keys::default(), THEN).await.expect("the store answers");
    let second = store.load(&Keys::default(), THEN).await.expect("the store answers");
    let (one, two) =
        tokio::join!(first.commit(group_id(), new_user(1)), second.commit(group_id(), new_user(1)));
    let faults: Vec<CommitFault> = [one, two].into_iter().filter_map(Result::err).collect();
    assert!(matches!(faults.as_slice(), [CommitFault::Contention { .. }]), "{faults:?}");
}

/// Whoever has the turn waits without a word while its other connection migrates: that may take as
/// long as a large table does.
#[tokio::test(flavor = "multi_thread")]
async fn a_migration_may_take_longer_than_an_idle_transaction() {
    const HELD: &str = "SELECT count(*) FROM pg_locks WHERE relation = '_sqlx_migrations'::regclass AND mode = \
         'AccessExclusiveLock' AND granted";
    let cluster = cluster().await;
    connect(&cluster).await.close().await;
    let slow =
        "BEGIN; LOCK TABLE _sqlx_migrations IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(7); COMMIT";
    let opened = async {
        while sql(&cluster, HELD).await == "0" {}
        PostgresStore::connect(&cluster.url("adit")).await.map(drop)
    };
    let (_, opened) = tokio::join!(sql(&cluster, slow), opened);
    assert_eq!(opened.err(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_sees_his_own_rows() {
    let cluster = cluster().await;
    let store = connect(&cluster).await;
    play(&store, 7).await;
    let as_user = |user: &str, query: &str| {
        format!("SET ROLE adit_reader; SET adit.user_id = '{user}'; {query}")
    };
    for table in ["withdrawal", "account", "event", "limit_entry"] {
        let everyone =
            sql(&cluster, &format!("SELECT count(*) FROM {table} WHERE user_id = 'player-1'"))
                .await;
        let own =
            sql(&cluster, &as_user("player-1", &format!("SELECT count(*) FROM {table}"))).await;
        assert_eq!(own.lines().last(), Some(everyone.as_str()), "{table}");
        assert_ne!(everyone, "0", "{table}");
        let nobody = sql(&cluster, &as_user("", &format!("SELECT count(*) FROM {table}"))).await;
        assert_eq!(nobody.lines().last(), Some("0"), "{table}");
        let unset =
            sql(&cluster, &format!("SET ROLE adit_reader; SELECT count(*) FROM {table}")).await;
        assert_eq!(unset.lines().last(), Some("0"), "{table}");
    }
    for statement in [
        "SELECT * FROM transfer",
        "SELECT * FROM credential",
        "UPDATE account SET held = 0",
        "DELETE FROM event",
    ] {
        assert!(cluster.sql("adit", &as_user("player-1", statement)).await.is_err(), "{statement}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_written_once_is_never_changed() {
    let cluster = cluster().await;
    let store = connect(&cluster).await;
    play(&store, 7).await;
    let before = dump(&store).await;
    for statement in [
        "UPDATE transfer SET at = 0",
        "DELETE FROM transfer",
        "UPDATE event SET at = 0",
        "DELETE FROM event",
    ] {
        assert!(cluster.sql("adit", statement).await.is_err(), "{statement}");
    }
    assert_eq!(dump(&store).await, before);
}

/// F74: a standby shows what was; it decides nothing. A load locks its rows, and a read-only
/// database refuses that.
#[tokio::test(flavor = "multi_thread")]
async fn f74_a_read_only_database_decides_nothing() {
    let cluster = cluster().await;
    let store = connect(&cluster).await;
    let keys = Keys { users: [sample::user(1).id].into(), ..Keys::default() };
    let sessions_end = async |setting: &str| {
        let setting = format!("ALTER DATABASE adit SET default_transaction_read_only = {setting}");
        cluster.sql("postgres", &setting).await.expect("the setting is kept");
        sql(&cluster, ALL_BUT_ME).await;
    };
    sessions_end("on").await;
    for _ in 0..20 {
        let loaded = store.load(&keys, THEN).await;
        assert!(loaded.is_err(), "a group was opened on a database that cannot commit it");
    }
    sessions_end("off").await;
    let mut open = false;
    for _ in 0..20 {
        open |= store.load(&keys, THEN).await.is_ok();
    }
    assert!(open, "the same store decides again once the database can be written");
}

/// F106: two processes, one of them ten minutes ahead or behind. What they commit may be dated by
/// their own clocks; leases are not.
#[tokio::test(flavor = "multi_thread")]
async fn f106_the_database_dates_leases_whatever_a_process_believes() {
    let cluster = cluster().await;
    let store = connect(&cluster).await;
    let clock = store.clock().await.expect("the store answers").expect("it has one").now;
    let far = Span::from_seconds(600);
    let near =
        |one: Timestamp, other: Timestamp| (one.micros() - other.micros()).abs() < 10_000_000;
    for believed in [clock.plus(far), clock.minus(far), clock] {
        let view =
            store.load(&Keys::default(), believed).await.expect("the store answers").take_view();
        assert!(near(view.lease_time(), clock), "{believed:?}: {:?}", view.lease_time());
        assert!(
            near(view.now, believed),
            "commits go by the process where the two are far apart: {:?}",
            view.now
        );
    }
}
