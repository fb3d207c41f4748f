//! The third witness, where one is configured: read under each new lease, and written before
//! anything is signed under it (case F91).

use std::sync::Arc;

use adit_core::{
    Actor, Command, Epoch, Granted, HaltReason, IncarnationId, JournalTip, Lane, Span, Timestamp,
    WentBack,
};

use super::{Held, LaneTask, RoundError};
use crate::third_witness::{Noted, Testimony};
use crate::{Clock as _, ThirdWitness, WitnessFault};

/// What was signed is written down after so long at the latest, and never more often. What the
/// witness cannot see is what was signed since.
const WRITTEN_EVERY: Span = Span::from_seconds(10);
/// Other lanes of this process, and other processes, write there as well.
const TRIES_MAX: usize = 8;

/// What this lane has written there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Written {
    epoch: Epoch,
    /// An uptime.
    at: Timestamp,
    /// Something was signed since.
    signed_since: bool,
}

/// Which of the two a witness is ahead of.
struct Ahead {
    row: Option<WentBack>,
    journal: Option<String>,
}

impl LaneTask {
    /// Compares what the third witness has seen with the row and with the journal. False where
    /// either went back, or where what stands there says nothing: then the signer is not told of
    /// the lease.
    pub(super) async fn third_witness_agrees(&self, granted: &Granted) -> Result<bool, RoundError> {
        let Some(witness) = self.third_witness() else { return Ok(true) };
        let testimony = match self.testimony(&*witness).await? {
            Ok((_, testimony)) => testimony,
            Err(sentence) => return Ok(self.stands_for(&sentence)),
        };
        let Some(noted) = testimony.lanes.get(self.id()) else {
            self.engine.hub.witness_agreed(self.id());
            return Ok(true);
        };
        let Ahead { row, journal } = self.ahead(granted, noted).await?;
        match (row, journal) {
            (None, None) => {
                self.engine.hub.witness_agreed(self.id());
                *self.vouched.lock().expect("no holder of this lock panics") = Some(granted.epoch);
                Ok(true)
            }
            (Some(because), None) => {
                tracing::error!(
                    %because,
                    "the store went back; nothing is reserved, signed or given back until it is reconciled"
                );
                let next = IncarnationId(self.engine.ports.uuid());
                self.engine
                    .writer
                    .submit(
                        Actor::Engine,
                        Command::FindWentBack { because, next, take_over: false },
                    )
                    .await?;
                Ok(false)
            }
            (None, Some(detail)) => {
                self.halt(HaltReason::JournalWentBack { detail }).await.map(|()| false)
            }
            (Some(because), Some(detail)) => {
                let age = self.engine.ports.clock.now().since(noted.at).seconds();
                tracing::error!(
                    lane = %self.id(),
                    age,
                    %because,
                    detail,
                    "the third witness is ahead of both"
                );
                let detail = format!(
                    "the third witness is ahead of the database ({because}) and of the journal ({detail}); put the newest of both back, \
                     or restore both: `adit restore --database FILE --journal FILE`"
                );
                self.halt(HaltReason::BothWentBack { detail }).await.map(|()| false)
            }
        }
    }

    async fn ahead(&self, granted: &Granted, noted: &Noted) -> Result<Ahead, RoundError> {
        let row = self.lane().await?;
        let other_lease = noted.epoch == granted.epoch && noted.token != granted.token;
        let behind = noted.epoch > granted.epoch || noted.counter > granted.counter || other_lease;
        let row_went_back = behind.then(|| WentBack::WitnessAhead {
            lane: self.id().clone(),
            row: granted.epoch,
            row_counter: granted.counter,
            witness: noted.epoch,
            witness_counter: noted.counter,
        });
        // An admin has said since that another journal is the one to go by.
        let trusted = row.is_some_and(|row| noted.epoch <= row.journal_trusted);
        let journal = match trusted {
            true => None,
            false => {
                let at = self.engine.ports.signer.journal_at(noted.journal.records).await?;
                noted
                    .journal
                    .missing_from(at.tip, at.chain)
                    .map(|detail| detail.replacen("the database", "the third witness", 1))
            }
        };
        Ok(Ahead { row: row_went_back, journal })
    }

    /// The highest epoch and counter that the witness has seen of each lane, for a new incarnation
    /// to begin above them.
    pub(super) async fn seen_by_witness(
        &self,
        lane: &adit_core::LaneId,
    ) -> Result<(Epoch, u64), RoundError> {
        let Some(witness) = self.third_witness() else { return Ok((Epoch(0), 0)) };
        let testimony = self.testimony(&*witness).await?.ok().map(|(_, testimony)| testimony);
        let noted = testimony.and_then(|testimony| testimony.lanes.get(lane).cloned());
        Ok(noted.map_or((Epoch(0), 0), |noted| (noted.epoch, noted.counter)))
    }

