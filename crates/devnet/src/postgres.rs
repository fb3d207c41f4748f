//! A throw-away Postgres: a cluster of its own in a temporary folder, on a free port of the
//! loopback interface.
//!
//! Postgres refuses to run as root; there it runs as the system's user `postgres`. Durability is
//! on, as in production.

mod standby;

use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Signal, geteuid};
use tokio::process::Command;

use crate::parts;
use crate::port;
use crate::process::{Launch, Process, as_user};
use crate::scratch;
use crate::wait;

const READY_BOUND: Duration = Duration::from_secs(30);
const READY_PAUSE: Duration = Duration::from_millis(50);
const STOP_GRACE: Duration = Duration::from_secs(10);
const DROP_BOUND: Duration = Duration::from_secs(3);
const CONNECTIONS_MAX: u32 = 200;
const SUPERUSER: &str = "postgres";

/// A running cluster; stopped and deleted when dropped.
pub struct Postgres {
    process: Process,
    programs: PathBuf,
    data: PathBuf,
    log: PathBuf,
    port: u16,
}

impl Postgres {
    /// # Errors
    /// When Postgres is not installed, or does not come up.
    pub async fn start(log: impl Into<PathBuf>) -> Result<Self> {
        // Not below the build folder: the user `postgres` may not enter it.
        Self::start_in(scratch::fresh("postgres"), log).await
    }

    /// With its data in this folder, which must not exist, below one where the user `postgres` may
    /// make it.
    ///
    /// # Errors
    /// As [`Postgres::start`].
    pub async fn start_in(data: PathBuf, log: impl Into<PathBuf>) -> Result<Self> {
        let (programs, log) = (parts::postgres()?, log.into());
        let initdb = [
            "--no-sync",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C",
            "--username",
            SUPERUSER,
            "--pgdata",
        ];
        let made = run(system_command(&programs.join("initdb")).args(initdb).arg(&data)).await;
        if let Err(error) = made {
            std::fs::remove_dir_all(&data).ok();
            return Err(error);
        }
        adopt(programs, data, log).await
    }

    /// "Immediate shutdown", as `pg_ctl stop -m immediate`: nothing is written on the way out, and
    /// the next start has to recover.
    ///
    /// # Errors
    /// When it does not end, even killed.
    pub async fn crash(&mut self) -> Result<()> {
        self.process.stop(Signal::QUIT, STOP_GRACE).await
    }

    /// After [`Postgres::crash`], or when it has ended by itself: on the same data and port.
    ///
    /// # Errors
    /// As [`Postgres::start`].
    pub async fn start_again(&mut self) -> Result<()> {
        self.process = launch(&self.programs, &self.data, &self.log, self.port)?;
        self.ready().await
    }

    pub fn runs(&mut self) -> bool {
        self.process.still_runs().is_ok()
    }

    /// A copy of a database as it is now, in `pg_dump`'s own format.
    ///
    /// # Errors
    /// What Postgres says.
    pub async fn dump(&self, database: &str, file: &Path) -> Result<()> {
        run(self.client("pg_dump").args(["--format=custom", "--file"]).arg(file).arg(database))
            .await
            .map(drop)
    }

    /// Puts a copy in the place of a database, whoever is connected to it.
    ///
    /// # Errors
    /// What Postgres says.
    pub async fn restore(&self, database: &str, file: &Path) -> Result<()> {
        run(self.client("dropdb").args(["--force", database])).await?;
        self.create_database(database).await?;
        run(self.client("pg_restore").args(["--exit-on-error", "--dbname", database]).arg(file))
            .await
            .map(drop)
    }

    async fn ready(&mut self) -> Result<()> {
        let port = self.port.to_string();
        let is_ready = self.programs.join("pg_isready");
        let process = &mut self.process;
        wait::until("Postgres to accept connections", READY_BOUND, READY_PAUSE, async || {
            process.still_runs()?;
            let answer =
                Command::new(&is_ready).args(["--host=127.0.0.1", "--port", &port]).output().await;
            Ok(answer.context("pg_isready")?.status.success().then_some(()))
        })
        .await
    }

