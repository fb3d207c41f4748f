//! A commit is taken whole, once, or not at all.

use adit_core::{
    Actor, Amount, Batch, Change, Keys, LimitEntry, Row, Scope, Suspension, TransferKind, User,
    UserId, Withdrawal,
};

use super::sample::{self, THEN, at, group_id, issuer, lane_id, own_account, user_id};
use super::script::{
    self, commit_batch, keys_of, keys_of_user, prepare, put, try_put, view, view_at,
};
use super::{Bed, dump::dump};
use crate::CommitFault;

fn is_contention(result: Result<(), CommitFault>) -> bool {
    matches!(result, Err(CommitFault::Contention { .. }))
}

pub async fn a_moved_version_is_contention(bed: &mut impl Bed) {
    let store = bed.store();
    prepare(&*store, 1, 100).await;
    put(
        &*store,
        vec![
            Change::Withdrawal(sample::withdrawal(1, 1, 0)),
            Change::Lineage(sample::lineage(1, 0, vec![])),
        ],
    )
    .await;
    put(&*store, vec![Change::Incarnation(sample::incarnation(1))]).await;
    let before = dump(&*store).await;
    for version in [0, 7] {
        let row = |user| Row { version, row: user };
        let of_user = Batch {
            now: THEN,
            users: vec![row(User { claim_nonce: 9, ..sample::user(1) })],
            ..Batch::default()
        };
        assert!(
            is_contention(commit_batch(&*store, group_id(), of_user).await),
            "user at {version}"
        );
        let of_account = Batch {
            now: THEN,
            accounts: vec![(own_account(1), Row { version, row: Default::default() })],
            ..Batch::default()
        };
        assert!(
            is_contention(commit_batch(&*store, group_id(), of_account).await),
            "account at {version}"
        );
        let of_withdrawal = Batch {
            now: THEN,
            withdrawals: vec![Row { version, row: sample::withdrawal(1, 1, 0) }],
            ..Batch::default()
        };
        assert!(
            is_contention(commit_batch(&*store, group_id(), of_withdrawal).await),
            "withdrawal at {version}"
        );
        let of_lineage = Batch {
            now: THEN,
            lineages: vec![Row { version, row: sample::lineage(1, 0, vec![]) }],
            ..Batch::default()
        };
        assert!(
            is_contention(commit_batch(&*store, group_id(), of_lineage).await),
            "lineage at {version}"
        );
        let of_lane = Batch {
            now: THEN,
            lanes: vec![Row { version, row: sample::lane() }],
            ..Batch::default()
        };
        assert!(
            is_contention(commit_batch(&*store, group_id(), of_lane).await),
            "lane at {version}"
        );
        let of_store = Batch {
            now: THEN,
            incarnation: Some(Row { version, row: sample::incarnation(2) }),
            ..Batch::default()
        };
        assert!(
            is_contention(commit_batch(&*store, group_id(), of_store).await),
            "incarnation at {version}"
        );
    }
    let gone = Batch {
        now: THEN,
        users: vec![Row { version: 3, row: sample::user(99) }],
        ..Batch::default()
    };
    assert!(
        is_contention(commit_batch(&*store, group_id(), gone).await),
        "a row that is not there has no version 3"
    );
    assert_eq!(dump(&*store).await, before);
    assert_eq!(store.user(&user_id(99)).await, Ok(None));
}

pub async fn a_dropped_group_changes_nothing(bed: &mut impl Bed) {
    let store = bed.store();
    prepare(&*store, 1, 100).await;
    let before = dump(&*store).await;
    let mut group = store.load(&keys_of_user(1), THEN).await.expect("the store answers");
    group.take_view().apply(vec![Change::Transfer(sample::funding(2, 1, 5))]);
    drop(group);
    assert_eq!(dump(&*store).await, before);
    assert_eq!(
        view(&*store, &keys_of_user(1)).await.balance(&own_account(1)).credits,
        Amount::new(100)
    );
}

