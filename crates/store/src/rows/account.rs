//! The ledger: accounts, transfers, credits.

use adit_core::{Account, Balance, Cause, CreditRecord, Row, Slot, Transfer};
use serde::Serialize;
use uuid::Uuid;

use super::fields::{Fields, amount, count, integer, padded, time, value};
use crate::{CommitFault, StoreFault};

/// An account by its path, taken apart for those who read it by SQL.
#[derive(Debug, Default, Serialize)]
pub struct AccountRow {
    pub path: String,
    pub kind: String,
    pub user_id: Option<String>,
    pub book: Option<String>,
    pub wallet: Option<String>,
    pub chain: Option<String>,
    pub asset: String,
    pub debits: String,
    pub credits: String,
    pub held: String,
    pub version: i64,
}

impl AccountRow {
    pub fn of(account: &Account, row: &Row<Balance>) -> Result<Self, CommitFault> {
        Ok(Self {
            path: account.to_string(),
            asset: account.asset().to_string(),
            debits: padded(row.row.debits),
            credits: padded(row.row.credits),
            held: padded(row.row.held),
            version: integer(row.version, "a version")?,
            ..Self::parts(account)
        })
    }

    fn parts(account: &Account) -> Self {
        let kind = |kind: &str| Self { kind: kind.to_owned(), ..Self::default() };
        match account {
            Account::User { user, book, .. } => Self {
                user_id: Some(user.to_string()),
                book: Some(book.to_string()),
                ..kind("user")
            },
            Account::Issuer { book, .. } => Self { book: Some(book.to_string()), ..kind("issuer") },
            Account::Hot { wallet, .. } => Self { wallet: Some(wallet.to_string()), ..kind("hot") },
            Account::Treasury { .. } => kind("treasury"),
            Account::Fees { .. } => kind("fees"),
            Account::Network { chain, .. } => {
                Self { chain: Some(chain.to_string()), ..kind("network") }
            }
            Account::Rounding { .. } => kind("rounding"),
            Account::Debt { user, book, .. } => Self {
                user_id: Some(user.to_string()),
                book: Some(book.to_string()),
                ..kind("debt")
            },
            Account::Suspense { .. } => kind("suspense"),
        }
    }
}

pub fn read_account(row: &impl Fields) -> Result<(Account, Slot<Balance>), StoreFault> {
    let balance = Balance {
        debits: amount(row, "debits")?,
        credits: amount(row, "credits")?,
        held: amount(row, "held")?,
    };
    Ok((account(row)?, Slot::loaded(count(row, "version")?, balance)))
}

fn account(row: &impl Fields) -> Result<Account, StoreFault> {
    let asset = value(row, "asset")?;
    match row.text("kind")?.as_str() {
        "user" => {
            Ok(Account::User { user: value(row, "user_id")?, book: value(row, "book")?, asset })
        }
        "issuer" => Ok(Account::Issuer { book: value(row, "book")?, asset }),
        "hot" => Ok(Account::Hot { wallet: value(row, "wallet")?, asset }),
        "treasury" => Ok(Account::Treasury { asset }),
        "fees" => Ok(Account::Fees { asset }),
        "network" => Ok(Account::Network { chain: value(row, "chain")?, asset }),
        "rounding" => Ok(Account::Rounding { asset }),
        "debt" => {
            Ok(Account::Debt { user: value(row, "user_id")?, book: value(row, "book")?, asset })
        }
        "suspense" => Ok(Account::Suspense { asset }),
        other => Err(StoreFault::Corrupt {
            detail: format!("the column kind: {other:?} is no kind of account"),
        }),
    }
}

#[derive(Debug, Serialize)]
pub struct TransferRow {
    pub id: Uuid,
    pub kind: String,
    pub hold_id: Option<Uuid>,
    pub debit: String,
    pub credit: String,
    pub asset: String,
    pub amount: String,
    pub cause: String,
    pub cause_id: String,
    pub at: i64,
}

impl TransferRow {
    pub fn of(transfer: &Transfer) -> Self {
        let (cause, cause_id) = match &transfer.cause {
            Cause::Credit { id } => ("credit", id.to_string()),
            Cause::Withdrawal { id } => ("withdrawal", id.to_string()),
            Cause::NetworkFee { transaction } => ("network_fee", transaction.clone()),
            Cause::Funding { wallet } => ("funding", wallet.to_string()),
        };
        Self {
            id: transfer.id.0,
            kind: transfer.kind.name().to_owned(),
            hold_id: transfer.kind.resolves().map(|hold| hold.0),
            debit: transfer.debit.to_string(),
            credit: transfer.credit.to_string(),
            asset: transfer.debit.asset().to_string(),
            amount: padded(transfer.amount),
            cause: cause.to_owned(),
            cause_id,
            at: transfer.at.micros(),
        }
    }
}

#[derive(Debug, Serialize)]
pub struct CreditRow {
    pub id: String,
    pub user_id: String,
    pub book: String,
    pub asset: String,
    pub amount: String,
    pub at: i64,
}

impl CreditRow {
    pub fn of(record: &CreditRecord) -> Self {
        Self {
            id: record.id.to_string(),
            user_id: record.user.to_string(),
            book: record.book.to_string(),
            asset: record.asset.to_string(),
            amount: padded(record.amount),
            at: record.at.micros(),
        }
    }
}

pub fn read_credit(row: &impl Fields) -> Result<CreditRecord, StoreFault> {
    Ok(CreditRecord {
        id: value(row, "id")?,
        user: value(row, "user_id")?,
        book: value(row, "book")?,
        asset: value(row, "asset")?,
        amount: amount(row, "amount")?,
        at: time(row, "at")?,
    })
}