    /// # Errors
    /// When it exists already.
    pub async fn create_database(&self, name: &str) -> Result<()> {
        run(self.client("createdb").arg(name)).await.map(drop)
    }

    /// Runs SQL as the superuser and answers what `psql` prints: columns by `|`, rows by line.
    ///
    /// # Errors
    /// What Postgres says.
    pub async fn sql(&self, database: &str, text: &str) -> Result<String> {
        let options = [
            "--no-psqlrc",
            "--tuples-only",
            "--no-align",
            "--set=ON_ERROR_STOP=1",
            "--dbname",
            database,
        ];
        let output = run(self.client("psql").args(options).args(["--command", text])).await?;
        Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
    }

    pub fn url(&self, database: &str) -> String {
        format!("postgres://{SUPERUSER}@127.0.0.1:{}/{database}", self.port)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Ends all sessions and shuts down cleanly.
    ///
    /// # Errors
    /// When it does not end, even killed.
    pub async fn stop(mut self) -> Result<()> {
        self.process.stop(Signal::INT, STOP_GRACE).await
    }

    fn client(&self, program: &str) -> Command {
        let mut command = Command::new(self.programs.join(program));
        command.args([
            "--host=127.0.0.1",
            "--username",
            SUPERUSER,
            "--port",
            &self.port.to_string(),
        ]);
        command
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // "Immediate shutdown": the postmaster takes its children with it, which a SIGKILL would
        // not wait for.
        self.process.signal(Signal::QUIT);
        let lock = self.data.join("postmaster.pid");
        let asked = Instant::now();
        while lock.exists() && asked.elapsed() < DROP_BOUND && self.process.still_runs().is_ok() {
            std::thread::sleep(READY_PAUSE);
        }
        std::fs::remove_dir_all(&self.data).ok();
    }
}

/// Starts a cluster on data that exists, on a free port.
async fn adopt(programs: PathBuf, data: PathBuf, log: PathBuf) -> Result<Postgres> {
    let port = port::free()?;
    let process = launch(&programs, &data, &log, port)?;
    let mut postgres = Postgres { process, programs, data, log, port };
    postgres.ready().await?;
    Ok(postgres)
}

fn launch(programs: &Path, data: &Path, log: &Path, port: u16) -> Result<Process> {
    Launch::new("postgres", programs.join("postgres"), log)
        .arguments(["-D".as_ref(), data.as_os_str()])
        .arguments(settings(port))
        .directory("/")
        .user(system_user())
        .death_signal("INT")
        .start()
}

fn settings(port: u16) -> Vec<String> {
    let settings = [
        "listen_addresses=127.0.0.1".to_owned(),
        format!("port={port}"),
        "unix_socket_directories=".to_owned(),
        format!("max_connections={CONNECTIONS_MAX}"),
        // A throw-away cluster may lie on a small disk.
        "max_wal_size=64MB".to_owned(),
    ];
    settings.into_iter().flat_map(|setting| ["-c".to_owned(), setting]).collect()
}

fn system_user() -> Option<&'static str> {
    geteuid().is_root().then_some(SUPERUSER)
}

fn system_command(program: &Path) -> Command {
    let mut command = match system_user() {
        None => Command::new(program),
        Some(user) => {
            let mut command = Command::new("setpriv");
            command.args(as_user(Some(user))).arg("--").arg(program);
            command
        }
    };
    command.current_dir("/");
    command
}

async fn run(command: &mut Command) -> Result<Output> {
    let output = command
        .output()
        .await
        .with_context(|| format!("cannot run {:?}", command.as_std().get_program()))?;
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        bail!("{:?} failed ({}): {}", command.as_std().get_program(), output.status, errors.trim());
    }
    Ok(output)
}
