//! What a person reads when the drill is over.

use std::fmt::{self, Display};
use std::time::Duration;

use crate::table::Table;

use super::run::Outcome;

const FINDINGS_SHOWN_MAX: usize = 12;

/// A row for each run.
pub struct Summary<'a>(pub &'a [Outcome]);

/// The same, and what was found in each.
pub struct Report<'a>(pub &'a [Outcome]);

impl Display for Summary<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new([
            "scenario",
            "lost s",
            "payees paid",
            "cancels",
            "lane",
            "progress s (aim)",
            "verdict",
        ]);
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

fn row(outcome: &Outcome) -> [String; 7] {
    let paid: Vec<String> =
        outcome.paid.iter().map(|(times, payees)| format!("{times}×: {payees}")).collect();
    let progress = outcome.progress.map_or_else(|| "never".to_owned(), seconds);
    let verdict = match outcome.findings.len() {
        0 => "holds".to_owned(),
        count => format!("BROKEN ({count})"),
    };
    [
        outcome.scenario.to_string(),
        if outcome.lost_for.is_zero() { "none".to_owned() } else { seconds(outcome.lost_for) },
        paid.join(", "),
        cancels(outcome),
        outcome.lane.split(':').next().unwrap_or_default().to_owned(),
        format!("{progress} ({})", outcome.scenario.progress_aim().as_secs()),
        verdict,
    ]
}

/// Each answer with its count.
fn cancels(outcome: &Outcome) -> String {
    let mut answers = outcome.cancels.clone();
    answers.sort();
    let groups = answers.chunk_by(|one, other| one == other);
    let told: Vec<String> = groups.map(|group| format!("{}× {}", group.len(), group[0])).collect();
    if told.is_empty() { "none".to_owned() } else { told.join(", ") }
}

fn seconds(duration: Duration) -> String {
    format!("{:.1}", duration.as_secs_f64())
}
