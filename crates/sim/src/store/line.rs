//! One process's line to the database: which server it leads to, and which history it remembers
//! (case F101).

use std::sync::{Arc, Mutex, MutexGuard};

use adit_core::GroupId;
use adit_store::{History, Store, StoreFault};

use super::Disk;

/// What a process knows of its connections. All of them break at once.
#[derive(Default)]
pub(super) struct Line(Mutex<State>);

#[derive(Default)]
struct State {
    history: History,
    connected: Option<Connected>,
}

/// The server that a connection leads to, and which of its lives.
#[derive(Clone)]
pub(super) struct Connected {
    pub disk: Arc<Disk>,
    connections: u64,
}

impl Connected {
    /// Whether it still leads anywhere.
    pub fn stands(&self, now: &Arc<Disk>) -> bool {
        Arc::ptr_eq(&self.disk, now) && self.disk.connections() == self.connections
    }
}

impl Line {
    /// The connection, which is a new one where the last one broke: then the newest groups are
    /// looked for.
    ///
    /// # Errors
    /// [`StoreFault::WentBack`] until the other history is accepted.
    pub async fn connect(&self, disk: &Arc<Disk>) -> Result<Connected, StoreFault> {
        let standing = self.state().connected.clone().filter(|connected| connected.stands(disk));
        let connected = match standing {
            Some(connected) => connected,
            None => self.examine(disk).await?,
        };
        match self.state().history.doubt() {
            Some(because) => Err(StoreFault::WentBack { because: because.clone() }),
            None => Ok(connected),
        }
    }

    async fn examine(&self, disk: &Arc<Disk>) -> Result<Connected, StoreFault> {
        let sought = self.state().history.sought();
        let mut missing = None;
        for group in sought {
            if !disk.tables.was_committed(group).await? {
                missing = missing.or(Some(group));
            }
        }
        let connected = Connected { disk: disk.clone(), connections: disk.connections() };
        let mut state = self.state();
        state.history.compare(disk.identity(), missing);
        state.connected = Some(connected.clone());
        Ok(connected)
    }

    pub fn committed(&self, group: GroupId) {
        self.state().history.committed(group);
    }

    /// The other history is taken for the own one; its connections are examined anew.
    pub fn accept_history(&self) {
        let mut state = self.state();
        state.history.accept();
        state.connected = None;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("nothing panics while it holds this lock")
    }
}
