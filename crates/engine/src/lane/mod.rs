//! A lane: leases one wallet, and does what `core::next` says. It remembers nothing but what the store knows.

mod due;
mod history;
mod observe;
mod older;
mod pay;
mod plan;
mod reconcile;
mod upkeep;

use std::sync::Arc;

use adit_chain::Chain;
use adit_core::{Actor, Answer, ChainName, ChainRules, Command, Epoch, HaltReason, Lane, LaneId, LaneState, Refusal, Timestamp};
use futures::future::{Either, select};

use crate::{Engine, Settings, WriteError};

/// Wait after a round that failed.
const FAULT_WAIT: adit_core::Span = adit_core::Span::from_millis(500);

/// With thousands of payments in flight a look is dear, and every accepted claim wakes the lane: after a dear round that found nothing to
/// do, accepted claims wake it only after so many times its length. What the chain mines wakes it at once: that makes room for others.
const DEAR_ROUND: adit_core::Span = adit_core::Span::from_millis(20);
const IDLE_PAUSE_ROUNDS: u64 = 3;

/// One chain's wallet, driven by this process while it holds the lease.
pub(crate) struct LaneTask {
    engine: Engine,
    settings: Settings,
    name: ChainName,
}

/// The lease that a round works under.
#[derive(Debug, Clone, Copy)]
struct Held {
    epoch: Epoch,
    until: Timestamp,
}

/// A round could not be finished. Everything it did is in the store; the next round goes on from there.
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
}

impl LaneTask {
    /// Starts the two tasks of a lane: one pays, one observes. Both work on the same lease.
    pub(crate) fn start(engine: &Engine, name: ChainName, settings: &Settings) {
        let task = Arc::new(Self { engine: engine.clone(), settings: settings.clone(), name });
        engine.ports.spawner.spawn("lane", Box::pin(task.clone().pay_for_ever()));
        engine.ports.spawner.spawn("observer", Box::pin(task.observe_for_ever()));
    }

    async fn pay_for_ever(self: Arc<Self>) {
        let mut held = None;
        loop {
            let began = self.engine.ports.clock.now();
            match self.pay_round(&mut held).await {
                Ok(0) => {
                    // At most a sixth of a lease, whatever the clock did meanwhile: who sleeps longer loses it.
                    let took = self.engine.ports.clock.now().since(began);
                    let most = adit_core::Span::from_millis(self.settings.lease.millis() / 6);
                    if took >= DEAR_ROUND {
                        self.pause(took.times(IDLE_PAUSE_ROUNDS).min(most)).await;
                    }
                    self.rest().await;
                }
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(chain = %self.name, %error, "a round of the lane failed; it is tried again");
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

    /// One round: lease, reconcile if needed, then everything that is due. Gives the number of things done.
    async fn pay_round(&self, held: &mut Option<Held>) -> Result<usize, RoundError> {
        let Some(lease) = self.lease(held).await? else { return Ok(0) };
        let Some(lane) = self.lane().await? else { return Ok(0) };
        let work = async {
            match lane.state {
                LaneState::Reconciling => self.reconcile(&lane, lease.epoch).await.map(|()| 1),
                LaneState::Running | LaneState::Halted { .. } => self.pay(&lane, lease.epoch).await,
            }
        };
        self.while_leased(work, lease.epoch, held).await
    }

    /// Carries a round out and renews its lease meanwhile: one silent endpoint can make it longer than a lease. A round whose lease is lost is
    /// given up where it stands, which is what a crash there would do.
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
                    Err(error) => tracing::debug!(%error, "the lease could not be renewed yet; the round goes on while it lasts"),
                },
            }
        }
    }

    /// Renews the lease when a third of it is over. None while another replica has it.
    async fn lease(&self, held: &mut Option<Held>) -> Result<Option<Held>, RoundError> {
        let now = self.engine.ports.clock.now();
        let fresh_from = adit_core::Span::from_millis(self.settings.lease.millis() / 3 * 2);
        if let Some(lease) = held.filter(|lease| now.plus(fresh_from) < lease.until) {
            return Ok(Some(lease));
        }
        let journal = self.engine.ports.signer.journal().await?;
        let (lane, owner) = (self.id().clone(), self.engine.replica);
        let command = Command::Lease { lane, owner, length: self.settings.lease, journal, alone: self.settings.alone };
        *held = match self.engine.writer.submit(Actor::Engine, command).await {
            Ok(Answer::Leased(epoch)) => Some(Held { epoch, until: now.plus(self.settings.lease) }),
            Ok(_) | Err(WriteError::Refused(Refusal::LeaseHeld { .. })) => None,
            Err(WriteError::Refused(Refusal::ForeignJournal { lane })) => {
                tracing::error!(lane, "this signer's journal is not the one that the lane is pinned to; nothing is signed");
                None
            }
            Err(error) => return Err(error.into()),
        };
        Ok(*held)
    }

    async fn lane(&self) -> Result<Option<Lane>, RoundError> {
        Ok(self.engine.store().lane(self.id()).await?)
    }

    async fn halt(&self, reason: HaltReason) -> Result<(), RoundError> {
        tracing::error!(lane = %self.id(), why = reason.sentence(), "the lane stops");
        self.engine.writer.submit(Actor::Engine, Command::HaltLane { lane: self.id().clone(), reason }).await?;
        Ok(())
    }

    /// Commits many commands; refusals mean that the world moved on since the view was read, and the next round sees it.
    async fn commit(&self, commands: Vec<Command>) -> Result<Vec<Option<Answer>>, RoundError> {
        let answers = self.engine.writer.submit_all(&Actor::Engine, commands).await;
        answers
            .into_iter()
            .map(|answer| match answer {
                Ok(answer) => Ok(Some(answer)),
                Err(WriteError::Refused(refusal)) => {
                    tracing::debug!(?refusal, "refused; the next round looks again");
                    Ok(None)
                }
                Err(error) => Err(error.into()),
            })
            .collect()
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
