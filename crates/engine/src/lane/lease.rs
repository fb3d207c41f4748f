//! Leasing: the store commits the lease, the signer takes note of it, and only then anything is
//! done under it.
//!
//! A signer that knows a later lease proves one of two things. Either another process has leased
//! the lane since, which the lane's row shows as well: then only this process is late. Or the row
//! is behind the signer: then the *store* went back, and that is written down in it before anything
//! else (case F94).

use adit_core::{
    Actor, Answer, Command, Epoch, Finding, Granted, Incarnation, IncarnationId, Lane, LaneId,
    LeaseToken, Mistake, Refusal, Span, WentBack, planted,
};
use adit_signer::{LeaseClaim, Presence, Refused, Stamp};

use super::{Held, LaneTask, RoundError};
use crate::{Clock as _, Source, Witness, WriteError};

impl LaneTask {
    /// Renews the lease when a third of it is over. None while another replica has it, or while
    /// nobody may have one.
    pub(super) async fn lease(&self, held: &mut Option<Held>) -> Result<Option<Held>, RoundError> {
        let now = self.engine.ports.clock.uptime();
        let fresh_from = Span::from_millis(self.settings.lease.millis() / 3 * 2);
        if let Some(lease) = held.filter(|lease| now.plus(fresh_from) < lease.until) {
            return Ok(Some(lease));
        }
        if self.stays_superseded().await? || !self.attend().await? {
            *held = None;
            return Ok(None);
        }
        let before = *held;
        *held = None;
        let Some((granted, goes_on)) = self.ask_for_lease().await? else { return Ok(None) };
        let known = goes_on
            && before.is_some_and(|before| {
                (before.epoch, before.token) == (granted.epoch, granted.token)
            });
        if known || planted(Mistake::LeaseFromDatabaseAlone) || self.tell_signer(&granted).await? {
            let Granted { epoch, incarnation, token, .. } = granted;
            *held = Some(Held { epoch, incarnation, token, until: now.plus(self.settings.lease) });
        }
        Ok(*held)
    }

    /// Whether the store still has the incarnation that the signer refuses. A failover may have
    /// shown an old state for a moment, in which nobody had found yet that it went back: once it
    /// lives on under the next one, so does this process (simulator seed 200).
    async fn stays_superseded(&self) -> Result<bool, RoundError> {
        let Some(refused) = self.engine.hub.superseded() else { return Ok(false) };
        if self.engine.is_superseded(refused).await? {
            return Ok(true);
        }
        tracing::warn!(
            lane = %self.id(),
            %refused,
            "the store lives on under another incarnation; this server works again"
        );
        self.engine.hub.reinstate();
        Ok(false)
    }

