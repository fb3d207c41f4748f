//! Lanes, lineages with their parts, observations.

use std::collections::BTreeSet;

use adit_core::{
    Anchor, AttemptId, Hash32, Lane, LaneId, Lineage, LineageId, ObservationRecord, PayoutId, Slot,
    WithdrawalId,
};
use adit_store::rows::{
    LineageParts, id, read_anchor, read_attempt, read_lane, read_leg, read_lineage,
    read_observation,
};
use adit_store::{LineageCursor, StoreFault};
use sqlx::{PgConnection, query};
use uuid::Uuid;

use crate::columns::{Query, all, limit as bound, one, texts};

pub(crate) async fn lanes(
    connection: &mut PgConnection,
    ids: &BTreeSet<LaneId>,
) -> Result<Vec<Slot<Lane>>, StoreFault> {
    const LANES: &str = "SELECT * FROM lane WHERE id = ANY ($1)";
    all(connection, query(LANES).bind(texts(ids)), |row| read_lane(row)).await
}

pub(crate) async fn all_lanes(connection: &mut PgConnection) -> Result<Vec<Lane>, StoreFault> {
    let found = all(connection, query("SELECT * FROM lane ORDER BY id COLLATE \"C\""), |row| {
        read_lane(row)
    })
    .await?;
    Ok(found.into_iter().filter_map(|slot| slot.row).collect())
}

pub(crate) async fn at_number(
    connection: &mut PgConnection,
    lane: &LaneId,
    number: u64,
) -> Result<Option<LineageId>, StoreFault> {
    const AT_NUMBER: &str = "SELECT id FROM lineage WHERE lane = $1 AND nonce = $2 ORDER BY created_at DESC, id DESC \
         LIMIT 1";
    // A number beyond SQL's integers was never reserved.
    let Ok(number) = i64::try_from(number) else { return Ok(None) };
    one(connection, query(AT_NUMBER).bind(lane.to_string()).bind(number), |row| id(row, "id")).await
}

pub(crate) async fn with_hash(
    connection: &mut PgConnection,
    hash: Hash32,
) -> Result<Option<LineageId>, StoreFault> {
    const WITH_HASH: &str = "SELECT lineage_id FROM attempt WHERE hash = $1 LIMIT 1";
    one(connection, query(WITH_HASH).bind(hash.to_string()), |row| id(row, "lineage_id")).await
}

pub(crate) async fn lineages(
    connection: &mut PgConnection,
    ids: &BTreeSet<LineageId>,
) -> Result<Vec<Slot<Lineage>>, StoreFault> {
    const LINEAGES: &str = "SELECT * FROM lineage WHERE id = ANY ($1)";
    whole(connection, query(LINEAGES).bind(ids.iter().map(|id| id.0).collect::<Vec<_>>())).await
}

pub(crate) async fn of_withdrawal(
    connection: &mut PgConnection,
    withdrawal: WithdrawalId,
) -> Result<Vec<Lineage>, StoreFault> {
    const OF_WITHDRAWAL: &str = "
        SELECT * FROM lineage
        WHERE id IN (SELECT p.lineage_id FROM lineage_payout AS p WHERE p.withdrawal_id = $1)
        ORDER BY created_at, nonce NULLS FIRST, id";
    rows(whole(connection, query(OF_WITHDRAWAL).bind(withdrawal.0)).await)
}

pub(crate) async fn live(
    connection: &mut PgConnection,
    lane: &LaneId,
    limit: usize,
) -> Result<Vec<Lineage>, StoreFault> {
    const LIVE: &str = "SELECT * FROM lineage WHERE lane = $1 AND live ORDER BY created_at, nonce NULLS FIRST, id \
         LIMIT $2";
    rows(whole(connection, query(LIVE).bind(lane.to_string()).bind(bound(limit))).await)
}

pub(crate) async fn unmined(
    connection: &mut PgConnection,
    lane: &LaneId,
    limit: usize,
) -> Result<Vec<Lineage>, StoreFault> {
    // A program of before may have written the row: what its version does not vouch for is looked
    // at.
    const UNMINED: &str = "
        SELECT * FROM lineage AS l
        WHERE l.lane = $1 AND l.live AND l.mined_version IS DISTINCT FROM l.version
          AND (NOT EXISTS (SELECT FROM attempt AS a WHERE a.lineage_id = l.id AND a.knowledge IN ('included', 'finalized'))
            OR (l.cancel ->> 'doubted')::boolean AND NOT EXISTS (SELECT FROM lineage_payout AS p WHERE p.lineage_id = l.id))
        ORDER BY l.created_at, l.nonce NULLS FIRST, l.id LIMIT $2";
    rows(whole(connection, query(UNMINED).bind(lane.to_string()).bind(bound(limit))).await)
}

