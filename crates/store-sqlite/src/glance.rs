//! A look at a file that may be no database of ours.

use std::path::Path;

use adit_core::Timestamp;
use adit_store::{Glance, StoreFault, TABLES_OF_ALL_SCHEMAS};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection, query_scalar};

use crate::SqliteStore;
use crate::fault::unreachable;

/// SQLITE_NOTADB: <https://www.sqlite.org/rescode.html>.
const NOT_A_DATABASE: &str = "26";

impl SqliteStore {
    /// Looks at a file, and creates and changes nothing. None where it is no database of Adit.
    ///
    /// # Errors
    /// [`StoreFault`] when it cannot be read.
    pub async fn glance(path: impl AsRef<Path>) -> Result<Option<Glance>, StoreFault> {
        let options = SqliteConnectOptions::new().filename(path).create_if_missing(false);
        let looked = match options.connect().await {
            Ok(mut connection) => {
                let looked = look(&mut connection).await;
                connection.close().await.map_err(unreachable)?;
                looked
            }
            Err(error) => Err(error),
        };
        match looked {
            Err(sqlx::Error::Database(error))
                if error.code().as_deref() == Some(NOT_A_DATABASE) =>
            {
                Ok(None)
            }
            looked => looked.map_err(unreachable),
        }
    }
}

/// Returns whether the tables are there that every schema of Adit has.
pub(crate) async fn is_ours(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    const TABLES: &str = "SELECT name FROM sqlite_master WHERE type = 'table'";
    let tables: Vec<String> = query_scalar(TABLES).fetch_all(connection).await?;
    Ok(TABLES_OF_ALL_SCHEMAS.iter().all(|wanted| tables.iter().any(|table| table == wanted)))
}

async fn look(connection: &mut SqliteConnection) -> Result<Option<Glance>, sqlx::Error> {
    if !is_ours(&mut *connection).await? {
        return Ok(None);
    }
    let schema: i64 = query_scalar("SELECT COALESCE(MAX(version), 0) FROM _sqlx_migrations")
        .fetch_one(&mut *connection)
        .await?;
    let newest: Option<i64> =
        query_scalar("SELECT MAX(at) FROM commit_group").fetch_one(&mut *connection).await?;
    Ok(Some(Glance { schema, newest_commit: newest.map(Timestamp::from_micros) }))
}
