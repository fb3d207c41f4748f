//! The store that the configuration names.

use std::path::Path;
use std::sync::Arc;

use adit_store::{Glance, Store, StoreFault};
use adit_store_postgres::PostgresStore;
use adit_store_sqlite::SqliteStore;
use anyhow::{Context as _, Result, bail};

use crate::config::StoreUrl;
use crate::lock::ProcessLock;
use crate::restore;

/// An open store, and the right to write it where only one process may.
pub struct Database {
    pub store: Arc<dyn Store>,
    lock: Option<ProcessLock>,
}

impl Database {
    /// Opens it and brings its schema up to date.
    ///
    /// # Errors
    /// When another process has it, or it cannot be reached, or a newer program wrote it, or a
    /// restore of it broke off.
    pub async fn open(url: &StoreUrl) -> Result<Self> {
        match url {
            StoreUrl::Sqlite { path } => {
                make_directory_of(path)?;
                let lock = ProcessLock::take(path)?;
                not_half_restored(path)?;
                let store = sqlite(path).await?;
                Ok(Self { store: Arc::new(store), lock: Some(lock) })
            }
            StoreUrl::Postgres { url } => {
                let advice = "the database of store.url cannot be used; check its address, user, password \
                     and that it runs";
                let store = PostgresStore::connect(url.expose()).await.context(advice)?;
                Ok(Self { store: Arc::new(store), lock: None })
            }
        }
    }

    /// No other process can write it as long as this value lives.
    pub fn is_ours_alone(&self) -> bool {
        self.lock.is_some()
    }
}

/// Looks at it, and changes nothing. None where it is no database of Adit.
///
/// # Errors
/// [`StoreFault`] when it cannot be read.
pub async fn glance(url: &StoreUrl) -> Result<Option<Glance>, StoreFault> {
    match url {
        StoreUrl::Sqlite { path } => SqliteStore::glance(path).await,
        StoreUrl::Postgres { url } => PostgresStore::glance(url.expose()).await,
    }
}

/// A new, empty database in the place of one that was moved away would have forgotten everything.
fn not_half_restored(path: &Path) -> Result<()> {
    let copy = restore::staging(path);
    if !path.exists() && copy.exists() {
        bail!(
            "a restore of {} broke off: the database of before is beside it (.before-restore-…), \
             the copy is {}. Say `adit restore --database` again",
            path.display(),
            copy.display()
        );
    }
    Ok(())
}

async fn sqlite(path: &Path) -> Result<SqliteStore> {
    SqliteStore::open(path).await.with_context(|| {
        format!(
            "the database {} cannot be used; check the file, its owner and the disk",
            path.display()
        )
    })
}

/// # Errors
/// When it cannot be made.
pub fn make_directory_of(path: &Path) -> Result<()> {
    match path.parent() {
        Some(directory) if !directory.as_os_str().is_empty() => std::fs::create_dir_all(directory)
            .with_context(|| {
                format!(
                    "the directory {} cannot be made; make it, or configure another path",
                    directory.display()
                )
            }),
        Some(_) | None => Ok(()),
    }
}
