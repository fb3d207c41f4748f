//! What would be left of a commit if this host were lost now.

use adit_store::rows::Fields;
use adit_store::{Replication, StoreFault};
use sqlx::{PgConnection, query};

use crate::columns::{Columns, one};

/// `pg_stat_replication` shows the details of others' connections to `pg_monitor` (or `pg_read_all_stats`) alone; to others a standby is a
/// row without a state. A quorum's members (`ANY 1 (…)`) count as synchronous: a commit waits for some of them.
/// <https://www.postgresql.org/docs/current/monitoring-stats.html#MONITORING-PG-STAT-REPLICATION-VIEW>
const REPLICATION: &str = "
    SELECT (SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming') AS streaming,
           (SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming' AND sync_state IN ('sync', 'quorum')) AS synchronous,
           pg_has_role(current_user, 'pg_read_all_stats', 'USAGE') AS visible,
           current_setting('synchronous_commit') IN ('on', 'remote_apply') AS commits_wait";

pub(crate) async fn replication(connection: &mut PgConnection) -> Result<Replication, StoreFault> {
    let found = one(connection, query(REPLICATION), read).await?;
    found.ok_or_else(|| StoreFault::Corrupt { detail: "the question for standbys has no answer".to_owned() })
}

fn read(row: &Columns<'_>) -> Result<Replication, StoreFault> {
    let commits_wait = row.flag("commits_wait")?;
    if !row.flag("visible")? {
        return Ok(Replication::Unknown { commits_wait });
    }
    let count = |column| row.integer(column).map(i64::unsigned_abs);
    Ok(Replication::Standbys { streaming: count("streaming")?, synchronous: count("synchronous")?, commits_wait })
}
