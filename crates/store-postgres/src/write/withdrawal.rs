//! Withdrawals, limits, idempotency keys.

use adit_core::Batch;
use adit_store::rows::{IdempotencyRow, LimitGivenBackRow, LimitRow, WithdrawalRow};
use adit_store::{CommitFault, constraint};
use sqlx::{PgConnection, query};

use super::{columns, put, put_versioned, rows};

pub(super) async fn write(connection: &mut PgConnection, batch: &Batch) -> Result<(), CommitFault> {
    let withdrawals = rows(&batch.withdrawals, WithdrawalRow::of)?;
    let statement = columns!(query(WITHDRAWALS), withdrawals; id, user_id, payout_id, asset, amount, destination, book, source_asset, deducted, fee, balance_before, balance_after, hold_id, limit_asset, limit_seq, limit_at, limit_amount, limit_cumulative, nonce, deadline, digest, signature, idempotency, requested_by, policy_revision, created_at, retry_count, status, state, form, due_at, hash, block_number, completed_at, version);
    put_versioned(connection, "withdrawal", withdrawals.len(), statement).await?;
    limits(connection, batch).await?;
    let keys: Vec<IdempotencyRow> =
        batch.appended.idempotency.iter().map(IdempotencyRow::of).collect();
    put(
        connection,
        keys.len(),
        columns!(query(IDEMPOTENCY), keys; client, key, fingerprint, withdrawal_id, at),
    )
    .await
    .map(drop)
}

async fn limits(connection: &mut PgConnection, batch: &Batch) -> Result<(), CommitFault> {
    let made = rows(&batch.appended.limits, LimitRow::of)?;
    let given_back =
        rows(&batch.appended.limits_given_back, |entry| LimitGivenBackRow::of(entry, batch.now))?;
    put(
        connection,
        made.len(),
        columns!(query(LIMITS), made; user_id, asset, at, seq, amount, cumulative, withdrawal_id),
    )
    .await?;
    let statement =
        columns!(query(LIMITS_GIVEN_BACK), given_back; given_back_at, user_id, asset, seq);
    if put(connection, given_back.len(), statement).await? == given_back.len() as u64 {
        return Ok(());
    }
    Err(CommitFault::Constraint { constraint: constraint::LIMIT_GIVEN_BACK_ONCE.to_owned() })
}

/// What was asked never changes; an update touches where it stands, and whose it is and what it
/// took from them: a payment that was found is matched to its user later.
const WITHDRAWALS: &str = "
    INSERT INTO withdrawal (id, user_id, payout_id, asset, amount, destination, book, source_asset, deducted, fee, balance_before, balance_after, hold_id,
        limit_asset, limit_seq, limit_at, limit_amount, limit_cumulative, nonce, deadline, digest, signature, idempotency,
        requested_by, policy_revision, created_at, retry_count, status, state, form, due_at, hash, block_number, completed_at, version)
    SELECT r.id, r.user_id, r.payout_id, r.asset, r.amount::numeric, r.destination, r.book, r.source_asset, r.deducted::numeric,
           r.fee::numeric, r.balance_before::numeric, r.balance_after::numeric, r.hold_id, r.limit_asset, r.limit_seq, r.limit_at,
           r.limit_amount::numeric, r.limit_cumulative::numeric, r.nonce, r.deadline, r.digest, r.signature, r.idempotency::json, r.requested_by, r.policy_revision,
           r.created_at, r.retry_count, r.status, r.state::json, r.form, r.due_at, r.hash, r.block_number, r.completed_at, r.version + 1
    FROM unnest(
        $1::uuid[], $2::text[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[],
        $11::text[], $12::text[], $13::uuid[], $14::text[], $15::bigint[], $16::bigint[], $17::text[], $18::text[], $19::bigint[],
        $20::bigint[], $21::text[], $22::text[], $23::text[], $24::text[], $25::bigint[], $26::bigint[], $27::bigint[], $28::text[],
        $29::text[], $30::bigint[], $31::bigint[], $32::text[], $33::bigint[], $34::bigint[], $35::bigint[]
    ) AS r (id, user_id, payout_id, asset, amount, destination, book, source_asset, deducted, fee, balance_before, balance_after, hold_id,
        limit_asset, limit_seq, limit_at, limit_amount, limit_cumulative, nonce, deadline, digest, signature, idempotency,
        requested_by, policy_revision, created_at, retry_count, status, state, form, due_at, hash, block_number, completed_at, version)
    WHERE r.version = 0 OR EXISTS (SELECT 1 FROM withdrawal AS w WHERE w.id = r.id)
    ON CONFLICT (id) DO UPDATE
    SET user_id = excluded.user_id, book = excluded.book, source_asset = excluded.source_asset, deducted = excluded.deducted, fee = excluded.fee,
        balance_before = excluded.balance_before, balance_after = excluded.balance_after, retry_count = excluded.retry_count, status = excluded.status, state = excluded.state, form = excluded.form,
        due_at = excluded.due_at, hash = excluded.hash, block_number = excluded.block_number, completed_at = excluded.completed_at,
        version = excluded.version
    WHERE withdrawal.version = excluded.version - 1";

const LIMITS: &str = "
    INSERT INTO limit_entry (user_id, asset, at, seq, amount, cumulative, withdrawal_id)
    SELECT r.user_id, r.asset, r.at, r.seq, r.amount::numeric, r.cumulative::numeric, r.withdrawal_id
    FROM unnest(
        $1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::text[], $6::text[], $7::uuid[]
    ) AS r (user_id, asset, at, seq, amount, cumulative, withdrawal_id)";

const LIMITS_GIVEN_BACK: &str = "
    UPDATE limit_entry
    SET given_back_at = r.given_back_at
    FROM unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[]) AS r (given_back_at, user_id, asset, seq)
    WHERE limit_entry.user_id = r.user_id AND limit_entry.asset = r.asset
      AND limit_entry.seq = r.seq AND limit_entry.given_back_at IS NULL";

const IDEMPOTENCY: &str = "
    INSERT INTO idempotency (client, key, fingerprint, withdrawal_id, at)
    SELECT r.client, r.key, r.fingerprint, r.withdrawal_id, r.at
    FROM unnest(
        $1::text[], $2::text[], $3::text[], $4::uuid[], $5::bigint[]
    ) AS r (client, key, fingerprint, withdrawal_id, at)";
