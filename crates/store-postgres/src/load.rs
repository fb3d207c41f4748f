//! Takes and loads what a group of commands named.

use std::collections::{BTreeMap, BTreeSet};

use adit_core::{CLOCKS_APART_MAX, Keys, Slot, Span, Timestamp, View};
use adit_store::rows::{Fields, read_account, read_lane, read_user, read_withdrawal};
use adit_store::{DATABASE_APART_MAX, StoreFault};
use sqlx::{PgConnection, query};
use uuid::Uuid;

use crate::columns::{all, one, texts};
use crate::read::{credential, incarnation, ledger, limit, lineage, people, withdrawal};

pub(crate) async fn view(
    connection: &mut PgConnection,
    keys: &Keys,
    now: Timestamp,
) -> Result<View, StoreFault> {
    let mut view = View::default();
    take_rows(connection, keys, &mut view).await?;
    let moment = moment(connection, now).await?;
    view.now = moment.now;
    view.store_clock = Some(moment.clock);
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

/// What time it is.
pub(crate) struct Moment {
    /// As commits see it.
    pub now: Timestamp,
    /// As the database's own clock says, by which leases are dated and judged (case F106).
    clock: Timestamp,
}

/// Time as commits see it ([`adit_store::common_time`]), never before the newest commit, of those
/// that no wrong clock has dated.
pub(crate) async fn moment(
    connection: &mut PgConnection,
    now: Timestamp,
) -> Result<Moment, StoreFault> {
    const NOW: &str = "
        WITH clock AS MATERIALIZED (
            SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS at
        ), judged AS MATERIALIZED (
            SELECT CASE WHEN clock.at BETWEEN $1 - $2 AND $1 + $2 THEN clock.at ELSE $1 END AS at, clock.at AS own FROM clock
        )
        SELECT greatest(
            judged.at,
            (SELECT g.at FROM commit_group AS g WHERE g.at <= judged.at + $3 ORDER BY g.at DESC LIMIT 1)
        ) AS now, judged.own AS clock
        FROM judged";
    let micros = |span: Span| i64::try_from(span.millis() * 1_000).unwrap_or(i64::MAX);
    let question = query(NOW)
        .bind(now.micros())
        .bind(micros(DATABASE_APART_MAX))
        .bind(micros(CLOCKS_APART_MAX));
    let now = one(connection, question, |row| {
        Ok(Moment {
            now: Timestamp::from_micros(row.integer("now")?),
            clock: Timestamp::from_micros(row.integer("clock")?),
        })
    });
    now.await?.ok_or_else(|| StoreFault::Corrupt { detail: "the clock did not answer".to_owned() })
}

/// Versioned rows: each that was named, found or not. Reading a row takes it until the group ends,
/// in one global order, so that two groups never wait for each other in a circle: users,
/// withdrawals, lineages, lanes, accounts; each by key. Under READ COMMITTED a row that had to be
/// waited for is read as it was committed. What is not there yet cannot be taken; who inserts it
/// second fails on its key, as contention.
async fn take_rows(
    connection: &mut PgConnection,
    keys: &Keys,
    view: &mut View,
) -> Result<(), StoreFault> {
    const USERS: &str = "SELECT * FROM app_user WHERE id = ANY ($1) ORDER BY id FOR UPDATE";
    const WITHDRAWALS: &str = "SELECT * FROM withdrawal WHERE id = ANY ($1) ORDER BY id FOR UPDATE";
    const LINEAGES: &str = "SELECT * FROM lineage WHERE id = ANY ($1) ORDER BY id FOR UPDATE";
    const LANES: &str = "SELECT * FROM lane WHERE id = ANY ($1) ORDER BY id FOR UPDATE";
    const ACCOUNTS: &str = "SELECT * FROM account WHERE path = ANY ($1) ORDER BY path FOR UPDATE";
    if !keys.users.is_empty() {
        let found =
            all(connection, query(USERS).bind(texts(&keys.users)), |row| read_user(row)).await?;
        view.users = slots(&keys.users, found, |user| user.id.clone());
    }
    if !keys.withdrawals.is_empty() {
        let ids: Vec<Uuid> = keys.withdrawals.iter().map(|id| id.0).collect();
        let found =
            all(connection, query(WITHDRAWALS).bind(ids), |row| read_withdrawal(row)).await?;
        view.withdrawals = slots(&keys.withdrawals, found, |row| row.id);
    }
    if !keys.lineages.is_empty() {
        let ids: Vec<Uuid> = keys.lineages.iter().map(|id| id.0).collect();
        view.lineages = slots(
            &keys.lineages,
            lineage::whole(connection, query(LINEAGES).bind(ids)).await?,
            |row| row.id,
        );
    }
    if !keys.lanes.is_empty() {
        let found =
            all(connection, query(LANES).bind(texts(&keys.lanes)), |row| read_lane(row)).await?;
        view.lanes = slots(&keys.lanes, found, |lane| lane.id.clone());
    }
    if !keys.accounts.is_empty() {
        let found =
            all(connection, query(ACCOUNTS).bind(texts(&keys.accounts)), |row| read_account(row))
                .await?;
        let found: BTreeMap<_, _> = found.into_iter().collect();
        let slot = |account| found.get(account).cloned().unwrap_or_else(Slot::absent);
        view.accounts =
            keys.accounts.iter().map(|account| (account.clone(), slot(account))).collect();
    }
    Ok(())
}

/// What is known under names that may be used once.
async fn load_names(
    connection: &mut PgConnection,
    keys: &Keys,
    view: &mut View,
) -> Result<(), StoreFault> {
    if !keys.wallets.is_empty() {
        view.wallets =
            slots(&keys.wallets, people::wallets(connection, &keys.wallets).await?, |link| {
                link.address.clone()
            });
    }
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
