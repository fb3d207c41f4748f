//! A lane: leases one wallet, and does what `core::next` says. It remembers nothing but what the
//! store knows.

mod booked;
mod close;
mod due;
mod history;
mod journal;
mod lease;
mod line;
mod observe;
mod older;
mod pay;
mod pins;
mod plan;
mod reconcile;
mod refusal;
mod repeats;
mod request;
mod slow;
mod sweep;
mod third;
mod trial;
mod unremembered;
mod upkeep;
mod witness;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use adit_chain::Chain;
use adit_core::{
    Actor, Amount, Answer, AssetId, ChainName, ChainRules, Command, Epoch, HaltReason,
    IncarnationId, Lane, LaneId, LaneState, LeaseToken, Refusal, Timestamp,
};
use adit_signer::Refused;
use futures::future::{Either, select};

use crate::{Clock as _, Engine, Settings, WriteError};

/// Wait after a round that failed.
const FAULT_WAIT: adit_core::Span = adit_core::Span::from_millis(500);

/// With thousands of payments in flight a look is dear, and every accepted claim wakes the lane:
/// after a dear round that found nothing to do, accepted claims wake it only after so many times
/// its length. What the chain mines wakes it at once: that makes room for others.
const DEAR_ROUND: adit_core::Span = adit_core::Span::from_millis(20);
const IDLE_PAUSE_ROUNDS: u64 = 3;

/// One chain's wallet, driven by this process while it holds the lease.
pub(crate) struct LaneTask {
    engine: Engine,
    settings: Settings,
    name: ChainName,
    reads_again: Mutex<Option<journal::ReadsAgain>>,
    /// Another's lease, and since which uptime it was not renewed.
    watched_lease: Mutex<Option<((LeaseToken, Timestamp), Timestamp)>>,
    /// Looks in a row at which an endpoint counted further than the book and showed nothing (case
    /// F91).
    pool_looks: Mutex<u32>,
    /// What the third witness was told under the present lease.
    third_written: Mutex<Option<third::Written>>,
    /// The lease that the third witness vouches for.
    vouched: Mutex<Option<Epoch>>,
    /// The lease that the store granted last, and until which uptime of this process it lasts.
    granted: Mutex<Option<(Epoch, Timestamp)>>,
    /// The highest block whose payments are booked, as known under a lease.
    booked: Mutex<Option<(Epoch, u64)>>,
    /// Of a slow start: since when nothing of ours is in flight.
    included: Mutex<Option<slow::Included>>,
    /// What was said last that contradicts a pinned fact.
    contrary: Mutex<Option<HaltReason>>,
    /// What the wallet was last seen to have, and whether somebody who waits for money may be paid
    /// now.
    funds_seen: Mutex<Option<(BTreeMap<AssetId, Amount>, bool)>>,
}

/// The lease that a round works under. The signer has taken note of it.
#[derive(Debug, Clone, Copy)]
struct Held {
    epoch: Epoch,
    incarnation: IncarnationId,
    token: LeaseToken,
    /// An uptime of this process.
    until: Timestamp,
}