    /// Whether something may be signed now: the witness knows of this lease, and of what was signed
    /// under it until ten seconds ago. Written where it does not; while it cannot be written,
    /// nothing is signed.
    pub(super) async fn may_sign(&self, lane: &Lane, lease: Held) -> Result<bool, RoundError> {
        let written = self.written(lease.epoch);
        if self.third_witness().is_none() || written.is_some_and(|written| !self.is_due(written)) {
            return Ok(true);
        }
        self.write_down(lane, lease).await
    }

    /// Something was signed: it is written down in its time.
    pub(super) fn signed_something(&self) {
        if let Some(written) =
            &mut *self.third_written.lock().expect("no holder of this lock panics")
        {
            written.signed_since = true;
        }
    }

    /// Writes down what was signed since the last time, where that is long enough ago.
    pub(super) async fn write_down_in_time(
        &self,
        lane: &Lane,
        lease: Held,
    ) -> Result<(), RoundError> {
        match self.written(lease.epoch) {
            Some(written) if written.signed_since && self.is_due(written) => {
                self.write_down(lane, lease).await.map(drop)
            }
            Some(_) | None => Ok(()),
        }
    }

    fn is_due(&self, written: Written) -> bool {
        self.engine.ports.clock.uptime() >= written.at.plus(WRITTEN_EVERY)
    }

    fn written(&self, epoch: Epoch) -> Option<Written> {
        self.third_written
            .lock()
            .expect("no holder of this lock panics")
            .filter(|written| written.epoch == epoch)
    }

    /// False, with an alert, where it could not be written.
    async fn write_down(&self, lane: &Lane, lease: Held) -> Result<bool, RoundError> {
        let Some(witness) = self.third_witness() else { return Ok(true) };
        let at = self.engine.ports.signer.journal_at(0).await?.tip;
        for _ in 0..TRIES_MAX {
            let (was, mut testimony) = match self.testimony(&*witness).await? {
                Ok(found) => found,
                Err(sentence) => return Ok(self.stands_for(&sentence)),
            };
            // Another process has leased the lane since: the next renewal shows that.
            if testimony.lanes.get(self.id()).is_some_and(|noted| noted.epoch > lease.epoch) {
                return Ok(
                    self.stands_for("another process has written a later lease of this lane there")
                );
            }
            testimony.lanes.insert(self.id().clone(), self.noted(lane, lease, at));
            match witness.write(was.as_deref(), &testimony.text()).await {
                Ok(true) => {
                    let written = Written {
                        epoch: lease.epoch,
                        at: self.engine.ports.clock.uptime(),
                        signed_since: false,
                    };
                    *self.third_written.lock().expect("no holder of this lock panics") =
                        Some(written);
                    self.engine.hub.witness_agreed(self.id());
                    return Ok(true);
                }
                Ok(false) => {}
                Err(fault) => return Ok(self.stands_for(&fault.to_string())),
            }
        }
        Ok(self.stands_for("others write there all the time"))
    }

    fn noted(&self, lane: &Lane, lease: Held, journal: JournalTip) -> Noted {
        let at = self.engine.ports.clock.now();
        Noted {
            epoch: lease.epoch,
            token: lease.token,
            counter: lane.counter,
            journal,
            incarnation: lease.incarnation,
            at,
        }
    }

    /// What stands there, and what it says; else in words why that is nothing of ours.
    async fn testimony(
        &self,
        witness: &dyn ThirdWitness,
    ) -> Result<Result<(Option<String>, Testimony), String>, RoundError> {
        let journal = self.engine.ports.signer.journal().await?;
        let found = match witness.read().await {
            Ok(found) => found,
            Err(WitnessFault { detail }) => {
                return Ok(Err(format!("it cannot be read ({detail})")));
            }
        };
        let read = match &found {
            Some(text) => Testimony::read(text, journal),
            None => Ok(Testimony { journal, lanes: Default::default() }),
        };
        Ok(read.map(|testimony| (found, testimony)))
    }

    /// Says why nothing is signed for now. Always false.
    fn stands_for(&self, sentence: &str) -> bool {
        tracing::warn!(
            lane = %self.id(),
            sentence,
            "nothing is signed: the third witness cannot be used"
        );
        self.engine.hub.witness_refused(self.id(), sentence);
        false
    }

    fn third_witness(&self) -> Option<Arc<dyn ThirdWitness>> {
        self.engine.ports.witness.clone()
    }
}
