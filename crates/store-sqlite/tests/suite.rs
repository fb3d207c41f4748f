//! The suite on a file.

use std::sync::Arc;

use adit_store::Store;
use adit_store::conformance::Bed;
use adit_store_sqlite::SqliteStore;
use async_trait::async_trait;
use tempfile::TempDir;

struct FileBed {
    folder: TempDir,
    store: SqliteStore,
}

impl FileBed {
    async fn open(folder: &TempDir) -> SqliteStore {
        SqliteStore::open(folder.path().join("adit.db")).await.expect("a fresh file opens")
    }
}

#[async_trait]
impl Bed for FileBed {
    fn store(&self) -> Arc<dyn Store> {
        Arc::new(self.store.clone())
    }

    async fn reopen(&mut self) {
        self.store.close().await;
        self.store = Self::open(&self.folder).await;
    }
}

async fn bed() -> FileBed {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = FileBed::open(&folder).await;
    FileBed { folder, store }
}

adit_store::conformance!(bed);
