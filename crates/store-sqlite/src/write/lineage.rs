//! Lanes, lineages, anchors, payouts, attempts, observations.

use adit_core::{Batch, Lineage};
use adit_store::CommitFault;
use adit_store::rows::{AnchorRow, AttemptRow, LaneRow, LineageRow, ObservationRow, PayoutRow};
use sqlx::SqliteConnection;

use super::{put, put_versioned, rows};

pub(super) async fn write(
    connection: &mut SqliteConnection,
    batch: &Batch,
) -> Result<(), CommitFault> {
    put_versioned(connection, "lane", LANES, &rows(&batch.lanes, LaneRow::of)?).await?;
    put_versioned(connection, "lineage", LINEAGES, &rows(&batch.lineages, LineageRow::of)?).await?;
    // Lineages that end give back their anchors and payouts before others take them.
    let (live, ended): (Vec<_>, Vec<_>) =
        batch.lineages.iter().map(|row| &row.row).partition(|lineage| lineage.is_live());
    members(connection, &ended).await?;
    members(connection, &live).await?;
    put(connection, OBSERVATIONS, &rows(&batch.appended.observations, ObservationRow::of)?)
        .await
        .map(drop)
}

async fn members(
    connection: &mut SqliteConnection,
    lineages: &[&Lineage],
) -> Result<(), CommitFault> {
    let anchors: Vec<AnchorRow> =
        lineages.iter().flat_map(|lineage| AnchorRow::all_of(lineage)).collect();
    let payouts: Vec<PayoutRow> =
        lineages.iter().flat_map(|lineage| PayoutRow::all_of(lineage)).collect();
    let mut attempts = Vec::new();
    for lineage in lineages {
        attempts.extend(rows(&lineage.attempts, |attempt| AttemptRow::of(lineage.id, attempt))?);
    }
    put(connection, ANCHORS, &anchors).await?;
    put(connection, PAYOUTS, &payouts).await?;
    put(connection, ATTEMPTS, &attempts).await.map(drop)
}

const LANES: &str = "
    INSERT INTO lane (id, next_nonce, adopted_from, journal_id, lease_owner, lease_until, lease_token,
                      epoch, counter, journal_read, witness_records, witness_chain, journal_trusted, probed, proved, doubt, status, state, restoration, tip, trail,
                      coin_places, funds, pins, form, version)
    SELECT r.value ->> 'id', r.value ->> 'next_nonce', r.value ->> 'adopted_from', r.value ->> 'journal_id', r.value ->> 'lease_owner',
           r.value ->> 'lease_until', r.value ->> 'lease_token', r.value ->> 'epoch', r.value ->> 'counter',
           r.value ->> 'journal_read', r.value ->> 'witness_records', r.value ->> 'witness_chain', r.value ->> 'journal_trusted', r.value ->> 'probed', r.value ->> 'proved', r.value ->> 'doubt', r.value ->> 'status', r.value ->> 'state',
           r.value ->> 'restoration', r.value ->> 'tip',
           r.value ->> 'trail', r.value ->> 'coin_places', r.value ->> 'funds', r.value ->> 'pins', r.value ->> 'form', (r.value ->> 'version') + 1
    FROM jsonb_each(?1) AS r
    WHERE r.value ->> 'version' = 0 OR EXISTS (SELECT 1 FROM lane AS l WHERE l.id = r.value ->> 'id')
    ON CONFLICT (id) DO UPDATE
    SET next_nonce = excluded.next_nonce, adopted_from = excluded.adopted_from, journal_id = excluded.journal_id,
        lease_owner = excluded.lease_owner, lease_until = excluded.lease_until, lease_token = excluded.lease_token,
        epoch = excluded.epoch, counter = excluded.counter, journal_read = excluded.journal_read,
        witness_records = excluded.witness_records, witness_chain = excluded.witness_chain,
        journal_trusted = excluded.journal_trusted, probed = excluded.probed, proved = excluded.proved, doubt = excluded.doubt, status = excluded.status,
        state = excluded.state, restoration = excluded.restoration, tip = excluded.tip, trail = excluded.trail,
        coin_places = excluded.coin_places, funds = excluded.funds, pins = excluded.pins,
        form = excluded.form, version = excluded.version
    WHERE lane.version = excluded.version - 1";

