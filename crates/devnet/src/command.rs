//! A command of the server, run to its end, as an operator runs it.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::time::timeout;

use crate::parts;

const COMMAND_BOUND: Duration = Duration::from_secs(60);

/// What it printed. It sees of the world these variables and no others, and reads `input`.
///
/// # Errors
/// When it is not built, does not end in time, or fails: with what it said.
pub async fn run(
    arguments: &[&str],
    environment: &[(String, String)],
    input: &str,
) -> Result<String> {
    run_for(COMMAND_BOUND, arguments, environment, input).await
}

/// The same, of a command that may take so long.
///
/// # Errors
/// As [`run`].
pub async fn run_for(
    bound: Duration,
    arguments: &[&str],
    environment: &[(String, String)],
    input: &str,
) -> Result<String> {
    let what = format!("adit {}", arguments.join(" "));
    let mut child = Command::new(parts::server()?)
        .args(arguments)
        .env_clear()
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("cannot run {what}"))?;
    let mut stdin = child.stdin.take().context("its input was asked for")?;
    // Who does not read his input has closed it.
    stdin.write_all(input.as_bytes()).await.ok();
    drop(stdin);
    let output = timeout(bound, child.wait_with_output()).await;
    let output =
        output.with_context(|| format!("{what} did not end within {} s", bound.as_secs()))??;
    ensure!(output.status.success(), "{what} failed: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).with_context(|| format!("{what} printed no text"))
}
