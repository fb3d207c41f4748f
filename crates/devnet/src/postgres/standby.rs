//! A standby of a cluster: made from its primary over the wire, following it asynchronously,
//! promoted when told to.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use super::{Postgres, SUPERUSER, adopt, run, system_command};
use crate::parts;
use crate::scratch;
use crate::wait;

const PROMOTED_BOUND_SECONDS: u32 = 30;
const CAUGHT_UP_BOUND: Duration = Duration::from_secs(30);
const LOOK_PAUSE: Duration = Duration::from_millis(10);
/// Every cluster has it.
const ANY_DATABASE: &str = "postgres";
const RADIX: u32 = 16;

impl Postgres {
    /// Copies the cluster at `source`, a port of the loopback interface, and follows it through
    /// that port.
    ///
    /// # Errors
    /// Fails if the primary gives no copy, or the standby does not come up.
    pub async fn standby_of(source: u16, log: impl Into<PathBuf>) -> Result<Self> {
        Self::standby_in(scratch::fresh("standby"), source, log).await
    }

    /// The same, with its data in this folder, as [`Postgres::start_in`].
    ///
    /// # Errors
    /// As [`Postgres::standby_of`].
    pub async fn standby_in(data: PathBuf, source: u16, log: impl Into<PathBuf>) -> Result<Self> {
        let programs = parts::postgres()?;
        if let Err(error) = copy(&programs, source, &data).await {
            std::fs::remove_dir_all(&data).ok();
            return Err(error);
        }
        adopt(programs, data, log.into()).await
    }

    /// Waits until a standby has replayed all that this primary has written so far.
    ///
    /// # Errors
    /// Fails if none has in time.
    pub async fn is_followed(&self) -> Result<()> {
        let written = self.sql(ANY_DATABASE, "SELECT pg_current_wal_insert_lsn()").await?;
        let question =
            format!("SELECT count(*) FROM pg_stat_replication WHERE replay_lsn >= '{written}'");
        wait::until("the standby to replay everything", CAUGHT_UP_BOUND, LOOK_PAUSE, async || {
            Ok((self.sql(ANY_DATABASE, &question).await? != "0").then_some(()))
        })
        .await
    }

    /// Makes a standby a primary of its own, and returns when it accepts writes.
    ///
    /// # Errors
    /// Fails if this is no standby, or it does not end its recovery.
    pub async fn promote(&self) -> Result<()> {
        let answer = self
            .sql(ANY_DATABASE, &format!("SELECT pg_promote(true, {PROMOTED_BOUND_SECONDS})"))
            .await?;
        anyhow::ensure!(
            answer == "t",
            "the standby was not promoted within {PROMOTED_BOUND_SECONDS} s"
        );
        Ok(())
    }

    /// The timeline on which this primary writes; each promotion begins a new one.
    ///
    /// # Errors
    /// Fails on a standby.
    pub async fn timeline(&self) -> Result<u32> {
        let answer = self
            .sql(ANY_DATABASE, "SELECT left(pg_walfile_name(pg_current_wal_insert_lsn()), 8)")
            .await?;
        u32::from_str_radix(&answer, RADIX).with_context(|| format!("{answer:?} is no timeline"))
    }
}

async fn copy(programs: &Path, source: u16, data: &Path) -> Result<()> {
    let port = source.to_string();
    let from = ["--host=127.0.0.1", "--username", SUPERUSER, "--port", &port];
    let how = [
        "--write-recovery-conf",
        "--checkpoint=fast",
        "--wal-method=stream",
        "--no-sync",
        "--pgdata",
    ];
    run(system_command(&programs.join("pg_basebackup")).args(from).args(how).arg(data))
        .await
        .map(drop)
}
