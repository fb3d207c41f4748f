//! Many tasks on the same rows: nothing is lost, nothing happens twice.

use std::sync::Arc;

use adit_core::{Amount, Change, TransferKind, User, View};

use super::Bed;
use super::sample::{self, issuer, own_account, user_id};
use super::script::{self, commit, keys_of_user, put, view};
use crate::{CommitFault, Store, constraint};

const TASKS: u64 = 8;
const COMMITS_PER_TASK: u64 = 25;
const USERS: u64 = 3;
/// A commit may meet others; it may not meet them for ever.
const TRIES_MAX: usize = 1_000;

pub async fn contending_groups_lose_nothing(bed: &mut impl Bed) {
    let store = bed.store();
    let tasks: Vec<_> =
        (0..TASKS).map(|task| tokio::spawn(credit_all(Arc::clone(&store), task))).collect();
    for task in tasks {
        task.await.expect("the task ends");
    }
    let expected = Amount::new(u128::from(TASKS * COMMITS_PER_TASK));
    for user in 0..USERS {
        let seen = view(&*store, &keys_of_user(user)).await;
        assert_eq!(seen.balance(&own_account(user)).credits, expected);
        assert_eq!(
            seen.user(&user_id(user)).map(|row| row.event_seq),
            Some(TASKS * COMMITS_PER_TASK)
        );
        let feed = store.feed(&user_id(user), 0, 10_000).await.expect("the store answers");
        assert!(
            feed.iter()
                .zip(1..)
                .all(|(event, seq)| event.feed.as_ref().is_some_and(|feed| feed.seq == seq)),
            "no gap, in order"
        );
        assert_eq!(feed.len() as u64, TASKS * COMMITS_PER_TASK);
    }
    assert_eq!(
        view(&*store, &keys_of_user(0)).await.balance(&issuer()).debits.base_units(),
        expected.base_units() * u128::from(USERS)
    );
}

async fn credit_all(store: Arc<dyn Store>, task: u64) {
    for number in 0..COMMITS_PER_TASK {
        let first = (task * COMMITS_PER_TASK + number) * USERS;
        for _ in 0..TRIES_MAX {
            let mut keys = keys_of_user(0);
            (1..USERS).for_each(|user| keys.extend(keys_of_user(user)));
            let done = commit(&*store, &keys, |view| {
                (0..USERS).flat_map(|user| credit_one(view, user, first + user)).collect()
            })
            .await;
            match done {
                Ok(_) => break,
                Err(CommitFault::Contention { .. }) => tokio::task::yield_now().await,
                Err(other) => panic!("{other}"),
            }
        }
    }
}

fn credit_one(view: &View, user: u64, number: u64) -> Vec<Change> {
    let row = view.user(&user_id(user)).cloned().unwrap_or_else(|| sample::user(user));
    let seq = row.event_seq + 1;
    vec![
        Change::User(User { event_seq: seq, ..row }),
        Change::Transfer(sample::funding(number, user, 1)),
        Change::Event(sample::event(number, Some((user, seq)), None)),
    ]
}

pub async fn groups_of_many_commands(bed: &mut impl Bed) {
    const CLAIMS: u64 = 700;
    let store = bed.store();
    let funding = (0..CLAIMS).flat_map(|user| {
        [
            Change::User(sample::user(user)),
            Change::Transfer(sample::funding(10_000 + user, user, 5_000)),
        ]
    });
    put(&*store, funding.collect()).await;
    let claims: Vec<Change> = (0..CLAIMS).flat_map(claim).collect();
    put(&*store, claims.clone()).await;
    let total: u128 = (0..CLAIMS).map(|user| 1_000 + u128::from(user)).sum();
    let coverage = store.coverage().await.expect("the store answers");
    assert_eq!(coverage.iter().map(|row| row.held.base_units()).sum::<u128>(), total);
    let fault = script::try_put(&*store, claims).await.expect_err("all of it stands already");
    assert!(matches!(fault, CommitFault::Constraint { .. }), "{fault}");
}

fn claim(user: u64) -> Vec<Change> {
    let withdrawal = sample::withdrawal(user, user, 0);
    let amount = withdrawal.amount.base_units();
    vec![
        Change::Transfer(sample::transfer(
            user,
            TransferKind::Hold,
            own_account(user),
            issuer(),
            amount,
        )),
        Change::Limit(withdrawal.limit.clone()),
        Change::Event(sample::event(user, Some((user, 1)), Some(user))),
        Change::Withdrawal(withdrawal),
    ]
}

/// The loser is told which rule stands against it, or that its row moved on; the claim is there
/// once.
pub async fn a_claim_is_accepted_once_whoever_asks(bed: &mut impl Bed) {
    let store = bed.store();
    let ask = |number: u64| {
        let store = Arc::clone(&store);
        async move {
            let mut withdrawal = sample::withdrawal(number, 1, 0);
            if let Some(claim) = withdrawal.claim.as_mut() {
                claim.digest = sample::hash(5);
            }
            script::try_put(&*store, vec![Change::Withdrawal(withdrawal)]).await
        }
    };
    let tasks: Vec<_> = (1..=TASKS).map(|number| tokio::spawn(ask(number))).collect();
    let mut accepted = 0;
    for task in tasks {
        match task.await.expect("the task ends") {
            Ok(_) => accepted += 1,
            Err(CommitFault::Constraint { constraint: name }) => {
                assert!(
                    [
                        constraint::WITHDRAWAL_DIGEST_UNIQUE,
                        constraint::WITHDRAWAL_CLAIM_NONCE_UNIQUE
                    ]
                    .contains(&name.as_str()),
                    "{name}"
                );
            }
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!(accepted, 1);
    assert_eq!(super::dump::every_withdrawal(&*store).await.len(), 1);
}
