//! A store in memory: deterministic, with the same constraints under the same names as the
//! databases. Tests and the simulator run on it; it can lose an answer to COMMIT on purpose.

mod apply;
mod check;
mod limits;
mod load;
mod read;
mod tables;

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use adit_core::{Batch, GroupId, Timestamp, View};
use async_trait::async_trait;
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::{CommitFault, Group};
use tables::Tables;

/// Cloning it gives another handle on the same tables.
#[derive(Clone, Default)]
pub struct MemStore {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    tables: RwLock<Arc<Tables>>,
    /// One group at a time, as with SQLite's one writer.
    writer: Arc<Mutex<()>>,
    hook: RwLock<Option<Arc<dyn CommitHook>>>,
    clock: RwLock<Option<StoreTime>>,
}

/// Reads a database's own clock.
pub type StoreTime = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Everything that was stored at one moment.
#[derive(Clone, PartialEq, Eq)]
pub struct Snapshot(Arc<Tables>);

/// Decides what becomes of each commit: the simulator's way to crash a database.
pub trait CommitHook: Send + Sync {
    fn fate(&self, group: GroupId, batch: &Batch) -> CommitFate;
}

/// What becomes of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommitFate {
    /// It is committed and says so.
    Commit,
    /// It is committed, and the answer is lost.
    LoseAnswer,
    /// It is not committed, and the answer is lost.
    LoseCommit,
    /// It is not committed and says why.
    Refuse(CommitFault),
}

impl MemStore {
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks `hook` before every commit from now on.
    pub fn set_commit_hook(&self, hook: Option<Arc<dyn CommitHook>>) {
        *self.shared.hook.write().unwrap_or_else(PoisonError::into_inner) = hook;
    }

    /// Gives it a clock of its own, as a database on another host has. Without one, time is what
    /// each caller says.
    pub fn set_clock(&self, clock: Option<StoreTime>) {
        *self.shared.clock.write().unwrap_or_else(PoisonError::into_inner) = clock;
    }

    fn clock(&self) -> Option<Timestamp> {
        let clock = self.shared.clock.read().unwrap_or_else(PoisonError::into_inner).clone();
        clock.map(|clock| clock())
    }

    /// What is committed now.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot(Arc::clone(&self.tables()))
    }

    /// Goes back to what was committed then, as a restored backup does. A group that is open
    /// meanwhile fails on its versions.
    pub fn restore(&self, snapshot: &Snapshot) {
        *self.shared.tables.write().unwrap_or_else(PoisonError::into_inner) =
            Arc::clone(&snapshot.0);
    }

    /// Commits a group that was decided elsewhere, whatever the hook thinks of it: a standby
    /// replays what its primary committed.
    ///
    /// # Errors
    /// [`CommitFault::Constraint`] and [`CommitFault::Contention`], as any commit.
    pub fn replay(&self, id: GroupId, batch: Batch) -> Result<(), CommitFault> {
        self.write(id, batch)
    }

    /// A panic inside a commit leaves the tables as they were: checks come first, and applying
    /// cannot fail.
    fn tables(&self) -> RwLockReadGuard<'_, Arc<Tables>> {
        self.shared.tables.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn fate(&self, id: GroupId, batch: &Batch) -> CommitFate {
        let hook = self.shared.hook.read().unwrap_or_else(PoisonError::into_inner).clone();
        hook.map_or(CommitFate::Commit, |hook| hook.fate(id, batch))
    }

    fn write(&self, id: GroupId, batch: Batch) -> Result<(), CommitFault> {
        let mut tables = self.shared.tables.write().unwrap_or_else(PoisonError::into_inner);
        check::check(&tables, id, &batch)?;
        apply::apply(Arc::make_mut(&mut tables), id, batch);
        Ok(())
    }
}

pub(super) struct MemGroup {
    store: MemStore,
    view: View,
    /// Held until the group ends, committed or dropped.
    _writer: OwnedMutexGuard<()>,
}

#[async_trait]
impl Group for MemGroup {
    fn take_view(&mut self) -> View {
        std::mem::take(&mut self.view)
    }

    async fn commit(self: Box<Self>, id: GroupId, batch: Batch) -> Result<(), CommitFault> {
        let lost = |detail: &str| Err(CommitFault::Unknown { detail: detail.to_owned() });
        match self.store.fate(id, &batch) {
            CommitFate::Commit => self.store.write(id, batch),
            CommitFate::LoseAnswer => self
                .store
                .write(id, batch)
                .and_then(|()| lost("the hook lost the answer of a commit")),
            CommitFate::LoseCommit => lost("the hook lost the commit"),
            CommitFate::Refuse(fault) => Err(fault),
        }
    }
}
