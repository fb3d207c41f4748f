//! A copy of one moment of a database file, beside whoever works on it.

use std::path::Path;

use adit_store::StoreFault;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection, query};

use crate::SqliteStore;
use crate::fault::unreachable;
use crate::glance::is_ours;
use crate::store::BUSY_WAIT_MAX;

impl SqliteStore {
    /// Copies the file `from` to `to`, which must not exist. The file is opened for reading alone
    /// and keeps its schema, which may be older or newer than this program's: a server of that
    /// version may be at work on it.
    ///
    /// # Errors
    /// [`StoreFault::Corrupt`] where `from` is no database of Adit; otherwise what kept it from
    /// being copied.
    pub async fn copy(from: &Path, to: &Path) -> Result<(), StoreFault> {
        let options =
            SqliteConnectOptions::new().filename(from).read_only(true).busy_timeout(BUSY_WAIT_MAX);
        let mut copying = options.connect().await.map_err(unreachable)?;
        if !is_ours(&mut copying).await.map_err(unreachable)? {
            return Err(StoreFault::Corrupt {
                detail: format!("{} is no database of Adit", from.display()),
            });
        }
        vacuum_into(&mut copying, to).await?;
        copying.close().await.map_err(unreachable)
    }
}

/// A copy of one moment. An existing file is never written over.
pub(crate) async fn vacuum_into(
    copying: &mut SqliteConnection,
    to: &Path,
) -> Result<(), StoreFault> {
    let path = to.to_str().ok_or_else(|| StoreFault::Unreachable {
        detail: format!("{} is not UTF-8", to.display()),
    })?;
    query("VACUUM INTO ?1")
        .bind(path.to_owned())
        .execute(copying)
        .await
        .map(drop)
        .map_err(unreachable)
}
