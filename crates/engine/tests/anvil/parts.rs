//! Real clock, randomness and tasks, which a crash ends.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use adit_core::{Span, Timestamp};
use adit_engine::{Clock, Engine, Entropy, Spawner};
use futures::future::BoxFuture;
use tokio::task::AbortHandle;

/// Everything of one engine that a crash ends.
pub struct Running {
    pub engine: Engine,
    pub tasks: Arc<Tasks>,
}

#[derive(Default)]
pub struct Tasks(Mutex<Vec<AbortHandle>>);

pub struct System;

impl Clock for System {
    fn now(&self) -> Timestamp {
        now()
    }

    fn monotonic(&self) -> Duration {
        static STARTED: std::sync::LazyLock<std::time::Instant> =
            std::sync::LazyLock::new(std::time::Instant::now);
        STARTED.elapsed()
    }

    fn sleep(&self, span: Span) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(Duration::from_millis(span.millis())))
    }
}

impl Entropy for System {
    fn bytes(&self) -> [u8; 16] {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).expect("the system has randomness");
        bytes
    }
}

impl Spawner for Tasks {
    fn spawn(&self, _name: &'static str, task: BoxFuture<'static, ()>) {
        self.0.lock().expect("no test panics in here").push(tokio::spawn(task).abort_handle());
    }
}

/// Longer than any task goes on without waiting for something.
const DEAD_AFTER_MILLIS: u32 = 1_000;

impl Running {
    /// Ends every task where it stands, as a crash does.
    pub fn crash(self) {
        let tasks: Vec<_> =
            self.tasks.0.lock().expect("no test panics in here").drain(..).collect();
        tasks.iter().for_each(tokio::task::AbortHandle::abort);
        // One that runs at this moment ends where it waits next; a dead process would not have gone
        // on.
        for _ in 0..DEAD_AFTER_MILLIS {
            if tasks.iter().all(tokio::task::AbortHandle::is_finished) {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
    }
}

pub fn now() -> Timestamp {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    Timestamp::from_micros(i64::try_from(elapsed.as_micros()).expect("before the year 294,000"))
}
