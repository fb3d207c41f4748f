//! The verdict on a run: what the chain and the promoted ledger say of each payee.

use std::collections::BTreeMap;

use crate::chaos::chain::{self, Mined};
use crate::chaos::ledger::{Ledger, Withdrawal};
use crate::chaos::verdict::Evidence;

use super::request::Request;

/// What came of it.
#[derive(Debug, Default)]
pub struct Verdict {
    /// How many payees were paid 0, 1, 2 … times.
    pub paid: BTreeMap<usize, usize>,
    /// Each broken promise in a sentence; none where all is well.
    pub findings: Vec<String>,
}

/// What the ledger says of one payee, beside the chain's count.
struct Account<'a> {
    request: &'a Request,
    times: usize,
    rows: Vec<&'a Withdrawal>,
}

impl Verdict {
    pub fn of<'a>(
        requests: impl IntoIterator<Item = &'a Request>,
        evidence: &Evidence<'_>,
    ) -> Self {
        let requests: Vec<&Request> = requests.into_iter().collect();
        let paid = chain::histogram(requests.iter().map(|request| &request.payee), evidence.mined);
        let mut findings = Vec::new();
        for request in &requests {
            Account::of(request, evidence.mined, evidence.ledger).judge(&mut findings);
        }
        strangers(&requests, evidence, &mut findings);
        evidence.books(&mut findings);
        Self { paid, findings }
    }
}

/// Nobody is paid who has not asked.
fn strangers(requests: &[&Request], evidence: &Evidence<'_>, findings: &mut Vec<String>) {
    let asked = |to: &str| requests.iter().any(|request| request.payee.destination == to);
    for mined in evidence.mined {
        let strange = mined.paid.iter().filter(|paid| !asked(&paid.to));
        findings.extend(strange.map(|paid| {
            format!("{} paid {} to {}, who has not asked", mined.hash, paid.amount, paid.to)
        }));
    }
}

impl<'a> Account<'a> {
    fn of(request: &'a Request, mined: &'a [Mined], ledger: &'a Ledger) -> Self {
        let payee = &request.payee;
        let mine = |row: &&Withdrawal| {
            row.asset == payee.asset() && row.destination.eq_ignore_ascii_case(&payee.destination)
        };
        let times = chain::payments(payee, mined).count();
        Self { request, times, rows: ledger.withdrawals.iter().filter(mine).collect() }
    }

    /// The chain's count is what the ledger settled; nothing is open; what was accepted is there.
    fn judge(&self, findings: &mut Vec<String>) {
        let count = |ends: &[&str]| {
            self.rows.iter().filter(|row| ends.contains(&row.status.as_str())).count()
        };
        let (settled, given_back) = (count(&["completed"]), count(&["failed", "cancelled"]));
        let mut finding = |what: String| {
            findings.push(format!("payee {}: {what} ({})", self.request.payee.number, self.told()))
        };
        if self.times > 1 {
            finding(format!("PAID {} TIMES", self.times));
        }
        if self.times > 0 && self.times > settled && given_back > 0 {
            finding("GIVEN BACK AND PAID".to_owned());
        } else if self.times > settled {
            finding("paid, and the ledger does not say so".to_owned());
        } else if settled > self.times {
            finding(format!("settled {settled} times and paid {}", self.times));
        }
        for row in self
            .rows
            .iter()
            .filter(|row| !["completed", "failed", "cancelled"].contains(&row.status.as_str()))
        {
            finding(format!("{} is still {}", row.id, row.status));
        }
        if self.request.counts
            && !self.request.ids.iter().any(|id| self.rows.iter().any(|row| row.id == *id))
        {
            finding("accepted by the promoted database, and in no row of it".to_owned());
        }
    }

    fn told(&self) -> String {
        let rows: Vec<String> =
            self.rows.iter().map(|row| format!("{} {}", row.id, row.status)).collect();
        let refused =
            self.request.refused.as_deref().map(|why| format!("; {why}")).unwrap_or_default();
        format!("asked for as {:?}; rows: {rows:?}{refused}", self.request.ids)
    }
}
