//! Withdrawals, limits, idempotency keys.

use adit_core::Batch;
use adit_store::rows::{IdempotencyRow, LimitGivenBackRow, LimitRow, WithdrawalRow};
use adit_store::{CommitFault, constraint};
use sqlx::SqliteConnection;

use super::{put, put_versioned, rows};

pub(super) async fn write(
    connection: &mut SqliteConnection,
    batch: &Batch,
) -> Result<(), CommitFault> {
    let added = &batch.appended;
    put_versioned(
        connection,
        "withdrawal",
        WITHDRAWALS,
        &rows(&batch.withdrawals, WithdrawalRow::of)?,
    )
    .await?;
    put(connection, LIMITS, &rows(&added.limits, LimitRow::of)?).await?;
    let given_back =
        rows(&added.limits_given_back, |entry| LimitGivenBackRow::of(entry, batch.now))?;
    if put(connection, LIMITS_GIVEN_BACK, &given_back).await? != given_back.len() as u64 {
        return Err(CommitFault::Constraint {
            constraint: constraint::LIMIT_GIVEN_BACK_ONCE.to_owned(),
        });
    }
    put(
        connection,
        IDEMPOTENCY,
        &rows(&added.idempotency, |record| Ok(IdempotencyRow::of(record)))?,
    )
    .await
    .map(drop)
}

/// What was asked never changes; an update touches where it stands, and whose it is and what it
/// took from them: a payment that was found is matched to its user later.
const WITHDRAWALS: &str = "
    INSERT INTO withdrawal (
        id, user_id, payout_id, asset, amount, destination, book, source_asset, deducted, fee, balance_before, balance_after, hold_id,
        limit_asset, limit_seq, limit_at, limit_amount, limit_cumulative, nonce, deadline, digest, signature, idempotency, requested_by,
        policy_revision, created_at, retry_count, status, state, form, due_at, hash, block_number, completed_at, version)
    SELECT r.value ->> 'id', r.value ->> 'user_id', r.value ->> 'payout_id', r.value ->> 'asset', r.value ->> 'amount',
           r.value ->> 'destination', r.value ->> 'book', r.value ->> 'source_asset', r.value ->> 'deducted', r.value ->> 'fee',
           r.value ->> 'balance_before', r.value ->> 'balance_after', r.value ->> 'hold_id', r.value ->> 'limit_asset',
           r.value ->> 'limit_seq', r.value ->> 'limit_at', r.value ->> 'limit_amount', r.value ->> 'limit_cumulative',
           r.value ->> 'nonce', r.value ->> 'deadline', r.value ->> 'digest', r.value ->> 'signature', r.value ->> 'idempotency', r.value ->> 'requested_by', r.value ->> 'policy_revision',
           r.value ->> 'created_at', r.value ->> 'retry_count', r.value ->> 'status', r.value ->> 'state', r.value ->> 'form',
           r.value ->> 'due_at', r.value ->> 'hash', r.value ->> 'block_number', r.value ->> 'completed_at', (r.value ->> 'version') + 1
    FROM jsonb_each(?1) AS r
    WHERE r.value ->> 'version' = 0 OR EXISTS (SELECT 1 FROM withdrawal AS w WHERE w.id = r.value ->> 'id')
    ON CONFLICT (id) DO UPDATE
    SET user_id = excluded.user_id, book = excluded.book, source_asset = excluded.source_asset, deducted = excluded.deducted, fee = excluded.fee,
        balance_before = excluded.balance_before, balance_after = excluded.balance_after, retry_count = excluded.retry_count, status = excluded.status, state = excluded.state, form = excluded.form,
        due_at = excluded.due_at, hash = excluded.hash, block_number = excluded.block_number, completed_at = excluded.completed_at,
        version = excluded.version
    WHERE withdrawal.version = excluded.version - 1";

const LIMITS: &str = "
    INSERT INTO limit_entry (user_id, asset, at, seq, amount, cumulative, withdrawal_id)
    SELECT r.value ->> 'user_id', r.value ->> 'asset', r.value ->> 'at', r.value ->> 'seq', r.value ->> 'amount',
           r.value ->> 'cumulative', r.value ->> 'withdrawal_id'
    FROM jsonb_each(?1) AS r";

const LIMITS_GIVEN_BACK: &str = "
    UPDATE limit_entry
    SET given_back_at = r.value ->> 'given_back_at'
    FROM jsonb_each(?1) AS r
    WHERE limit_entry.user_id = r.value ->> 'user_id' AND limit_entry.asset = r.value ->> 'asset'
      AND limit_entry.at = r.value ->> 'at' AND limit_entry.seq = r.value ->> 'seq' AND limit_entry.given_back_at IS NULL";

const IDEMPOTENCY: &str = "
    INSERT INTO idempotency (client, key, fingerprint, withdrawal_id, at)
    SELECT r.value ->> 'client', r.value ->> 'key', r.value ->> 'fingerprint', r.value ->> 'withdrawal_id', r.value ->> 'at'
    FROM jsonb_each(?1) AS r";
