//! Accounts, transfers, credits.

use adit_core::Batch;
use adit_store::CommitFault;
use adit_store::rows::{AccountRow, CreditRow, TransferRow};
use sqlx::{PgConnection, query};

use super::{columns, put, put_versioned, rows};

pub(super) async fn write(connection: &mut PgConnection, batch: &Batch) -> Result<(), CommitFault> {
    let accounts = rows(&batch.accounts, |(account, row)| AccountRow::of(account, row))?;
    let transfers: Vec<TransferRow> =
        batch.appended.transfers.iter().map(TransferRow::of).collect();
    let credits: Vec<CreditRow> = batch.appended.credits.iter().map(CreditRow::of).collect();
    put_versioned(
        connection,
        "account",
        accounts.len(),
        columns!(query(ACCOUNTS), accounts; path, kind, user_id, book, wallet, chain, asset, debits, credits, held, version),
    )
    .await?;
    put(
        connection,
        transfers.len(),
        columns!(query(TRANSFERS), transfers; id, kind, hold_id, debit, credit, asset, amount, cause, cause_id, at),
    )
    .await?;
    put(
        connection,
        credits.len(),
        columns!(query(CREDITS), credits; id, user_id, book, asset, amount, at),
    )
    .await
    .map(drop)
}

const ACCOUNTS: &str = "
    INSERT INTO account (path, kind, user_id, book, wallet, chain, asset, debits, credits, held, version)
    SELECT r.path, r.kind, r.user_id, r.book, r.wallet, r.chain, r.asset, r.debits::numeric, r.credits::numeric, r.held::numeric,
           r.version + 1
    FROM unnest(
        $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[],
        $11::bigint[]
    ) AS r (path, kind, user_id, book, wallet, chain, asset, debits, credits, held, version)
    WHERE r.version = 0 OR EXISTS (SELECT 1 FROM account AS a WHERE a.path = r.path)
    ON CONFLICT (path) DO UPDATE
    SET debits = excluded.debits, credits = excluded.credits, held = excluded.held, version = excluded.version
    WHERE account.version = excluded.version - 1";

const TRANSFERS: &str = "
    INSERT INTO transfer (id, kind, hold_id, debit, credit, asset, amount, cause, cause_id, at)
    SELECT r.id, r.kind, r.hold_id, r.debit, r.credit, r.asset, r.amount::numeric, r.cause, r.cause_id, r.at
    FROM unnest(
        $1::uuid[], $2::text[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::bigint[]
    ) AS r (id, kind, hold_id, debit, credit, asset, amount, cause, cause_id, at)";

const CREDITS: &str = "
    INSERT INTO credit (id, user_id, book, asset, amount, at)
    SELECT r.id, r.user_id, r.book, r.asset, r.amount::numeric, r.at
    FROM unnest(
        $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[]
    ) AS r (id, user_id, book, asset, amount, at)";
