//! What a person reads when the drill is over.

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
            "restored",
            "known / unknown",
            "announced",
            "made again",
            "repaid",
            "lost",
            "asked again",
            "debts",
            "lanes run s (aim)",
            "--wait s",
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
    let Outcome { scenario, paid, announced, comeback, .. } = outcome;
    let times = |fits: fn(usize) -> bool| {
        paid.iter().filter(move |(times, _)| fits(**times)).map(|(_, payees)| payees)
    };
    let verdict = match outcome.findings.len() {
        0 => "holds".to_owned(),
        count => format!("BROKEN ({count})"),
    };
    [
        scenario.to_string(),
        format!("{} / {}", scenario.known(), scenario.unknown()),
        format!(
            "{} taken back, {} made again, {} for a person",
            announced.taken_back, announced.made_again, announced.for_a_person
        ),
        outcome.made_again.to_string(),
        times(|times| times > 1).sum::<usize>().to_string(),
        times(|times| times == 0).sum::<usize>().to_string(),
        format!("{} told, {} by NONCE_USED", outcome.answers.told, outcome.answers.by_nonce),
        outcome.debts.to_string(),
        format!("{} ({})", seconds(comeback.lanes), AIM.as_secs()),
        comeback.waited.map_or_else(|| "failed".to_owned(), seconds),
        seconds(outcome.settled),
        verdict,
    ]
}

fn seconds(duration: Duration) -> String {
    format!("{:.1}", duration.as_secs_f64())
}
