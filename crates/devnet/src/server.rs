//! The built server (or its separate signer), as a process that can be started, stopped, killed and
//! started again.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::Signal;

use crate::parts;
use crate::process::{Launch, Process};
use crate::rpc::http_client;
use crate::wait;

const READY_BOUND: Duration = Duration::from_secs(60);
const READY_PAUSE: Duration = Duration::from_millis(50);
const PROBE_BOUND: Duration = Duration::from_secs(5);
const STOP_GRACE: Duration = Duration::from_secs(15);
/// What the server may see of our environment; everything else would make runs differ from machine
/// to machine.
const INHERITED: [&str; 4] = ["PATH", "HOME", "RUST_LOG", "RUST_BACKTRACE"];

/// How one process of the server is started, each time again.
#[derive(Debug, Clone)]
pub struct Blueprint {
    pub name: String,
    /// `serve` or `signer`.
    pub command: &'static str,
    pub config: PathBuf,
    /// Beside `PATH`, `HOME`, `RUST_LOG` and `RUST_BACKTRACE`, all that it sees.
    pub environment: Vec<(String, String)>,
    pub log: PathBuf,
    pub ready: Ready,
}

/// How one sees that it is ready.
#[derive(Debug, Clone)]
pub enum Ready {
    /// `GET /readyz` below this address answers 200.
    Http(String),
    /// This Unix socket accepts connections.
    Socket(PathBuf),
}

/// One process, running or not.
pub struct Server {
    blueprint: Blueprint,
    process: Option<Process>,
}

impl Server {
    /// Starts it and waits until it is ready.
    ///
    /// # Errors
    /// When it is not built, ends at once (the error carries the end of its log) or does not become
    /// ready.
    pub async fn start(blueprint: Blueprint) -> Result<Self> {
        let mut server = Self { blueprint, process: None };
        server.start_again().await?;
        Ok(server)
    }

    /// After [`Server::kill`] or [`Server::stop`], on the same state; stops it first if it still
    /// runs.
    ///
    /// # Errors
    /// As [`Server::start`].
    pub async fn start_again(&mut self) -> Result<()> {
        self.stop().await?;
        let Blueprint { name, command, config, environment, log, .. } = self.blueprint.clone();
        let inherited = INHERITED
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), std::env::var(name).ok()?)));
        let process = Launch::new(name, parts::server()?, log)
            .only_environment(inherited.chain(environment))
            .arguments([command.as_ref(), "--config".as_ref(), config.as_os_str()])
            .directory(parts::repository())
            .start()?;
        self.process = Some(process);
        self.ready().await
    }

    async fn ready(&mut self) -> Result<()> {
        let http = http_client(PROBE_BOUND)?;
        let Self { blueprint, process } = self;
        let process = process.as_mut().context("it was just started")?;
        let what = format!("{} to be ready (its log: {})", blueprint.name, blueprint.log.display());
        wait::until(&what, READY_BOUND, READY_PAUSE, async || {
            process.still_runs()?;
            Ok(blueprint.ready.probe(&http).await.then_some(()))
        })
        .await
    }

    /// `None` while it does not run.
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Process::pid)
    }

    pub fn name(&self) -> &str {
        &self.blueprint.name
    }

    pub fn log(&self) -> &Path {
        &self.blueprint.log
    }

    /// The configuration and the variables that it is started with: what its operator has.
    pub fn blueprint(&self) -> &Blueprint {
        &self.blueprint
    }

    /// True once, when it ended without having been told to.
    pub fn has_died(&mut self) -> bool {
        let died = self.process.as_mut().is_some_and(|process| process.still_runs().is_err());
        if died {
            self.process = None;
        }
        died
    }

    /// Any signal, for instance STOP and CONT for a zombie.
    pub fn signal(&self, signal: Signal) {
        if let Some(process) = &self.process {
            process.signal(signal);
        }
    }

    /// It stands still, as in a long pause of its machine, and does not know it.
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    /// It goes on as if no time had passed.
    pub fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    /// SIGKILL, as a crash.
    ///
    /// # Errors
    /// When it does not go.
    pub async fn kill(&mut self) -> Result<()> {
        match self.process.take() {
            Some(mut process) => process.kill().await,
            None => Ok(()),
        }
    }

    /// SIGTERM, and time to finish.
    ///
    /// # Errors
    /// When it does not go, even killed.
    pub async fn stop(&mut self) -> Result<()> {
        match self.process.take() {
            Some(mut process) => process.stop(Signal::TERM, STOP_GRACE).await,
            None => Ok(()),
        }
    }
}

impl Ready {
    async fn probe(&self, http: &reqwest::Client) -> bool {
        match self {
            Self::Http(address) => {
                let answer = http.get(format!("{address}/readyz")).send().await;
                answer.is_ok_and(|answer| answer.status().is_success())
            }
            Self::Socket(path) => tokio::net::UnixStream::connect(path).await.is_ok(),
        }
    }
}
