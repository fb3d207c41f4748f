//! Which database a connection leads to, and whether what this process committed is there.

use adit_core::GroupId;
use adit_store::Identity;
use sqlx::{PgConnection, Row, query};

/// What a new connection found.
pub(crate) enum Found {
    Standby,
    Primary {
        identity: Identity,
        /// The oldest of the groups that are not there.
        missing: Option<GroupId>,
    },
}

/// Any role may ask for these. The timeline is that of the log that is written now: the control
/// file names a new one only after the first checkpoint on it, seconds after a promotion. A name of
/// the log begins with 8 hex digits of its timeline.
/// <https://www.postgresql.org/docs/current/functions-admin.html#FUNCTIONS-ADMIN-BACKUP>
const IDENTITY: &str = "
    SELECT system_identifier::text AS system, substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) AS timeline,
           to_regclass('commit_group') IS NOT NULL AS has_groups
    FROM pg_control_system()";

/// A group whose id was only taken, by somebody who asked for it, was not committed.
const MISSING: &str = "
    SELECT k.id
    FROM unnest($1::uuid[]) WITH ORDINALITY AS k (id, place)
    WHERE NOT EXISTS (SELECT FROM commit_group AS g WHERE g.id = k.id AND NOT g.settled)
    ORDER BY k.place LIMIT 1";

pub(crate) async fn found(
    connection: &mut PgConnection,
    sought: &[GroupId],
) -> Result<Found, sqlx::Error> {
    let standby: bool = query("SELECT pg_is_in_recovery() AS standby")
        .fetch_one(&mut *connection)
        .await?
        .try_get("standby")?;
    if standby {
        return Ok(Found::Standby);
    }
    let row = query(IDENTITY).fetch_one(&mut *connection).await?;
    let identity = Identity { system: row.try_get("system")?, timeline: row.try_get("timeline")? };
    let missing = match sought.first() {
        None => None,
        Some(oldest) if !row.try_get("has_groups")? => Some(*oldest),
        Some(_) => missing(connection, sought).await?,
    };
    Ok(Found::Primary { identity, missing })
}

async fn missing(
    connection: &mut PgConnection,
    sought: &[GroupId],
) -> Result<Option<GroupId>, sqlx::Error> {
    let ids: Vec<uuid::Uuid> = sought.iter().map(|group| group.0).collect();
    let row = query(MISSING).bind(ids).fetch_optional(connection).await?;
    row.map(|row| row.try_get("id").map(GroupId)).transpose()
}
