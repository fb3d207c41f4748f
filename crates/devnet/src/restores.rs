//! `restore`: each part of the drill on one chain or both and one store or both, and an exit code
//! that says whether all promises held.

use std::path::PathBuf;
use std::process::ExitCode;

use adit_devnet::chance::{Chance, fresh_seed};
use adit_devnet::chaos::ChainKind;
use adit_devnet::options::StoreKind;
use adit_devnet::restore::{self, Report, Scenario, Summary, together};
use adit_devnet::{parts, progress};
use anyhow::Result;
use clap::{Args, ValueEnum};

use crate::storm::{Chains, Stores, chains, stores};

#[derive(Debug, Clone, Args)]
pub struct Options {
    /// Repeats the choices of an earlier run
    #[arg(long, env = "SEED")]
    seed: Option<u64>,
    /// On which chain is paid
    #[arg(long, env = "CHAIN", default_value = "both")]
    chain: Chains,
    /// Where the server keeps its ledger
    #[arg(long, env = "STORE", default_value = "both")]
    store: Stores,
    /// What goes back
    #[arg(long, env = "PART", default_value = "all")]
    part: Parts,
    /// Payments since the backup; three fifths of them are of withdrawals that it has never seen.
    /// Where both go back, a 16th of them
    #[arg(long, env = "PAYOUTS", default_value_t = 500, value_parser = clap::value_parser!(u16).range(10..=5_000))]
    payouts: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Parts {
    /// The database alone
    Database,
    /// Database and journal
    Both,
    All,
}

/// Where both go back, no block comes while they are signed, and few are in flight at a time.
const TOGETHER_SHARE: usize = 16;
const TOGETHER_MIN: usize = 10;

/// Runs it, and prints what came of it.
///
/// # Errors
/// When the terminal is gone.
pub async fn run(options: &Options) -> Result<ExitCode> {
    let seed = options.seed.unwrap_or_else(fresh_seed);
    let replay = format!("make restore-drill SEED={seed} PAYOUTS={}", options.payouts);
    progress::step(format!("repeat with: {replay}"));
    let mut good = true;
    if options.part != Parts::Both {
        good &= alone(options, seed).await;
    }
    if options.part != Parts::Database {
        good &= together(options, seed).await;
    }
    println!("repeat with: {replay}");
    println!(
        "{}",
        if good {
            "nobody was repaid, and nothing was lost"
        } else {
            "BROKEN: keep target/restore-* and the seed"
        }
    );
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The database alone.
async fn alone(options: &Options, seed: u64) -> bool {
    let payouts = usize::from(options.payouts);
    let (mut outcomes, mut failed) = (Vec::new(), Vec::new());
    for (chain, store) in places(options) {
        let scenario = Scenario { chain, store, payouts };
        progress::step(format!("{scenario}: {payouts} payments since the backup"));
        match restore::run(&scenario, Chance::of(seed), &folder(&scenario.to_string())).await {
            Ok(outcome) => {
                println!("{}", Report(std::slice::from_ref(&outcome)));
                outcomes.push(outcome);
            }
            Err(error) => failed.push(format!("{scenario}: NOT FINISHED: {error:#}")),
        }
    }
    println!("\n{}", Summary(&outcomes));
    for outcome in &outcomes {
        println!("{}: {} s in all", outcome.scenario, outcome.took.as_secs());
    }
    failed.iter().for_each(|scenario| println!("{scenario}"));
    println!("the time until lanes run is without the chain's finality, which \"final s\" has");
    failed.is_empty() && outcomes.iter().all(restore::Outcome::is_good)
}

/// Database and journal.
async fn together(options: &Options, seed: u64) -> bool {
    let payouts = (usize::from(options.payouts) / TOGETHER_SHARE).max(TOGETHER_MIN);
    let (mut outcomes, mut failed) = (Vec::new(), Vec::new());
    let each = |(chain, store)| {
        together::Pool::ALL.map(|pool| together::Scenario { chain, store, pool, payouts })
    };
    for scenario in places(options).into_iter().flat_map(each) {
        progress::step(format!("{scenario}: {payouts} payments, and both go back"));
        match together::run(&scenario, Chance::of(seed), &folder(&format!("both-{scenario}"))).await
        {
            Ok(outcome) => {
                println!("{}", together::Report(std::slice::from_ref(&outcome)));
                outcomes.push(outcome);
            }
            Err(error) => failed.push(format!("{scenario}: NOT FINISHED: {error:#}")),
        }
    }
    println!("\n{}", together::Summary(&outcomes));
    for outcome in &outcomes {
        println!("{}: {} s in all", outcome.scenario, outcome.took.as_secs());
    }
    failed.iter().for_each(|scenario| println!("{scenario}"));
    println!(
        "the time until unreleased has the sweep's finality in it, and the restart of a killed \
         server; the aim is for 16 nonces"
    );
    failed.is_empty() && outcomes.iter().all(together::Outcome::is_good)
}

fn places(options: &Options) -> Vec<(ChainKind, StoreKind)> {
    let on = |chain: &ChainKind| {
        stores(options.store).iter().map(|store| (*chain, *store)).collect::<Vec<_>>()
    };
    chains(options.chain).iter().flat_map(on).collect()
}

fn folder(scenario: &str) -> PathBuf {
    parts::repository()
        .join(format!("target/restore-{}", scenario.replace(", ", "-").replace(' ', "-")))
}
