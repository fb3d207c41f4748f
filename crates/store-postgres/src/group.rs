//! One open group: its transaction, the locks in it, and what was loaded in it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use adit_core::{Batch, GroupId, View};
use adit_store::{CommitFault, Group, StoreFault};
use async_trait::async_trait;
use sqlx::{Postgres, Transaction};

use crate::fault::not_committed;
use crate::line::Line;
use crate::write;

/// All that a commit may take, statements and COMMIT together.
const COMMIT_TIMEOUT_SECONDS: u64 = 5;

/// Dropped without commit, its transaction rolls back, and its locks are free.
pub(crate) struct PostgresGroup {
    pub transaction: Transaction<'static, Postgres>,
    pub view: View,
    pub line: Arc<Line>,
}

#[async_trait]
impl Group for PostgresGroup {
    fn take_view(&mut self) -> View {
        std::mem::take(&mut self.view)
    }

    /// A database that does not answer before COMMIT was sent has committed nothing; after that it
    /// may have, whenever COMMIT arrives.
    async fn commit(mut self: Box<Self>, id: GroupId, batch: Batch) -> Result<(), CommitFault> {
        self.line.own_history().map_err(unwritable)?;
        let deadline = Instant::now() + Duration::from_secs(COMMIT_TIMEOUT_SECONDS);
        let silent = || format!("it did not answer within {COMMIT_TIMEOUT_SECONDS} s");
        let written =
            self.line.until(deadline, write::batch(&mut self.transaction, id, &batch)).await;
        written.unwrap_or_else(|| Err(CommitFault::Unwritable { detail: silent() }))?;
        let committed = self.line.until(deadline, self.transaction.commit()).await;
        let committed = committed.unwrap_or_else(|| Err(sqlx::Error::Protocol(silent())));
        committed.map_err(not_committed)?;
        self.line.committed(id);
        Ok(())
    }
}

fn unwritable(fault: StoreFault) -> CommitFault {
    CommitFault::Unwritable { detail: fault.to_string() }
}
