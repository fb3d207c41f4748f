//! What is stored, and every way in which a database forgets: a failover that loses the last commits, a backup that is restored.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard};

use adit_core::{Batch, GroupId};
use adit_store::{MemStore, Snapshot};

use crate::check::{Books, Broken};
use crate::executor::Instant;

/// Backups that are kept.
const BACKUPS_MAX: usize = 5;

/// Everything that was committed at one moment, and the books of whoever checks it.
#[derive(Clone)]
pub struct Backup {
    pub at: Instant,
    tables: Snapshot,
    books: Books,
}

/// The one primary.
pub struct Disk {
    pub tables: MemStore,
    state: Mutex<State>,
}

struct State {
    books: Books,
    backups: VecDeque<Backup>,
    /// Commits since the newest backup.
    since: Vec<(GroupId, Batch)>,
}

impl Disk {
    pub fn new(books: Books) -> Self {
        let tables = MemStore::new();
        let first = Backup { at: 0, tables: tables.snapshot(), books: books.clone() };
        Self { tables, state: Mutex::new(State { books, backups: VecDeque::from([first]), since: Vec::new() }) }
    }

    /// Notes a commit that just happened, and checks it.
    ///
    /// # Errors
    /// [`Broken`], the first invariant that does not hold.
    pub fn committed(&self, id: GroupId, batch: Batch) -> Result<(), Broken> {
        let mut state = self.state();
        let checked = state.books.commit(&batch);
        state.since.push((id, batch));
        checked
    }

    /// Reads the books as they stand.
    pub fn read<T>(&self, read: impl FnOnce(&Books) -> T) -> T {
        read(&self.state().books)
    }

    /// What is stored now, to be restored later.
    pub fn back_up(&self, now: Instant) -> Backup {
        let mut state = self.state();
        let backup = Backup { at: now, tables: self.tables.snapshot(), books: state.books.clone() };
        state.since.clear();
        state.backups.push_back(backup.clone());
        if state.backups.len() > BACKUPS_MAX {
            state.backups.pop_front();
        }
        backup
    }

    /// What is stored now, as a volume that is taken out and put aside.
    pub fn volume(&self, now: Instant) -> Backup {
        let state = self.state();
        Backup { at: now, tables: self.tables.snapshot(), books: state.books.clone() }
    }

    /// The newest backup that was made at `at` or before.
    pub fn backup_of(&self, at: Instant) -> Option<Backup> {
        self.state().backups.iter().rev().find(|backup| backup.at <= at).cloned()
    }

    /// Goes back to it. Newer backups belong to another timeline and go, too.
    pub fn restore(&self, backup: &Backup) {
        let mut state = self.state();
        self.tables.restore(&backup.tables);
        state.books = backup.books.clone();
        state.since.clear();
        state.backups.retain(|other| other.at <= backup.at);
        if state.backups.back().is_none_or(|last| last.at != backup.at) {
            state.backups.push_back(backup.clone());
        }
    }

    /// A standby takes over that has not seen the last `lost` commits. Gives how many were really lost.
    pub fn fail_over(&self, lost: usize) -> usize {
        let mut state = self.state();
        let kept = state.since.len().saturating_sub(lost);
        let gone = state.since.len() - kept;
        if gone == 0 {
            return 0;
        }
        let base = state.backups.back().expect("there is always one").clone();
        let replayed: Vec<(GroupId, Batch)> = state.since.drain(..).take(kept).collect();
        self.tables.restore(&base.tables);
        state.books = base.books;
        for (id, batch) in &replayed {
            self.tables.replay(*id, batch.clone()).expect("it was committed on top of the same tables before");
            state.books.commit(batch).expect("it was checked before");
        }
        state.since = replayed;
        gone
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics while it holds this lock")
    }
}
