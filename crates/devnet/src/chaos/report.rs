//! What a person reads when it is over.

use std::fmt::{self, Display};
use std::time::Duration;

use crate::table::Table;

use super::plan::{ChainKind, Kind};
use super::recovery::{Recovery, percentile};
use super::run::Outcome;

const DIFFERENCES_SHOWN_MAX: usize = 20;

/// All runs of one seed.
pub struct Report<'a>(pub &'a [Outcome]);

impl Display for Report<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new([
            "chain, store",
            "disasters",
            "payees paid",
            "sent / mined",
            "ledger, chain, journal",
            "recovery p50 / p99 / max",
        ]);
        for outcome in self.0 {
            table.push([
                place(outcome),
                disasters(outcome),
                histogram(outcome),
                sent(outcome),
                agreement(outcome),
                recovery(outcome),
            ]);
        }
        writeln!(out, "{table}")?;
        writeln!(out, "{}", by_kind(self.0))?;
        if self.0.iter().any(|outcome| outcome.tally.of(Kind::RestoreBoth) > 0) {
            writeln!(out, "{}", of_both(self.0))?;
        }
        for outcome in self.0 {
            for difference in outcome.verdict.differences.iter().take(DIFFERENCES_SHOWN_MAX) {
                writeln!(out, "{}: {difference}", place(outcome))?;
            }
        }
        Ok(())
    }
}

/// Which kind of disaster takes how long to recover from.
fn by_kind(outcomes: &[Outcome]) -> Table<5> {
    let mut table = Table::new(["chain, store", "recovery from", "measured", "p50 s", "max s"]);
    for outcome in outcomes {
        for kind in Kind::ALL {
            let sorted: Vec<Recovery> = outcome
                .recoveries
                .iter()
                .filter(|recovery| recovery.kind == kind)
                .copied()
                .collect();
            if let Some(slowest) = sorted.last() {
                let store = place(outcome);
                let name = kind.name().to_owned();
                table.push([
                    store,
                    name,
                    sorted.len().to_string(),
                    seconds(percentile(&sorted, 50)),
                    seconds(slowest.after),
                ]);
            }
        }
    }
    table
}

/// What restores of both forgot, and what came of it.
fn of_both(outcomes: &[Outcome]) -> Table<7> {
    let heading = [
        "chain, store",
        "both restored",
        "lost transactions, payments",
        "taken back",
        "strays, fees of these",
        "held, matched, given back",
        "unreleased s",
    ];
    let mut table = Table::new(heading);
    for outcome in outcomes.iter().filter(|outcome| outcome.tally.of(Kind::RestoreBoth) > 0) {
        let Outcome { tally, forgotten, verdict, .. } = outcome;
        let unreleased: Vec<String> = forgotten.unreleased.iter().copied().map(seconds).collect();
        table.push([
            place(outcome),
            format!("{}, pool hidden in {}", tally.of(Kind::RestoreBoth), forgotten.hidden),
            format!("{}, {}", forgotten.hashes.len(), forgotten.payments),
            verdict.taken_back.to_string(),
            format!("{}, {} {}", verdict.strays, verdict.unbooked, outcome.chain.unit()),
            format!("{}, {}, {}", forgotten.held, forgotten.matched, forgotten.given_back.len()),
            unreleased.join(" / "),
        ]);
    }
    table
}

fn disasters(outcome: &Outcome) -> String {
    let tally = &outcome.tally;
    let struck = Kind::ALL
        .iter()
        .filter(|kind| tally.of(**kind) > 0)
        .map(|kind| format!("{} {}", tally.of(*kind), kind.name()));
    let mut told: Vec<String> =
        struck.chain([format!("{} dropped answers", outcome.dropped)]).collect();
    if outcome.chain == ChainKind::Bitcoin {
        told.push(format!("{} kills amid a bump", tally.kills_amid_a_bump));
        told.push(format!("{} other versions mined by a reorg", tally.other_versions));
    }
    told.join(", ")
}

/// For people and tests: `bitcoin on sqlite`.
pub fn place(outcome: &Outcome) -> String {
    format!("{} on {}", outcome.chain.name(), format!("{:?}", outcome.store).to_lowercase())
}

fn sent(outcome: &Outcome) -> String {
    match outcome.bumps {
        0 => format!("{} / {}", outcome.sent, outcome.verdict.mined),
        bumps => format!("{} ({bumps} outbid) / {}", outcome.sent, outcome.verdict.mined),
    }
}

fn histogram(outcome: &Outcome) -> String {
    let bars =
        outcome.verdict.histogram.iter().map(|(times, payees)| format!("{times}×: {payees}"));
    bars.collect::<Vec<_>>().join(", ")
}

fn agreement(outcome: &Outcome) -> String {
    match outcome.verdict.differences.len() {
        0 => "agree to the last base unit".to_owned(),
        count => format!("{count} DIFFERENCES"),
    }
}

fn recovery(outcome: &Outcome) -> String {
    let sorted = &outcome.recoveries;
    let max = sorted.last().map(|recovery| recovery.after).unwrap_or_default();
    format!(
        "{} / {} / {} s of {}",
        seconds(percentile(sorted, 50)),
        seconds(percentile(sorted, 99)),
        seconds(max),
        sorted.len()
    )
}

fn seconds(duration: Duration) -> String {
    format!("{:.1}", duration.as_secs_f64())
}
