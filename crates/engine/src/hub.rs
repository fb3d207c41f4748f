//! Tells waiting tasks of this process what was just committed. A hint only: whoever waits reads the store, and looks again now and
//! then by itself, since another replica may have committed.

use std::sync::{Arc, Mutex};

use adit_core::{Batch, BrokenInvariant, Event, State};
use tokio::sync::{Notify, broadcast};

/// Events that a slow listener may fall behind before it has to read the store again.
const BACKLOG_EVENTS_MAX: usize = 16_384;

#[derive(Clone)]
pub struct Hub {
    events: broadcast::Sender<Arc<Event>>,
    lanes: Arc<Notify>,
    broken: Arc<Mutex<Option<BrokenInvariant>>>,
    alarm: Arc<Notify>,
    mined: Arc<Notify>,
}

impl Hub {
    #[expect(clippy::new_without_default, reason = "a hub is made once, on purpose")]
    pub fn new() -> Self {
        Self {
            events: broadcast::channel(BACKLOG_EVENTS_MAX).0,
            lanes: Arc::new(Notify::new()),
            broken: Arc::default(),
            alarm: Arc::new(Notify::new()),
            mined: Arc::new(Notify::new()),
        }
    }

    /// Everything committed from now on, in order. A receiver that lagged must read the store.
    pub fn listen(&self) -> broadcast::Receiver<Arc<Event>> {
        self.events.subscribe()
    }

    /// An invariant would not hold.
    pub(crate) fn raise(&self, broken: BrokenInvariant) {
        *self.broken.lock().expect("nothing panics while it holds this lock") = Some(broken);
        self.alarm.notify_one();
    }

    /// Completes when an invariant was raised.
    pub(crate) async fn raised(&self) -> BrokenInvariant {
        loop {
            let raised = self.broken.lock().expect("nothing panics while it holds this lock").take();
            match raised {
                Some(broken) => return broken,
                None => self.alarm.notified().await,
            }
        }
    }

    /// Completes when a lane may have something to do.
    pub async fn lane_woken(&self) {
        self.lanes.notified().await;
    }

    /// Completes when the chain was seen to have moved on with what a lane waits for, and not for every accepted claim.
    pub(crate) async fn something_mined(&self) {
        self.mined.notified().await;
    }

    /// The chain has moved on with a payment: there may be room for others.
    pub(crate) fn tell_mined(&self) {
        self.mined.notify_waiters();
        self.mined.notify_one();
        self.wake_lanes();
    }

    pub fn wake_lanes(&self) {
        self.lanes.notify_waiters();
        self.lanes.notify_one();
    }

    /// Whether a committed batch gives a lane something to do.
    pub(crate) fn concerns_lanes(batch: &Batch) -> bool {
        let approved = batch.withdrawals.iter().any(|row| matches!(row.row.state, State::Approved { .. }));
        let wished = batch.lineages.iter().any(|row| row.row.cancel.is_some());
        approved || wished || !batch.appended.resumed.is_empty()
    }

    pub(crate) fn publish(&self, events: Vec<Event>) {
        if self.events.receiver_count() > 0 {
            for event in events {
                let _nobody_listens = self.events.send(Arc::new(event));
            }
        }
    }
}
