//! `chaos`: the whole storm on one chain or both and one store or both, and an exit code that says
//! whether the promise held.

use std::process::ExitCode;

use adit_devnet::chance::fresh_seed;
use adit_devnet::chaos::{self, ChainKind, Kind, Outcome, Plan, Report, Size, place};
use adit_devnet::options::StoreKind;
use adit_devnet::{parts, progress};
use anyhow::Result;
use clap::{Args, ValueEnum};

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
    /// Kills
    #[arg(long, env = "ROUNDS", default_value_t = 30, value_parser = clap::value_parser!(u16).range(1..=200))]
    rounds: u16,
    /// Who is paid
    #[arg(long, env = "PAYEES", default_value_t = 300, value_parser = clap::value_parser!(u16).range(40..=2_000))]
    payees: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Stores {
    Sqlite,
    Postgres,
    Both,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Chains {
    Evm,
    Bitcoin,
    /// Bitcoin only where there is a bitcoind.
    Both,
}

/// Runs it, and prints what came of it.
///
/// # Errors
/// When a part does not come up, or the system does not go on.
pub async fn run(options: &Options) -> Result<ExitCode> {
    let seed = options.seed.unwrap_or_else(fresh_seed);
    let stores = stores(options.store);
    let words = |word: String| word.to_lowercase();
    let (chain, store) =
        (words(format!("{:?}", options.chain)), words(format!("{:?}", options.store)));
    let Options { rounds, payees, .. } = options;
    let replay = format!(
        "make chaos SEED={seed} CHAIN={chain} STORE={store} ROUNDS={rounds} PAYEES={payees}"
    );
    let size = Size { payees: usize::from(*payees), ..Size::whole(usize::from(*rounds)) };
    progress::step(format!("repeat with: {replay}"));
    let mut outcomes = Vec::new();
    for chain in chains(options.chain) {
        for store in stores {
            let plan = Plan::draw(seed, *chain, *store, &size);
            progress::step(format!(
                "{} on {store:?}: {} payees, {}",
                chain.name(),
                plan.payees,
                planned(&plan)
            ));
            let folder = words(format!("target/chaos-{}-{store:?}", chain.name()));
            outcomes.push(chaos::run(&plan, &parts::repository().join(folder)).await?);
        }
    }
    println!("\n{}", Report(&outcomes));
    for outcome in &outcomes {
        let Outcome { took, disk, verdict, .. } = outcome;
        println!(
            "{}: {} s; a full disk was {disk}; {} {} of network fees",
            place(outcome),
            took.as_secs(),
            verdict.fees,
            outcome.chain.unit()
        );
    }
    println!("repeat with: {replay}");
    let good = outcomes.iter().all(|outcome| outcome.verdict.is_good());
    println!(
        "{}",
        if good {
            "everybody was paid once"
        } else {
            "THE PROMISE WAS BROKEN: keep target/chaos-* and the seed"
        }
    );
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

pub fn stores(asked: Stores) -> &'static [StoreKind] {
    match asked {
        Stores::Sqlite => &[StoreKind::Sqlite],
        Stores::Postgres => &[StoreKind::Postgres],
        Stores::Both => &[StoreKind::Sqlite, StoreKind::Postgres],
    }
}

/// Says so where one of both is left out.
pub fn chains(asked: Chains) -> &'static [ChainKind] {
    match (asked, parts::bitcoind()) {
        (Chains::Evm, _) => &[ChainKind::Evm],
        (Chains::Bitcoin, _) => &[ChainKind::Bitcoin],
        (Chains::Both, Ok(_)) => &[ChainKind::Evm, ChainKind::Bitcoin],
        (Chains::Both, Err(missing)) => {
            progress::step(format!("{missing}. Nothing is paid in bitcoin"));
            &[ChainKind::Evm]
        }
    }
}

fn planned(plan: &Plan) -> String {
    let kinds = Kind::ALL.iter().filter(|kind| plan.planned(**kind) > 0);
    kinds
        .map(|kind| format!("{} {}", plan.planned(*kind), kind.name()))
        .collect::<Vec<_>>()
        .join(", ")
}
