//! A look at a database that may be none of ours.

use adit_core::Timestamp;
use adit_store::{Glance, StoreFault, TABLES_OF_ALL_SCHEMAS};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, PgConnection, query_scalar};

use crate::PostgresStore;
use crate::fault::unreachable;

impl PostgresStore {
    /// Looks at the database, and changes nothing. None where it is no database of Adit.
    ///
    /// # Errors
    /// [`StoreFault`] when it cannot be reached.
    pub async fn glance(url: &str) -> Result<Option<Glance>, StoreFault> {
        let options: PgConnectOptions = url.parse().map_err(unreachable)?;
        let mut connection = options.connect().await.map_err(unreachable)?;
        let looked = look(&mut connection).await;
        connection.close().await.map_err(unreachable)?;
        looked.map_err(unreachable)
    }
}

async fn look(connection: &mut PgConnection) -> Result<Option<Glance>, sqlx::Error> {
    const FOUND: &str = "SELECT count(*) FROM unnest($1::TEXT[]) AS wanted WHERE to_regclass(quote_ident(wanted)) \
         IS NOT NULL";
    const SCHEMA: &str = "SELECT COALESCE(MAX(version), 0) FROM _sqlx_migrations";
    // Questions that were settled have no time.
    const NEWEST: &str = "SELECT MAX(at) FROM commit_group WHERE at > 0";
    let wanted: Vec<String> =
        TABLES_OF_ALL_SCHEMAS.iter().map(|table| (*table).to_owned()).collect();
    let found: i64 = query_scalar(FOUND).bind(&wanted).fetch_one(&mut *connection).await?;
    if found < i64::try_from(wanted.len()).unwrap_or(i64::MAX) {
        return Ok(None);
    }
    let schema: i64 = query_scalar(SCHEMA).fetch_one(&mut *connection).await?;
    let newest: Option<i64> = query_scalar(NEWEST).fetch_one(&mut *connection).await?;
    Ok(Some(Glance { schema, newest_commit: newest.map(Timestamp::from_micros) }))
}
