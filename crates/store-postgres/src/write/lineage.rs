//! Lanes, lineages, anchors, payouts, attempts, observations.

use adit_core::{Batch, Lineage};
use adit_store::CommitFault;
use adit_store::rows::{AnchorRow, AttemptRow, LaneRow, LineageRow, ObservationRow, PayoutRow};
use sqlx::{PgConnection, query};

use super::{columns, put, put_versioned, rows};

pub(super) async fn write(connection: &mut PgConnection, batch: &Batch) -> Result<(), CommitFault> {
    let lanes = rows(&batch.lanes, LaneRow::of)?;
    let statement = columns!(query(LANES), lanes; id, next_nonce, adopted_from, journal_id, lease_owner, lease_until, lease_token, epoch, counter, journal_read, witness_records, witness_chain, journal_trusted, probed, proved, doubt, status, state, restoration, tip, trail, coin_places, funds, pins, form, version);
    put_versioned(connection, "lane", lanes.len(), statement).await?;
    let lineages = rows(&batch.lineages, LineageRow::of)?;
    let statement = columns!(query(LINEAGES), lineages; id, lane, nonce, live, state, cancel, created_at, form, version, mined_version);
    put_versioned(connection, "lineage", lineages.len(), statement).await?;
    // Lineages that end give back their anchors and payouts before others take them.
    let (live, ended): (Vec<_>, Vec<_>) =
        batch.lineages.iter().map(|row| &row.row).partition(|lineage| lineage.is_live());
    members(connection, &ended).await?;
    members(connection, &live).await?;
    let observations = rows(&batch.appended.observations, ObservationRow::of)?;
    put(
        connection,
        observations.len(),
        columns!(query(OBSERVATIONS), observations; attempt_id, at, kind, said, form),
    )
    .await
    .map(drop)
}

async fn members(connection: &mut PgConnection, lineages: &[&Lineage]) -> Result<(), CommitFault> {
    let anchors: Vec<AnchorRow> =
        lineages.iter().flat_map(|lineage| AnchorRow::all_of(lineage)).collect();
    let payouts: Vec<PayoutRow> =
        lineages.iter().flat_map(|lineage| PayoutRow::all_of(lineage)).collect();
    let mut attempts = Vec::new();
    for lineage in lineages {
        attempts.extend(rows(&lineage.attempts, |attempt| AttemptRow::of(lineage.id, attempt))?);
    }
    put(
        connection,
        anchors.len(),
        columns!(query(ANCHORS), anchors; lineage_id, position, kind, key, live),
    )
    .await?;
    let statement = columns!(query(PAYOUTS), payouts; lineage_id, position, payout_id, withdrawal_id, user_id, book, source_asset, asset, amount, destination, live);
    put(connection, payouts.len(), statement).await?;
    let statement = columns!(query(ATTEMPTS), attempts; id, lineage_id, version, purpose, epoch, draft, raw, hash, knowledge, known, created_at, form);
    put(connection, attempts.len(), statement).await.map(drop)
}

const LANES: &str = "
    INSERT INTO lane (id, next_nonce, adopted_from, journal_id, lease_owner, lease_until, lease_token, epoch, counter, journal_read, witness_records, witness_chain, journal_trusted, probed, proved, doubt, status, state, restoration, tip, trail, coin_places, funds, pins, form, version)
    SELECT r.id, r.next_nonce, r.adopted_from, r.journal_id, r.lease_owner, r.lease_until, r.lease_token, r.epoch, r.counter,
           r.journal_read, r.witness_records, r.witness_chain, r.journal_trusted, r.probed, r.proved, r.doubt, r.status, r.state::json, r.restoration::json, r.tip::json, r.trail::json, r.coin_places::json, r.funds::json,
           r.pins::json, r.form, r.version + 1
    FROM unnest(
        $1::text[], $2::bigint[], $3::bigint[], $4::uuid[], $5::uuid[], $6::bigint[], $7::uuid[], $8::bigint[], $9::bigint[],
        $10::bigint[], $11::bigint[], $12::text[], $13::bigint[], $14::bigint[], $15::bigint[], $16::text[], $17::text[], $18::text[],
        $19::text[], $20::text[], $21::text[], $22::text[], $23::text[], $24::text[], $25::bigint[], $26::bigint[]
    ) AS r (id, next_nonce, adopted_from, journal_id, lease_owner, lease_until, lease_token, epoch, counter, journal_read, witness_records, witness_chain, journal_trusted, probed, proved, doubt, status, state, restoration, tip, trail, coin_places, funds, pins, form, version)
    WHERE r.version = 0 OR EXISTS (SELECT 1 FROM lane AS l WHERE l.id = r.id)
    ON CONFLICT (id) DO UPDATE
    SET next_nonce = excluded.next_nonce, adopted_from = excluded.adopted_from, journal_id = excluded.journal_id,
        lease_owner = excluded.lease_owner, lease_until = excluded.lease_until, lease_token = excluded.lease_token, epoch = excluded.epoch,
        counter = excluded.counter, journal_read = excluded.journal_read, witness_records = excluded.witness_records,
        witness_chain = excluded.witness_chain, journal_trusted = excluded.journal_trusted, probed = excluded.probed, proved = excluded.proved, doubt = excluded.doubt, status = excluded.status,
        state = excluded.state, restoration = excluded.restoration, tip = excluded.tip, trail = excluded.trail,
        coin_places = excluded.coin_places, funds = excluded.funds, pins = excluded.pins,
        form = excluded.form, version = excluded.version
    WHERE lane.version = excluded.version - 1";

