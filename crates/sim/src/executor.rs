//! A small executor: one thread, simulated time, and a die that says which ready task goes on.
//!
//! Tasks belong to processes. A process that is killed loses all of its tasks where they stand, as
//! a machine does that loses power.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Wake, Waker};

use futures::future::BoxFuture;

use crate::Dice;

/// Whose tasks they are. The world itself is process 0 and is never killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct ProcessId(pub u32);

/// Microseconds since the start of the simulation.
pub type Instant = u64;

/// A handle on the executor, for whoever spawns, sleeps or kills. Cheap to clone.
#[derive(Clone, Default)]
pub struct Handle(Arc<Mutex<Shared>>);

#[derive(Default)]
struct Shared {
    now: Instant,
    next_task: u64,
    next_timer: u64,
    ready: Vec<u64>,
    spawned: Vec<(u64, Task)>,
    timers: BTreeMap<(Instant, u64), Waker>,
    killed: BTreeSet<ProcessId>,
    dead: BTreeSet<ProcessId>,
    frozen: BTreeSet<ProcessId>,
    parked: Vec<(ProcessId, u64)>,
}

struct Task {
    process: ProcessId,
    future: BoxFuture<'static, ()>,
}

/// Runs the tasks.
pub struct Executor {
    handle: Handle,
    tasks: BTreeMap<u64, Task>,
    wakers: BTreeMap<u64, Arc<TaskWaker>>,
    dice: Dice,
}

struct TaskWaker {
    task: u64,
    queued: AtomicBool,
    handle: Handle,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        if !self.queued.swap(true, Ordering::Relaxed) {
            self.handle.shared().ready.push(self.task);
        }
    }
}

impl Handle {
    pub fn now(&self) -> Instant {
        self.shared().now
    }

    pub fn spawn(&self, process: ProcessId, future: BoxFuture<'static, ()>) {
        let mut shared = self.shared();
        let task = shared.next_task;
        shared.next_task += 1;
        shared.spawned.push((task, Task { process, future }));
    }

    /// Completes after so many microseconds.
    pub fn sleep(&self, micros: u64) -> Sleep {
        Sleep { until: self.now().saturating_add(micros), timer: None, handle: self.clone() }
    }

    /// Ends every task of the process before any other goes on.
    pub fn kill(&self, process: ProcessId) {
        let mut shared = self.shared();
        shared.killed.insert(process);
        shared.dead.insert(process);
    }

    pub fn is_dead(&self, process: ProcessId) -> bool {
        self.shared().dead.contains(&process)
    }

    /// The process stands still, as in a long pause of its machine, and knows nothing of it.
    pub fn freeze(&self, process: ProcessId) {
        self.shared().frozen.insert(process);
    }

    /// It goes on where it stood.
    pub fn thaw(&self, process: ProcessId) {
        let mut shared = self.shared();
        shared.frozen.remove(&process);
        let (woken, parked) = std::mem::take(&mut shared.parked)
            .into_iter()
            .partition::<Vec<_>, _>(|(of, _)| *of == process);
        shared.parked = parked;
        shared.ready.extend(woken.into_iter().map(|(_, task)| task));
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.0.lock().expect("nothing panics while it holds this lock")
    }
}

/// Waits for a moment of simulated time.
pub struct Sleep {
    until: Instant,
    timer: Option<(Instant, u64)>,
    handle: Handle,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let handle = self.handle.clone();
        let mut shared = handle.shared();
        if shared.now >= self.until {
            if let Some(timer) = self.timer.take() {
                shared.timers.remove(&timer);
            }
            return Poll::Ready(());
        }
        let timer = self.timer.unwrap_or_else(|| {
            shared.next_timer += 1;
            (self.until, shared.next_timer)
        });
        self.timer = Some(timer);
        shared.timers.insert(timer, context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(timer) = self.timer.take() {
            self.handle.shared().timers.remove(&timer);
        }
    }
}

/// Whoever waits holds the handle that holds him: what still waits at the end would keep its world
/// in memory for ever.
impl Drop for Executor {
    fn drop(&mut self) {
        let left = {
            let mut shared = self.handle.shared();
            (std::mem::take(&mut shared.timers), std::mem::take(&mut shared.spawned))
        };
        drop(left);
    }
}

