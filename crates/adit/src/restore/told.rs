//! What `adit restore` says: what was found, what will happen, and what was done.

use std::path::Path;

use adit_core::{IncarnationId, Span};
use serde::Serialize;

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
}

impl<'a> Report<'a> {
    pub fn new(found: &'a Found, next: IncarnationId, take_over: bool, kept: Option<&'a Path>) -> Self {
        Self {
            newest_commit: found.newest_commit.map(written),
            age_seconds: found.age.map(Span::seconds),
            found,
            incarnation: next.to_string(),
            take_over,
            kept,
        }
    }
}

/// Before anything is changed.
pub fn found(name: &str, found: &Found, take_over: bool) -> String {
    let payments = found.payments();
    let newest = match (found.newest_commit, found.age) {
        (Some(newest), Some(age)) => format!("newest commit {}, {} ago", written(newest), in_words(age)),
        _none => "no commit".to_owned(),
    };
    let lanes: Vec<String> = found.lanes.iter().map(lane).collect();
    let silence = if take_over {
        "The signer does not wait: you said that no process serves an older state of this database."
    } else {
        "A signer that several servers share waits until it has heard nobody of the older state for a minute; with --take-over it does not."
    };
    format!(
        "{name}: {newest}\n{}\n\nThe signer's journal {} knows {} payments as signed that the database does not:\n  {} of withdrawals that it has; they are taken back\n  {} of withdrawals that it does not have; they are made again, each with its user\n  {} of withdrawals that it does not have, and without their users; each needs a person (`adit lanes explain`)\n\nWhat happens now: the database begins a new life. Each lane reads the journal before it plans, signs or gives back anything.\nWhoever asks again with the same key or claim is answered with what became of the first. Credits since then have to be sent again.\n{silence}",
        lanes.join("\n"),
        found.journal,
        payments.all(),
        payments.taken_back,
        payments.made_again,
        payments.for_a_person,
    )
}

/// After it.
pub fn done(kept: Option<&Path>) -> String {
    let before = kept.map_or_else(String::new, |kept| format!("The database of before is kept as {}.\n", kept.display()));
    format!("{before}The database is declared to have gone back. Start `adit serve`; `adit restore --wait` follows it to the end.")
}

fn lane(lane: &LaneFound) -> String {
    format!("  {}: in the database {}, in the journal {}", lane.lane, numbers(lane.database), numbers(lane.journal))
}

fn numbers(side: Option<Numbers>) -> String {
    side.map_or_else(|| "not known".to_owned(), |Numbers { epoch, counter }| format!("epoch {epoch}, change {counter}"))
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
        let told: Vec<String> = [59, 60, 3_660, 90_000].map(|seconds| in_words(Span::from_seconds(seconds))).into();
        assert_eq!(told, ["59 s", "1 min", "1 h 1 min", "1 d 1 h"]);
    }
}
