//! The suite on the store in memory, and its hook.

use std::sync::Arc;

use adit_core::{Batch, Change, GroupId};
use adit_store::conformance::{Bed, dump::dump, sample, script};
use adit_store::{CommitFate, CommitFault, CommitHook, MemStore, Store};
use async_trait::async_trait;

struct MemBed(MemStore);

#[async_trait]
impl Bed for MemBed {
    fn store(&self) -> Arc<dyn Store> {
        Arc::new(self.0.clone())
    }

    async fn reopen(&mut self) {
        let kept = self.0.snapshot();
        self.0 = MemStore::new();
        self.0.restore(&kept);
    }
}

async fn bed() -> MemBed {
    MemBed(MemStore::new())
}

adit_store::conformance!(bed);

struct Always(CommitFate);

impl CommitHook for Always {
    fn fate(&self, _: GroupId, _: &Batch) -> CommitFate {
        self.0.clone()
    }
}

#[tokio::test]
async fn a_hook_loses_answers_and_commits() {
    for (fate, is_there) in [(CommitFate::LoseAnswer, true), (CommitFate::LoseCommit, false)] {
        let store = MemStore::new();
        store.set_commit_hook(Some(Arc::new(Always(fate))));
        let id = sample::group_id();
        let batch = Batch {
            users: vec![adit_core::Row { version: 0, row: sample::user(1) }],
            ..Batch::default()
        };
        let answer = script::commit_batch(&store, id, batch).await;
        assert!(matches!(answer, Err(CommitFault::Unknown { .. })));
        assert_eq!(store.was_committed(id).await, Ok(is_there));
        assert_eq!(
            store.user(&sample::user_id(1)).await.map(|sheet| sheet.is_some()),
            Ok(is_there)
        );
    }
}

#[tokio::test]
async fn a_snapshot_is_gone_back_to() {
    let store = MemStore::new();
    script::put(&store, vec![Change::User(sample::user(1))]).await;
    let then = store.snapshot();
    let before = dump(&store).await;
    script::put(&store, vec![Change::Withdrawal(sample::withdrawal(1, 1, 0))]).await;
    store.restore(&then);
    assert_eq!(dump(&store).await, before);
}