pub async fn group_ids_are_read_back(bed: &mut impl Bed) {
    let store = bed.store();
    let committed = try_put(&*store, vec![Change::User(sample::user(1))])
        .await
        .expect("nothing stands against it");
    assert_eq!(store.was_committed(committed).await, Ok(true));
    let never = group_id();
    assert_eq!(store.was_committed(never).await, Ok(false));
    assert_eq!(store.was_committed(never).await, Ok(false), "asking leaves the answer as it is");
    let failed = group_id();
    let batch = Batch {
        now: THEN,
        users: vec![Row { version: 4, row: sample::user(1) }],
        ..Batch::default()
    };
    commit_batch(&*store, failed, batch).await.expect_err("its version is wrong");
    assert_eq!(store.was_committed(failed).await, Ok(false));
    bed.reopen().await;
    assert_eq!(bed.store().was_committed(committed).await, Ok(true));
}

pub async fn time_never_goes_back(bed: &mut impl Bed) {
    let store = bed.store();
    let mut group = store.load(&Keys::default(), at(100)).await.expect("the store answers");
    let now = group.take_view().now;
    assert!(now >= at(100));
    let batch =
        Batch { now, users: vec![Row { version: 0, row: sample::user(1) }], ..Batch::default() };
    group.commit(group_id(), batch).await.expect("nothing stands against it");
    assert!(
        view_at(&*store, &Keys::default(), at(50)).await.now >= now,
        "an earlier clock is not believed"
    );
}

/// A commit that a wrong clock dated holds the time of none that follow, and hides none of those
/// before it.
pub async fn f97_one_commit_years_ahead_holds_no_time(bed: &mut impl Bed) {
    let store = bed.store();
    const YEARS: i64 = 5 * 365 * 86_400;
    for (number, now) in [(1, at(3_000)), (2, at(YEARS))] {
        let batch = Batch {
            now,
            users: vec![Row { version: 0, row: sample::user(number) }],
            ..Batch::default()
        };
        commit_batch(&*store, group_id(), batch).await.expect("nothing stands against it");
    }
    assert_eq!(view_at(&*store, &Keys::default(), at(3_100)).await.now, at(3_100));
    assert_eq!(
        view_at(&*store, &Keys::default(), at(2_900)).await.now,
        at(3_000),
        "and time still never goes back"
    );
    bed.reopen().await;
    assert_eq!(view_at(&*bed.store(), &Keys::default(), at(3_100)).await.now, at(3_100));
}

/// A heartbeat changes no row, and is a commit like any other: it takes its id, and it moves time.
pub async fn an_empty_group_is_committed(bed: &mut impl Bed) {
    let store = bed.store();
    let mut group = store.load(&Keys::default(), at(100)).await.expect("the store answers");
    let batch = group.take_view().into_batch();
    assert!(batch.is_empty());
    let (id, now) = (group_id(), batch.now);
    group.commit(id, batch).await.expect("nothing stands against it");
    assert_eq!(store.was_committed(id).await, Ok(true));
    let again = commit_batch(&*store, id, Batch { now, ..Batch::default() }).await;
    assert_eq!(
        again,
        Err(CommitFault::Constraint { constraint: crate::constraint::COMMIT_GROUP_PK.to_owned() })
    );
    bed.reopen().await;
    assert_eq!(bed.store().was_committed(id).await, Ok(true));
    assert!(view_at(&*bed.store(), &Keys::default(), at(50)).await.now >= now);
}

/// Two processes that lease for the first time: one draws the store's first incarnation, the other
/// one finds it.
pub async fn first_incarnations_meet(bed: &mut impl Bed) {
    let store = bed.store();
    let first = |number| Batch {
        now: THEN,
        incarnation: Some(Row { version: 0, row: sample::incarnation(number) }),
        ..Batch::default()
    };
    let task = |number| {
        let store = std::sync::Arc::clone(&store);
        tokio::spawn(async move { commit_batch(&*store, group_id(), first(number)).await })
    };
    let (one, two) = (task(1), task(2));
    let done = [one.await.expect("the task ends"), two.await.expect("the task ends")];
    let winner = done.iter().position(Result::is_ok).expect("one of them is the first");
    assert!(is_contention(done[1 - winner].clone()), "{done:?}");
    assert_eq!(store.incarnation().await, Ok(Some(sample::incarnation(winner as u64 + 1))));
    let gone = commit_batch(
        &*store,
        group_id(),
        Batch { incarnation: Some(Row { version: 2, row: sample::incarnation(3) }), ..first(3) },
    );
    assert!(is_contention(gone.await), "it is at version 1");
}

