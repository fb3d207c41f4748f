//! The database, read after the servers have ended: the same questions to SQLite and to Postgres.

use std::path::Path;

use anyhow::{Context, Result};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Connection as _, Row as _};

use crate::devnet::DATABASE;
use crate::postgres::Postgres;
use crate::primitives::U256;

use super::payees::Payee;

/// One movement: debit, credit, asset, amount, what it was for.
#[derive(Debug, Clone)]
pub struct Transfer {
    pub kind: String,
    pub cause: String,
    /// What the cause names: of a network fee the transaction.
    pub cause_id: String,
    pub debit: String,
    pub credit: String,
    pub asset: String,
    pub amount: U256,
}

/// The running totals of an account.
#[derive(Debug, Clone)]
pub struct Account {
    pub path: String,
    pub kind: String,
    pub asset: String,
    pub debits: U256,
    pub credits: U256,
    pub held: U256,
}

/// One row of what was accepted.
#[derive(Debug, Clone)]
pub struct Withdrawal {
    pub id: String,
    pub status: String,
    pub asset: String,
    pub destination: String,
}

impl Withdrawal {
    /// Whether it is to this payee.
    pub fn pays(&self, payee: &Payee) -> bool {
        self.asset == payee.asset() && self.destination.eq_ignore_ascii_case(&payee.destination)
    }
}

/// All that the verdict needs of a database.
#[derive(Debug, Default)]
pub struct Ledger {
    pub transfers: Vec<Transfer>,
    pub accounts: Vec<Account>,
    /// Hash and lineage of every attempt that is signed, in lower case.
    pub attempts: Vec<(String, String)>,
    pub live_lineages: usize,
    pub withdrawals: Vec<Withdrawal>,
}

impl Account {
    /// What its owner can still spend; of a debt, what was paid back too much.
    pub fn available(&self) -> U256 {
        self.credits.saturating_sub(self.debits).saturating_sub(self.held)
    }

    /// What is owed by its owner; of an account that is not overdrawn, nothing.
    pub fn owed(&self) -> U256 {
        self.debits.saturating_sub(self.credits)
    }
}

const TRANSFERS: &str =
    "SELECT kind, cause, cause_id, debit, credit, asset, CAST(amount AS TEXT) FROM transfer";
const ACCOUNTS: &str = "SELECT path, kind, asset, CAST(debits AS TEXT), CAST(credits AS TEXT), CAST(held AS TEXT) \
     FROM account";
const ATTEMPTS: &str =
    "SELECT CAST(hash AS TEXT), CAST(lineage_id AS TEXT) FROM attempt WHERE hash IS NOT NULL";
const LIVE_LINEAGES: &str = "SELECT CAST(id AS TEXT) FROM lineage WHERE CAST(live AS INTEGER) = 1";
const WITHDRAWALS: &str = "SELECT CAST(id AS TEXT), status, asset, destination FROM withdrawal";

/// Where the database is.
pub enum Source<'a> {
    Sqlite(&'a Path),
    Postgres(&'a Postgres),
}

impl Ledger {
    /// # Errors
    /// When the database cannot be read.
    pub async fn read(source: &Source<'_>) -> Result<Self> {
        let mut ledger = Self::default();
        for row in source.rows(TRANSFERS).await? {
            let [kind, cause, cause_id, debit, credit, asset, amount] = columns(row)?;
            ledger.transfers.push(Transfer {
                kind,
                cause,
                cause_id,
                debit,
                credit,
                asset,
                amount: number(&amount)?,
            });
        }
        for row in source.rows(ACCOUNTS).await? {
            let [path, kind, asset, debits, credits, held] = columns(row)?;
            let (debits, credits, held) = (number(&debits)?, number(&credits)?, number(&held)?);
            ledger.accounts.push(Account { path, kind, asset, debits, credits, held });
        }
        for row in source.rows(ATTEMPTS).await? {
            let [hash, lineage] = columns(row)?;
            ledger.attempts.push((hash.to_ascii_lowercase(), lineage.to_ascii_lowercase()));
        }
        for row in source.rows(WITHDRAWALS).await? {
            let [id, status, asset, destination] = columns(row)?;
            ledger.withdrawals.push(Withdrawal { id, status, asset, destination });
        }
        ledger.live_lineages = source.rows(LIVE_LINEAGES).await?.len();
        Ok(ledger)
    }
}

impl Source<'_> {
    /// Answers a question: rows of text.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn rows(&self, question: &'static str) -> Result<Vec<Vec<String>>> {
        match self {
            Self::Postgres(postgres) => {
                let text = postgres.sql(DATABASE, question).await?;
                Ok(text.lines().map(|line| line.split('|').map(str::to_owned).collect()).collect())
            }
            Self::Sqlite(path) => {
                let mut database: SqliteConnection =
                    SqliteConnectOptions::new().filename(path).connect().await?;
                let rows = sqlx::query(question).fetch_all(&mut database).await?;
                database.close().await?;
                let read = |row: &sqlx::sqlite::SqliteRow| {
                    (0..row.len()).map(|column| Ok(row.try_get(column)?)).collect()
                };
                rows.iter().map(read).collect()
            }
        }
    }
}

/// A row of so many columns.
///
/// # Errors
/// When it has another number of them.
pub fn columns<const COUNT: usize>(row: Vec<String>) -> Result<[String; COUNT]> {
    <[String; COUNT]>::try_from(row)
        .map_err(|row| anyhow::anyhow!("{COUNT} columns were asked for, got {row:?}"))
}

fn number(digits: &str) -> Result<U256> {
    U256::from_str_radix(digits, 10).with_context(|| format!("{digits:?} is no amount"))
}
