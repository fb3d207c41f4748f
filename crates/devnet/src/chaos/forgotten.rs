//! What restores of both have left behind: transactions that neither store remembers, and what an
//! operator made of them.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::both::lost::{self, Signed};

use super::chain::Mined;
use super::journal::Journal;
use super::ledger::Ledger;

/// All restores of a run together.
#[derive(Debug, Default)]
pub struct Forgotten {
    /// Hashes of what was signed between a snapshot and its restore, in lower case.
    pub hashes: BTreeSet<String>,
    /// Payments that only these make.
    pub payments: usize,
    /// Transactions that the nodes took from a restore until the lanes ran again, sweeps most of
    /// them. The plan does not count these.
    pub sends: u64,
    /// Restores after which the node's pool had forgotten what waits, too.
    pub hidden: usize,
    /// From the start of the restored servers until every lane waited for its release.
    pub unreleased: Vec<Duration>,
    /// Withdrawals that were held for an operator.
    pub held: usize,
    /// Payments of nobody's that an operator gave to a withdrawal or a user.
    pub matched: usize,
    /// Withdrawals that an operator gave back: nobody had paid them, or another row stands for
    /// their payment.
    pub given_back: BTreeSet<String>,
    /// Rows that stood for payments of nobody's.
    pub nobodys: BTreeSet<String>,
    /// What the operator found that should not be, and what they could not explain.
    pub findings: Vec<String>,
}

impl Forgotten {
    /// These were signed by a journal that is lost now.
    pub fn add(&mut self, lost: &[Signed]) {
        self.payments += lost::payments(lost);
        self.hashes
            .extend(lost.iter().filter(|signed| signed.since).map(|signed| signed.hash.clone()));
    }

    /// Transactions that are in a block, and in neither store: nobody has their bytes, so nobody
    /// books their network fee.
    pub fn strays<'a>(
        &self,
        mined: &'a [Mined],
        journal: &Journal,
        ledger: &Ledger,
    ) -> Vec<&'a Mined> {
        let is_stray = |mined: &&Mined| {
            let hash = mined.hash.to_ascii_lowercase();
            self.hashes.contains(&hash)
                && !journal.hashes.contains(&hash)
                && !ledger.attempts.iter().any(|(known, _)| *known == hash)
        };
        mined.iter().filter(is_stray).collect()
    }

    /// How many of these were signed once more, because blocks or pools showed them.
    pub fn taken_back(&self, journal: &Journal) -> usize {
        self.hashes.intersection(&journal.hashes).count()
    }
}
