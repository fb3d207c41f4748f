//! Committing in tests: name the rows, say what changes, commit.

use adit_core::{
    Batch, Change, GroupId, Keys, LaneId, Timestamp, TransferKind, UserId, View, WithdrawalId,
};

use super::sample::{THEN, group_id, issuer, lane_id, own_account, user_id};
use crate::{CommitFault, Store, StoreFault};

/// Commits what `make` makes of the loaded view.
///
/// # Errors
/// What the store says.
pub async fn commit(
    store: &dyn Store,
    keys: &Keys,
    make: impl FnOnce(&View) -> Vec<Change>,
) -> Result<GroupId, CommitFault> {
    let mut group = match store.load(keys, THEN).await {
        Ok(group) => group,
        Err(StoreFault::Contention { detail }) => return Err(CommitFault::Contention { detail }),
        Err(fault) => panic!("the store answers: {fault}"),
    };
    let mut view = group.take_view();
    let changes = make(&view);
    view.apply(changes);
    let id = group_id();
    group.commit(id, view.into_batch()).await.map(|()| id)
}

/// Commits changes that need nothing of the view.
pub async fn put(store: &dyn Store, changes: Vec<Change>) {
    try_put(store, changes).await.expect("nothing stands against it");
}

/// # Errors
/// What the store says.
pub async fn try_put(store: &dyn Store, changes: Vec<Change>) -> Result<GroupId, CommitFault> {
    let keys = keys_of(&changes);
    commit(store, &keys, |_| changes).await
}

/// Commits a batch as it is, whatever was loaded.
///
/// # Errors
/// What the store says.
pub async fn commit_batch(store: &dyn Store, id: GroupId, batch: Batch) -> Result<(), CommitFault> {
    store.load(&Keys::default(), THEN).await.expect("the store answers").commit(id, batch).await
}

/// Loads, and drops the group.
pub async fn view(store: &dyn Store, keys: &Keys) -> View {
    view_at(store, keys, THEN).await
}

pub async fn view_at(store: &dyn Store, keys: &Keys, now: Timestamp) -> View {
    store.load(keys, now).await.expect("the store answers").take_view()
}

/// Expects a constraint to stand against these changes, and nothing of them to be kept.
pub async fn refused(store: &dyn Store, changes: Vec<Change>, constraint: &str) {
    let before = super::dump::dump(store).await;
    let fault = try_put(store, changes).await.expect_err("a constraint stands against it");
    assert_eq!(fault, CommitFault::Constraint { constraint: constraint.to_owned() });
    assert_eq!(super::dump::dump(store).await, before, "a refused batch leaves no trace");
}

pub fn keys_of_user(number: u64) -> Keys {
    let mut keys = Keys::default();
    keys.users.insert(user_id(number));
    keys.accounts.extend([own_account(number), issuer()]);
    keys
}

/// The versioned rows that changes touch.
pub fn keys_of(changes: &[Change]) -> Keys {
    let mut keys = Keys::default();
    changes.iter().for_each(|change| add_key(&mut keys, change));
    keys
}

fn add_key(keys: &mut Keys, change: &Change) {
    match change {
        Change::User(user) => drop(keys.users.insert(user.id.clone())),
        Change::Wallet(link) => drop(keys.wallets.insert(link.address.clone())),
        Change::Lane(lane) => drop(keys.lanes.insert(lane.id.clone())),
        Change::Withdrawal(withdrawal) => drop(keys.withdrawals.insert(withdrawal.id)),
        Change::Lineage(lineage) => drop(keys.lineages.insert(lineage.id)),
        Change::Transfer(transfer) => {
            keys.accounts.extend([transfer.debit.clone(), transfer.credit.clone()])
        }
        Change::Limit(entry) | Change::LimitGivenBack(entry) => {
            keys.limits.insert((entry.user.clone(), entry.asset.clone()), Vec::new());
        }
        Change::Idempotency(record) => {
            keys.idempotency.insert((record.client.clone(), record.key.clone()));
        }
        Change::Credit(record) => drop(keys.credits.insert(record.id.clone())),
        Change::Revoked { credential, .. } => drop(keys.credentials.insert(*credential)),
        Change::Incarnation(_)
        | Change::Credential(_)
        | Change::Suspended(_)
        | Change::Resumed(_)
        | Change::Event(_)
        | Change::Observation(_) => {}
    }
}

pub fn of_user(id: UserId) -> Keys {
    Keys { users: [id].into(), ..Keys::default() }
}

pub fn of_withdrawal(id: WithdrawalId) -> Keys {
    Keys { withdrawals: [id].into(), ..Keys::default() }
}

pub fn of_lane(id: LaneId) -> Keys {
    Keys { lanes: [id].into(), ..Keys::default() }
}

/// A user with a balance, and the lane that pays.
pub async fn prepare(store: &dyn Store, user: u64, balance: u128) {
    let funding = super::sample::transfer(
        1_000_000 + user,
        TransferKind::Post,
        issuer(),
        own_account(user),
        balance,
    );
    let known = view(store, &of_lane(lane_id())).await.lane(&lane_id()).is_some();
    let mut changes = vec![Change::User(super::sample::user(user)), Change::Transfer(funding)];
    if !known {
        changes.push(Change::Lane(super::sample::lane()));
    }
    put(store, changes).await;
}
