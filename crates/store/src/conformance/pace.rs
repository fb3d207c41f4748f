//! How many claims a store commits per second, in groups: what one accepted claim reads and writes,
//! and nothing else.

use std::collections::BTreeMap;
use std::time::Instant;

use adit_core::{Amount, Change, Keys, TransferKind, User, View, Window, Withdrawal};

use super::sample::{self, THEN, issuer, own_account, token, user_id};
use super::script::{commit, put, view};
use crate::Store;

const BALANCE: u128 = 1 << 100;
/// Rows of the preparation that are put at once.
const PREPARED_AT_ONCE: u64 = 5_000;

/// Makes `users` with a wallet and a balance each.
pub async fn prepare(store: &dyn Store, users: u64) {
    let numbers: Vec<u64> = (0..users).collect();
    for some in numbers.chunks(PREPARED_AT_ONCE as usize) {
        let of_user = |user: &u64| {
            let funding = sample::funding(1 << 40 | user, *user, BALANCE);
            [
                Change::User(sample::user(*user)),
                Change::Wallet(sample::wallet(*user, *user)),
                Change::Transfer(funding),
            ]
        };
        let keys = Keys { accounts: [issuer()].into(), ..Keys::default() };
        let changes: Vec<Change> = some.iter().flat_map(of_user).collect();
        let mut all = super::script::keys_of(&changes);
        all.extend(keys);
        commit(store, &all, |_| changes).await.expect("nothing stands against it");
    }
}

/// Commits `groups` groups of `size` claims, each of another user, and answers how many claims that
/// is per second.
pub async fn claims_per_second(store: &dyn Store, users: u64, groups: u64, size: u64) -> f64 {
    let began = Instant::now();
    for group in 0..groups {
        let claims: Vec<(u64, u64)> = (0..size)
            .map(|claim| (group * size + claim, (group * size + claim) * 7_919 % users))
            .collect();
        let mut keys = Keys::default();
        claims.iter().for_each(|(number, user)| keys.extend(keys_of(*number, *user)));
        let done = commit(store, &keys, |view| {
            claims.iter().flat_map(|(number, user)| claim(view, *number, *user)).collect()
        })
        .await;
        done.expect("nothing stands against it");
    }
    (groups * size) as f64 / began.elapsed().as_secs_f64()
}

/// Seconds that reading the windows takes at the end of `entries` entries of one user and asset,
/// every hundredth given back.
pub async fn limit_seconds(store: &dyn Store, entries: u64) -> f64 {
    let start = view(store, &Keys::default()).await.now.minus(adit_core::Span::from_hours(31 * 24));
    let step = adit_core::Span::from_millis(31 * 24 * 3_600_000 / entries);
    let mut at = start;
    for first in (1..=entries).step_by(PREPARED_AT_ONCE as usize) {
        let mut changes = Vec::new();
        for seq in first..(first + PREPARED_AT_ONCE).min(entries + 1) {
            at = at.plus(step);
            let entry = sample::limit_entry(1, seq, at, 1, u128::from(seq));
            changes.push(Change::Limit(entry.clone()));
            if seq.is_multiple_of(100) {
                changes.push(Change::LimitGivenBack(entry));
            }
        }
        put(store, changes).await;
    }
    let began = Instant::now();
    const READS: u32 = 100;
    for _ in 0..READS {
        store.limit(&user_id(1), &token(), &windows(), THEN).await.expect("the store answers");
    }
    began.elapsed().as_secs_f64() / f64::from(READS)
}

fn windows() -> Vec<Window> {
    vec![Window::Rolling24h, Window::Rolling7d]
}

fn keys_of(number: u64, user: u64) -> Keys {
    Keys {
        users: [user_id(user)].into(),
        wallets: [sample::address(user)].into(),
        accounts: [own_account(user)].into(),
        limits: BTreeMap::from([((user_id(user), token()), windows())]),
        withdrawals: [sample::withdrawal_id(number)].into(),
        digests: [sample::hash(number)].into(),
        claim_nonces: [(user_id(user), number)].into(),
        ..Keys::default()
    }
}

fn claim(view: &View, number: u64, user: u64) -> Vec<Change> {
    let row = view.user(&user_id(user)).cloned().expect("the user was prepared");
    let amount = Amount::new(1_000_000_000_000_000_000);
    let limits = view.limit(&user_id(user), &token());
    let limit = limits
        .next_entry(&user_id(user), &token(), amount, sample::withdrawal_id(number), view.now)
        .expect("the sums are small");
    let withdrawal = Withdrawal {
        limit: limit.clone(),
        amount,
        created_at: view.now,
        ..sample::withdrawal(number, user, number)
    };
    let seq = row.event_seq;
    vec![
        Change::User(User {
            claim_nonce: row.claim_nonce + 1,
            event_seq: seq + 2,
            last_accepted_at: Some(view.now),
            ..row
        }),
        Change::Transfer(sample::transfer(
            number,
            TransferKind::Hold,
            own_account(user),
            issuer(),
            amount.base_units(),
        )),
        Change::Limit(limit),
        Change::Event(sample::event(number * 2, Some((user, seq + 1)), Some(number))),
        Change::Event(sample::event(number * 2 + 1, Some((user, seq + 2)), Some(number))),
        Change::Withdrawal(withdrawal),
    ]
}
