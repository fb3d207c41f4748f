//! The command line.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::{Args, Parser, Subcommand};

use crate::config::{BITCOIN_TEMPLATE, Config, Environment, TEMPLATE};
use crate::output::Output;
use crate::{
    api_keys, backup, clock, credit, keys, lanes, migrate, psbt, remote, restore, serve, signing,
    withdrawals,
};

/// Read when no file is named and it is there.
const CONFIG_DEFAULT: &str = "adit.toml";
const API_DEFAULT: &str = "http://127.0.0.1:5000";

/// A self-hosted withdrawal engine: every accepted withdrawal is paid exactly once or given back
/// exactly once.
#[derive(Parser)]
#[command(name = "adit", version, arg_required_else_help = true)]
pub struct Cli {
    /// The configuration file [default: adit.toml where it exists, else the environment alone]
    #[arg(long, global = true, env = "ADIT_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print JSON instead of text; logs too
    #[arg(long, global = true)]
    pub json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the engine and its API
    Serve,
    /// Run the signer alone, on the Unix socket `signer.socket`, for servers to share
    Signer,
    /// Bring the database's schema up to date, and stop
    Migrate,
    /// Print the commented template of the configuration, or check a file
    Config(ConfigArguments),
    /// The key that pays
    #[command(subcommand)]
    Keys(keys::Command),
    /// Who may ask the running server: list, create, revoke and replace API keys
    #[command(subcommand)]
    ApiKeys(api_keys::Command),
    /// Book what users earned
    Credit(credit::Arguments),
    /// Look at withdrawals
    #[command(subcommand)]
    Withdrawals(withdrawals::Command),
    /// Hand out what others have to sign as well, and bring it back
    #[command(subcommand)]
    Psbt(psbt::Command),
    /// Show the server's time, or accept its machine's clock
    #[command(subcommand)]
    Clock(clock::Command),
    /// Look at the wallets' lines of payments
    #[command(subcommand)]
    Lanes(lanes::Command),
    /// Copy database, signer journal and sealed keys into a new directory
    Backup(backup::Arguments),
    /// Bring an earlier state of the database back, compared with the signer's journal
    Restore(restore::Arguments),
}

#[derive(Args)]
struct ConfigArguments {
    /// Check this file together with the environment, and print nothing else
    #[arg(long, value_name = "FILE")]
    check: Option<PathBuf>,
    /// Print what a Bitcoin chain has instead
    #[arg(long, conflicts_with = "check")]
    bitcoin: bool,
}

/// Where the running server is asked.
#[derive(Args)]
pub struct Server {
    /// The address of the running server [default: http://127.0.0.1:5000]
    #[arg(long, env = "ADIT_API", value_name = "URL")]
    api: Option<String>,
    /// An API key of a service or an admin
    #[arg(long, env = "ADIT_TOKEN", value_name = "KEY", hide_env_values = true)]
    token: Option<String>,
}

impl Cli {
    /// # Errors
    /// Whatever the command could not do, with what to do about it.
    pub async fn run(self, output: Output) -> Result<()> {
        let named = self.config.filter(|file| !file.as_os_str().is_empty());
        let file =
            named.or_else(|| Path::new(CONFIG_DEFAULT).exists().then(|| CONFIG_DEFAULT.into()));
        let load = || Config::load(file.as_deref(), &Environment::of_process());
        match self.command {
            Command::Serve => serve::run(load()?, output).await,
            Command::Signer => signing::run(load()?, output).await,
            Command::Migrate => migrate::run(&load()?, output).await,
            Command::Config(ConfigArguments { check: Some(file), .. }) => check(&file, output),
            Command::Config(ConfigArguments { bitcoin: true, .. }) => output.text(BITCOIN_TEMPLATE),
            Command::Config(_) => output.text(TEMPLATE),
            Command::Keys(command) => keys::run(command, file.as_deref(), output).await,
            Command::ApiKeys(command) => api_keys::run(command, output).await,
            Command::Credit(arguments) => credit::run(arguments, output).await,
            Command::Withdrawals(command) => withdrawals::run(command, output).await,
            Command::Psbt(command) => psbt::run(command, output).await,
            Command::Clock(command) => clock::run(command, output).await,
            Command::Lanes(command) => lanes::run(command, output).await,
            Command::Restore(arguments) => restore::run(|| Ok(load()?), arguments, output).await,
            Command::Backup(arguments) => backup::run(&load()?, &arguments, output).await,
        }
    }
}

impl Server {
    /// An empty variable, as in a copied example file, is as if it were not set.
    ///
    /// # Errors
    /// As [`remote::Remote::new`].
    pub fn connect(&self) -> Result<remote::Remote> {
        let api = self.api.as_deref().filter(|api| !api.is_empty());
        remote::Remote::new(api.unwrap_or(API_DEFAULT), self.token.as_deref())
    }
}

fn check(file: &Path, output: Output) -> Result<()> {
    let config = Config::load(Some(file), &Environment::of_process())?;
    let warnings = config.warnings();
    let lines = warnings.iter().map(|warning| format!("\nnote: {warning}"));
    let text = format!("{} can be used{}", file.display(), lines.collect::<String>());
    output.result(&serde_json::json!({ "usable": true, "notes": warnings }), &text)
}
