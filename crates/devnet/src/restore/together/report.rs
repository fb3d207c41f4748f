//! What a person reads when this part of the drill is over.

use std::fmt::{self, Display};
use std::time::Duration;

use crate::table::Table;

use super::run::Outcome;
use super::scenario::AIM;

const FINDINGS_SHOWN_MAX: usize = 12;

/// A row for each run.
pub struct Summary<'a>(pub &'a [Outcome]);

/// The same, and what was found in each.
pub struct Report<'a>(pub &'a [Outcome]);

impl Display for Summary<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let heading = [
            "both restored",
            "known / unknown",
            "lost transactions, payments",
            "taken back",
            "held",
            "matched",
            "swept",
            "paid twice",
            "not paid",
            "unreleased s (aim)",
            "final s",
            "verdict",
        ];
        let mut table = Table::new(heading);
        for outcome in self.0 {
            table.push(row(outcome));
        }
        writeln!(out, "{table}")
    }
}

impl Display for Report<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", Summary(self.0))?;
        for outcome in self.0.iter().filter(|outcome| !outcome.is_good()) {
            writeln!(out, "{}:", outcome.scenario)?;
            for finding in outcome.findings.iter().take(FINDINGS_SHOWN_MAX) {
                writeln!(out, "  {finding}")?;
            }
            let more = outcome.findings.len().saturating_sub(FINDINGS_SHOWN_MAX);
            if more > 0 {
                writeln!(out, "  and {more} more")?;
            }
        }
        Ok(())
    }
}

fn row(outcome: &Outcome) -> [String; 12] {
    let Outcome {
        scenario, lost, payments, taken_back, held, matched, swept, twice, not_paid, ..
    } = outcome;
    let late = if outcome.cancel_was_late { ", a cancel was late" } else { "" };
    let verdict = match outcome.findings.len() {
        0 => "holds".to_owned(),
        count => format!("BROKEN ({count})"),
    };
    [
        scenario.to_string(),
        format!("{} / {}", scenario.alone().known(), scenario.alone().unknown()),
        format!("{lost}, {payments}"),
        taken_back.to_string(),
        held.to_string(),
        matched.to_string(),
        swept.to_string(),
        format!("{twice}{late}"),
        not_paid.to_string(),
        format!("{} ({})", seconds(outcome.unreleased), AIM.as_secs()),
        seconds(outcome.settled),
        verdict,
    ]
}

fn seconds(duration: Duration) -> String {
    format!("{:.1}", duration.as_secs_f64())
}