impl Executor {
    pub fn new(handle: Handle, dice: Dice) -> Self {
        Self { handle, tasks: BTreeMap::new(), wakers: BTreeMap::new(), dice }
    }

    /// Runs until that moment, or until nothing would ever happen again, or until `stop` says so.
    pub fn run_until(&mut self, end: Instant, stop: &dyn Fn() -> bool) {
        loop {
            self.take_in();
            if stop() {
                return;
            }
            match self.next_ready() {
                Some(task) => self.poll(task),
                None if !self.advance(end) => return,
                None => {}
            }
        }
    }

    /// New tasks come in, killed processes go.
    fn take_in(&mut self) {
        let (spawned, killed) = {
            let mut shared = self.handle.shared();
            (std::mem::take(&mut shared.spawned), std::mem::take(&mut shared.killed))
        };
        for (id, task) in spawned {
            if self.handle.is_dead(task.process) {
                continue;
            }
            let waker = Arc::new(TaskWaker {
                task: id,
                queued: AtomicBool::new(true),
                handle: self.handle.clone(),
            });
            self.tasks.insert(id, task);
            self.wakers.insert(id, waker);
            self.handle.shared().ready.push(id);
        }
        if !killed.is_empty() {
            let ends: Vec<u64> = self
                .tasks
                .iter()
                .filter(|(_, task)| killed.contains(&task.process))
                .map(|(id, _)| *id)
                .collect();
            for id in ends {
                self.wakers.remove(&id);
                drop(self.tasks.remove(&id));
            }
        }
    }

    fn next_ready(&mut self) -> Option<u64> {
        let mut shared = self.handle.shared();
        if shared.ready.is_empty() {
            return None;
        }
        let place = self.dice.place(shared.ready.len());
        Some(shared.ready.swap_remove(place))
    }

    fn poll(&mut self, id: u64) {
        let Some(task) = self.tasks.get_mut(&id) else { return };
        {
            let mut shared = self.handle.shared();
            if shared.frozen.contains(&task.process) {
                shared.parked.push((task.process, id));
                return;
            }
        }
        let waker = self.wakers.get(&id).expect("a task has its waker").clone();
        waker.queued.store(false, Ordering::Relaxed);
        let waker = Waker::from(waker);
        if task.future.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
            self.tasks.remove(&id);
            self.wakers.remove(&id);
        }
    }

    /// Goes to the next moment at which something happens. False when that is after `end`.
    fn advance(&mut self, end: Instant) -> bool {
        let mut woken = Vec::new();
        {
            let mut shared = self.handle.shared();
            let Some((&(moment, _), _)) = shared.timers.first_key_value() else { return false };
            if moment > end {
                shared.now = end;
                return false;
            }
            shared.now = moment;
            while let Some(entry) =
                shared.timers.first_entry().filter(|entry| entry.key().0 == moment)
            {
                woken.push(entry.remove());
            }
        }
        woken.into_iter().for_each(Waker::wake);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(seed: u64) -> Vec<(u32, Instant)> {
        let handle = Handle::default();
        let seen = Arc::new(Mutex::new(Vec::new()));
        for task in 0..4 {
            let (own, list) = (handle.clone(), seen.clone());
            handle.spawn(
                ProcessId(task),
                Box::pin(async move {
                    for round in 0..3 {
                        own.sleep(10).await;
                        list.lock().expect("free").push((task, own.now()));
                        if task == 2 && round == 1 {
                            own.kill(ProcessId(3));
                        }
                    }
                }),
            );
        }
        Executor::new(handle, Dice::new(seed)).run_until(1_000, &|| false);
        Arc::try_unwrap(seen).expect("all tasks ended").into_inner().expect("free")
    }

    #[test]
    fn one_seed_is_one_history() {
        assert_eq!(run(7), run(7));
        assert!((0..20).any(|seed| run(seed) != run(7)), "the order of tasks is drawn");
    }

    #[test]
    fn the_killed_do_nothing_more() {
        let third = run(1).into_iter().filter(|(task, _)| *task == 3).count();
        assert!(third <= 2, "killed in the second round, it ran {third} rounds");
    }
}
