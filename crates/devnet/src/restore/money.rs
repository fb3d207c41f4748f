//! What users can spend and what they owe, as ledger and API say it.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::api::Api;
use crate::chaos::ledger::Ledger;
use crate::chaos::payees::{PURSE, Payee, Way};
use crate::config::{BOOK, POINTS};
use crate::primitives::U256;

use super::book::Book;

/// Amounts in base units, by `{user}/{book}/{asset}`.
pub type Amounts = BTreeMap<String, U256>;

/// What every user can still spend.
pub fn available(ledger: &Ledger) -> Amounts {
    let accounts = ledger.accounts.iter().filter(|account| account.kind == "user");
    accounts.map(|account| (whose(&account.path).to_owned(), account.available())).collect()
}

/// What users owe.
pub fn debts(ledger: &Ledger) -> Amounts {
    let accounts = ledger
        .accounts
        .iter()
        .filter(|account| account.kind == "debt" && !account.owed().is_zero());
    accounts.map(|account| (whose(&account.path).to_owned(), account.owed())).collect()
}

/// What users have to owe whose withdrawals the backup does not have: what was taken for them
/// beyond what was there to be spent.
///
/// # Errors
/// Fails if an amount is none.
pub fn debts_to_come(lost: &Book, backup: &Book, ledger_of_backup: &Ledger) -> Result<Amounts> {
    let there = available(ledger_of_backup);
    let mut taken = Amounts::new();
    for withdrawal in lost.beyond(backup) {
        let (account, amount) = withdrawal.taken();
        let amount =
            U256::from_str_radix(amount.trim_start_matches('0'), 10).context("an amount")?;
        *taken.entry(whose(&account).to_owned()).or_default() += amount;
    }
    let missing = taken.into_iter().map(|(account, taken)| {
        let there = there.get(&account).copied().unwrap_or_default();
        (account, taken.saturating_sub(there))
    });
    Ok(missing.filter(|(_, missing)| !missing.is_zero()).collect())
}

/// Takes away what these were paid.
pub fn spend<'a>(amounts: &mut Amounts, payees: impl Iterator<Item = &'a Payee>) -> Result<()> {
    for payee in payees {
        let user = &payee.asker.player.id;
        let (account, amount) = match payee.way {
            // Points have no decimals, and one is worth a token.
            Way::Claim => {
                (format!("{user}/{BOOK}/{POINTS}"), U256::from_str_radix(&payee.amount, 10)?)
            }
            Way::Coins | Way::Tokens | Way::Bitcoin => {
                (format!("{user}/{PURSE}/{}", payee.asset()), payee.base_units())
            }
        };
        let left = amounts.get_mut(&account).with_context(|| format!("{account} is credited"))?;
        *left = left.saturating_sub(amount);
    }
    Ok(())
}

/// What differs, in a sentence each.
pub fn differences(what: &str, expected: &Amounts, found: &Amounts) -> Vec<String> {
    let accounts: std::collections::BTreeSet<&String> =
        expected.keys().chain(found.keys()).collect();
    let of =
        |amounts: &Amounts, account: &String| amounts.get(account).copied().unwrap_or_default();
    let differs =
        accounts.into_iter().filter(|account| of(expected, account) != of(found, account));
    let told = |account: &String| {
        format!(
            "{what} of {account} should be {} and is {}",
            of(expected, account),
            of(found, account)
        )
    };
    differs.map(told).collect()
}

/// Accounts whose debt `GET /api/me` does not show to its user.
///
/// # Errors
/// Fails if it cannot be asked.
pub async fn hidden_debts(admin: &Api, debts: &Amounts) -> Result<Vec<String>> {
    let mut hidden = Vec::new();
    for account in debts.keys() {
        let [user, book, asset] = account.split('/').collect::<Vec<_>>()[..] else { continue };
        let me =
            admin.get(&format!("/api/me?userId={user}")).await?.expect_success("reading a user")?;
        let shows = |debt: &&Value| debt["book"] == book && debt["asset"] == asset;
        if !me["debts"].as_array().into_iter().flatten().any(|debt| shows(&debt)) {
            hidden.push(format!(
                "{account} has a debt that GET /api/me does not show: {}",
                me["debts"]
            ));
        }
    }
    Ok(hidden)
}

fn whose(path: &str) -> &str {
    path.split_once('/').map_or(path, |(_, whose)| whose)
}