pub(crate) async fn on_lane(
    connection: &mut PgConnection,
    lane: &LaneId,
    after: Option<LineageCursor>,
    limit: usize,
) -> Result<Vec<Lineage>, StoreFault> {
    const ON_LANE: &str = "
        SELECT * FROM lineage
        WHERE lane = $1 AND (nonce, created_at, id) > ($2, $3, $4)
        ORDER BY nonce, created_at, id LIMIT $5";
    let place = |after: LineageCursor| {
        (i64::try_from(after.number).unwrap_or(i64::MAX), after.created_at.micros(), after.id.0)
    };
    let (number, created_at, id) = after.map_or((-1, 0, Uuid::nil()), place);
    let question = query(ON_LANE)
        .bind(lane.to_string())
        .bind(number)
        .bind(created_at)
        .bind(id)
        .bind(bound(limit));
    rows(whole(connection, question).await)
}

fn rows(slots: Result<Vec<Slot<Lineage>>, StoreFault>) -> Result<Vec<Lineage>, StoreFault> {
    Ok(slots?.into_iter().filter_map(|slot| slot.row).collect())
}

/// Puts together the lineages that a question finds, in its order.
pub(crate) async fn whole(
    connection: &mut PgConnection,
    question: Query,
) -> Result<Vec<Slot<Lineage>>, StoreFault> {
    const ANCHORS: &str = "
        SELECT * FROM anchor WHERE lineage_id = ANY ($1) ORDER BY lineage_id, position";
    const PAYOUTS: &str = "
        SELECT * FROM lineage_payout WHERE lineage_id = ANY ($1) ORDER BY lineage_id, position";
    const ATTEMPTS: &str = "
        SELECT * FROM attempt WHERE lineage_id = ANY ($1) ORDER BY lineage_id, version";
    let lineages = all(connection, question, |row| read_lineage(row)).await?;
    if lineages.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<Uuid> =
        lineages.iter().filter_map(|slot| slot.row.as_ref()).map(|lineage| lineage.id.0).collect();
    let parts = LineageParts {
        lineages,
        anchors: all(connection, query(ANCHORS).bind(ids.clone()), |row| read_anchor(row)).await?,
        legs: all(connection, query(PAYOUTS).bind(ids.clone()), |row| read_leg(row)).await?,
        attempts: all(connection, query(ATTEMPTS).bind(ids), |row| read_attempt(row)).await?,
    };
    Ok(parts.join())
}

/// The live lineage of each payout that has one.
pub(crate) async fn of_payouts(
    connection: &mut PgConnection,
    payouts: &BTreeSet<PayoutId>,
) -> Result<Vec<(PayoutId, LineageId)>, StoreFault> {
    const OF_PAYOUTS: &str = "
        SELECT payout_id, lineage_id FROM lineage_payout
        WHERE live AND payout_id = ANY ($1)";
    all(
        connection,
        query(OF_PAYOUTS).bind(payouts.iter().map(|id| id.0).collect::<Vec<_>>()),
        |row| Ok((id(row, "payout_id")?, id(row, "lineage_id")?)),
    )
    .await
}

/// The live lineage of each of these coins that one has.
pub(crate) async fn of_anchors(
    connection: &mut PgConnection,
    anchors: &BTreeSet<Anchor>,
) -> Result<Vec<(Anchor, LineageId)>, StoreFault> {
    const OF_ANCHORS: &str =
        "SELECT lineage_id, kind, key FROM anchor WHERE live AND key = ANY ($1)";
    let keys: Vec<String> = anchors.iter().map(ToString::to_string).collect();
    all(connection, query(OF_ANCHORS).bind(keys), |row| {
        read_anchor(row).map(|(lineage, anchor)| (anchor, lineage))
    })
    .await
}

pub(crate) async fn observations(
    connection: &mut PgConnection,
    attempt: AttemptId,
    limit: usize,
) -> Result<Vec<ObservationRecord>, StoreFault> {
    const OBSERVATIONS: &str =
        "SELECT * FROM observation WHERE attempt_id = $1 ORDER BY at DESC, number DESC LIMIT $2";
    all(connection, query(OBSERVATIONS).bind(attempt.0).bind(bound(limit)), |row| {
        read_observation(row)
    })
    .await
}
