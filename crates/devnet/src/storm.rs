//! `chaos`: the whole storm on one store or both, and an exit code that says whether the promise held.

use std::process::ExitCode;

use adit_devnet::chance::fresh_seed;
use adit_devnet::chaos::{self, Kind, Outcome, Plan, Report, Size};
use adit_devnet::options::StoreKind;
use adit_devnet::{parts, progress};
use anyhow::Result;
use clap::{Args, ValueEnum};

#[derive(Debug, Clone, Args)]
pub struct Options {
    /// Repeats the choices of an earlier run
    #[arg(long, env = "SEED")]
    seed: Option<u64>,
    /// Where the server keeps its ledger
    #[arg(long, env = "STORE", default_value = "both")]
    store: Stores,
    /// Kills
    #[arg(long, env = "ROUNDS", default_value_t = 30, value_parser = clap::value_parser!(u16).range(1..=200))]
    rounds: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Stores {
    Sqlite,
    Postgres,
    Both,
}

/// Runs it, and prints what came of it.
///
/// # Errors
/// When a part does not come up, or the system does not go on.
pub async fn run(options: &Options) -> Result<ExitCode> {
    let seed = options.seed.unwrap_or_else(fresh_seed);
    let stores: &[StoreKind] = match options.store {
        Stores::Sqlite => &[StoreKind::Sqlite],
        Stores::Postgres => &[StoreKind::Postgres],
        Stores::Both => &[StoreKind::Sqlite, StoreKind::Postgres],
    };
    let replay = format!("make chaos SEED={seed} STORE={} ROUNDS={}", format!("{:?}", options.store).to_lowercase(), options.rounds);
    progress::step(format!("repeat with: {replay}"));
    let mut outcomes = Vec::new();
    for store in stores {
        let plan = Plan::draw(seed, *store, &Size::whole(usize::from(options.rounds)));
        progress::step(format!("{store:?}: {} payees, {}", plan.payees, planned(&plan)));
        let directory = parts::repository().join(format!("target/chaos-{}", format!("{store:?}").to_lowercase()));
        outcomes.push(chaos::run(&plan, &directory).await?);
    }
    println!("\n{}", Report(&outcomes));
    for Outcome { store, took, disk, verdict, .. } in &outcomes {
        println!("{store:?}: {} s; a full disk was {disk}; {} wei of network fees", took.as_secs(), verdict.fees);
    }
    println!("repeat with: {replay}");
    let good = outcomes.iter().all(|outcome| outcome.verdict.is_good());
    println!("{}", if good { "everybody was paid once" } else { "THE PROMISE WAS BROKEN: keep target/chaos-* and the seed" });
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn planned(plan: &Plan) -> String {
    let kinds = Kind::ALL.iter().filter(|kind| plan.planned(**kind) > 0);
    kinds.map(|kind| format!("{} {}", plan.planned(*kind), kind.name())).collect::<Vec<_>>().join(", ")
}
