//! One open group: the writer's transaction and what was loaded in it.

use adit_core::{Batch, GroupId, View};
use adit_store::{CommitFault, Group};
use async_trait::async_trait;
use sqlx::{Sqlite, Transaction};

use crate::fault::not_committed;
use crate::write;

/// Dropped without commit, its transaction rolls back before the connection serves another group.
pub(crate) struct SqliteGroup {
    pub transaction: Transaction<'static, Sqlite>,
    pub view: View,
}

#[async_trait]
impl Group for SqliteGroup {
    fn take_view(&mut self) -> View {
        std::mem::take(&mut self.view)
    }

    async fn commit(mut self: Box<Self>, id: GroupId, batch: Batch) -> Result<(), CommitFault> {
        write::batch(&mut self.transaction, id, &batch).await?;
        self.transaction.commit().await.map_err(not_committed)
    }
}
