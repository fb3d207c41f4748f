//! Clock, timer, randomness and tasks of one simulated process.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use adit_chain::Timer;
use adit_core::{Span, Timestamp};
use adit_engine::{Clock, Entropy, Spawner};
use futures::future::BoxFuture;

use crate::Dice;
use crate::executor::{Handle, ProcessId};

/// The simulation begins here: 2026-01-01 00:00 UTC.
pub const START_SECONDS: u64 = 1_767_225_600;

/// One machine's clock, which may be wrong; waiting is not.
#[derive(Clone)]
pub struct SimClock {
    handle: Handle,
    /// How far it is off, in microseconds.
    skew: Arc<AtomicI64>,
}

impl SimClock {
    pub fn new(handle: Handle) -> Self {
        Self { handle, skew: Arc::default() }
    }

    /// From now on it shows so much more, or less, than the truth.
    pub fn set_skew(&self, micros: i64) {
        self.skew.store(micros, Ordering::Relaxed);
    }
}

/// The true time.
pub fn now(handle: &Handle) -> Timestamp {
    let micros = i64::try_from(handle.now()).expect("a simulation ends before the year 294,000");
    Timestamp::from_micros(
        Timestamp::from_seconds(i64::try_from(START_SECONDS).expect("small")).micros() + micros,
    )
}

impl Clock for SimClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(now(&self.handle).micros() + self.skew.load(Ordering::Relaxed))
    }

    fn monotonic(&self) -> Duration {
        Duration::from_micros(self.handle.now())
    }

    fn sleep(&self, span: Span) -> BoxFuture<'static, ()> {
        Box::pin(self.handle.sleep(span.millis() * 1_000))
    }
}

/// The stopwatch of a process.
pub struct SimTimer(pub Handle);

impl Timer for SimTimer {
    fn elapsed(&self) -> Duration {
        Duration::from_micros(self.0.now())
    }

    fn wait(&self, span: Duration) -> BoxFuture<'static, ()> {
        Box::pin(self.0.sleep(u64::try_from(span.as_micros()).unwrap_or(u64::MAX)))
    }
}

/// Randomness for ids.
pub struct SimEntropy(pub Mutex<Dice>);

impl Entropy for SimEntropy {
    fn bytes(&self) -> [u8; 16] {
        self.0.lock().expect("nothing panics while it holds this lock").bytes()
    }
}

/// Tasks of one process.
pub struct SimSpawner {
    pub handle: Handle,
    pub process: ProcessId,
}

impl Spawner for SimSpawner {
    fn spawn(&self, _: &'static str, task: BoxFuture<'static, ()>) {
        self.handle.spawn(self.process, task);
    }
}
