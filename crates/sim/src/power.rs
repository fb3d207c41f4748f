//! How well the simulator finds mistakes: each planted one, and the seeds that it took.

use adit_core::{Mistake, plant};
use anyhow::{Result, bail};

use crate::runner::{Limits, Sum, run_all};

/// One mistake, measured.
struct Found {
    mistake: Mistake,
    /// None where it was not found.
    seeds: Option<u64>,
    by: String,
}

/// Plants each mistake in turn and runs seeds until one finds it. Prints the table that the
/// documentation shows.
///
/// # Errors
/// When a mistake was not found in as many seeds as allowed.
pub fn measure(limits: &Limits, only: Option<&str>) -> Result<()> {
    let wanted = |mistake: &Mistake| only.is_none_or(|only| format!("{mistake:?}") == only);
    let mut found = Vec::new();
    // A mistake that ends in a panic is found; nobody wants its backtrace.
    std::panic::set_hook(Box::new(|_| {}));
    for mistake in Mistake::ALL.into_iter().filter(wanted) {
        plant(Some(mistake));
        let sum = run_all(&Limits { failures_max: 1, ..*limits });
        found.push(judge(mistake, limits, &sum));
        let last = found.last().expect("just pushed");
        eprintln!(
            "{mistake:?}: {}",
            last.seeds.map_or("NOT FOUND".to_owned(), |seeds| format!("{seeds} ({})", last.by))
        );
    }
    plant(None);
    print(&found);
    let missed: Vec<String> = found
        .iter()
        .filter(|found| found.seeds.is_none())
        .map(|found| format!("{:?}", found.mistake))
        .collect();
    if missed.is_empty() {
        println!("\nall {} planted mistakes were found", found.len());
        return Ok(());
    }
    bail!(
        "{} of {} planted mistakes were not found in {} seeds each: {}",
        missed.len(),
        found.len(),
        limits.seeds,
        missed.join(", ")
    )
}

fn judge(mistake: Mistake, limits: &Limits, sum: &Sum) -> Found {
    let first = sum.failed.first();
    let seeds = first.map(|outcome| outcome.seed - limits.from + 1);
    let by = first
        .and_then(|outcome| outcome.broken.as_ref())
        .map_or_else(String::new, |broken| broken.invariant.to_owned());
    Found { mistake, seeds, by }
}

fn print(found: &[Found]) {
    println!("| mistake | in words | seeds | found by |\n|---|---|---|---|");
    for Found { mistake, seeds, by } in found {
        let seeds = seeds.map_or("not found".to_owned(), |seeds| seeds.to_string());
        println!("| `{mistake:?}` | {} | {seeds} | {by} |", mistake.sentence());
    }
}
