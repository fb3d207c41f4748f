//! How long it takes from the end of a disaster until the system makes progress: until the chain's
//! nodes take a transaction that they did not know, which only a server that leases, reads, plans
//! and signs can bring.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::proxy::Sends;

use super::plan::Kind;

/// A measured recovery.
#[derive(Debug, Clone, Copy)]
pub struct Recovery {
    pub kind: Kind,
    pub after: Duration,
}

#[derive(Clone)]
pub struct Recoveries {
    sends: Arc<Sends>,
    measured: Arc<Mutex<Vec<Recovery>>>,
    /// Disasters so far during which nothing can be sent.
    standstills: Arc<AtomicU64>,
}

impl Recoveries {
    pub fn of(sends: &Arc<Sends>) -> Self {
        Self { sends: Arc::clone(sends), measured: Arc::default(), standstills: Arc::default() }
    }

    /// From now on nothing can be sent, whatever the server does. Recoveries that are not over yet
    /// are not counted: this disaster's own takes their place.
    pub fn stand_still(&self) {
        self.standstills.fetch_add(1, Ordering::Relaxed);
    }

    /// Measures from `ended` on, beside whatever happens next. A recovery that finds nothing left
    /// to be sent is not counted.
    pub fn begin(&self, kind: Kind, ended: Instant) {
        let (mut accepted, measured, standstills) =
            (self.sends.watch(), Arc::clone(&self.measured), Arc::clone(&self.standstills));
        let before = *accepted.borrow_and_update();
        let stood_still = standstills.load(Ordering::Relaxed);
        tokio::spawn(async move {
            let progress = accepted.wait_for(|now| *now > before).await.is_ok();
            if progress && standstills.load(Ordering::Relaxed) == stood_still {
                let recovery = Recovery { kind, after: ended.elapsed() };
                measured.lock().unwrap_or_else(PoisonError::into_inner).push(recovery);
            }
        });
    }

    /// Those so far, the shortest first.
    pub fn sorted(&self) -> Vec<Recovery> {
        let mut all = self.measured.lock().unwrap_or_else(PoisonError::into_inner).clone();
        all.sort_by_key(|recovery| recovery.after);
        all
    }
}

/// The value that so many percent of the sorted samples do not exceed.
pub fn percentile(sorted: &[Recovery], percent: usize) -> Duration {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).map(|recovery| recovery.after).unwrap_or_default()
}
