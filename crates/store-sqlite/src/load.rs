//! Loads what a group of commands named, in the writer's transaction.

use std::collections::{BTreeMap, BTreeSet};

use adit_core::{CLOCKS_APART_MAX, Keys, Slot, Timestamp, View};
use adit_store::StoreFault;
use adit_store::rows::Fields;
use sqlx::{SqliteConnection, query};

use crate::columns::one;
use crate::read::{credential, incarnation, ledger, limit, lineage, people, withdrawal};

pub(crate) async fn view(
    connection: &mut SqliteConnection,
    keys: &Keys,
    now: Timestamp,
) -> Result<View, StoreFault> {
    let mut view = View::default();
    view.now = not_before_newest(connection, now).await?;
    load_rows(connection, keys, &mut view).await?;
    load_names(connection, keys, &mut view).await?;
    if !keys.limits.is_empty() {
        view.limits = limit::limits(connection, &keys.limits, view.now).await?;
    }
    view.incarnation = incarnation::slot(connection).await?;
    let standing = people::suspensions(connection).await?;
    view.suspensions =
        standing.into_iter().map(|suspension| (suspension.scope.clone(), suspension)).collect();
    Ok(view)
}

/// Time as commits see it: the caller's, and never before the newest commit, of those that no wrong
/// clock has dated.
pub(crate) async fn not_before_newest(
    connection: &mut SqliteConnection,
    now: Timestamp,
) -> Result<Timestamp, StoreFault> {
    let latest = now.plus(CLOCKS_APART_MAX).micros();
    let question =
        query("SELECT at FROM commit_group WHERE at <= ?1 ORDER BY at DESC LIMIT 1").bind(latest);
    let newest =
        one(connection, question, |row| row.integer("at").map(Timestamp::from_micros)).await?;
    Ok(newest.map_or(now, |newest| now.not_before(newest)))
}

/// Versioned rows: each that was named, found or not.
async fn load_rows(
    connection: &mut SqliteConnection,
    keys: &Keys,
    view: &mut View,
) -> Result<(), StoreFault> {
    if !keys.users.is_empty() {
        view.users = slots(&keys.users, people::users(connection, &keys.users).await?, |user| {
            user.id.clone()
        });
    }
    if !keys.wallets.is_empty() {
        view.wallets =
            slots(&keys.wallets, people::wallets(connection, &keys.wallets).await?, |link| {
                link.address.clone()
            });
    }
    if !keys.accounts.is_empty() {
        let found: BTreeMap<_, _> =
            ledger::accounts(connection, &keys.accounts).await?.into_iter().collect();
        let slot = |account| found.get(account).cloned().unwrap_or_else(Slot::absent);
        view.accounts =
            keys.accounts.iter().map(|account| (account.clone(), slot(account))).collect();
    }
    if !keys.withdrawals.is_empty() {
        view.withdrawals = slots(
            &keys.withdrawals,
            withdrawal::withdrawals(connection, &keys.withdrawals).await?,
            |row| row.id,
        );
    }
    if !keys.lineages.is_empty() {
        view.lineages =
            slots(&keys.lineages, lineage::lineages(connection, &keys.lineages).await?, |row| {
                row.id
            });
    }
    if !keys.lanes.is_empty() {
        view.lanes = slots(&keys.lanes, lineage::lanes(connection, &keys.lanes).await?, |lane| {
            lane.id.clone()
        });
    }
    Ok(())
}

/// What is known under names that may be used once.
async fn load_names(
    connection: &mut SqliteConnection,
    keys: &Keys,
    view: &mut View,
) -> Result<(), StoreFault> {
    if !keys.digests.is_empty() {
        view.digests = found(&keys.digests, withdrawal::digests(connection, &keys.digests).await?);
    }
    if !keys.claim_nonces.is_empty() {
        view.claim_nonces = found(
            &keys.claim_nonces,
            withdrawal::claim_nonces(connection, &keys.claim_nonces).await?,
        );
    }
    if !keys.idempotency.is_empty() {
        let known = withdrawal::idempotency(connection, &keys.idempotency).await?;
        let known =
            known.into_iter().map(|record| ((record.client.clone(), record.key.clone()), record));
        view.idempotency = found(&keys.idempotency, known);
    }
    if !keys.credits.is_empty() {
        let known = ledger::credits(connection, &keys.credits).await?;
        view.credits =
            found(&keys.credits, known.into_iter().map(|record| (record.id.clone(), record)));
    }
    if !keys.credentials.is_empty() {
        let known = credential::by_id(connection, &keys.credentials).await?;
        view.credentials =
            found(&keys.credentials, known.into_iter().map(|known| (known.id, known)));
    }
    if !keys.payouts.is_empty() {
        view.payouts = found(&keys.payouts, lineage::of_payouts(connection, &keys.payouts).await?);
    }
    if !keys.anchors.is_empty() {
        view.anchors = found(&keys.anchors, lineage::of_anchors(connection, &keys.anchors).await?);
    }
    Ok(())
}

fn slots<K: Ord + Clone, T>(
    keys: &BTreeSet<K>,
    rows: Vec<Slot<T>>,
    key: impl Fn(&T) -> K,
) -> BTreeMap<K, Slot<T>> {
    let mut slots: BTreeMap<K, Slot<T>> =
        keys.iter().map(|key| (key.clone(), Slot::absent())).collect();
    slots.extend(rows.into_iter().filter_map(|slot| Some((key(slot.row.as_ref()?), slot))));
    slots
}

fn found<K: Ord + Clone, T>(
    keys: &BTreeSet<K>,
    rows: impl IntoIterator<Item = (K, T)>,
) -> BTreeMap<K, Option<T>> {
    let mut found: BTreeMap<K, Option<T>> = keys.iter().map(|key| (key.clone(), None)).collect();
    found.extend(rows.into_iter().map(|(key, row)| (key, Some(row))));
    found
}
