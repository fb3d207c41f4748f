//! Users, wallets, suspensions.

use std::collections::{BTreeMap, BTreeSet};

use adit_core::{Destination, Slot, Suspension, User, UserId, WalletLink};
use adit_store::rows::{Fields, read_suspension, read_user, read_wallet, value};
use adit_store::{StoreFault, UserSheet};
use sqlx::{PgConnection, query};

use super::ledger;
use crate::columns::{all, texts};

pub(crate) async fn users(
    connection: &mut PgConnection,
    ids: &BTreeSet<UserId>,
) -> Result<Vec<Slot<User>>, StoreFault> {
    const USERS: &str = "SELECT * FROM app_user WHERE id = ANY ($1)";
    all(connection, query(USERS).bind(texts(ids)), |row| read_user(row)).await
}

pub(crate) async fn wallets(
    connection: &mut PgConnection,
    addresses: &BTreeSet<Destination>,
) -> Result<Vec<Slot<WalletLink>>, StoreFault> {
    const WALLETS: &str = "SELECT * FROM wallet WHERE address = ANY ($1)";
    all(connection, query(WALLETS).bind(texts(addresses)), |row| read_wallet(row)).await
}

pub(crate) async fn sheet(
    connection: &mut PgConnection,
    user: &UserId,
) -> Result<Option<UserSheet>, StoreFault> {
    let found = users(connection, &BTreeSet::from([user.clone()])).await?;
    let Some(user) = found.into_iter().find_map(|slot| slot.row) else { return Ok(None) };
    let wallets =
        query("SELECT * FROM wallet WHERE user_id = $1 ORDER BY address").bind(user.id.to_string());
    let wallets = all(connection, wallets, |row| read_wallet(row))
        .await?
        .into_iter()
        .filter_map(|slot| slot.row)
        .collect();
    let balances = ledger::accounts_of(connection, &user.id).await?;
    Ok(Some(UserSheet { user, wallets, balances }))
}

pub(crate) async fn event_seqs(
    connection: &mut PgConnection,
    users: &BTreeSet<UserId>,
) -> Result<BTreeMap<UserId, u64>, StoreFault> {
    let question =
        query("SELECT id, event_seq FROM app_user WHERE id = ANY ($1)").bind(texts(users));
    let found = all(connection, question, |row| {
        Ok((value(row, "id")?, row.integer("event_seq")?.unsigned_abs()))
    });
    found.await.map(BTreeMap::from_iter)
}

pub(crate) async fn suspensions(
    connection: &mut PgConnection,
) -> Result<Vec<Suspension>, StoreFault> {
    all(connection, query("SELECT * FROM suspension ORDER BY scope"), |row| read_suspension(row))
        .await
}
