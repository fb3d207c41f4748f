//! One open group: its transaction, the locks in it, and what was loaded in it.

use adit_core::{Batch, GroupId, View};
use adit_store::{CommitFault, Group};
use async_trait::async_trait;
use sqlx::{Postgres, Transaction};

use crate::fault::not_committed;
use crate::write;

/// Dropped without commit, its transaction rolls back, and its locks are free.
pub(crate) struct PostgresGroup {
    pub transaction: Transaction<'static, Postgres>,
    pub view: View,
}

#[async_trait]
impl Group for PostgresGroup {
    fn take_view(&mut self) -> View {
        std::mem::take(&mut self.view)
    }

    async fn commit(mut self: Box<Self>, id: GroupId, batch: Batch) -> Result<(), CommitFault> {
        write::batch(&mut self.transaction, id, &batch).await?;
        self.transaction.commit().await.map_err(not_committed)
    }
}
