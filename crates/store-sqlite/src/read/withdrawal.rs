//! Withdrawals, and what names them: digests, claim nonces, idempotency keys.

use std::collections::{BTreeMap, BTreeSet};

use adit_core::{
    CLOCKS_APART_MAX, ClientId, Hash32, IdempotencyKey, IdempotencyRecord, Slot, Status, Timestamp,
    UserId, Withdrawal, WithdrawalId,
};
use adit_store::rows::{
    Fields, claim_nonce_keys, id, idempotency_keys, read_idempotency, read_status, read_withdrawal,
    value,
};
use adit_store::{Cursor, Page, QueueFilter, StoreFault, WithdrawalFilter};
use sqlx::{SqliteConnection, query};

use crate::columns::{Query, all, array, limit as bound, one};

pub(crate) async fn withdrawals(
    connection: &mut SqliteConnection,
    ids: &BTreeSet<WithdrawalId>,
) -> Result<Vec<Slot<Withdrawal>>, StoreFault> {
    const WITHDRAWALS: &str =
        "SELECT * FROM withdrawal WHERE id IN (SELECT k.value FROM json_each(?1) AS k)";
    all(connection, query(WITHDRAWALS).bind(array(ids)?), |row| read_withdrawal(row)).await
}

pub(crate) async fn digests(
    connection: &mut SqliteConnection,
    digests: &BTreeSet<Hash32>,
) -> Result<Vec<(Hash32, WithdrawalId)>, StoreFault> {
    const DIGESTS: &str = "SELECT digest, id FROM withdrawal WHERE digest IN (SELECT k.value FROM json_each(?1) AS \
         k)";
    all(connection, query(DIGESTS).bind(array(digests)?), |row| {
        Ok((value(row, "digest")?, id(row, "id")?))
    })
    .await
}

pub(crate) async fn claim_nonces(
    connection: &mut SqliteConnection,
    keys: &BTreeSet<(UserId, u64)>,
) -> Result<Vec<((UserId, u64), WithdrawalId)>, StoreFault> {
    const CLAIM_NONCES: &str = "
        SELECT w.user_id, w.nonce, w.id
        FROM jsonb_each(?1) AS k
        CROSS JOIN withdrawal AS w ON w.user_id = k.value ->> 'user_id' AND w.nonce = k.value ->> 'nonce'";
    let question = query(CLAIM_NONCES).bind(array(&claim_nonce_keys(keys))?);
    all(connection, question, |row| {
        Ok(((value(row, "user_id")?, row.integer("nonce")?.unsigned_abs()), id(row, "id")?))
    })
    .await
}

pub(crate) async fn idempotency(
    connection: &mut SqliteConnection,
    keys: &BTreeSet<(ClientId, IdempotencyKey)>,
) -> Result<Vec<IdempotencyRecord>, StoreFault> {
    const IDEMPOTENCY: &str = "
        SELECT i.*
        FROM jsonb_each(?1) AS k
        CROSS JOIN idempotency AS i ON i.client = k.value ->> 'client' AND i.key = k.value ->> 'key'";
    all(connection, query(IDEMPOTENCY).bind(array(&idempotency_keys(keys))?), |row| {
        read_idempotency(row)
    })
    .await
}

pub(crate) async fn by_id(
    connection: &mut SqliteConnection,
    ids: &BTreeSet<WithdrawalId>,
) -> Result<Vec<Withdrawal>, StoreFault> {
    let mut found: Vec<_> =
        withdrawals(connection, ids).await?.into_iter().filter_map(|slot| slot.row).collect();
    found.sort_by_key(|row| row.id);
    Ok(found)
}

/// Newest first. Three statements, so that each kind of question walks along an index of its own.
pub(crate) async fn page(
    connection: &mut SqliteConnection,
    filter: &WithdrawalFilter,
    after: Option<Cursor>,
    limit: usize,
) -> Result<Page, StoreFault> {
    let statement = match (&filter.user, filter.status) {
        (Some(_), _) => OF_USER,
        (None, Some(_)) => BY_STATUS,
        (None, None) => BY_TIME,
    };
    let found =
        all(connection, asked(statement, filter, after, limit), |row| read_withdrawal(row)).await?;
    Ok(Page::cut(found.into_iter().filter_map(|slot| slot.row).collect(), limit))
}

fn asked(
    statement: &'static str,
    filter: &WithdrawalFilter,
    after: Option<Cursor>,
    limit: usize,
) -> Query {
    let earliest = filter.from.map_or(i64::MIN, Timestamp::micros);
    let before = filter.to.map_or(i64::MAX, Timestamp::micros);
    query(statement)
        .bind(filter.user.as_ref().map(ToString::to_string))
        .bind(filter.status.map(Status::as_str))
        .bind(filter.asset.as_ref().map(ToString::to_string))
        .bind(earliest)
        .bind(before)
        .bind(filter.claims)
        .bind(after.map_or(i64::MAX, |cursor| cursor.created_at.micros()))
        .bind(after.map_or(String::new(), |cursor| cursor.id.to_string()))
        .bind(bound(limit.saturating_add(1)))
}

/// Parameters: user, status, asset, from, to, claims, cursor's time and id, limit.
macro_rules! page_of {
    ($first:literal) => {
        concat!(
            "SELECT * FROM withdrawal WHERE ",
            $first,
            "  AND (?1 IS NULL OR user_id = ?1) AND (?2 IS NULL OR status = ?2) AND (?3 IS NULL OR asset = ?3)
               AND created_at >= ?4 AND created_at < ?5 AND (?6 IS NULL OR (digest IS NOT NULL) = ?6)
               AND (created_at, id) < (?7, ?8)
             ORDER BY created_at DESC, id DESC LIMIT ?9"
        )
    };
}

