//! Tells waiting tasks of this process what was just committed. A hint only: whoever waits reads
//! the store, and looks again now and then by itself, since another replica may have committed.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use adit_core::{
    Batch, BrokenInvariant, Event, IncarnationId, LaneId, Span, State, Timestamp, Trouble,
};
use tokio::sync::{Notify, broadcast};

/// Rounds that fail before anybody is told that they do.
const FAILURES_TOLD: u32 = 3;
/// How long the signer refuses a lane before anybody is told.
const REFUSED_TOLD_AFTER: Span = Span::from_seconds(5);
/// Events that a slow listener may fall behind before it has to read the store again.
const BACKLOG_EVENTS_MAX: usize = 16_384;

#[derive(Clone)]
pub struct Hub {
    events: broadcast::Sender<Arc<Event>>,
    lanes: Arc<Notify>,
    broken: Arc<Mutex<Option<BrokenInvariant>>>,
    alarm: Arc<Notify>,
    mined: Arc<Notify>,
    /// Uptime in microseconds at the newest commit of this process; zero before the first.
    last_commit: Arc<AtomicI64>,
    /// Microseconds that the store's clock was ahead of this process's, at the newest load.
    store_ahead: Arc<AtomicI64>,
    /// The incarnation of this store that the signer refuses for good.
    superseded: Arc<Mutex<Option<IncarnationId>>>,
    /// What the signer last refused each lane, as long as it signs nothing.
    refusals: Arc<Mutex<BTreeMap<LaneId, (Timestamp, String)>>>,
    /// Why the third witness keeps each lane from signing.
    unwitnessed: Arc<Mutex<BTreeMap<LaneId, String>>>,
    /// How many rounds of each lane failed one after another, and why the last did.
    failures: Arc<Mutex<BTreeMap<LaneId, (u32, String)>>>,
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
            last_commit: Arc::default(),
            store_ahead: Arc::default(),
            superseded: Arc::default(),
            refusals: Arc::default(),
            unwitnessed: Arc::default(),
            failures: Arc::default(),
        }
    }

    /// Everything committed from now on, in order. A receiver that lagged must read the store.
    pub fn listen(&self) -> broadcast::Receiver<Arc<Event>> {
        self.events.subscribe()
    }

    /// The writer has committed something.
    pub(crate) fn committed(&self, at: Timestamp) {
        self.last_commit.store(at.micros().max(1), Ordering::Relaxed);
    }

    /// Returns at which uptime the writer of this process last committed anything, a beat included.
    /// None before its first commit.
    pub fn last_commit(&self) -> Option<Timestamp> {
        let micros = self.last_commit.load(Ordering::Relaxed);
        (micros != 0).then(|| Timestamp::from_micros(micros))
    }

    /// The store's clock and that of this process, at one moment.
    pub(crate) fn compared_clocks(&self, store: Timestamp, process: Timestamp) {
        self.store_ahead.store(store.micros().saturating_sub(process.micros()), Ordering::Relaxed);
    }

    /// Returns what the store's clock says when this process's says `now`: leases are dated by that
    /// (case F106).
    pub(crate) fn lease_time(&self, now: Timestamp) -> Timestamp {
        Timestamp::from_micros(
            now.micros().saturating_add(self.store_ahead.load(Ordering::Relaxed)),
        )
    }

    /// The signer refuses this incarnation of the store for good: another one took its place.
    pub(crate) fn supersede(&self, incarnation: IncarnationId) {
        *self.superseded.lock().expect("nothing panics while it holds this lock") =
            Some(incarnation);
    }

    /// The store lives on under another incarnation than the refused one.
    pub(crate) fn reinstate(&self) {
        *self.superseded.lock().expect("nothing panics while it holds this lock") = None;
    }

    /// Returns the incarnation that another state of this store has taken the place of: as long as
    /// the store has it, this process accepts and pays nothing.
    pub(crate) fn superseded(&self) -> Option<IncarnationId> {
        *self.superseded.lock().expect("nothing panics while it holds this lock")
    }

    pub fn is_superseded(&self) -> bool {
        self.superseded().is_some()
    }

    /// The signer refuses what the lane asks. The first refusal of a row keeps its time, an uptime.
    pub(crate) fn signer_refused(&self, lane: &LaneId, refused: &str, now: Timestamp) {
        let mut refusals = self.refusals.lock().expect("nothing panics while it holds this lock");
        let since = refusals.get(lane).map_or(now, |(since, _)| *since);
        refusals.insert(lane.clone(), (since, refused.to_owned()));
    }

    /// The signer has signed, or would sign, for the lane.
    pub(crate) fn signer_agreed(&self, lane: &LaneId) {
        self.refusals.lock().expect("nothing panics while it holds this lock").remove(lane);
    }

    /// Returns since when the signer refuses the lane, and its last word.
    pub(crate) fn refusal(&self, lane: &LaneId) -> Option<(Timestamp, String)> {
        self.refusals.lock().expect("nothing panics while it holds this lock").get(lane).cloned()
    }

    /// The third witness cannot be used: the lane signs nothing.
    pub(crate) fn witness_refused(&self, lane: &LaneId, sentence: &str) {
        self.unwitnessed
            .lock()
            .expect("nothing panics while it holds this lock")
            .insert(lane.clone(), sentence.to_owned());
    }

    /// The third witness was read, or written.
    pub(crate) fn witness_agreed(&self, lane: &LaneId) {
        self.unwitnessed.lock().expect("nothing panics while it holds this lock").remove(lane);
    }

    /// Returns why the third witness keeps the lane from signing.
    pub(crate) fn unwitnessed(&self, lane: &LaneId) -> Option<String> {
        self.unwitnessed.lock().expect("nothing panics while it holds this lock").get(lane).cloned()
    }

    /// A round of the lane failed.
    pub(crate) fn round_failed(&self, lane: &LaneId, error: &str) {
        let mut failures = self.failures.lock().expect("nothing panics while it holds this lock");
        let rounds = failures.get(lane).map_or(0, |(rounds, _)| *rounds);
        failures.insert(lane.clone(), (rounds.saturating_add(1), error.to_owned()));
    }

    /// A round of the lane came to its end.
    pub(crate) fn round_done(&self, lane: &LaneId) {
        self.failures.lock().expect("nothing panics while it holds this lock").remove(lane);
    }

    /// Returns what keeps the lane from planning or signing that stands in no row. `now` is an
    /// uptime.
    pub(crate) fn trouble(&self, lane: &LaneId, now: Timestamp) -> Option<Trouble> {
        if self.is_superseded() {
            return Some(Trouble::Superseded);
        }
        if let Some(detail) = self.unwitnessed(lane) {
            return Some(Trouble::WitnessUnusable { detail });
        }
        if let Some((_, detail)) =
            self.refusal(lane).filter(|(since, _)| now.since(*since) >= REFUSED_TOLD_AFTER)
        {
            return Some(Trouble::SignerRefuses { detail });
        }
        let failures = self.failures.lock().expect("nothing panics while it holds this lock");
        let failing = failures.get(lane).filter(|(rounds, _)| *rounds >= FAILURES_TOLD);
        failing.map(|(_, detail)| Trouble::RoundsFail { detail: detail.clone() })
    }

    /// An invariant would not hold.
    pub(crate) fn raise(&self, broken: BrokenInvariant) {
        *self.broken.lock().expect("nothing panics while it holds this lock") = Some(broken);
        self.alarm.notify_one();
    }

    /// Completes when an invariant was raised.
    pub(crate) async fn raised(&self) -> BrokenInvariant {
        loop {
            let raised =
                self.broken.lock().expect("nothing panics while it holds this lock").take();
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

    /// Completes when the chain was seen to have moved on with what a lane waits for, and not for
    /// every accepted claim.
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
        let approved =
            batch.withdrawals.iter().any(|row| matches!(row.row.state, State::Approved { .. }));
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