const LINEAGES: &str = "
    INSERT INTO lineage (id, lane, nonce, live, state, cancel, created_at, form, version, mined_version)
    SELECT r.id, r.lane, r.nonce, r.live, r.state::json, r.cancel::json, r.created_at, r.form, r.version + 1, r.mined_version
    FROM unnest(
        $1::uuid[], $2::text[], $3::bigint[], $4::boolean[], $5::text[], $6::text[], $7::bigint[], $8::bigint[], $9::bigint[],
        $10::bigint[]
    ) AS r (id, lane, nonce, live, state, cancel, created_at, form, version, mined_version)
    WHERE r.version = 0 OR EXISTS (SELECT 1 FROM lineage AS l WHERE l.id = r.id)
    ON CONFLICT (id) DO UPDATE
    SET live = excluded.live, state = excluded.state, cancel = excluded.cancel, form = excluded.form, version = excluded.version,
        mined_version = excluded.mined_version
    WHERE lineage.version = excluded.version - 1";

const ANCHORS: &str = "
    INSERT INTO anchor (lineage_id, position, kind, key, live)
    SELECT r.lineage_id, r.position, r.kind, r.key, r.live
    FROM unnest(
        $1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::boolean[]
    ) AS r (lineage_id, position, kind, key, live)
    ON CONFLICT (lineage_id, position) DO UPDATE SET live = excluded.live WHERE anchor.live <> excluded.live";

const PAYOUTS: &str = "
    INSERT INTO lineage_payout (lineage_id, position, payout_id, withdrawal_id, user_id, book, source_asset, asset, amount, destination, live)
    SELECT r.lineage_id, r.position, r.payout_id, r.withdrawal_id, r.user_id, r.book, r.source_asset, r.asset, r.amount::numeric,
           r.destination, r.live
    FROM unnest(
        $1::uuid[], $2::bigint[], $3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[],
        $11::boolean[]
    ) AS r (lineage_id, position, payout_id, withdrawal_id, user_id, book, source_asset, asset, amount, destination, live)
    ON CONFLICT (lineage_id, position) DO UPDATE SET live = excluded.live WHERE lineage_payout.live <> excluded.live";

/// What is reserved never changes; signed bytes are recorded once, as a trigger asserts.
const ATTEMPTS: &str = "
    INSERT INTO attempt (id, lineage_id, version, purpose, epoch, draft, raw, hash, knowledge, known, created_at, form)
    SELECT r.id, r.lineage_id, r.version, r.purpose, r.epoch, r.draft::json, r.raw, r.hash, r.knowledge, r.known::json, r.created_at,
           r.form
    FROM unnest(
        $1::uuid[], $2::uuid[], $3::bigint[], $4::text[], $5::bigint[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[],
        $11::bigint[], $12::bigint[]
    ) AS r (id, lineage_id, version, purpose, epoch, draft, raw, hash, knowledge, known, created_at, form)
    ON CONFLICT (id) DO UPDATE
    SET raw = excluded.raw, hash = excluded.hash, knowledge = excluded.knowledge, known = excluded.known,
        created_at = excluded.created_at, form = excluded.form
    WHERE attempt.known::text IS DISTINCT FROM excluded.known::text
       OR attempt.raw IS DISTINCT FROM excluded.raw OR attempt.hash IS DISTINCT FROM excluded.hash";

const OBSERVATIONS: &str = "
    INSERT INTO observation (attempt_id, at, kind, said, form)
    SELECT r.attempt_id, r.at, r.kind, r.said::json, r.form
    FROM unnest(
        $1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::bigint[]
    ) WITH ORDINALITY AS r (attempt_id, at, kind, said, form, place)
    ORDER BY r.place";
