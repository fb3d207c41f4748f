//! A child process that cannot outlive us.
//!
//! Three nets, because each has a hole: dropping the value kills it; `setpriv --pdeathsig` makes
//! the kernel kill it when we are killed ourselves; and it sits in a process group of its own, so
//! that Ctrl-C reaches us alone and we stop the parts in the right order.

use std::ffi::{OsStr, OsString};
use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::parts;

const LOG_TAIL_LINES: usize = 20;
/// Becomes the program, unless the parent (`$0`) died before the kernel knew that its death
/// matters. A write above the limit of a file's size is then an error like any other, and no
/// signal.
const EXEC_UNDER: &str = r#"trap '' XFSZ; test "$PPID" = "$0" && exec "$@""#;
const KILL_BOUND: Duration = Duration::from_secs(5);

/// What to start, and how.
pub struct Launch {
    name: String,
    program: PathBuf,
    arguments: Vec<OsString>,
    /// `None` inherits ours.
    environment: Option<Vec<(String, String)>>,
    directory: Option<PathBuf>,
    user: Option<&'static str>,
    death_signal: &'static str,
    log: PathBuf,
}

impl Launch {
    /// `log` receives both output streams; it is appended to, never cut.
    pub fn new(
        name: impl Into<String>,
        program: impl Into<PathBuf>,
        log: impl Into<PathBuf>,
    ) -> Self {
        Self {
            name: name.into(),
            program: program.into(),
            arguments: Vec::new(),
            environment: None,
            directory: None,
            user: None,
            death_signal: "KILL",
            log: log.into(),
        }
    }

    #[must_use]
    pub fn arguments(mut self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.arguments.extend(arguments.into_iter().map(|argument| argument.as_ref().to_owned()));
        self
    }

    /// All that it sees; without this it inherits our environment.
    #[must_use]
    pub fn only_environment(
        mut self,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Self {
        self.environment = Some(environment.into_iter().collect());
        self
    }

    #[must_use]
    pub fn directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.directory = Some(directory.into());
        self
    }

    /// Runs as another user of the system, which only root may ask for.
    #[must_use]
    pub fn user(mut self, user: Option<&'static str>) -> Self {
        self.user = user;
        self
    }

    /// The signal that the kernel sends it when we die. `KILL` unless told otherwise.
    #[must_use]
    pub fn death_signal(mut self, signal: &'static str) -> Self {
        self.death_signal = signal;
        self
    }

    /// # Errors
    /// When the program or its log cannot be opened.
    pub fn start(self) -> Result<Process> {
        let log = open_log(&self.log)?;
        let errors =
            log.try_clone().with_context(|| format!("{}: cannot share its log", self.name))?;
        let child = self
            .command()
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors)
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {} ({})", self.name, self.program.display()))?;
        let pid = child.id().context("a process just started has an id")?;
        Ok(Process { name: self.name, pid, child, log: self.log })
    }

    fn command(&self) -> Command {
        let mut command = match parts::on_path("setpriv") {
            Some(setpriv) => {
                let mut command = Command::new(setpriv);
                command.args(["--pdeathsig", self.death_signal]).args(as_user(self.user));
                command
                    .args(["--", "/bin/sh", "-c", EXEC_UNDER, &std::process::id().to_string()])
                    .arg(&self.program);
                command
            }
            None => Command::new(&self.program),
        };
        command.args(&self.arguments);
        if let Some(environment) = &self.environment {
            command.env_clear().envs(environment.iter().map(|(name, value)| (name, value)));
        }
        if let Some(directory) = &self.directory {
            command.current_dir(directory);
        }
        command
    }
}

/// The arguments with which `setpriv` becomes another user.
pub fn as_user(user: Option<&str>) -> Vec<String> {
    user.map_or_else(Vec::new, |user| {
        ["--reuid", user, "--regid", user, "--init-groups"].map(str::to_owned).to_vec()
    })
}

fn open_log(path: &Path) -> Result<File> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
    }
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .with_context(|| format!("cannot open the log {}", path.display()))
}

/// A running child; killed when dropped.
pub struct Process {
    name: String,
    pid: u32,
    child: Child,
    log: PathBuf,
}

impl Process {
    pub fn pid(&self) -> u32 {
        self.pid
    }

    pub fn log(&self) -> &Path {
        &self.log
    }

    /// # Errors
    /// When it has ended: with its exit status and the end of its log.
    pub fn still_runs(&mut self) -> Result<()> {
        match self.child.try_wait().with_context(|| format!("cannot ask after {}", self.name))? {
            None => Ok(()),
            Some(status) => bail!(
                "{} has ended ({status}); the end of {}:\n{}",
                self.name,
                self.log.display(),
                tail(&self.log)
            ),
        }
    }

    /// Sends a signal; one to a process that has just ended is no error.
    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw);
        if let Some(pid) = pid {
            let _ = kill_process(pid, signal);
        }
    }

    /// The hard way, as a crash would: SIGKILL, then waits until it is gone.
    ///
    /// # Errors
    /// When it is still there after five seconds.
    pub async fn kill(&mut self) -> Result<()> {
        self.child.start_kill().ok();
        self.gone_within(KILL_BOUND).await.map(drop)
    }

    /// Asks politely with `signal`, and kills what has not ended within `grace`.
    ///
    /// # Errors
    /// When not even killing helps.
    pub async fn stop(&mut self, signal: Signal, grace: Duration) -> Result<()> {
        self.signal(signal);
        match self.gone_within(grace).await {
            Ok(_) => Ok(()),
            Err(_) => self.kill().await,
        }
    }

    async fn gone_within(&mut self, bound: Duration) -> Result<ExitStatus> {
        timeout(bound, self.child.wait())
            .await
            .with_context(|| {
                format!("{} (pid {}) did not end within {} s", self.name, self.pid, bound.as_secs())
            })?
            .with_context(|| format!("cannot wait for {}", self.name))
    }
}

fn tail(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LOG_TAIL_LINES)..].join("\n")
}
