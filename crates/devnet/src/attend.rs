//! A devnet that runs until somebody ends it: Ctrl-C, or SIGTERM.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use adit_devnet::control::Control;
use adit_devnet::devnet::Devnet;
use adit_devnet::options::Options;
use adit_devnet::{parts, progress};
use anyhow::{Context, Result};
use tokio::signal::unix::{Signal, SignalKind, signal};

const HEARTBEAT: Duration = Duration::from_millis(500);

/// Who wants us to end.
pub struct Interrupt {
    keyboard: Signal,
    terminate: Signal,
}

impl Interrupt {
    /// # Errors
    /// When the system lets nobody listen for signals.
    pub fn listen() -> Result<Self> {
        let listen = |kind| signal(kind).context("cannot listen for signals");
        Ok(Self {
            keyboard: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
        })
    }

    /// Returns when one came.
    pub async fn came(&mut self) {
        tokio::select! {
            _ = self.keyboard.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// Starts a devnet, unless it is interrupted first: then `None`, and whatever had started is gone.
///
/// # Errors
/// As [`Devnet::start`].
pub async fn start(options: &Options, interrupt: &mut Interrupt) -> Result<Option<Devnet>> {
    let directory = crate::directory();
    Control::refuse_beside(&directory).await?;
    std::fs::remove_file(manifest()).ok();
    tokio::select! {
        devnet = Devnet::start(options, &directory) => devnet.map(Some),
        () = interrupt.came() => Ok(None),
    }
}

/// `up`: everything, not driven.
///
/// # Errors
/// When it does not start, or does not stop.
pub async fn up(options: &Options) -> Result<ExitCode> {
    let mut interrupt = Interrupt::listen()?;
    if let Some(devnet) = start(options, &mut interrupt).await? {
        attend(devnet, &mut interrupt).await?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes the manifest, serves requests to restart the server, and stops everything when
/// interrupted.
///
/// # Errors
/// When a file cannot be written or a process does not end.
pub async fn attend(mut devnet: Devnet, interrupt: &mut Interrupt) -> Result<()> {
    let control = Control::open(&crate::directory())?;
    devnet.manifest()?.write(&manifest())?;
    println!(
        "Adit listens on {}; {} describes the rest. Ctrl-C ends it.",
        devnet.address(),
        manifest().display()
    );
    loop {
        tokio::select! {
            () = interrupt.came() => break,
            request = control.next() => request.answer(&restart(&mut devnet).await).await,
            () = tokio::time::sleep(HEARTBEAT) => report_deaths(&mut devnet),
        }
    }
    progress::step("stopping");
    std::fs::remove_file(manifest()).ok();
    devnet.stop().await
}

async fn restart(devnet: &mut Devnet) -> Result<()> {
    progress::step("starting the server again");
    devnet.restart_servers().await?;
    devnet.manifest()?.write(&manifest())?;
    progress::step("it is ready");
    Ok(())
}

fn report_deaths(devnet: &mut Devnet) {
    for name in devnet.newly_dead() {
        progress::step(format!(
            "{name} has ended; start it again with: make devnet-restart-server"
        ));
    }
}

fn manifest() -> PathBuf {
    parts::repository().join("target/devnet.json")
}
