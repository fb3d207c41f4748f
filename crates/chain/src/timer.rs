//! Time as endpoints need it: how long something took, and waiting. Never the date.

use std::time::{Duration, Instant};

use futures::future::BoxFuture;

/// A stopwatch that never goes back, and waiting. Given from outside, so that a simulated world can
/// own it.
pub trait Timer: Send + Sync + 'static {
    /// Since some moment that stays the same.
    fn elapsed(&self) -> Duration;

    /// Completes after `span`.
    fn wait(&self, span: Duration) -> BoxFuture<'static, ()>;
}

/// The machine's own, on a Tokio runtime.
pub struct TokioTimer {
    began: Instant,
}

impl Default for TokioTimer {
    fn default() -> Self {
        Self { began: Instant::now() }
    }
}

impl Timer for TokioTimer {
    fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    fn wait(&self, span: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(span))
    }
}