const OF_USER: &str = page_of!("user_id = ?1");
const BY_STATUS: &str = page_of!("status = ?2");
const BY_TIME: &str = page_of!("TRUE");

pub(crate) async fn queue(
    connection: &mut SqliteConnection,
    wanted: &QueueFilter,
    now: Timestamp,
    limit: usize,
) -> Result<Vec<Withdrawal>, StoreFault> {
    const QUEUE: &str = "
        SELECT * FROM withdrawal INDEXED BY withdrawal_approved
        WHERE status = 'approved' AND asset IN (SELECT k.value FROM json_each(?1) AS k) AND (due_at <= ?2 OR due_at > ?4)
          AND source_asset NOT IN (SELECT s.value FROM json_each(?5) AS s) AND user_id NOT IN (SELECT u.value FROM json_each(?6) AS u)
          AND (created_at, id) > (?7, ?8)
        ORDER BY created_at, id LIMIT ?3";
    let QueueFilter { assets, stopped_sources, stopped_users, after } = wanted;
    let question = query(QUEUE).bind(array(assets)?).bind(now.micros()).bind(bound(limit));
    let question = question
        .bind(now.plus(CLOCKS_APART_MAX).micros())
        .bind(array(stopped_sources)?)
        .bind(array(stopped_users)?);
    let question = question
        .bind(after.map_or(i64::MIN, |cursor| cursor.created_at.micros()))
        .bind(after.map_or(String::new(), |cursor| cursor.id.to_string()));
    Ok(all(connection, question, |row| read_withdrawal(row))
        .await?
        .into_iter()
        .filter_map(|slot| slot.row)
        .collect())
}

/// Those of the queue before a place, counted.
pub(crate) async fn ahead(
    connection: &mut SqliteConnection,
    wanted: &QueueFilter,
    now: Timestamp,
    place: Cursor,
    most: usize,
) -> Result<usize, StoreFault> {
    const AHEAD: &str = "
        SELECT count(*) AS number
        FROM (SELECT 1 FROM withdrawal INDEXED BY withdrawal_approved
              WHERE status = 'approved' AND asset IN (SELECT k.value FROM json_each(?1) AS k) AND (due_at <= ?2 OR due_at > ?3)
                AND source_asset NOT IN (SELECT s.value FROM json_each(?4) AS s)
                AND user_id NOT IN (SELECT u.value FROM json_each(?5) AS u)
                AND (created_at, id) > (?6, ?7) AND (created_at, id) < (?8, ?9)
              LIMIT ?10)";
    let QueueFilter { assets, stopped_sources, stopped_users, after } = wanted;
    let question = query(AHEAD)
        .bind(array(assets)?)
        .bind(now.micros())
        .bind(now.plus(CLOCKS_APART_MAX).micros());
    let question = question.bind(array(stopped_sources)?).bind(array(stopped_users)?);
    let question = question
        .bind(after.map_or(i64::MIN, |cursor| cursor.created_at.micros()))
        .bind(after.map_or(String::new(), |cursor| cursor.id.to_string()));
    let question =
        question.bind(place.created_at.micros()).bind(place.id.to_string()).bind(bound(most));
    let found = one(connection, question, |row| row.integer("number")).await?.unwrap_or_default();
    Ok(usize::try_from(found).unwrap_or_default())
}

/// One that was never deferred is due when it was created.
pub(crate) async fn deferred(
    connection: &mut SqliteConnection,
    wanted: &QueueFilter,
    limit: usize,
) -> Result<Vec<Withdrawal>, StoreFault> {
    const DEFERRED: &str = "
        SELECT * FROM withdrawal INDEXED BY withdrawal_approved
        WHERE status = 'approved' AND asset IN (SELECT k.value FROM json_each(?1) AS k) AND due_at <> created_at
          AND source_asset NOT IN (SELECT s.value FROM json_each(?2) AS s) AND user_id NOT IN (SELECT u.value FROM json_each(?3) AS u)
          AND (created_at, id) > (?4, ?5)
        ORDER BY created_at, id LIMIT ?6";
    let QueueFilter { assets, stopped_sources, stopped_users, after } = wanted;
    let question = query(DEFERRED)
        .bind(array(assets)?)
        .bind(array(stopped_sources)?)
        .bind(array(stopped_users)?);
    let question = question
        .bind(after.map_or(i64::MIN, |cursor| cursor.created_at.micros()))
        .bind(after.map_or(String::new(), |cursor| cursor.id.to_string()))
        .bind(bound(limit));
    Ok(all(connection, question, |row| read_withdrawal(row))
        .await?
        .into_iter()
        .filter_map(|slot| slot.row)
        .collect())
}

/// Every status, those without withdrawals too.
pub(crate) async fn counts(
    connection: &mut SqliteConnection,
) -> Result<Vec<(Status, u64)>, StoreFault> {
    let question = query("SELECT status, count(*) AS number FROM withdrawal GROUP BY status");
    let found = all(connection, question, |row| {
        Ok((read_status(row)?, row.integer("number")?.unsigned_abs()))
    })
    .await?;
    let found: BTreeMap<Status, u64> = found.into_iter().collect();
    Ok(Status::ALL
        .into_iter()
        .map(|status| (status, found.get(&status).copied().unwrap_or(0)))
        .collect())
}
