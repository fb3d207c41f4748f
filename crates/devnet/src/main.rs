//! `adit-devnet`: the system on this machine, for people to try and for tests to drive.

mod attend;
mod bench;
mod demo;
mod failovers;
mod restores;
mod storm;

use std::path::PathBuf;
use std::process::ExitCode;

use adit_devnet::options::Options;
use adit_devnet::{control, parts};
use anyhow::Result;
use clap::{Parser, Subcommand};

/// Start Adit with everything it needs, on this machine only.
#[derive(Parser)]
#[command(name = "adit-devnet")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Start everything, write target/devnet.json when it is ready, and run until Ctrl-C
    Up(Options),
    /// Start everything, drive the acts of the demo, and show what the chains and the API say
    Demo {
        #[command(flatten)]
        options: Options,
        /// Exit when done instead of running on: 0 only if every row is as expected
        #[arg(long, env = "ONCE", value_parser = clap::builder::BoolishValueParser::new(), action = clap::ArgAction::Set, default_value_t = false)]
        once: bool,
    },
    /// Start everything, load it with claims, and print the numbers with the machine's facts
    Bench {
        #[command(flatten)]
        options: Options,
        /// Claims to send, spread evenly over the members
        #[arg(long, env = "CLAIMS", default_value_t = 20_000)]
        claims: usize,
    },
    /// Let everything go wrong that may while hundreds are paid, and read from the chain how often
    /// each was
    Chaos(storm::Options),
    /// Let the database fail over, split and fall silent while people are paid, and read from chain
    /// and ledger what came of it
    Failover(failovers::Options),
    /// Restore the database to before most payments, and read from chain and ledger what came of it
    Restore(restores::Options),
    /// Start the server of the running devnet again, on the same state
    RestartServer,
    /// Install or find the programs that the devnet starts, and say where they are
    Parts,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse().command).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("devnet: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command) -> Result<ExitCode> {
    match command {
        Command::Up(options) => attend::up(&options).await,
        Command::Demo { options, once } => demo::run(&options, once).await,
        Command::Bench { options, claims } => bench::run(&options, claims).await,
        Command::Chaos(options) => storm::run(&options).await,
        Command::Failover(options) => failovers::run(&options).await,
        Command::Restore(options) => restores::run(&options).await,
        Command::RestartServer => {
            control::restart_server(&directory()).await?;
            println!("the server runs again; target/devnet.json carries its process id");
            Ok(ExitCode::SUCCESS)
        }
        Command::Parts => {
            println!("anvil     {}", parts::anvil()?.display());
            println!("postgres  {}", parts::postgres()?.display());
            println!(
                "bitcoind  {}",
                parts::bitcoind().map_or_else(
                    |missing| missing.to_string(),
                    |found| found.display().to_string()
                )
            );
            println!("adit      {}", parts::server()?.display());
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Configuration, state and logs of the devnet of this repository; relative to it, so that paths
/// stay short.
fn directory() -> PathBuf {
    parts::repository().join("target/devnet")
}
