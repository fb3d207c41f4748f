//! Cases F72 and F101: the database that answers now is not the one that was written to.

mod support;

use adit_core::{
    Batch, Change, Epoch, GroupId, Keys, Lane, Lease, LeaseToken, ReplicaId, Row, WentBack,
};
use adit_devnet::postgres::Postgres;
use adit_store::conformance::sample::{self, THEN, group_id};
use adit_store::conformance::script;
use adit_store::{CommitFault, CommitWait, Replication, Standbys, Store, StoreFault};
use adit_store_postgres::PostgresStore;
use support::forwarder::{Forwarder, Wire};
use support::standby::Standby;
use support::{cluster, connect, load, load_at_last, sql, until, within};

/// A primary, its asynchronous standby, the wire between the two and the wire to whichever is
/// served.
struct Pair {
    primary: Postgres,
    standby: Standby,
    replication: Forwarder,
    served: Forwarder,
    store: PostgresStore,
}

impl Pair {
    async fn start() -> Self {
        let primary = cluster().await;
        let (replication, served) =
            (Forwarder::to(primary.port()).await, Forwarder::to(primary.port()).await);
        let store = connect(served.port()).await;
        script::put(&store, vec![Change::User(sample::user(1))]).await;
        let standby = Standby::of(replication.port()).await;
        Self { primary, standby, replication, served, store }
    }

    /// The primary's host is lost, and whoever watches over the two promotes the other one. What
    /// the wire between them holds stays there.
    async fn fail_over(&mut self) {
        self.primary.crash().await.expect("it ends");
        self.standby.promote().await;
        self.served.retarget(self.standby.port());
    }
}

async fn commit(store: &PostgresStore, changes: Vec<Change>) -> GroupId {
    within("a commit", script::try_put(store, changes)).await.expect("nothing stands against it")
}

