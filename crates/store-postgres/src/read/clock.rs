//! The clock of the database's host.

use adit_core::Timestamp;
use adit_store::rows::Fields;
use adit_store::{StoreClock, StoreFault};
use sqlx::{PgConnection, query};

use crate::columns::one;

/// A connection within one host has one address at both ends, or none (a Unix socket), or that of
/// the loopback. What stands in between, such as a pooler or a container's network, cannot be told
/// from here. <https://www.postgresql.org/docs/current/functions-info.html>
const CLOCK: &str = "
    SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS now,
           coalesce(inet_server_addr() <> inet_client_addr() AND host(inet_server_addr()) NOT LIKE '127.%'
                    AND host(inet_server_addr()) <> '::1', FALSE) AS elsewhere";

pub(crate) async fn clock(connection: &mut PgConnection) -> Result<StoreClock, StoreFault> {
    let found = one(connection, query(CLOCK), |row| {
        Ok(StoreClock {
            now: Timestamp::from_micros(row.integer("now")?),
            elsewhere: row.flag("elsewhere")?,
        })
    });
    found
        .await?
        .ok_or_else(|| StoreFault::Corrupt { detail: "the clock did not answer".to_owned() })
}
