//! `failover`: every scenario of the drill, and an exit code that says whether all promises held.

use std::process::ExitCode;

use adit_devnet::chance::{Chance, fresh_seed};
use adit_devnet::chaos::ChainKind;
use adit_devnet::failover::{self, Part, Report, Scenario, Summary};
use adit_devnet::{parts, progress};
use anyhow::Result;
use clap::{Args, ValueEnum};
use futures::stream::{self, StreamExt as _};

use crate::storm::{Chains, chains};

#[derive(Debug, Clone, Args)]
pub struct Options {
    /// Repeats the choices of an earlier run
    #[arg(long, env = "SEED")]
    seed: Option<u64>,
    /// On which chain is paid
    #[arg(long, env = "CHAIN", default_value = "both")]
    chain: Chains,
    /// Which part of the drill
    #[arg(long, env = "PART", default_value = "all")]
    part: Parts,
    /// Only scenarios whose name contains this
    #[arg(long, env = "ONLY")]
    only: Option<String>,
    /// Scenarios that run at a time: most of each is waiting
    #[arg(long, env = "JOBS", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=16))]
    jobs: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Parts {
    /// Commits lost, and people who ask again
    Asks,
    /// Commits lost, and people who cancel
    Cancels,
    /// The old primary comes back
    Split,
    /// The database's host does not answer
    Silence,
    All,
}

/// Runs it, and prints what came of it.
///
/// # Errors
/// When no scenario is chosen.
pub async fn run(options: &Options) -> Result<ExitCode> {
    let seed = options.seed.unwrap_or_else(fresh_seed);
    let replay = format!("make failover-drill SEED={seed}");
    progress::step(format!("repeat with: {replay}"));
    let scenarios = scenarios(options);
    anyhow::ensure!(!scenarios.is_empty(), "no scenario has such a name");
    let (mut outcomes, mut failed) = (Vec::new(), Vec::new());
    let runs = (1..).zip(&scenarios).map(|(number, scenario)| async move {
        progress::step(format!("{number}: {scenario}"));
        let folder = parts::repository().join(format!("target/failover-{number}"));
        // The same seed gives a scenario the same choices, whichever others are run.
        (scenario, failover::run(scenario, Chance::of(seed ^ named(scenario)), &folder).await)
    });
    let mut runs = stream::iter(runs).buffered(usize::from(options.jobs));
    while let Some((scenario, ran)) = runs.next().await {
        match ran {
            Ok(outcome) => {
                println!("{}", Report(std::slice::from_ref(&outcome)));
                outcomes.push(outcome);
            }
            Err(error) => {
                println!("{scenario}: NOT FINISHED: {error:#}\n");
                failed.push(format!("{scenario}: {error:#}"));
            }
        }
    }
    println!("\n{}", Summary(&outcomes));
    failed.iter().for_each(|scenario| println!("not finished: {scenario}"));
    println!("repeat with: {replay}");
    let broken = outcomes.iter().filter(|outcome| !outcome.is_good()).count() + failed.len();
    match broken {
        0 => println!("all {} scenarios hold", outcomes.len()),
        broken => println!(
            "{broken} OF {} SCENARIOS ARE BROKEN: keep target/failover-* and the seed",
            scenarios.len()
        ),
    }
    Ok(if broken == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn scenarios(options: &Options) -> Vec<Scenario> {
    let wanted: &[Part] = match options.part {
        Parts::Asks => &[Part::Asks],
        Parts::Cancels => &[Part::Cancels],
        Parts::Split => &[Part::Split],
        Parts::Silence => &[Part::Silence],
        Parts::All => &[Part::Asks, Part::Cancels, Part::Split, Part::Silence],
    };
    let each = chains(options.chain)
        .iter()
        .flat_map(|chain: &ChainKind| wanted.iter().flat_map(|part| Scenario::of(*part, *chain)));
    let named = |scenario: &Scenario| {
        options.only.as_ref().is_none_or(|only| scenario.to_string().contains(only))
    };
    each.filter(named).collect()
}

/// A number that follows from the name (FNV-1a).
fn named(scenario: &Scenario) -> u64 {
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0100_0000_01b3;
    scenario
        .to_string()
        .bytes()
        .fold(OFFSET, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME))
}
