//! Whether an endpoint is worth asking: a breaker that opens after failures, and a quarantine for
//! the wrong network.
//!
//! An endpoint that does not answer must not make every question wait for its time-out, and one
//! that serves another network must not be heard at all until it has proved itself again.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use adit_core::EndpointName;

use crate::timer::Timer;

/// Failures in a row that open the breaker.
pub const BREAKER_FAILURES_MAX: u32 = 3;
/// How long it stays open at first; doubles with every further failure.
pub const BREAKER_OPEN_MILLIS_MIN: u64 = 500;
/// How long it stays open at most.
pub const BREAKER_OPEN_MILLIS_MAX: u64 = 15_000;
/// How often in a row an endpoint may tell otherwise than enough others about what cannot differ. A
/// chain that changes reaches all of them within seconds, one after the other; a wrong one stays
/// wrong.
pub const OUTVOTED_MAX: u32 = 3;
/// How long an endpoint of the wrong network is left alone before it is checked again.
pub const QUARANTINE_MILLIS: u64 = 30_000;

/// What metrics and `why` show of one endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthReading {
    pub endpoint: EndpointName,
    pub answers: u64,
    pub failures: u64,
    /// Not asked for the moment.
    pub open: bool,
    /// Served another network when it was last checked, or told something that enough others
    /// disprove.
    pub quarantined: bool,
    /// Its last failure, in words.
    pub last_failure: Option<String>,
}

pub(crate) struct Health {
    timer: Arc<dyn Timer>,
    answers: AtomicU64,
    failures: AtomicU64,
    verified: AtomicBool,
    breaker: Mutex<Breaker>,
}

/// The breaker alone, told the time since some start.
#[derive(Debug, Default)]
struct Breaker {
    failures_in_a_row: u32,
    outvoted_in_a_row: u32,
    open_until: Option<Duration>,
    quarantined: bool,
    last_failure: Option<String>,
}

impl Health {
    pub(crate) fn new(timer: Arc<dyn Timer>) -> Self {
        Self {
            timer,
            answers: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            verified: AtomicBool::new(false),
            breaker: Mutex::default(),
        }
    }

    pub(crate) fn answered(&self) {
        self.answers.fetch_add(1, Ordering::Relaxed);
        self.breaker().answered();
    }

    /// After a failure the next connection may lead elsewhere: the network is checked again. True
    /// when this failure opens the breaker.
    pub(crate) fn failed(&self, detail: &str) -> bool {
        self.failures.fetch_add(1, Ordering::Relaxed);
        self.verified.store(false, Ordering::Relaxed);
        let now = self.timer.elapsed();
        let mut breaker = self.breaker();
        let was_open = breaker.is_open(now);
        breaker.failed(detail, now);
        !was_open && breaker.is_open(now)
    }

    pub(crate) fn quarantine(&self, detail: &str) {
        self.failures.fetch_add(1, Ordering::Relaxed);
        self.verified.store(false, Ordering::Relaxed);
        self.breaker().quarantine(detail, self.timer.elapsed());
    }

    /// True when this was once too often: then it is in quarantine.
    pub(crate) fn outvoted(&self, detail: &str) -> bool {
        self.failures.fetch_add(1, Ordering::Relaxed);
        let too_often = self.breaker().outvoted(detail, self.timer.elapsed());
        if too_often {
            self.verified.store(false, Ordering::Relaxed);
        }
        too_often
    }

    pub(crate) fn agrees(&self) {
        self.breaker().outvoted_in_a_row = 0;
    }

    pub(crate) fn verify(&self) {
        self.breaker().quarantined = false;
        self.verified.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_verified(&self) -> bool {
        self.verified.load(Ordering::Relaxed)
    }

    pub(crate) fn is_quarantined(&self) -> bool {
        self.breaker().quarantined
    }

    /// Why it is not asked now; nothing when it is.
    pub(crate) fn closed_because(&self) -> Option<String> {
        self.breaker().closed_because(self.timer.elapsed())
    }

    pub(crate) fn reading(&self, endpoint: EndpointName) -> HealthReading {
        let breaker = self.breaker();
        HealthReading {
            endpoint,
            answers: self.answers.load(Ordering::Relaxed),
            failures: self.failures.load(Ordering::Relaxed),
            open: breaker.is_open(self.timer.elapsed()),
            quarantined: breaker.quarantined,
            last_failure: breaker.last_failure.clone(),
        }
    }

    fn breaker(&self) -> std::sync::MutexGuard<'_, Breaker> {
        self.breaker.lock().expect("nothing panics while it holds this lock")
    }
}

