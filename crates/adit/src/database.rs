//! The store that the configuration names.

use std::path::Path;
use std::sync::Arc;

use adit_store::Store;
use adit_store_postgres::PostgresStore;
use adit_store_sqlite::SqliteStore;
use anyhow::{Context as _, Result};

use crate::config::StoreUrl;
use crate::lock::ProcessLock;

/// An open store, and the right to write it where only one process may.
pub struct Database {
    pub store: Arc<dyn Store>,
    lock: Option<ProcessLock>,
}

impl Database {
    /// Opens it and brings its schema up to date.
    ///
    /// # Errors
    /// When another process has it, or it cannot be reached, or a newer program wrote it.
    pub async fn open(url: &StoreUrl) -> Result<Self> {
        match url {
            StoreUrl::Sqlite { path } => {
                make_directory_of(path)?;
                let lock = ProcessLock::take(path)?;
                let store = sqlite(path).await?;
                Ok(Self { store: Arc::new(store), lock: Some(lock) })
            }
            StoreUrl::Postgres { url } => {
                let advice = "the database of store.url cannot be used; check its address, user, password and that it runs";
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

/// Without the lock: for reading beside a running server.
///
/// # Errors
/// When the file cannot be opened.
pub async fn sqlite(path: &Path) -> Result<SqliteStore> {
    SqliteStore::open(path)
        .await
        .with_context(|| format!("the database {} cannot be used; check the file, its owner and the disk", path.display()))
}

/// # Errors
/// When it cannot be made.
pub fn make_directory_of(path: &Path) -> Result<()> {
    match path.parent() {
        Some(directory) if !directory.as_os_str().is_empty() => std::fs::create_dir_all(directory)
            .with_context(|| format!("the directory {} cannot be made; make it, or configure another path", directory.display())),
        Some(_) | None => Ok(()),
    }
}