fn went_back(loaded: Result<Box<dyn adit_store::Group>, StoreFault>) -> WentBack {
    match loaded.err() {
        Some(StoreFault::WentBack { because }) => because,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f101_a_lost_group_is_noticed_on_the_first_new_connection() {
    let mut pair = Pair::start().await;
    let kept = commit(&pair.store, vec![Change::User(sample::user(2))]).await;
    pair.standby.caught_up(pair.primary.port()).await;
    pair.replication.set(Wire::Silent);
    let lost = commit(&pair.store, vec![Change::User(sample::user(3))]).await;
    pair.fail_over().await;
    assert_eq!(went_back(load_at_last(&pair.store).await), WentBack::GroupMissing { group: lost });
    assert_eq!(
        went_back(load(&pair.store).await),
        WentBack::GroupMissing { group: lost },
        "it stands until it is accepted"
    );
    assert_eq!(pair.store.user(&sample::user_id(3)).await, Ok(None), "reads go on");
    pair.store.accept_history();
    assert!(load_at_last(&pair.store).await.is_ok());
    commit(&pair.store, vec![Change::User(sample::user(4))]).await;
    assert_eq!(
        (pair.store.was_committed(kept).await, pair.store.was_committed(lost).await),
        (Ok(true), Ok(false))
    );
    // The old primary wakes, and the wire leads there: it is another history again.
    pair.primary.start_again().await.expect("it starts");
    pair.served.retarget(pair.primary.port());
    sql(
        pair.standby.port(),
        "SELECT count(pg_terminate_backend(pid))::text FROM pg_stat_activity \
        WHERE application_name = 'adit'",
    )
    .await;
    went_back(load_at_last(&pair.store).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn f101_a_promotion_that_lost_nothing_is_noticed_by_its_timeline() {
    let mut pair = Pair::start().await;
    commit(&pair.store, vec![Change::User(sample::user(2))]).await;
    pair.standby.caught_up(pair.primary.port()).await;
    pair.fail_over().await;
    let because = went_back(load_at_last(&pair.store).await);
    let WentBack::OtherTimeline { before, now } = because else { panic!("{because:?}") };
    assert!(
        before.ends_with("timeline 00000001") && now.ends_with("timeline 00000002"),
        "{before}, {now}"
    );
    pair.store.accept_history();
    assert!(load_at_last(&pair.store).await.is_ok());
    assert!(pair.store.user(&sample::user_id(2)).await.expect("the store answers").is_some());
}

/// Whatever a lease says, nothing can be decided on a history that lost what was decided under it.
#[tokio::test(flavor = "multi_thread")]
async fn f72_no_group_opens_or_commits_after_commits_were_lost_under_one_lease() {
    let mut pair = Pair::start().await;
    let lease = Lease {
        owner: ReplicaId(sample::uuid(10, 1)),
        until: sample::at(1 << 30),
        token: LeaseToken(sample::uuid(11, 1)),
    };
    let leased = Lane { lease: Some(lease), epoch: Epoch(1), next_nonce: 7, ..sample::lane() };
    commit(&pair.store, vec![Change::Lane(leased.clone())]).await;
    pair.standby.caught_up(pair.primary.port()).await;
    pair.replication.set(Wire::Silent);
    let reserved = Lane { next_nonce: 8, ..leased.clone() };
    let lost = commit(
        &pair.store,
        vec![
            Change::Lane(reserved),
            Change::Lineage(sample::lineage(1, 7, vec![sample::leg(1, 1)])),
        ],
    )
    .await;
    // Loaded before the failover; its connection ends with the primary.
    let open = load(&pair.store).await.expect("the primary answers");
    pair.fail_over().await;
    let keys = script::of_lane(sample::lane_id());
    until("the new primary to answer", async || {
        !matches!(pair.store.load(&keys, THEN).await, Err(StoreFault::Unreachable { .. }))
    })
    .await;
    assert_eq!(
        went_back(pair.store.load(&keys, THEN).await),
        WentBack::GroupMissing { group: lost }
    );
    let batch = Batch {
        now: THEN,
        users: vec![Row { version: 0, row: sample::user(9) }],
        ..Batch::default()
    };
    let fault = open.commit(group_id(), batch).await.expect_err("it is not decided here");
    assert!(matches!(fault, CommitFault::Unwritable { .. }), "{fault:?}");
    // The lease stands, unexpired, with the number that the lost payment has: what the store
    // refuses to hand out.
    assert_eq!(pair.store.lane(&sample::lane_id()).await, Ok(Some(leased)));
    assert_eq!(pair.store.lineage_at(&sample::lane_id(), 7).await, Ok(None));
}

/// A split brain: the old primary lives on, and a group is open on it while a new connection finds
/// the new one.
#[tokio::test(flavor = "multi_thread")]
async fn f101_an_open_group_is_not_committed_to_the_history_that_was_left() {
    const END_IDLE: &str = "SELECT count(pg_terminate_backend(pid))::text FROM pg_stat_activity WHERE \
         application_name = 'adit' AND state = 'idle'";
    let pair = Pair::start().await;
    pair.standby.caught_up(pair.primary.port()).await;
    pair.replication.set(Wire::Silent);
    pair.standby.promote().await;
    pair.served.retarget(pair.standby.port());
    let open = load(&pair.store).await.expect("its connection leads to the old primary");
    sql(pair.primary.port(), END_IDLE).await;
    until("a new connection", async || {
        matches!(pair.store.load(&Keys::default(), THEN).await, Err(StoreFault::WentBack { .. }))
    })
    .await;
    let id = group_id();
    let fault = open
        .commit(id, Batch { now: THEN, ..Batch::default() })
        .await
        .expect_err("it is not decided there");
    assert!(
        matches!(&fault, CommitFault::Unwritable { detail } if detail.contains("went back")),
        "{fault:?}"
    );
    let old = connect(pair.primary.port()).await;
    assert_eq!(within("the question", old.was_committed(id)).await, Ok(false));
}

/// A commit without an answer is not looked for; once it was read back, it is.
#[tokio::test(flavor = "multi_thread")]
async fn f101_a_group_counts_once_it_is_known_to_be_committed() {
    let cluster = cluster().await;
    let wire = Forwarder::to(cluster.port()).await;
    let (store, other) = (connect(wire.port()).await, connect(cluster.port()).await);
    let end_sessions = || {
        sql(
            cluster.port(),
            "SELECT count(pg_terminate_backend(pid))::text FROM pg_stat_activity WHERE \
             application_name = 'adit'",
        )
    };
    for (wish, found) in [(Wire::SilentBeforeCommit, false), (Wire::SilentAfterCommit, true)] {
        let id = group_id();
        let group = load(&store).await.expect("the store answers");
        wire.set(wish);
        let fault =
            within("a commit", group.commit(id, Batch { now: THEN, ..Batch::default() })).await;
        assert!(matches!(fault, Err(CommitFault::Unknown { .. })), "{fault:?}");
        if !found {
            // Asked past the wire: else its COMMIT may arrive before the question does.
            assert_eq!(within("the question", other.was_committed(id)).await, Ok(false));
        }
        wire.set(Wire::Open);
        assert!(
            load_at_last(&store).await.is_ok(),
            "{wish:?}: a group that may not be there is not sought"
        );
        let mut answer = store.was_committed(id).await;
        while answer.is_err() {
            answer = within("the question", store.was_committed(id)).await;
        }
        assert_eq!(answer, Ok(found), "{wish:?}");
        sql(cluster.port(), "DELETE FROM commit_group").await;
        end_sessions().await;
        let loaded = load_at_last(&store).await;
        if found {
            assert_eq!(went_back(loaded), WentBack::GroupMissing { group: id });
        } else {
            assert!(loaded.is_ok(), "what was not committed is not missing");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f101_a_standby_is_refused() {
    let pair = Pair::start().await;
    pair.standby.caught_up(pair.primary.port()).await;
    pair.served.retarget(pair.standby.port());
    sql(
        pair.primary.port(),
        "SELECT count(pg_terminate_backend(pid))::text FROM pg_stat_activity \
        WHERE application_name = 'adit'",
    )
    .await;
    let fault = load(&pair.store).await.err();
    assert!(
        matches!(&fault, Some(StoreFault::Unreachable { detail }) if detail.contains("standby")),
        "{fault:?}"
    );
    pair.served.retarget(pair.primary.port());
    assert!(load_at_last(&pair.store).await.is_ok(), "it is the same history as before");
}

#[tokio::test(flavor = "multi_thread")]
async fn standbys_are_counted_as_far_as_the_role_may_see_them() {
    let cluster = cluster().await;
    let store = connect(cluster.port()).await;
    let found = |commits, named, standbys| Ok(Some(Replication { commits, named, standbys }));
    let seen = |named, streaming, synchronous| {
        found(CommitWait::On, named, Standbys::Seen { streaming, synchronous })
    };
    assert_eq!(store.replication().await, seen(false, 0, 0));
    let standby = Standby::of(cluster.port()).await;
    until("the standby to stream", async || store.replication().await == seen(false, 1, 0)).await;
    // An ordinary role owns the database and nothing more: it is examined like any other, and sees
    // that somebody copies it.
    sql(cluster.port(), "CREATE ROLE plain LOGIN").await;
    sql(cluster.port(), "CREATE DATABASE plain OWNER plain").await;
    let url = format!("postgres://plain@127.0.0.1:{}/plain", cluster.port());
    let plain = async || PostgresStore::connect(&url).await;
    let unseen = Standbys::Unseen { connected: 1 };
    assert_eq!(
        plain().await.expect("it opens").replication().await,
        found(CommitWait::On, false, unseen)
    );
    sql(cluster.port(), "ALTER SYSTEM SET synchronous_standby_names = '*'").await;
    sql(cluster.port(), "SELECT pg_reload_conf()::text").await;
    until("the standby to be synchronous", async || store.replication().await == seen(true, 1, 1))
        .await;
    let waiting = plain().await.expect("it opens");
    assert_eq!(
        waiting.replication().await,
        found(CommitWait::On, true, unseen),
        "the names of the configuration are seen by all"
    );
    script::put(&waiting, vec![Change::User(sample::user(1))]).await;
    let settings = [
        ("ALTER ROLE plain SET synchronous_commit = 'local'", CommitWait::Local),
        ("ALTER ROLE plain SET synchronous_commit = 'remote_write'", CommitWait::RemoteWrite),
        ("ALTER ROLE plain SET synchronous_commit = 'remote_apply'", CommitWait::RemoteApply),
    ];
    for (setting, commits) in settings {
        sql(cluster.port(), setting).await;
        assert_eq!(
            plain().await.expect("it opens").replication().await,
            found(commits, true, unseen)
        );
    }
    drop(standby);
}

/// F101: what was answered is on disk, whatever becomes of the host; a database that answers before
/// that is not begun with.
#[tokio::test(flavor = "multi_thread")]
async fn f101_a_database_that_answers_before_it_has_written_is_refused_at_start() {
    let cluster = cluster().await;
    sql(cluster.port(), "CREATE ROLE hasty LOGIN").await;
    sql(cluster.port(), "CREATE DATABASE hasty OWNER hasty").await;
    sql(cluster.port(), "ALTER ROLE hasty SET synchronous_commit = 'off'").await;
    let url = format!("postgres://hasty@127.0.0.1:{}/hasty", cluster.port());
    let fault = PostgresStore::connect(&url).await.err().expect("refused");
    assert_eq!(fault, StoreFault::CommitsUnsynced { found: "off" });
    assert!(fault.to_string().contains("set it to on or remote_apply"), "{fault}");
    sql(cluster.port(), "ALTER ROLE hasty RESET synchronous_commit").await;
    let store = PostgresStore::connect(&url).await.expect("it opens");
    sql(cluster.port(), "ALTER ROLE hasty SET synchronous_commit = 'off'").await;
    let sessions = "SELECT count(pg_terminate_backend(pid))::text FROM pg_stat_activity WHERE \
         application_name = 'adit'";
    sql(cluster.port(), sessions).await;
    let off = async || {
        store
            .replication()
            .await
            .is_ok_and(|found| found.is_some_and(|found| found.commits == CommitWait::Off))
    };
    until("new connections to show it", off).await;
}
