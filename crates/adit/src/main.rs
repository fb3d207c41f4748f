//! The binary: reads the command line and hands over.

mod admin_token;
mod api_keys;
mod backup;
mod chains;
mod cli;
mod clock;
mod config;
mod credit;
mod database;
mod direct;
mod gate;
mod keys;
mod lanes;
mod lock;
mod migrate;
mod output;
mod psbt;
mod remote;
mod restore;
mod serve;
mod signing;
mod telemetry;
mod wallets;
mod withdrawals;
mod witness;
mod world;

use std::process::ExitCode;

use clap::Parser as _;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Mistakes are planted in test builds only.
const _: () = assert!(
    !adit_core::PLANTED,
    "the feature `planted` of adit-core is for the simulator alone; build the product without it"
);

#[tokio::main]
async fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    let output = output::Output::new(cli.json);
    match cli.run(output).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => output.failure(&error),
    }
}
