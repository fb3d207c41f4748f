//! What would be left of a commit if this host were lost now.

use adit_store::rows::Fields;
use adit_store::{CommitWait, Replication, Standbys, StoreFault};
use sqlx::{PgConnection, query};

use crate::columns::{Columns, one};

/// `pg_stat_replication` shows the details of others' connections to `pg_monitor` (or
/// `pg_read_all_stats`) alone; to others a standby is a row without a state. A quorum's members
/// (`ANY 1 (…)`) count as synchronous: a commit waits for some of them.
/// <https://www.postgresql.org/docs/current/monitoring-stats.html#MONITORING-PG-STAT-REPLICATION-VIEW>
const REPLICATION: &str = "
    SELECT (SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming') AS streaming,
           (SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming' AND sync_state IN ('sync', 'quorum')) AS synchronous,
           (SELECT count(*) FROM pg_stat_replication) AS connected,
           pg_has_role(current_user, 'pg_read_all_stats', 'USAGE') AS visible,
           btrim(current_setting('synchronous_standby_names')) <> '' AS named,
           current_setting('synchronous_commit') AS commits";
const COMMITS: &str = "SELECT current_setting('synchronous_commit') AS commits";

pub(crate) async fn replication(connection: &mut PgConnection) -> Result<Replication, StoreFault> {
    one(connection, query(REPLICATION), read).await?.ok_or_else(unanswered)
}

/// Returns what a commit on this connection waits for.
pub(crate) async fn commits(connection: &mut PgConnection) -> Result<CommitWait, StoreFault> {
    one(connection, query(COMMITS), read_commits).await?.ok_or_else(unanswered)
}

fn read(row: &Columns<'_>) -> Result<Replication, StoreFault> {
    let count = |column| row.integer(column).map(i64::unsigned_abs);
    let standbys = match row.flag("visible")? {
        true => {
            Standbys::Seen { streaming: count("streaming")?, synchronous: count("synchronous")? }
        }
        false => Standbys::Unseen { connected: count("connected")? },
    };
    Ok(Replication { commits: read_commits(row)?, named: row.flag("named")?, standbys })
}

fn read_commits(row: &Columns<'_>) -> Result<CommitWait, StoreFault> {
    let name = row.text("commits")?;
    CommitWait::of(&name).ok_or_else(|| StoreFault::Corrupt {
        detail: format!("synchronous_commit is {name}, which no known Postgres has"),
    })
}

fn unanswered() -> StoreFault {
    StoreFault::Corrupt { detail: "the question for standbys has no answer".to_owned() }
}
