//! What `adit restore` says: what was found, what will happen, and what was done.

use std::path::Path;

use adit_core::{IncarnationId, Span};
use serde::Serialize;

use super::ahead::{Ahead, LaneAhead, Waiting};
use super::found::{Found, LaneFound, Numbers};
use super::written;

/// The same for programs.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report<'a> {
    newest_commit: Option<String>,
    age_seconds: Option<u64>,
    #[serde(flatten)]
    found: &'a Found,
    /// The database's next life.
    incarnation: String,
    take_over: bool,
    /// Where the database of before is kept.
    kept: Option<&'a Path>,
    /// Where the journal of before is kept.
    journal_kept: Option<&'a Path>,
    newest_record: Option<String>,
    records: Option<u64>,
    /// What follows where the journal went back, too.
    both: Option<&'a Ahead>,
}

/// Where the files of before are kept.
pub struct Kept<'a> {
    pub database: Option<&'a Path>,
    pub journal: Option<&'a Path>,
}

impl<'a> Report<'a> {
    pub fn new(
        found: &'a Found,
        both: Option<&'a Ahead>,
        next: IncarnationId,
        take_over: bool,
        kept: &Kept<'a>,
    ) -> Self {
        Self {
            newest_commit: found.newest_commit.map(written),
            age_seconds: found.age.map(Span::seconds),
            found,
            incarnation: next.to_string(),
            take_over,
            kept: kept.database,
            journal_kept: kept.journal,
            newest_record: found.copied.and_then(|copied| copied.newest).map(written),
            records: found.copied.map(|copied| copied.records),
            both,
        }
    }
}

/// Before anything is changed.
pub fn found(name: &str, found: &Found, take_over: bool) -> String {
    let payments = found.payments();
    let newest = match (found.newest_commit, found.age) {
        (Some(newest), Some(age)) => {
            format!("newest commit {}, {} ago", written(newest), in_words(age))
        }
        _none => "no commit".to_owned(),
    };
    let lanes: Vec<String> = found.lanes.iter().map(lane).collect();
    let silence = if take_over {
        "The signer does not wait: you said that no process serves an older state of this database."
    } else {
        "A signer that several servers share waits until it has heard nobody of the older state \
         for a minute; with --take-over it does not."
    };
    let older = older(found).map_or_else(String::new, |older| format!("\n{older}"));
    format!(
        "{name}: {newest}{older}\n{}\n\nThe signer's journal {} knows {} payments as signed that \
         the database does not:\n  {} of withdrawals that it has; they are taken back\n  {} of \
         withdrawals that it does not have; they are made again, each with its user\n  {} of \
         withdrawals that it does not have, and without their users; each needs a person (`adit \
         lanes explain`)\n\nWhat happens now: the database begins a new life. Each lane reads the \
         journal before it plans, signs or gives back anything.\nWhoever asks again with the same \
         key or claim is answered with what became of the first. Credits since then have to be \
         sent again.\n{silence}",
        lanes.join("\n"),
        found.journal,
        payments.all(),
        payments.taken_back,
        payments.made_again,
        payments.for_a_person,
    )
}

/// Which of the two ends earlier, and by how much.
fn older(found: &Found) -> Option<String> {
    let copied = found.copied?;
    let (commit, record) = (found.newest_commit?, copied.newest?);
    let (side, by) = if commit < record {
        ("the database", record.since(commit))
    } else {
        ("the journal", commit.since(record))
    };
    Some(format!(
        "the journal: {} records, the newest {}; {side} is the older one, by {}",
        copied.records,
        written(record),
        in_words(by)
    ))
}

/// Withdrawals that are listed.
const LISTED_MAX: usize = 50;

/// What follows where the journal went back, too.
pub fn ahead(ahead: &Ahead) -> String {
    let lanes: Vec<String> = ahead.lanes.iter().map(lane_ahead).collect();
    let mut listed: Vec<String> = ahead.waiting.iter().take(LISTED_MAX).map(waiting).collect();
    if ahead.waiting.len() > LISTED_MAX {
        listed.push(format!(
            "  and {} more: `adit lanes release CHAIN` lists them",
            ahead.waiting.len() - LISTED_MAX
        ));
    }
    format!(
        "\nThe journal went back, too. What neither remembers may still be mined, so each lane \
         takes back what blocks and pools show, and then sweeps:\n{}\n\n{} withdrawals wait in \
         this database{}\nNone is paid before two admins release them, each with a key of their \
         own (`adit lanes release CHAIN`). What was signed and is swept was never paid: tell its \
         users to ask again.\n",
        lanes.join("\n"),
        ahead.waiting.len(),
        match listed.is_empty() {
            true => ".".to_owned(),
            false => format!(
                ". They may have been paid or given back since, which is written nowhere:\n{}",
                listed.join("\n")
            ),
        }
    )
}

fn lane_ahead(lane: &LaneAhead) -> String {
    let shown = match (&lane.shown, &lane.unasked) {
        (Some(shown), _) if shown.is_empty() => "chain and pools show nothing beyond it".to_owned(),
        (Some(shown), _) => format!("chain and pools show:\n    {}", shown.join("\n    ")),
        (None, Some(fault)) => format!("cannot be asked now ({fault}); the server asks again"),
        (None, None) => "is not configured".to_owned(),
    };
    format!("  {}: {shown}\n    the sweep: {}", lane.lane, lane.sweep.sentence)
}

fn waiting(row: &Waiting) -> String {
    format!(
        "  {} {}: {} {} to {}, asked for by {}",
        row.withdrawal_id, row.status, row.amount, row.asset, row.to_address, row.user_id
    )
}

/// After it.
pub fn done(kept: &Kept, both: bool) -> String {
    let of = |what: &str, kept: Option<&Path>| {
        kept.map_or_else(String::new, |kept| {
            format!("The {what} of before is kept as {}.\n", kept.display())
        })
    };
    let before = format!("{}{}", of("database", kept.database), of("journal", kept.journal));
    if both {
        return format!(
            "{before}Database and journal are declared to have gone back. Start `adit serve`: the \
             lanes sweep, then `adit lanes release CHAIN` says what waits."
        );
    }
    format!(
        "{before}The database is declared to have gone back. Start `adit serve`; `adit restore \
         --wait` follows it to the end."
    )
}

fn lane(lane: &LaneFound) -> String {
    format!(
        "  {}: in the database {}, in the journal {}",
        lane.lane,
        numbers(lane.database),
        numbers(lane.journal)
    )
}

fn numbers(side: Option<Numbers>) -> String {
    side.map_or_else(
        || "not known".to_owned(),
        |Numbers { epoch, counter }| format!("epoch {epoch}, change {counter}"),
    )
}

fn in_words(span: Span) -> String {
    let minutes = span.seconds() / 60;
    match (minutes / 1_440, minutes / 60 % 24, minutes % 60) {
        (0, 0, 0) => format!("{} s", span.seconds()),
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_told_in_two_units_at_most() {
        let told: Vec<String> =
            [59, 60, 3_660, 90_000].map(|seconds| in_words(Span::from_seconds(seconds))).into();
        assert_eq!(told, ["59 s", "1 min", "1 h 1 min", "1 d 1 h"]);
    }
}
