//! Accounts, transfers, credits.

use adit_core::Batch;
use adit_store::CommitFault;
use adit_store::rows::{AccountRow, CreditRow, TransferRow};
use sqlx::SqliteConnection;

use super::{put, put_versioned, rows};

pub(super) async fn write(
    connection: &mut SqliteConnection,
    batch: &Batch,
) -> Result<(), CommitFault> {
    let accounts = rows(&batch.accounts, |(account, row)| AccountRow::of(account, row))?;
    put_versioned(connection, "account", ACCOUNTS, &accounts).await?;
    put(
        connection,
        TRANSFERS,
        &rows(&batch.appended.transfers, |transfer| Ok(TransferRow::of(transfer)))?,
    )
    .await?;
    put(connection, CREDITS, &rows(&batch.appended.credits, |credit| Ok(CreditRow::of(credit)))?)
        .await
        .map(drop)
}

const ACCOUNTS: &str = "
    INSERT INTO account (path, kind, user_id, book, wallet, chain, asset, debits, credits, held, version)
    SELECT r.value ->> 'path', r.value ->> 'kind', r.value ->> 'user_id', r.value ->> 'book', r.value ->> 'wallet', r.value ->> 'chain',
           r.value ->> 'asset', r.value ->> 'debits', r.value ->> 'credits', r.value ->> 'held', (r.value ->> 'version') + 1
    FROM jsonb_each(?1) AS r
    WHERE r.value ->> 'version' = 0 OR EXISTS (SELECT 1 FROM account AS a WHERE a.path = r.value ->> 'path')
    ON CONFLICT (path) DO UPDATE
    SET debits = excluded.debits, credits = excluded.credits, held = excluded.held, version = excluded.version
    WHERE account.version = excluded.version - 1";

const TRANSFERS: &str = "
    INSERT INTO transfer (id, kind, hold_id, debit, credit, asset, amount, cause, cause_id, at)
    SELECT r.value ->> 'id', r.value ->> 'kind', r.value ->> 'hold_id', r.value ->> 'debit', r.value ->> 'credit', r.value ->> 'asset',
           r.value ->> 'amount', r.value ->> 'cause', r.value ->> 'cause_id', r.value ->> 'at'
    FROM jsonb_each(?1) AS r";

const CREDITS: &str = "
    INSERT INTO credit (id, user_id, book, asset, amount, at)
    SELECT r.value ->> 'id', r.value ->> 'user_id', r.value ->> 'book', r.value ->> 'asset', r.value ->> 'amount', r.value ->> 'at'
    FROM jsonb_each(?1) AS r";