/// A round could not be finished. Everything it did is in the store; the next round goes on from
/// there.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RoundError {
    #[error(transparent)]
    Chain(#[from] adit_chain::Fault),
    #[error(transparent)]
    Store(#[from] adit_store::StoreFault),
    #[error(transparent)]
    Signer(#[from] adit_signer::SignerFault),
    #[error(transparent)]
    Write(#[from] WriteError),
    #[error("the signer does not know the lease that this round works under ({refused})")]
    LeaseLost { refused: Refused },
}

impl LaneTask {
    /// Starts the two tasks of a lane: one pays, one observes. Both work on the same lease.
    pub(crate) fn start(engine: &Engine, name: ChainName, settings: &Settings) {
        let task = Arc::new(Self {
            engine: engine.clone(),
            settings: settings.clone(),
            name,
            reads_again: Mutex::default(),
            watched_lease: Mutex::default(),
            pool_looks: Mutex::default(),
            third_written: Mutex::default(),
            vouched: Mutex::default(),
            granted: Mutex::default(),
            booked: Mutex::default(),
            included: Mutex::default(),
            contrary: Mutex::default(),
            funds_seen: Mutex::default(),
        });
        engine.ports.spawner.spawn("lane", Box::pin(task.clone().pay_for_ever()));
        engine.ports.spawner.spawn("observer", Box::pin(task.observe_for_ever()));
    }

    async fn pay_for_ever(self: Arc<Self>) {
        let mut held = None;
        loop {
            let began = self.engine.ports.clock.uptime();
            match self.pay_round(&mut held).await {
                Ok(0) => {
                    self.engine.hub.round_done(self.id());
                    // At most a sixth of a lease, whatever the clock did meanwhile: who sleeps
                    // longer loses it.
                    let took = self.engine.ports.clock.uptime().since(began);
                    let most = adit_core::Span::from_millis(self.settings.lease.millis() / 6);
                    if took >= DEAR_ROUND {
                        self.pause(took.times(IDLE_PAUSE_ROUNDS).min(most)).await;
                    }
                    self.rest().await;
                }
                Ok(_) => self.engine.hub.round_done(self.id()),
                Err(error) => {
                    self.engine.hub.round_failed(self.id(), &error.to_string());
                    tracing::warn!(
                        chain = %self.name,
                        %error,
                        "a round of the lane failed; it is tried again"
                    );
                    held = None;
                    self.engine.ports.clock.sleep(FAULT_WAIT).await;
                }
            }
        }
    }

    async fn pause(&self, most: adit_core::Span) {
        let over = self.engine.ports.clock.sleep(most);
        let mined = self.engine.hub.something_mined();
        futures::future::select(over, std::pin::pin!(mined)).await;
    }

    /// Waits until something was committed that concerns lanes, or a beat has passed.
    async fn rest(&self) {
        let beat = self.engine.ports.clock.sleep(self.settings.lane_beat);
        let woken = self.engine.hub.lane_woken();
        futures::future::select(beat, std::pin::pin!(woken)).await;
    }

    /// One round: lease, reconcile if needed, then everything that is due. Gives the number of
    /// things done.
    async fn pay_round(&self, held: &mut Option<Held>) -> Result<usize, RoundError> {
        let Some(lease) = self.lease(held).await? else { return Ok(0) };
        let Some(lane) = self.lane().await? else { return Ok(0) };
        self.chain().remind(&lane.coin_places);
        let work = self.work(&lane, lease);
        self.while_leased(work, lease.epoch, held).await
    }

    /// The journal comes first. Once it was read under this lease, what is known is repeated in
    /// every state of the lane (case F105).
    async fn work(&self, lane: &Lane, lease: Held) -> Result<usize, RoundError> {
        if !lane.has_read_journal() {
            return match self.may_read_journal(lane) {
                true => self.read_journal(lane, lease).await.map(|()| 1),
                false => self.pay(lane, lease).await,
            };
        }
        match lane.state {
            LaneState::Reconciling => {
                self.pay(lane, lease).await?;
                self.reconcile(lease).await.map(|()| 1)
            }
            LaneState::Sweeping => {
                self.cancel_for_sweep(lease).await?;
                let done = self.pay(lane, lease).await?;
                if done == 0 {
                    self.end_sweep(lane, lease).await?;
                }
                Ok(done)
            }
            LaneState::Running | LaneState::Halted { .. } => self.pay(lane, lease).await,
        }
    }

    /// Carries a round out and renews its lease meanwhile: one silent endpoint can make it longer
    /// than a lease. A round whose lease is lost is given up where it stands, which is what a crash
    /// there would do.
    async fn while_leased(
        &self,
        work: impl Future<Output = Result<usize, RoundError>>,
        epoch: Epoch,
        held: &mut Option<Held>,
    ) -> Result<usize, RoundError> {
        let third = adit_core::Span::from_millis(self.settings.lease.millis() / 3);
        let mut work = std::pin::pin!(work);
        loop {
            match select(work.as_mut(), self.engine.ports.clock.sleep(third)).await {
                Either::Left((done, _)) => return done,
                Either::Right(_) => match self.lease(held).await {
                    Ok(Some(renewed)) if renewed.epoch == epoch => {}
                    Ok(_) => return Ok(0),
                    Err(error) => {
                        tracing::debug!(
                            %error,
                            "the lease could not be renewed yet; the round goes on while it lasts"
                        )
                    }
                },
            }
        }
    }

    async fn lane(&self) -> Result<Option<Lane>, RoundError> {
        Ok(self.engine.store().lane(self.id()).await?)
    }

    async fn halt(&self, reason: HaltReason) -> Result<(), RoundError> {
        tracing::error!(lane = %self.id(), why = reason.sentence(), "the lane stops");
        self.engine
            .writer
            .submit(Actor::Engine, Command::HaltLane { lane: self.id().clone(), reason })
            .await?;
        Ok(())
    }

    /// Commits many commands; refusals mean that the world moved on since the view was read, and
    /// the next round sees it. Where a hold is given back, the signer retires its payout first.
    async fn commit(&self, commands: Vec<Command>) -> Result<Vec<Option<Answer>>, RoundError> {
        let answers = self.engine.writer.submit_all(&Actor::Engine, commands.clone()).await;
        let mut done = Vec::with_capacity(answers.len());
        for (command, answer) in commands.into_iter().zip(answers) {
            let answer = match answer {
                Err(WriteError::Refused(Refusal::NotRetired { .. })) => {
                    let answer = self.engine.submit(Actor::Engine, command.clone()).await;
                    self.drop_contradicted_wish(&command, &answer).await?;
                    answer
                }
                other => other,
            };
            done.push(match answer {
                Ok(answer) => Some(answer),
                Err(WriteError::Refused(refusal)) => {
                    tracing::debug!(?refusal, "refused; the next round looks again");
                    None
                }
                Err(error) => return Err(error.into()),
            });
        }
        Ok(done)
    }

    /// What ends a lineage may not give back a payout that the signer has signed in another one
    /// since: nobody of the lineage would ever go on.
    async fn drop_contradicted_wish(
        &self,
        command: &Command,
        answer: &Result<Answer, WriteError>,
    ) -> Result<(), RoundError> {
        let (
            Command::Observe { lane, epoch, legs, sighting },
            Err(WriteError::Refused(Refusal::PaymentSigned { payout, lineage })),
        ) = (command, answer)
        else {
            return Ok(());
        };
        let leg =
            legs.iter().find(|leg| leg.payout == *payout).filter(|_| *lineage != sighting.lineage);
        if let Some(leg) = leg {
            tracing::warn!(
                withdrawal = %leg.withdrawal,
                %lineage,
                "it was signed since it was wished cancelled; the wish is dropped"
            );
            let (lane, epoch, lineage, withdrawal) =
                (lane.clone(), *epoch, sighting.lineage, leg.withdrawal);
            self.engine
                .writer
                .submit(Actor::Engine, Command::DropWish { lane, epoch, lineage, withdrawal })
                .await?;
        }
        Ok(())
    }

    fn chain(&self) -> &Arc<dyn Chain> {
        self.engine.chain(&self.name).expect("a lane is started for a chain that exists")
    }

    fn rules(&self) -> &ChainRules {
        self.engine.rules.chains.get(&self.name).expect("a lane is started for a chain that exists")
    }

    fn id(&self) -> &LaneId {
        &self.rules().lane
    }
}
