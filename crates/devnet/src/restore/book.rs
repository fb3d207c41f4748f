//! What a restore has to bring back: each withdrawal with its user, claim and key, and what the
//! limits count.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};

use crate::chaos::ledger::{Source, columns};

const WITHDRAWALS: &str = "SELECT CAST(id AS TEXT), user_id, book, source_asset, asset, CAST(amount AS TEXT), destination,
    CAST(deducted AS TEXT), CAST(fee AS TEXT), COALESCE(CAST(nonce AS TEXT), ''), COALESCE(CAST(digest AS TEXT), ''),
    COALESCE(CAST(deadline AS TEXT), '') FROM withdrawal";
const KEYS: &str = "SELECT CAST(client AS TEXT), CAST(key AS TEXT), CAST(fingerprint AS TEXT), CAST(withdrawal_id \
     AS TEXT) FROM idempotency";
const USERS: &str = "SELECT id, CAST(claim_nonce AS TEXT) FROM app_user";
const LIMITS: &str =
    "SELECT user_id, asset, CAST(count(*) AS TEXT) FROM limit_entry GROUP BY user_id, asset";
const PAYOUTS: &str =
    "SELECT CAST(payout_id AS TEXT), CAST(lineage_id AS TEXT) FROM lineage_payout";
/// Columns of [`WITHDRAWALS`].
const USER: usize = 1;
const BOOK: usize = 2;
const SOURCE_ASSET: usize = 3;
const DEDUCTED: usize = 7;

/// A database at one moment.
pub struct Book {
    /// By id.
    pub withdrawals: BTreeMap<String, [String; 12]>,
    /// Each payout with each lineage that pays it.
    pub payouts: BTreeSet<(String, String)>,
    keys: BTreeSet<[String; 4]>,
    nonces: BTreeMap<String, u64>,
    limits: BTreeMap<(String, String), String>,
}

impl Book {
    /// # Errors
    /// Fails if the database cannot be read.
    pub async fn read(source: &Source<'_>) -> Result<Self> {
        let mut book = Self {
            withdrawals: BTreeMap::new(),
            payouts: BTreeSet::new(),
            keys: BTreeSet::new(),
            nonces: BTreeMap::new(),
            limits: BTreeMap::new(),
        };
        for row in source.rows(WITHDRAWALS).await? {
            let row: [String; 12] = columns(row)?;
            book.withdrawals.insert(row[0].to_ascii_lowercase(), row);
        }
        for row in source.rows(PAYOUTS).await? {
            let [payout, lineage] = columns(row)?;
            book.payouts.insert((payout.to_ascii_lowercase(), lineage.to_ascii_lowercase()));
        }
        for row in source.rows(KEYS).await? {
            book.keys.insert(columns(row)?);
        }
        for row in source.rows(USERS).await? {
            let [user, nonce] = columns(row)?;
            book.nonces.insert(user, nonce.parse().context("a nonce is a number")?);
        }
        for row in source.rows(LIMITS).await? {
            let [user, asset, count] = columns(row)?;
            book.limits.insert((user, asset), count);
        }
        Ok(book)
    }

    /// Withdrawals that are here and not in the other.
    pub fn beyond(&self, other: &Self) -> impl Iterator<Item = Missing<'_>> {
        let rows = self.withdrawals.iter().filter(|(id, _)| !other.withdrawals.contains_key(*id));
        rows.map(|(_, row)| Missing(row))
    }

    /// What `after` does not have as this one has it, in a sentence each.
    pub fn differences(&self, after: &Self) -> Vec<String> {
        let mut found = Vec::new();
        for (id, row) in &self.withdrawals {
            match after.withdrawals.get(id) {
                Some(other) if other == row => {}
                Some(other) => found.push(format!("withdrawal {id} was {row:?} and is {other:?}")),
                None => found.push(format!("withdrawal {id} IS LOST: {row:?}")),
            }
        }
        for key in self.keys.difference(&after.keys) {
            found.push(format!("an idempotency key is not as it was: {key:?}"));
        }
        for (user, nonce) in &self.nonces {
            let now = after.nonces.get(user).copied();
            if now.unwrap_or(0) != *nonce {
                found.push(format!("the next nonce of {user} was {nonce} and is {now:?}"));
            }
        }
        for (whose, count) in &self.limits {
            let now = after.limits.get(whose);
            if now != Some(count) {
                found.push(format!(
                    "the limits of {whose:?} counted {count} withdrawals and count {now:?}"
                ));
            }
        }
        found
    }
}

/// A withdrawal that a backup does not have.
pub struct Missing<'a>(&'a [String; 12]);

impl Missing<'_> {
    /// The account that it was taken from, as the ledger names it, and how much in base units.
    pub fn taken(&self) -> (String, &str) {
        let row = self.0;
        (format!("user/{}/{}/{}", row[USER], row[BOOK], row[SOURCE_ASSET]), &row[DEDUCTED])
    }
}
