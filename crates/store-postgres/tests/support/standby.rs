//! A second host: a standby that streams from a primary, and can be promoted.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use adit_devnet::process::{Launch, Process, as_user};
use adit_devnet::{parts, port, scratch};

use super::{log, sql, until};

const SYSTEM_USER: &str = "postgres";
const PAUSE: Duration = Duration::from_millis(50);

/// Asynchronous, unless the primary's `synchronous_standby_names` says otherwise.
pub struct Standby {
    _process: Process,
    data: PathBuf,
    port: u16,
}

impl Standby {
    /// Copies the primary that answers at this port, and streams from there.
    pub async fn of(primary: u16) -> Self {
        let (data, port) = (scratch::fresh("standby"), port::free().expect("a free port"));
        let mut copy = system_command("pg_basebackup");
        copy.args([
            "--host=127.0.0.1",
            "--username=postgres",
            "--checkpoint=fast",
            "--write-recovery-conf",
            "--no-sync",
        ]);
        copy.args(["--port", &primary.to_string(), "--pgdata"]).arg(&data);
        // The copy goes through this runtime's own forwarder.
        let copied = tokio::task::spawn_blocking(move || copy.output())
            .await
            .expect("it ends")
            .expect("pg_basebackup runs");
        assert!(copied.status.success(), "{}", String::from_utf8_lossy(&copied.stderr));
        let process = Launch::new("standby", program("postgres"), log())
            .arguments(["-D".as_ref(), data.as_os_str()])
            .arguments([
                "-c",
                "listen_addresses=127.0.0.1",
                "-c",
                &format!("port={port}"),
                "-c",
                "unix_socket_directories=",
            ])
            .arguments([
                "-c",
                "max_connections=200",
                "-c",
                "wal_receiver_timeout=5s",
                "-c",
                "wal_retrieve_retry_interval=200ms",
            ])
            .directory("/")
            .user(is_root().then_some(SYSTEM_USER))
            .death_signal("INT")
            .start()
            .expect("the standby starts");
        let standby = Self { _process: process, data, port };
        while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err()
            || !standby.answers().await
        {
            tokio::time::sleep(PAUSE).await;
        }
        standby
    }

    async fn answers(&self) -> bool {
        use sqlx::Connection;
        sqlx::PgConnection::connect(&super::url(self.port)).await.is_ok()
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Waits until it has all that the primary has written.
    pub async fn caught_up(&self, primary: u16) {
        const BEHIND: &str = "SELECT (pg_current_wal_lsn() > coalesce(min(replay_lsn), '0/0'))::text FROM \
             pg_stat_replication";
        until("the standby to catch up", async || {
            sql(primary, BEHIND).await.as_deref() == Some("false")
        })
        .await;
    }

    pub async fn promote(&self) {
        assert_eq!(sql(self.port, "SELECT pg_promote()::text").await.as_deref(), Some("true"));
    }
}

impl Drop for Standby {
    fn drop(&mut self) {
        let _ = system_command("pg_ctl")
            .args(["stop", "--mode=immediate", "--silent", "--pgdata"])
            .arg(&self.data)
            .output();
        std::fs::remove_dir_all(&self.data).ok();
    }
}

fn program(name: &str) -> PathBuf {
    parts::postgres().expect("Postgres is installed").join(name)
}

fn is_root() -> bool {
    std::fs::metadata(Path::new("/proc/self")).is_ok_and(|process| process.uid() == 0)
}

/// Postgres refuses to run as root.
fn system_command(name: &str) -> Command {
    let mut command = Command::new(if is_root() { "setpriv".into() } else { program(name) });
    if is_root() {
        command.args(as_user(Some(SYSTEM_USER))).arg("--").arg(program(name));
    }
    command.current_dir("/");
    command
}
