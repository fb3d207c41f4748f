//! What is stored, and every way in which a database forgets: a failover that loses the last
//! commits, a backup that is restored.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};

use adit_core::{Batch, GroupId};
use adit_store::{Identity, MemStore, Snapshot};

use crate::check::{Books, Broken};
use crate::executor::Instant;

/// Backups that are kept.
const BACKUPS_MAX: usize = 6;

/// Everything that was committed at one moment, and the books of whoever checks it.
#[derive(Clone)]
pub struct Backup {
    pub at: Instant,
    tables: Snapshot,
    books: Books,
}

/// One server of the database, as those see it whose connections lead to it.
pub struct Disk {
    pub tables: MemStore,
    /// Connections of an older number belong to a server that is gone.
    connections: AtomicU64,
    /// What the server says of itself: some kinds of databases count their lives, others do not
    /// know of them.
    timeline: AtomicU64,
    state: Mutex<State>,
}

struct State {
    books: Books,
    backups: VecDeque<Backup>,
    /// Commits since the newest backup.
    since: Vec<Committed>,
}

struct Committed {
    id: GroupId,
    at: Instant,
    batch: Batch,
}

impl Disk {
    pub fn new(books: Books) -> Self {
        let tables = MemStore::new();
        let first = Backup { at: 0, tables: tables.snapshot(), books: books.clone() };
        let state = State { books, backups: VecDeque::from([first]), since: Vec::new() };
        Self {
            tables,
            connections: AtomicU64::new(0),
            timeline: AtomicU64::new(0),
            state: Mutex::new(state),
        }
    }

    /// A second server with the same data, for those who still are connected to this one when
    /// another takes its place.
    pub fn left_behind(&self, now: Instant) -> Self {
        let state = self.state();
        let (tables, books) = (MemStore::new(), state.books.clone());
        tables.restore(&self.tables.snapshot());
        let first = Backup { at: now, tables: tables.snapshot(), books: books.clone() };
        let state = State { books, backups: VecDeque::from([first]), since: Vec::new() };
        let (connections, timeline) = (
            AtomicU64::new(self.connections()),
            AtomicU64::new(self.timeline.load(Ordering::Relaxed)),
        );
        Self { tables, connections, timeline, state: Mutex::new(state) }
    }

    /// Which of its lives its connections belong to.
    pub fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }

    pub fn identity(&self) -> Identity {
        Identity {
            system: "simulated".to_owned(),
            timeline: self.timeline.load(Ordering::Relaxed).to_string(),
        }
    }

    /// Every connection breaks. Where the kind of database has timelines, and this was a promotion,
    /// it begins another.
    pub fn break_connections(&self, promoted: bool) {
        self.connections.fetch_add(1, Ordering::Relaxed);
        self.timeline.fetch_add(u64::from(promoted), Ordering::Relaxed);
    }

    /// Notes a commit that just happened, and checks it.
    ///
    /// # Errors
    /// [`Broken`], the first invariant that does not hold.
    pub fn committed(&self, id: GroupId, batch: Batch, at: Instant) -> Result<(), Broken> {
        let mut state = self.state();
        let checked = state.books.commit(&batch, at);
        state.since.push(Committed { id, at, batch });
        checked
    }

    /// Reads the books as they stand.
    pub fn read<T>(&self, read: impl FnOnce(&Books) -> T) -> T {
        read(&self.state().books)
    }

    /// What is stored now, to be restored later.
    pub fn back_up(&self, now: Instant) {
        let mut state = self.state();
        let backup = Backup { at: now, tables: self.tables.snapshot(), books: state.books.clone() };
        state.since.clear();
        state.backups.push_back(backup);
        if state.backups.len() > BACKUPS_MAX {
            state.backups.pop_front();
        }
    }

    /// The newest backup that was made at `at` or before.
    pub fn backup_of(&self, at: Instant) -> Option<Backup> {
        self.state().backups.iter().rev().find(|backup| backup.at <= at).cloned()
    }

    /// Goes back to it. Newer backups belong to another history and go, too.
    pub fn restore(&self, backup: &Backup) {
        let mut state = self.state();
        self.tables.restore(&backup.tables);
        state.books = backup.books.clone();
        state.since.clear();
        state.backups.retain(|other| other.at <= backup.at);
    }

    /// How many commits of the last so many microseconds a standby may lack.
    pub fn commits_since(&self, at: Instant) -> usize {
        self.state().since.iter().rev().take_while(|committed| committed.at >= at).count()
    }

    /// A standby takes over that has not seen the last `lost` commits. Gives how many were really
    /// lost.
    pub fn fail_over(&self, lost: usize) -> usize {
        let mut state = self.state();
        let kept = state.since.len().saturating_sub(lost);
        let gone = state.since.len() - kept;
        if gone == 0 {
            return 0;
        }
        let base = state.backups.back().expect("there is always one").clone();
        let replayed: Vec<Committed> = state.since.drain(..).take(kept).collect();
        self.tables.restore(&base.tables);
        state.books = base.books;
        for Committed { id, at, batch } in &replayed {
            self.tables
                .replay(*id, batch.clone())
                .expect("it was committed on top of the same tables before");
            state.books.commit(batch, *at).expect("it was checked before");
        }
        state.since = replayed;
        gone
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics while it holds this lock")
    }
}