impl Breaker {
    fn answered(&mut self) {
        self.failures_in_a_row = 0;
        self.open_until = None;
    }

    fn failed(&mut self, detail: &str, now: Duration) {
        self.failures_in_a_row = self.failures_in_a_row.saturating_add(1);
        self.last_failure = Some(detail.to_owned());
        if let Some(beyond) = self.failures_in_a_row.checked_sub(BREAKER_FAILURES_MAX) {
            self.open_until = Some(now + open_time(beyond));
        }
    }

    fn quarantine(&mut self, detail: &str, now: Duration) {
        self.quarantined = true;
        self.last_failure = Some(detail.to_owned());
        self.open_until = Some(now + Duration::from_millis(QUARANTINE_MILLIS));
    }

    fn outvoted(&mut self, detail: &str, now: Duration) -> bool {
        self.outvoted_in_a_row = self.outvoted_in_a_row.saturating_add(1);
        self.last_failure = Some(detail.to_owned());
        let too_often = self.outvoted_in_a_row >= OUTVOTED_MAX;
        if too_often {
            self.quarantine(detail, now);
        }
        too_often
    }

    fn is_open(&self, now: Duration) -> bool {
        self.open_until.is_some_and(|until| now < until)
    }

    fn closed_because(&self, now: Duration) -> Option<String> {
        let failure = self.last_failure.as_deref().unwrap_or("it failed");
        self.is_open(now).then(|| format!("not asked for a while, because {failure}"))
    }
}

fn open_time(beyond: u32) -> Duration {
    let doubled = BREAKER_OPEN_MILLIS_MIN.saturating_mul(1 << beyond.min(16));
    Duration::from_millis(doubled.min(BREAKER_OPEN_MILLIS_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_opens_at_the_third_failure_and_tries_again_later() {
        let start = Duration::from_secs(7);
        let mut breaker = Breaker::default();
        for _ in 1..BREAKER_FAILURES_MAX {
            breaker.failed("time-out", start);
            assert!(!breaker.is_open(start));
        }
        breaker.failed("time-out", start);
        assert!(breaker.is_open(start));
        assert!(!breaker.is_open(start + Duration::from_millis(BREAKER_OPEN_MILLIS_MIN)));
    }

    #[test]
    fn the_pause_doubles_up_to_its_bound_and_one_answer_ends_it() {
        let start = Duration::from_secs(7);
        let mut breaker = Breaker::default();
        (0..60).for_each(|_| breaker.failed("time-out", start));
        let most = Duration::from_millis(BREAKER_OPEN_MILLIS_MAX);
        assert!(breaker.is_open(start + most - Duration::from_millis(1)));
        assert!(!breaker.is_open(start + most));
        breaker.answered();
        assert!(!breaker.is_open(start));
    }

    /// Its other answers do not make it honest, and one lie after its time in quarantine is enough
    /// for the next.
    #[test]
    fn f39_who_is_outvoted_three_times_in_a_row_is_set_aside() {
        let start = Duration::from_secs(7);
        let mut breaker = Breaker::default();
        for _ in 1..OUTVOTED_MAX {
            assert!(!breaker.outvoted("block 7 is another", start));
            breaker.answered();
        }
        assert!(!breaker.is_open(start));
        assert!(
            breaker.outvoted("block 7 is another", start)
                && breaker.quarantined
                && breaker.is_open(start)
        );
        let later = start + Duration::from_millis(QUARANTINE_MILLIS);
        assert!(!breaker.is_open(later));
        assert!(breaker.outvoted("block 8 is another", later));
    }

    #[test]
    fn the_wrong_network_is_left_alone_at_once() {
        let start = Duration::from_secs(7);
        let mut breaker = Breaker::default();
        breaker.quarantine("it serves chain 1", start);
        assert_eq!(
            breaker.closed_because(start).as_deref(),
            Some("not asked for a while, because it serves chain 1")
        );
    }
}
