//! `restore`: the drill on one chain or both and one store or both, and an exit code that says whether all
//! promises held.

use std::process::ExitCode;

use adit_devnet::chance::{Chance, fresh_seed};
use adit_devnet::restore::{self, Report, Scenario, Summary};
use adit_devnet::{parts, progress};
use anyhow::Result;
use clap::Args;

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
    /// Payments since the backup; three fifths of them are of withdrawals that it has never seen
    #[arg(long, env = "PAYOUTS", default_value_t = 500, value_parser = clap::value_parser!(u16).range(10..=5_000))]
    payouts: u16,
}

/// Runs it, and prints what came of it.
///
/// # Errors
/// When the terminal is gone.
pub async fn run(options: &Options) -> Result<ExitCode> {
    let seed = options.seed.unwrap_or_else(fresh_seed);
    let replay = format!("make restore-drill SEED={seed} PAYOUTS={}", options.payouts);
    progress::step(format!("repeat with: {replay}"));
    let payouts = usize::from(options.payouts);
    let on = |chain| move |store: &_| Scenario { chain, store: *store, payouts };
    let scenarios: Vec<Scenario> = chains(options.chain).iter().flat_map(|chain| stores(options.store).iter().map(on(*chain))).collect();
    let (mut outcomes, mut failed) = (Vec::new(), Vec::new());
    for scenario in &scenarios {
        progress::step(format!("{scenario}: {payouts} payments since the backup"));
        let folder = parts::repository().join(format!("target/restore-{}", scenario.to_string().replace(' ', "-")));
        match restore::run(scenario, Chance::of(seed), &folder).await {
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
    println!("the time until lanes run is without the chain's finality, which \"final s\" has; repeat with: {replay}");
    let good = failed.is_empty() && outcomes.iter().all(restore::Outcome::is_good);
    println!("{}", if good { "nobody was repaid, and nothing was lost" } else { "BROKEN: keep target/restore-* and the seed" });
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
