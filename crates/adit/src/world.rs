//! The real clock, randomness and tasks: the only place where the engine's ports meet the system.

use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use adit_core::{Span, Timestamp};
use adit_engine::{Clock, Entropy, Spawner};
use futures::future::BoxFuture;

/// Exit status after a bug: whoever supervises starts again, and the engine goes on from what is
/// stored.
const BUG: i32 = 101;

/// The start of this process: monotonic time is counted from it.
static STARTED: LazyLock<Instant> = LazyLock::new(Instant::now);

/// The clocks of this machine. Only what keeps the time reads them: see
/// [`adit_engine::AnchoredClock`].
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        now()
    }

    fn monotonic(&self) -> Duration {
        STARTED.elapsed()
    }

    fn sleep(&self, span: Span) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(Duration::from_millis(span.millis())))
    }
}

/// A clock before 1970 reads as 1970.
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn bytes(&self) -> [u8; 16] {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).expect("a system without randomness cannot run Adit");
        bytes
    }
}

pub struct TokioSpawner;

impl Spawner for TokioSpawner {
    /// A task that panics found a bug. Going on without it would look alive and do nothing, so the
    /// process ends and starts anew.
    fn spawn(&self, name: &'static str, task: BoxFuture<'static, ()>) {
        let running = tokio::spawn(task);
        tokio::spawn(async move {
            if let Err(error) = running.await
                && error.is_panic()
            {
                tracing::error!(
                    task = name,
                    %error,
                    "a task found a bug; the process ends, and goes on from the store when it is started again"
                );
                std::process::exit(BUG);
            }
        });
    }
}
