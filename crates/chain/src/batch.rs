//! How many calls an endpoint takes in one request. Providers allow a hundred, ten, three, or none
//! at all: it is found out by asking, remembered, and tried again later.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use crate::json_rpc::BATCH_CALLS_MAX;
use crate::timer::Timer;

/// After so long without a refusal twice as many calls are tried.
const GROWS_AFTER: Duration = Duration::from_secs(600);

/// HTTP statuses with which a request is refused for what it is, not for the moment at which it
/// comes.
const REFUSED_AS_A_WHOLE: [u16; 9] = [400, 403, 405, 413, 414, 415, 422, 500, 501];

/// What one endpoint takes.
pub(crate) struct BatchSize {
    timer: Arc<dyn Timer>,
    found: Mutex<Found>,
}

struct Found {
    most: usize,
    /// When that was found.
    since: Duration,
}

impl BatchSize {
    pub(crate) fn new(timer: Arc<dyn Timer>) -> Self {
        let found = Mutex::new(Found { most: BATCH_CALLS_MAX, since: timer.elapsed() });
        Self { timer, found }
    }

    /// Calls in the next request, at most.
    pub(crate) fn most(&self) -> usize {
        let now = self.timer.elapsed();
        let mut found = self.found();
        if found.most < BATCH_CALLS_MAX && now.saturating_sub(found.since) >= GROWS_AFTER {
            *found = Found { most: (found.most * 2).min(BATCH_CALLS_MAX), since: now };
        }
        found.most
    }

    /// A request of so many calls was refused as a whole. Returns how many are tried next.
    pub(crate) fn refused(&self, calls: usize) -> usize {
        let mut found = self.found();
        *found = Found { most: found.most.min(calls / 2).max(1), since: self.timer.elapsed() };
        found.most
    }

    fn found(&self) -> MutexGuard<'_, Found> {
        self.found.lock().expect("nothing panics while it holds this lock")
    }
}

/// Whether an answer of this status may refuse a batch because it is one, or too large a one.
pub(crate) fn refuses_batches(status: u16) -> bool {
    REFUSED_AS_A_WHOLE.contains(&status)
}

#[cfg(test)]
mod tests {
    use futures::future::BoxFuture;

    use super::*;

    /// Stands where it is set.
    struct Stopped(Mutex<Duration>);

    impl Timer for Stopped {
        fn elapsed(&self) -> Duration {
            *self.0.lock().expect("nothing panics in here")
        }

        fn wait(&self, _: Duration) -> BoxFuture<'static, ()> {
            Box::pin(std::future::ready(()))
        }
    }

    #[test]
    fn it_halves_down_to_one_and_grows_again_later() {
        let timer = Arc::new(Stopped(Mutex::new(Duration::ZERO)));
        let size = BatchSize::new(timer.clone());
        let refused: Vec<usize> =
            std::iter::from_fn(|| Some(size.refused(size.most()))).take(7).collect();
        assert_eq!(refused, [50, 25, 12, 6, 3, 1, 1]);
        for later in [599, 600, 1_200] {
            *timer.0.lock().expect("nothing panics in here") = Duration::from_secs(later);
            assert_eq!(size.most(), [1, 2, 4][later as usize / 600], "after {later} s");
        }
    }
}