const LINEAGES: &str = "
    INSERT INTO lineage (id, lane, nonce, live, state, cancel, created_at, form, version, mined_version)
    SELECT r.value ->> 'id', r.value ->> 'lane', r.value ->> 'nonce', r.value ->> 'live', r.value ->> 'state', r.value ->> 'cancel',
           r.value ->> 'created_at', r.value ->> 'form', (r.value ->> 'version') + 1, r.value ->> 'mined_version'
    FROM jsonb_each(?1) AS r
    WHERE r.value ->> 'version' = 0 OR EXISTS (SELECT 1 FROM lineage AS l WHERE l.id = r.value ->> 'id')
    ON CONFLICT (id) DO UPDATE
    SET live = excluded.live, state = excluded.state, cancel = excluded.cancel, form = excluded.form, version = excluded.version,
        mined_version = excluded.mined_version
    WHERE lineage.version = excluded.version - 1";

const ANCHORS: &str = "
    INSERT INTO anchor (lineage_id, position, kind, key, live)
    SELECT r.value ->> 'lineage_id', r.value ->> 'position', r.value ->> 'kind', r.value ->> 'key', r.value ->> 'live'
    FROM jsonb_each(?1) AS r
    WHERE TRUE
    ON CONFLICT (lineage_id, position) DO UPDATE SET live = excluded.live WHERE anchor.live <> excluded.live";

const PAYOUTS: &str = "
    INSERT INTO lineage_payout (lineage_id, position, payout_id, withdrawal_id, user_id, book, source_asset, asset, amount, destination, live)
    SELECT r.value ->> 'lineage_id', r.value ->> 'position', r.value ->> 'payout_id', r.value ->> 'withdrawal_id',
           r.value ->> 'user_id', r.value ->> 'book', r.value ->> 'source_asset', r.value ->> 'asset', r.value ->> 'amount',
           r.value ->> 'destination', r.value ->> 'live'
    FROM jsonb_each(?1) AS r
    WHERE TRUE
    ON CONFLICT (lineage_id, position) DO UPDATE SET live = excluded.live WHERE lineage_payout.live <> excluded.live";

/// What is reserved never changes; signed bytes are recorded once, as a trigger asserts.
const ATTEMPTS: &str = "
    INSERT INTO attempt (id, lineage_id, version, purpose, epoch, draft, raw, hash, knowledge, known, created_at, form)
    SELECT r.value ->> 'id', r.value ->> 'lineage_id', r.value ->> 'version', r.value ->> 'purpose', r.value ->> 'epoch',
           r.value ->> 'draft', r.value ->> 'raw', r.value ->> 'hash', r.value ->> 'knowledge', r.value ->> 'known',
           r.value ->> 'created_at', r.value ->> 'form'
    FROM jsonb_each(?1) AS r
    WHERE TRUE
    ON CONFLICT (id) DO UPDATE
    SET raw = excluded.raw, hash = excluded.hash, knowledge = excluded.knowledge, known = excluded.known,
        created_at = excluded.created_at, form = excluded.form
    WHERE attempt.known IS NOT excluded.known OR attempt.raw IS NOT excluded.raw OR attempt.hash IS NOT excluded.hash";

const OBSERVATIONS: &str = "
    INSERT INTO observation (attempt_id, at, kind, said, form)
    SELECT r.value ->> 'attempt_id', r.value ->> 'at', r.value ->> 'kind', r.value ->> 'said', r.value ->> 'form'
    FROM jsonb_each(?1) AS r
    ORDER BY r.key";
