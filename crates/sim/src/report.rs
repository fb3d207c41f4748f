//! What the seeds showed, for people.

use adit_sim::Outcome;
use adit_sim::crash::Phase;
use anyhow::{Result, bail};

use crate::runner::Sum;

/// In a run of so many seeds every crash point has to be hit.
const LONG_RUN_SEEDS: u64 = 200;
/// Points that are passed less often than this, while power can be lost, may be missed by chance.
const PASSES_MIN: u64 = 2_000;

/// The whole story of one seed.
///
/// # Errors
/// When an invariant broke.
pub fn story(outcome: &Outcome) -> Result<()> {
    outcome.story.iter().for_each(|line| println!("{line}"));
    println!(
        "\nseed {}: {} payouts, {} transactions in {} blocks, {} faults",
        outcome.seed, outcome.payouts, outcome.mined, outcome.blocks, outcome.faults
    );
    match &outcome.broken {
        None if outcome.conceded.is_some() => {
            println!(
                "the day ended early: {}; until then everything held",
                outcome.conceded.as_deref().unwrap_or_default()
            );
            Ok(())
        }
        None => {
            println!("everything held");
            Ok(())
        }
        Some(broken) => bail!("{}: {}", broken.invariant, broken.detail),
    }
}

/// Numbers, crash points, and how to replay what failed.
///
/// # Errors
/// When a seed broke an invariant, or a long run never hit a crash point.
pub fn verdict(sum: &Sum) -> Result<()> {
    println!(
        "{} seeds in {:.1} s ({:.1} per second): {} payouts, {} transactions in {} blocks, {} \
         faults, {:.2} simulated years",
        sum.seeds,
        sum.took.as_secs_f64(),
        sum.seeds_per_second(sum.took),
        sum.payouts,
        sum.mined,
        sum.blocks,
        sum.faults,
        sum.simulated_years()
    );
    if sum.conceded > 0 {
        println!(
            "{} of these days ended early in a halt that needs records from outside (operations \
             guide, \"Restore\")",
            sum.conceded
        );
    }
    if sum.beyond > 0 {
        let (times, days) = (sum.beyond, sum.days_beyond);
        println!(
            "{times} times on {days} of these days somebody was paid twice or paid and given back \
             where both stores went back, undeclared, and every pool hid it: a limit that \
             docs/safety.md names"
        );
    }
    println!(
        "\n{:<24} {:>22} {:>22} {:>22}",
        "crash points", "before", "effect, no answer", "after"
    );
    let mut missed = Vec::new();
    let deeds: std::collections::BTreeSet<&str> =
        sum.coverage.keys().map(|(deed, _)| *deed).collect();
    for deed in deeds {
        let cell = |phase| sum.coverage.get(&(deed, phase)).copied().unwrap_or_default();
        let cells = [Phase::Before, Phase::Effect, Phase::After].map(cell);
        let shown = cells.map(|passes| format!("{} of {}", passes.crashed, passes.passed));
        println!("{deed:<24} {:>22} {:>22} {:>22}", shown[0], shown[1], shown[2]);
        missed.extend(
            cells
                .iter()
                .any(|passes| passes.crashed == 0 && passes.exposed >= PASSES_MIN)
                .then_some(deed),
        );
    }
    for outcome in &sum.failed {
        let broken = outcome.broken.as_ref().expect("it is in the list of those that broke");
        println!("\nseed {} broke: {}: {}", outcome.seed, broken.invariant, broken.detail);
        println!("  replay: make sim STORY={}", outcome.seed);
    }
    if !sum.failed.is_empty() {
        bail!("{} of {} seeds broke an invariant", sum.failed.len(), sum.seeds);
    }
    if sum.seeds >= LONG_RUN_SEEDS && !missed.is_empty() {
        bail!(
            "these crash points were never hit in {} seeds: {}; run more, or find out why",
            sum.seeds,
            missed.join(", ")
        );
    }
    println!("\nevery invariant held");
    Ok(())
}
