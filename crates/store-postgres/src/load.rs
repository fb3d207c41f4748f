//! Locks and loads what a group of commands named.

use std::collections::{BTreeMap, BTreeSet};

use adit_core::{Keys, Slot, Timestamp, View};
use adit_store::StoreFault;
use adit_store::rows::Fields;
use sqlx::{PgConnection, query};
use uuid::Uuid;

use crate::columns::{Query, one, texts};
use crate::fault::unreachable;
use crate::read::{ledger, limit, lineage, people, withdrawal};

pub(crate) async fn view(connection: &mut PgConnection, keys: &Keys) -> Result<View, StoreFault> {
    lock(connection, keys).await?;
    let mut view = View::default();
    view.now = now(connection).await?;
    load_rows(connection, keys, &mut view).await?;
    load_names(connection, keys, &mut view).await?;
    if !keys.limits.is_empty() {
        view.limits = limit::limits(connection, &keys.limits, view.now).await?;
    }
    let standing = people::suspensions(connection).await?;
    view.suspensions = standing.into_iter().map(|suspension| (suspension.scope.clone(), suspension)).collect();
    Ok(view)
}

/// The database's clock, and never before the newest commit.
pub(crate) async fn now(connection: &mut PgConnection) -> Result<Timestamp, StoreFault> {
    const NOW: &str = "
        SELECT greatest(
            (extract(epoch FROM clock_timestamp()) * 1000000)::bigint,
            (SELECT at FROM commit_group ORDER BY at DESC LIMIT 1)
        ) AS now";
    let now = one(connection, query(NOW), |row| row.integer("now").map(Timestamp::from_micros)).await?;
    now.ok_or_else(|| StoreFault::Corrupt { detail: "the clock did not answer".to_owned() })
}

/// One global order, so that two groups never wait for each other in a circle: users, withdrawals, lineages, lanes, accounts; each
/// by key. What is not there yet cannot be locked; who inserts it second fails on its key, as contention.
async fn lock(connection: &mut PgConnection, keys: &Keys) -> Result<(), StoreFault> {
    const USERS: &str = "SELECT FROM app_user WHERE id = ANY ($1) ORDER BY id FOR UPDATE";
    const WITHDRAWALS: &str = "SELECT FROM withdrawal WHERE id = ANY ($1) ORDER BY id FOR UPDATE";
    const LINEAGES: &str = "SELECT FROM lineage WHERE id = ANY ($1) ORDER BY id FOR UPDATE";
    const LANES: &str = "SELECT FROM lane WHERE id = ANY ($1) ORDER BY id FOR UPDATE";
    const ACCOUNTS: &str = "SELECT FROM account WHERE path = ANY ($1) ORDER BY path FOR UPDATE";
    let withdrawals: Vec<Uuid> = keys.withdrawals.iter().map(|id| id.0).collect();
    let lineages: Vec<Uuid> = keys.lineages.iter().map(|id| id.0).collect();
    take(connection, keys.users.len(), query(USERS).bind(texts(&keys.users))).await?;
    take(connection, withdrawals.len(), query(WITHDRAWALS).bind(withdrawals)).await?;
    take(connection, lineages.len(), query(LINEAGES).bind(lineages)).await?;
    take(connection, keys.lanes.len(), query(LANES).bind(texts(&keys.lanes))).await?;
    take(connection, keys.accounts.len(), query(ACCOUNTS).bind(texts(&keys.accounts))).await
}

async fn take(connection: &mut PgConnection, rows: usize, statement: Query) -> Result<(), StoreFault> {
    if rows == 0 {
        return Ok(());
    }
    statement.execute(connection).await.map(drop).map_err(unreachable)
}

/// Versioned rows: each that was named, found or not.
async fn load_rows(connection: &mut PgConnection, keys: &Keys, view: &mut View) -> Result<(), StoreFault> {
    if !keys.users.is_empty() {
        view.users = slots(&keys.users, people::users(connection, &keys.users).await?, |user| user.id.clone());
    }
    if !keys.wallets.is_empty() {
        view.wallets = slots(&keys.wallets, people::wallets(connection, &keys.wallets).await?, |link| link.address.clone());
    }
    if !keys.accounts.is_empty() {
        let found: BTreeMap<_, _> = ledger::accounts(connection, &keys.accounts).await?.into_iter().collect();
        let slot = |account| found.get(account).cloned().unwrap_or_else(Slot::absent);
        view.accounts = keys.accounts.iter().map(|account| (account.clone(), slot(account))).collect();
    }
    if !keys.withdrawals.is_empty() {
        view.withdrawals = slots(&keys.withdrawals, withdrawal::withdrawals(connection, &keys.withdrawals).await?, |row| row.id);
    }
    if !keys.lineages.is_empty() {
        view.lineages = slots(&keys.lineages, lineage::lineages(connection, &keys.lineages).await?, |row| row.id);
    }
    if !keys.lanes.is_empty() {
        view.lanes = slots(&keys.lanes, lineage::lanes(connection, &keys.lanes).await?, |lane| lane.id.clone());
    }
    Ok(())
}

/// What is known under names that may be used once.
async fn load_names(connection: &mut PgConnection, keys: &Keys, view: &mut View) -> Result<(), StoreFault> {
    if !keys.digests.is_empty() {
        view.digests = found(&keys.digests, withdrawal::digests(connection, &keys.digests).await?);
    }
    if !keys.claim_nonces.is_empty() {
        view.claim_nonces = found(&keys.claim_nonces, withdrawal::claim_nonces(connection, &keys.claim_nonces).await?);
    }
    if !keys.idempotency.is_empty() {
        let known = withdrawal::idempotency(connection, &keys.idempotency).await?;
        let known = known.into_iter().map(|record| ((record.principal.clone(), record.key.clone()), record));
        view.idempotency = found(&keys.idempotency, known);
    }
    if !keys.credits.is_empty() {
        let known = ledger::credits(connection, &keys.credits).await?;
        view.credits = found(&keys.credits, known.into_iter().map(|record| (record.id.clone(), record)));
    }
    if !keys.payouts.is_empty() {
        view.payouts = found(&keys.payouts, lineage::of_payouts(connection, &keys.payouts).await?);
    }
    Ok(())
}

fn slots<K: Ord + Clone, T>(keys: &BTreeSet<K>, rows: Vec<Slot<T>>, key: impl Fn(&T) -> K) -> BTreeMap<K, Slot<T>> {
    let mut slots: BTreeMap<K, Slot<T>> = keys.iter().map(|key| (key.clone(), Slot::absent())).collect();
    slots.extend(rows.into_iter().filter_map(|slot| Some((key(slot.row.as_ref()?), slot))));
    slots
}

fn found<K: Ord + Clone, T>(keys: &BTreeSet<K>, rows: impl IntoIterator<Item = (K, T)>) -> BTreeMap<K, Option<T>> {
    let mut found: BTreeMap<K, Option<T>> = keys.iter().map(|key| (key.clone(), None)).collect();
    found.extend(rows.into_iter().map(|(key, row)| (key, Some(row))));
    found
}
