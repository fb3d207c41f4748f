//! Case F98: a database host that disappears without a reset is a fault within seconds, never a
//! wait.

mod support;

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use adit_core::{Batch, Change, GroupId, Row};
use adit_store::conformance::sample::{self, THEN, group_id};
use adit_store::conformance::script;
use adit_store::{CommitFault, Store, StoreFault};
use adit_store_postgres::PostgresStore;
use support::forwarder::{Forwarder, Wire};
use support::{cluster, connect, load, load_at_last, sql, until, within};

fn new_user(number: u64) -> Batch {
    Batch {
        now: THEN,
        users: vec![Row { version: 0, row: sample::user(number) }],
        ..Batch::default()
    }
}

async fn commit(store: &PostgresStore, id: GroupId) -> Result<(), CommitFault> {
    let group = load(store).await.expect("the store answers");
    within("a commit", group.commit(id, new_user(1))).await
}

/// Asks until the database answers again.
async fn settled(store: &PostgresStore, id: GroupId) -> bool {
    let started = Instant::now();
    loop {
        match within("the question", store.was_committed(id)).await {
            Ok(answer) => return answer,
            Err(fault) => assert!(started.elapsed() < Duration::from_secs(30), "{fault}"),
        }
    }
}

/// Polls so many times, and drops what is not ready then.
async fn given_up_after(polls: usize, work: impl Future) {
    let (mut work, mut left) = (pin!(work), polls);
    poll_fn(|context| {
        let Some(rest) = left.checked_sub(1) else { return Poll::Ready(()) };
        left = rest;
        work.as_mut().poll(context).map(drop)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f98_an_idle_host_that_falls_silent_is_unreachable() {
    let cluster = cluster().await;
    let wire = Forwarder::to(cluster.port()).await;
    let store = connect(wire.port()).await;
    script::put(&store, vec![Change::User(sample::user(1))]).await;
    wire.set(Wire::Silent);
    for _ in 0..2 {
        let fault = load(&store).await.err();
        assert!(matches!(fault, Some(StoreFault::Unreachable { .. })), "{fault:?}");
    }
    assert!(within("a read", store.user(&sample::user_id(1))).await.is_err());
    assert!(within("a ping", store.ping()).await.is_err());
    assert!(within("the question", store.was_committed(group_id())).await.is_err());
    wire.set(Wire::Open);
    let back = Instant::now();
    assert!(load_at_last(&store).await.is_ok());
    assert!(
        back.elapsed() < Duration::from_secs(5),
        "it serves again at once: {:?}",
        back.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn f98_a_host_that_falls_silent_under_a_load_holds_its_locks_for_seconds() {
    const HELD: &str = "BEGIN; SELECT FROM app_user FOR UPDATE; SELECT pg_sleep(2); COMMIT";
    const WAITS: &str = "SELECT count(*)::text FROM pg_stat_activity WHERE application_name = 'adit' AND \
         wait_event_type = 'Lock'";
    let cluster = cluster().await;
    let port = cluster.port();
    let wire = Forwarder::to(port).await;
    let (store, other) = (connect(wire.port()).await, connect(port).await);
    script::put(&store, vec![Change::User(sample::user(1))]).await;
    let holder = tokio::spawn(async move { cluster.sql("adit", HELD).await.map(|_| cluster) });
    until("the row to be held", async || {
        sql(port, "SELECT count(*)::text FROM pg_stat_activity WHERE wait_event = 'PgSleep'")
            .await
            .as_deref()
            == Some("1")
    })
    .await;
    let (loaded, _) = tokio::join!(load(&store), async {
        until("the load to wait", async || sql(port, WAITS).await.as_deref() == Some("1")).await;
        wire.set(Wire::Silent);
    });
    let fault = loaded.err();
    assert!(matches!(fault, Some(StoreFault::Unreachable { .. })), "{fault:?}");
    let _cluster = holder.await.expect("the holder ends").expect("and lets go");
    // The silent group got the lock meanwhile: the server itself ends it.
    let freed = Instant::now();
    assert!(load_at_last(&other).await.is_ok());
    assert!(freed.elapsed() < Duration::from_secs(10), "{:?}", freed.elapsed());
    wire.set(Wire::Open);
    assert!(load_at_last(&store).await.is_ok());
}

/// The COMMIT is under way somewhere, and may arrive at any time.
#[tokio::test(flavor = "multi_thread")]
async fn f98_a_commit_that_never_arrived_is_settled_before_it_arrives_late() {
    let cluster = cluster().await;
    let wire = Forwarder::to(cluster.port()).await;
    let (store, other) = (connect(wire.port()).await, connect(cluster.port()).await);
    let id = group_id();
    wire.set(Wire::SilentBeforeCommit);
    let fault = commit(&store, id).await.expect_err("COMMIT did not arrive");
    assert!(matches!(fault, CommitFault::Unknown { .. }), "{fault:?}");
    assert!(
        within("the question", store.was_committed(id)).await.is_err(),
        "nobody answers yet, and it can be asked again"
    );
    assert!(!settled(&other, id).await);
    wire.set(Wire::Open);
    assert!(!settled(&store, id).await);
    assert!(load_at_last(&store).await.is_ok());
    assert_eq!(
        store.user(&sample::user_id(1)).await,
        Ok(None),
        "what arrived late changed nothing"
    );
    assert!(!settled(&store, id).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn f98_a_commit_whose_answer_never_came_is_read_back() {
    let cluster = cluster().await;
    let wire = Forwarder::to(cluster.port()).await;
    let store = connect(wire.port()).await;
    let id = group_id();
    wire.set(Wire::SilentAfterCommit);
    let fault = commit(&store, id).await.expect_err("its answer does not come");
    assert!(matches!(fault, CommitFault::Unknown { .. }), "{fault:?}");
    wire.set(Wire::Open);
    assert!(settled(&store, id).await);
    assert!(settled(&store, id).await, "as often as it is asked");
    assert!(store.user(&sample::user_id(1)).await.expect("the store answers").is_some());
}

/// Whoever asks may give up while BEGIN is on its way, as a health check does after a second. The
/// connection comes back to the pool with no transaction open in it: what is done in it next would
/// neither be committed nor be read from the present.
#[tokio::test(flavor = "multi_thread")]
async fn f98_a_read_that_was_given_up_leaves_no_transaction_open() {
    const OPEN: &str = "SELECT count(*)::text FROM pg_stat_activity WHERE application_name = 'adit' AND state \
         LIKE 'idle in transaction%'";
    let cluster = cluster().await;
    let store = connect(cluster.port()).await;
    for polls in (0..8).cycle().take(24) {
        given_up_after(polls, store.incarnation()).await;
        // The server itself ends what stays open for ten seconds.
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(
            sql(cluster.port(), OPEN).await.as_deref(),
            Some("0"),
            "given up after {polls} polls"
        );
    }
}
