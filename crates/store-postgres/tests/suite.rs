//! The suite on a Postgres of its own.

use std::sync::Arc;

use adit_devnet::postgres::Postgres;
use adit_store::Store;
use adit_store::conformance::Bed;
use adit_store_postgres::PostgresStore;
use async_trait::async_trait;

struct ClusterBed {
    cluster: Postgres,
    store: PostgresStore,
}

impl ClusterBed {
    async fn connect(cluster: &Postgres) -> PostgresStore {
        PostgresStore::connect(&cluster.url("adit")).await.expect("a fresh database opens")
    }
}

#[async_trait]
impl Bed for ClusterBed {
    fn store(&self) -> Arc<dyn Store> {
        Arc::new(self.store.clone())
    }

    async fn reopen(&mut self) {
        self.store.close().await;
        self.store = Self::connect(&self.cluster).await;
    }
}

async fn bed() -> ClusterBed {
    let cluster = Postgres::start(std::env::temp_dir().join("adit-store-postgres.log"))
        .await
        .expect("Postgres starts");
    cluster.create_database("adit").await.expect("a fresh cluster has no such database");
    let store = ClusterBed::connect(&cluster).await;
    ClusterBed { cluster, store }
}

adit_store::conformance!(bed);