    /// Gives the lease, and whether the journal goes on from what the lane's row had seen of it.
    async fn ask_for_lease(&self) -> Result<Option<(Granted, bool)>, RoundError> {
        let journal = self.engine.ports.signer.journal().await?;
        let tip = self.journal_tip(self.lane().await?.as_ref()).await?;
        let (token, first) =
            (LeaseToken(self.engine.ports.uuid()), IncarnationId(self.engine.ports.uuid()));
        let alone = self.settings.alone || self.has_seen_lease_lapse();
        let (lane, owner, length) = (self.id().clone(), self.engine.replica, self.settings.lease);
        let asked = self.engine.ports.clock.uptime();
        let command = Command::Lease { lane, owner, length, journal, tip, token, first, alone };
        match self.engine.writer.submit(Actor::Engine, command).await {
            Ok(Answer::Leased(granted)) => {
                let until = asked.plus(length);
                *self.granted.lock().expect("no holder of this lock panics") =
                    Some((granted.epoch, until));
                Ok(Some((granted, tip.is_some())))
            }
            Err(WriteError::Refused(Refusal::LeaseHeld { .. })) => {
                self.watch_lease().await.map(|()| None)
            }
            Ok(_) | Err(WriteError::Refused(Refusal::StoreWentBack { .. })) => Ok(None),
            Err(WriteError::Refused(Refusal::ForeignJournal { lane })) => {
                tracing::error!(
                    lane,
                    "this signer's journal is not the one that the lane is pinned to; nothing is \
                     signed"
                );
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Whether this process has the lane's lease. The row says until when by the store's clock,
    /// which is none of ours: what counts is how long ago it was granted, by our own monotonic
    /// clock (case F106).
    pub(super) fn holds_lease(&self, lane: &Lane) -> bool {
        let granted = *self.granted.lock().expect("no holder of this lock panics");
        let lasts = granted.is_some_and(|(epoch, until)| {
            epoch == lane.epoch && self.engine.ports.clock.uptime() < until
        });
        lasts && lane.lease.as_ref().is_some_and(|lease| lease.owner == self.engine.replica)
    }

    /// Looks whether who holds the lease still renews it. Two clocks that disagree say nothing
    /// about each other's leases, and a lease that was dated by a wrong one may end in years: what
    /// counts is how long nothing was renewed, by our own monotonic clock (cases F97, F106).
    async fn watch_lease(&self) -> Result<(), RoundError> {
        let held =
            self.lane().await?.and_then(|lane| lane.lease).map(|lease| (lease.token, lease.until));
        let mut watched = self.watched_lease.lock().expect("no holder of this lock panics");
        if watched.as_ref().map(|(known, _)| *known) != held {
            *watched = held.map(|held| (held, self.engine.ports.clock.uptime()));
        }
        Ok(())
    }

    /// Who renews a lease does so when a third of it is over.
    fn has_seen_lease_lapse(&self) -> bool {
        let watched = *self.watched_lease.lock().expect("no holder of this lock panics");
        watched.is_some_and(|(_, since)| {
            since.plus(self.settings.lease.times(2)) < self.engine.ports.clock.uptime()
        })
    }

    /// Lets the signer hear on which incarnation of the store this process works. Where the store
    /// went back, that is the next one, which begins now. False where no lease can be had.
    async fn attend(&self) -> Result<bool, RoundError> {
        let Some(known) = self.engine.store().incarnation().await? else { return Ok(true) };
        let incarnation = known.finding.as_ref().map_or(known.id, |finding| finding.next);
        let presence = Presence { replica: self.engine.replica, incarnation };
        let clock = &self.engine.ports.clock;
        if clock.doubt().is_none() {
            let signer = &self.engine.ports.signer;
            let time = signer.hear_time(clock.now()).await?;
            // It hears the time from here, so it ends no doubt.
            clock.compare(&Witness::clock(Source::Signer { place: signer.place() }, time));
        }
        if let Err(refused) = self.engine.ports.signer.attend(&presence).await? {
            return self.refused_lease(&refused).await.map(|()| false);
        }
        match known.finding.filter(|_| !planted(Mistake::FindingIgnored)) {
            Some(finding) => self.reincarnate(&finding).await.map(|()| false),
            None => Ok(true),
        }
    }

    /// The store lives on under a new incarnation, with numbers that the signer has never seen.
    async fn reincarnate(&self, finding: &Finding) -> Result<(), RoundError> {
        tracing::warn!(
            because = %finding.because,
            incarnation = %finding.next,
            "the store begins a new incarnation"
        );
        let standing = self.engine.ports.signer.lanes().await?;
        let mut lanes: Vec<LaneId> =
            self.engine.store().lanes().await?.into_iter().map(|lane| lane.id).collect();
        lanes.extend(self.engine.rules.chains.values().map(|chain| chain.lane.clone()));
        // Wallets that the journal knows and this state of the store does not: what they paid has
        // to be read, too.
        lanes.extend(standing.iter().map(|known| known.lane.clone()));
        lanes.sort();
        lanes.dedup();
        let mut seen = Vec::with_capacity(lanes.len());
        for lane in lanes {
            let known = standing.iter().find(|known| known.lane == lane);
            let (epoch, counter) =
                known.map_or((Epoch(0), 0), |known| (known.epoch, known.counter));
            let (witnessed, changes) = self.seen_by_witness(&lane).await?;
            seen.push((lane, epoch.max(witnessed), counter.max(changes)));
        }
        let lanes = seen;
        self.engine
            .writer
            .submit(Actor::Engine, Command::Reincarnate { next: finding.next, lanes })
            .await?;
        Ok(())
    }

    /// Where the signer never took a lease of this lane by the store's new incarnation, being
    /// behind is no further loss: the old state of the store went on while this one waited for its
    /// silence. The lane passes the signer's numbers again, and the incarnation stays. False where
    /// it was leased before, so that the store did go back.
    async fn goes_on_waiting(&self, granted: &Granted) -> Result<bool, RoundError> {
        let known = self.engine.store().incarnation().await?;
        if !known.is_some_and(|known| {
            known.id == granted.incarnation && known.unread_from(self.id()).is_some()
        }) {
            return Ok(false);
        }
        let standing = self
            .engine
            .ports
            .signer
            .lanes()
            .await?
            .into_iter()
            .find(|seen| seen.lane == *self.id());
        let Some(seen) = standing.filter(|seen| seen.incarnation != granted.incarnation) else {
            return Ok(false);
        };
        tracing::info!(
            lane = %seen.lane,
            "the old state of the store went on meanwhile; the new one passes its numbers again"
        );
        let lanes = vec![(seen.lane, seen.epoch, seen.counter)];
        self.engine
            .writer
            .submit(Actor::Engine, Command::Reincarnate { next: granted.incarnation, lanes })
            .await?;
        Ok(true)
    }

    /// False where the signer does not take the lease, or its journal went back.
    async fn tell_signer(&self, granted: &Granted) -> Result<bool, RoundError> {
        if !self.journal_goes_on(granted).await? || !self.third_witness_agrees(granted).await? {
            return Ok(false);
        }
        let known = self.engine.store().incarnation().await?;
        let stamp = Stamp {
            incarnation: granted.incarnation,
            token: granted.token,
            counter: granted.counter,
        };
        let (lane, replica, epoch) = (self.id().clone(), self.engine.replica, granted.epoch);
        let take_over = known.as_ref().is_some_and(|known: &Incarnation| known.taken_over);
        let claim = LeaseClaim { lane, replica, epoch, stamp, take_over };
        let Err(refused) = self.engine.ports.signer.lease(&claim).await? else {
            self.engine.hub.signer_agreed(self.id());
            return Ok(true);
        };
        match self.went_back(granted, &refused).await? {
            Some(_) if self.goes_on_waiting(granted).await? => {}
            Some(because) => {
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
            }
            None => self.refused_lease(&refused).await?,
        }
        Ok(false)
    }

    /// Compares the signer's refusal with the lane's row as it is now: whichever of the two is
    /// behind.
    async fn went_back(
        &self,
        granted: &Granted,
        refused: &Refused,
    ) -> Result<Option<WentBack>, RoundError> {
        #[expect(
            clippy::wildcard_enum_match_arm,
            reason = "no other refusal compares the store with the signer"
        )]
        let signer = match refused {
            Refused::StaleEpoch { newest, .. } => *newest,
            Refused::EpochTaken { epoch } => *epoch,
            Refused::CounterBehind { got, newest } => {
                return Ok(Some(WentBack::CounterBehind {
                    lane: self.id().clone(),
                    row: *got,
                    signer: *newest,
                }));
            }
            _ => return Ok(None),
        };
        let row = self.lane().await?;
        let ours = row.as_ref().is_some_and(|row| {
            row.lease.as_ref().is_some_and(|lease| lease.token == granted.token)
        });
        let epoch = row.map_or(Epoch(0), |row| row.epoch);
        // A row that somebody else leased since is not behind: this process is.
        let behind = epoch < signer || (epoch == signer && ours);
        Ok(behind.then(|| WentBack::EpochBehind { lane: self.id().clone(), row: epoch, signer }))
    }

    async fn refused_lease(&self, refused: &Refused) -> Result<(), RoundError> {
        self.engine.hub.signer_refused(
            self.id(),
            &refused.to_string(),
            self.engine.ports.clock.uptime(),
        );
        if let Refused::SupersededStore { incarnation } = refused {
            if !self.engine.is_superseded(*incarnation).await? {
                return Ok(());
            }
            self.engine.hub.supersede(*incarnation);
            tracing::error!(
                lane = %self.id(),
                %refused,
                "this server pays and accepts nothing any more; stop it"
            );
        } else {
            tracing::warn!(lane = %self.id(), %refused, "the signer does not take the lease yet");
        }
        Ok(())
    }
}
