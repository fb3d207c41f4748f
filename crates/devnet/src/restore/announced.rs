//! What `adit restore` said, and what it should have said: counted from the journal and the backup
//! by other code.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::chaos::journal::Journal;

use super::book::Book;

/// Payments that the journal knows as signed and the database does not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Announced {
    /// Of withdrawals that it has.
    pub taken_back: u64,
    /// Of withdrawals that it does not have.
    pub made_again: u64,
    pub for_a_person: u64,
}

impl Announced {
    /// As the command said it, over all lanes.
    ///
    /// # Errors
    /// Fails if it said something else.
    pub fn read(text: &str) -> Result<Self> {
        let said: Value = serde_json::from_str(text).with_context(|| format!("no JSON: {text}"))?;
        let lanes = said["lanes"].as_array().with_context(|| format!("no lanes in {said}"))?;
        let mut sum = Self::default();
        for lane in lanes {
            let count = |name: &str| {
                lane["payments"][name].as_u64().with_context(|| format!("no {name} in {lane}"))
            };
            sum.taken_back += count("takenBack")?;
            sum.made_again += count("madeAgain")?;
            sum.for_a_person += count("forAPerson")?;
        }
        Ok(sum)
    }

    /// As it is, where every record of the journal has its context.
    pub fn expected(journal: &Journal, backup: &Book) -> Self {
        let mut lineages: BTreeMap<&str, Vec<bool>> = BTreeMap::new();
        for payment in &journal.payouts {
            lineages.entry(&payment.0).or_default().push(backup.payouts.contains(payment));
        }
        let mut sum = Self::default();
        for (payout, stands) in lineages {
            match (backup.withdrawals.contains_key(payout), stands.last()) {
                (true, Some(true)) => {}
                (true, _) => sum.taken_back += 1,
                (false, _) => sum.made_again += 1,
            }
        }
        sum
    }
}
