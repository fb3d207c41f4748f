//! The processes of one world: who runs, on which machine, and which server of the database it is
//! connected to.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use super::{World, lock};
use crate::crash::Process;
use crate::executor::{Instant, ProcessId};
use crate::replica::Running;
use crate::store::Disk;

/// Everything about the processes that others ask for.
pub(super) struct Replicas {
    running: Mutex<Vec<Option<(Process, Running)>>>,
    /// Machines that are connected to an old primary.
    behind: Mutex<BTreeMap<usize, Arc<Disk>>>,
    /// How far each machine's clock is off, in microseconds.
    skews: Mutex<Vec<i64>>,
    began: Mutex<BTreeMap<ProcessId, Instant>>,
    /// When a process last went on after it had stood still: what it does soon after, it may have
    /// decided on before.
    woken: Mutex<BTreeMap<ProcessId, Instant>>,
}

impl Replicas {
    pub fn new(slots: usize) -> Self {
        let running = Mutex::new(vec![None; slots]);
        Self {
            running,
            behind: Mutex::default(),
            skews: Mutex::new(vec![0; slots]),
            began: Mutex::default(),
            woken: Mutex::default(),
        }
    }
}

impl World {
    pub fn replica_started(&self, slot: usize, process: Process, running: Running) {
        lock(&self.replicas.began).insert(process.id, self.now());
        self.running()[slot] = Some((process, running));
    }

    pub fn replica_ended(&self, slot: usize) {
        self.running()[slot] = None;
    }

    pub fn slots(&self) -> usize {
        self.running().len()
    }

    pub fn replica(&self, slot: usize) -> Option<(Process, Running)> {
        self.running()[slot].clone()
    }

    /// One that runs, if any does.
    pub fn any_replica(&self) -> Option<(Process, Running)> {
        self.any_of(|_| true)
    }

    /// One that runs and is connected to the primary.
    pub fn any_at_primary(&self) -> Option<(Process, Running)> {
        self.any_of(|process| !self.is_behind(process.slot))
    }

    fn any_of(&self, fits: impl Fn(&Process) -> bool) -> Option<(Process, Running)> {
        let alive = |process: &Process| !self.handle.is_dead(process.id) && fits(process);
        let running: Vec<_> = self
            .running()
            .iter()
            .flatten()
            .filter(|(process, _)| alive(process))
            .cloned()
            .collect();
        let place = usize::try_from(self.weather.between(0, 1 << 20)).expect("small");
        running.get(place % running.len().max(1)).cloned()
    }

    pub fn kill_all(&self) {
        self.running().iter().flatten().for_each(|(process, _)| self.handle.kill(process.id));
    }

    pub fn kill_at_primary(&self) {
        let at_primary = |process: &Process| !self.is_behind(process.slot);
        self.running()
            .iter()
            .flatten()
            .filter(|(process, _)| at_primary(process))
            .for_each(|(process, _)| self.handle.kill(process.id));
    }

    /// It goes on where it stood.
    pub fn thaw(&self, process: &Process) {
        lock(&self.replicas.woken).insert(process.id, self.now());
        self.handle.thaw(process.id);
    }

    pub fn began_at(&self, process: ProcessId) -> Option<Instant> {
        lock(&self.replicas.began).get(&process).copied()
    }

    /// When it last went on after it had stood still.
    pub fn woken_at(&self, process: ProcessId) -> Option<Instant> {
        lock(&self.replicas.woken).get(&process).copied()
    }

    /// The server of the database that this machine is connected to.
    pub fn disk_of(&self, slot: usize) -> Arc<Disk> {
        lock(&self.replicas.behind).get(&slot).unwrap_or(&self.disk).clone()
    }

    /// Whether this machine is connected to an old primary.
    pub fn is_behind(&self, slot: usize) -> bool {
        lock(&self.replicas.behind).contains_key(&slot)
    }

    pub fn leave_behind(&self, slot: usize, disk: &Arc<Disk>) {
        lock(&self.replicas.behind).insert(slot, disk.clone());
    }

    /// The old primary is switched off, and whoever was connected to it. Their machines serve the
    /// primary again.
    pub fn switch_off_behind(&self) {
        let behind = std::mem::take(&mut *lock(&self.replicas.behind));
        for (process, _) in behind.keys().filter_map(|slot| self.replica(*slot)) {
            self.handle.kill(process.id);
        }
    }

    pub fn skew(&self, slot: usize) -> i64 {
        lock(&self.replicas.skews)[slot]
    }

    pub fn set_skew(&self, slot: usize, micros: i64) {
        lock(&self.replicas.skews)[slot] = micros;
        if let Some((_, running)) = self.replica(slot) {
            running.clock.set_skew(micros);
        }
    }

    /// Nobody runs any more: engines hold the world through their ports, and it holds them.
    pub fn end(&self) {
        let running = std::mem::take(&mut *self.running());
        lock(&self.replicas.behind).clear();
        drop(running);
    }

    fn running(&self) -> MutexGuard<'_, Vec<Option<(Process, Running)>>> {
        lock(&self.replicas.running)
    }
}
