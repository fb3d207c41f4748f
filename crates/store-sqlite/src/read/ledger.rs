//! Accounts and credits.

use std::collections::{BTreeMap, BTreeSet};

use adit_core::{Account, Balance, CreditId, CreditRecord, Slot, UserId};
use adit_store::rows::{read_account, read_credit};
use adit_store::{Coverage, StoreFault};
use sqlx::{SqliteConnection, query};

use crate::columns::{Query, all, array};

pub(crate) async fn accounts(
    connection: &mut SqliteConnection,
    accounts: &BTreeSet<Account>,
) -> Result<Vec<(Account, Slot<Balance>)>, StoreFault> {
    const ACCOUNTS: &str =
        "SELECT * FROM account WHERE path IN (SELECT k.value FROM json_each(?1) AS k)";
    let paths: Vec<String> = accounts.iter().map(ToString::to_string).collect();
    all(connection, query(ACCOUNTS).bind(array(&paths)?), |row| read_account(row)).await
}

pub(crate) async fn accounts_of(
    connection: &mut SqliteConnection,
    user: &UserId,
) -> Result<Vec<(Account, Balance)>, StoreFault> {
    const OWN: &str = "SELECT * FROM account WHERE kind = 'user' AND user_id = ?1
        UNION ALL SELECT * FROM account WHERE kind = 'debt' AND user_id = ?1 ORDER BY path";
    let own = query(OWN).bind(user.to_string());
    balances(connection, own).await
}

pub(crate) async fn all_accounts(
    connection: &mut SqliteConnection,
) -> Result<Vec<(Account, Balance)>, StoreFault> {
    balances(connection, query("SELECT * FROM account ORDER BY path")).await
}

async fn balances(
    connection: &mut SqliteConnection,
    question: Query,
) -> Result<Vec<(Account, Balance)>, StoreFault> {
    let found = all(connection, question, |row| read_account(row)).await?;
    Ok(found.into_iter().map(|(account, slot)| (account, slot.row.unwrap_or_default())).collect())
}

/// Summed up here: SQLite has no sums that long.
pub(crate) async fn coverage(
    connection: &mut SqliteConnection,
) -> Result<Vec<Coverage>, StoreFault> {
    let mut totals = BTreeMap::new();
    for (account, balance) in
        balances(connection, query("SELECT * FROM account WHERE kind = 'user'")).await?
    {
        let total = totals
            .entry(account.asset().clone())
            .or_insert_with(|| Coverage::none(account.asset().clone()));
        total.add(&balance);
    }
    Ok(totals.into_values().collect())
}

pub(crate) async fn credits(
    connection: &mut SqliteConnection,
    ids: &BTreeSet<CreditId>,
) -> Result<Vec<CreditRecord>, StoreFault> {
    const CREDITS: &str =
        "SELECT * FROM credit WHERE id IN (SELECT k.value FROM json_each(?1) AS k)";
    all(connection, query(CREDITS).bind(array(ids)?), |row| read_credit(row)).await
}
