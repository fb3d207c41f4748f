//! Accounts and credits.

use std::collections::BTreeSet;

use adit_core::{Account, Amount, Balance, CreditId, CreditRecord, UserId};
use adit_store::rows::{read_account, read_credit, value};
use adit_store::{Coverage, StoreFault};
use sqlx::{PgConnection, query};

use crate::columns::{Columns, Query, all, texts};

pub(crate) async fn accounts_of(
    connection: &mut PgConnection,
    user: &UserId,
) -> Result<Vec<(Account, Balance)>, StoreFault> {
    const OWN: &str = "SELECT * FROM account WHERE kind = 'user' AND user_id = $1
        UNION ALL SELECT * FROM account WHERE kind = 'debt' AND user_id = $1 ORDER BY path";
    let own = query(OWN).bind(user.to_string());
    balances(connection, own).await
}

pub(crate) async fn all_accounts(
    connection: &mut PgConnection,
) -> Result<Vec<(Account, Balance)>, StoreFault> {
    balances(connection, query("SELECT * FROM account ORDER BY path")).await
}

async fn balances(
    connection: &mut PgConnection,
    question: Query,
) -> Result<Vec<(Account, Balance)>, StoreFault> {
    let found = all(connection, question, |row| read_account(row)).await?;
    Ok(found.into_iter().map(|(account, slot)| (account, slot.row.unwrap_or_default())).collect())
}

pub(crate) async fn coverage(connection: &mut PgConnection) -> Result<Vec<Coverage>, StoreFault> {
    const COVERAGE: &str = "
        SELECT asset, sum(credits - debits) AS owed, sum(held) AS held
        FROM account WHERE kind = 'user'
        GROUP BY asset ORDER BY asset COLLATE \"C\"";
    let total = |row: &Columns<'_>, column| value(row, column).map(Amount::new);
    let read = |row: &Columns<'_>| {
        Ok(Coverage {
            asset: value(row, "asset")?,
            owed: total(row, "owed")?,
            held: total(row, "held")?,
        })
    };
    all(connection, query(COVERAGE), read).await
}

pub(crate) async fn credits(
    connection: &mut PgConnection,
    ids: &BTreeSet<CreditId>,
) -> Result<Vec<CreditRecord>, StoreFault> {
    const CREDITS: &str = "SELECT * FROM credit WHERE id = ANY ($1)";
    all(connection, query(CREDITS).bind(texts(ids)), |row| read_credit(row)).await
}