/// A payment that no row explained belongs to nobody until a person says whose it was (case F95).
pub async fn a_payment_is_matched_to_its_user(bed: &mut impl Bed) {
    let store = bed.store();
    prepare(&*store, 1, 100).await;
    let unknown: UserId = sample::name("unknown");
    let limit = LimitEntry { user: unknown.clone(), ..sample::withdrawal(1, 1, 0).limit };
    let nobodys = Withdrawal {
        user: unknown,
        limit,
        claim: None,
        idempotency: None,
        ..sample::withdrawal(1, 1, 0)
    };
    put(&*store, vec![Change::Withdrawal(nobodys.clone())]).await;
    assert_eq!(store.withdrawal(nobodys.id).await, Ok(Some(nobodys.clone())));
    let limit = LimitEntry { user: user_id(1), ..nobodys.limit.clone() };
    let theirs = Withdrawal { user: user_id(1), book: sample::name("pool"), limit, ..nobodys };
    put(&*store, vec![Change::Withdrawal(theirs.clone())]).await;
    assert_eq!(store.withdrawal(theirs.id).await, Ok(Some(theirs.clone())));
    let own = crate::WithdrawalFilter { user: Some(user_id(1)), ..Default::default() };
    assert_eq!(store.withdrawals(&own, None, 10).await.map(|page| page.items), Ok(vec![theirs]));
}

/// 2^128 - 1 is 39 digits; 2^63, 10^38 and their neighbours are where other types end.
pub async fn amounts_of_any_size_survive(bed: &mut impl Bed) {
    let store = bed.store();
    let sizes = [1, u128::from(u64::MAX), 1 << 63, 10u128.pow(26) - 1, 10u128.pow(38), u128::MAX];
    for (number, size) in (1..).zip(sizes) {
        let (account, other) = (
            own_account(number),
            adit_core::Account::Treasury { asset: sample::name(&format!("A{number}")) },
        );
        let funding = sample::transfer(number, TransferKind::Post, other, account.clone(), size);
        let hold =
            sample::transfer(100 + number, TransferKind::Hold, account.clone(), issuer(), size);
        put(&*store, vec![Change::Transfer(funding), Change::Transfer(hold)]).await;
        let keys = Keys { accounts: [account.clone()].into(), ..Keys::default() };
        let balance = view(&*store, &keys).await.balance(&account);
        assert_eq!(
            (balance.credits.base_units(), balance.held.base_units(), balance.debits),
            (size, size, Amount::ZERO)
        );
    }
}

/// Whatever comes together with a resumption, a suspension that was asked for last stands.
pub async fn suspensions_fail_closed(bed: &mut impl Bed) {
    let store = bed.store();
    let suspension = |reason: &str| Suspension {
        scope: Scope::All,
        by: Actor::Engine,
        reason: reason.to_owned(),
        since: THEN,
    };
    put(&*store, vec![Change::Suspended(suspension("first"))]).await;
    put(&*store, vec![Change::Resumed(Scope::All), Change::Suspended(suspension("second"))]).await;
    assert_eq!(store.suspensions().await, Ok(vec![suspension("second")]));
    let seen = view(&*store, &Keys::default()).await;
    assert_eq!(seen.suspensions.get(&Scope::All), Some(&suspension("second")));
    put(&*store, vec![Change::Suspended(suspension("third"))]).await;
    assert_eq!(
        store.suspensions().await,
        Ok(vec![suspension("third")]),
        "the newest reason is told"
    );
    let keys = keys_of(&[Change::Lane(sample::lane())]);
    assert!(script::view(&*store, &keys).await.lane(&lane_id()).is_none());
}
