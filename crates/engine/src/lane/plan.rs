//! Taking approved payouts in: everything that can refuse is asked before anything is reserved
//! (rule R9).

use adit_chain::{PlanRequest, Planning, Ready};
use adit_core::{
    Actor, Anchor, AssetId, Blame, Command, DeadLineage, DeferralCause, Draft, Epoch, Lane,
    Lineage, Mistake, Reserve, Scope, State, Withdrawal, committed, planted,
};
use adit_signer::{Refused, Supersede};

use super::request::contexts_of;
use super::trial::{Candidate, NotNow, Tried};
use super::{Held, LaneTask, RoundError};

impl LaneTask {
    /// Precheck by the chain, dry run by the signer, then one reservation for each transaction, at
    /// consecutive numbers. Gives how many were reserved or deferred.
    pub(super) async fn plan(
        &self,
        lane: &Lane,
        lease: Held,
        live: &[Lineage],
        chosen: &[&Withdrawal],
    ) -> Result<usize, RoundError> {
        let Some(tip) = lane.tip.as_ref().filter(|_| !chosen.is_empty()) else { return Ok(0) };
        let chosen = &self.still_signed(lease.epoch, chosen).await?[..];
        let chosen = &self.unrepeated(lease.epoch, chosen).await?[..];
        self.supersede(lane, lease, chosen).await?;
        let request = PlanRequest {
            lane: self.id().clone(),
            first: lane.next_nonce,
            offer: tip.market.offer(self.rules()),
            legs: chosen.iter().map(|withdrawal| withdrawal.leg()).collect(),
            committed: committed(live, &self.rules().native),
            booked: self.booked_height(lane).await?,
            live,
        };
        let Planning { ready, waiting } = self.chain().plan(&request).await?;
        let contexts = contexts_of(chosen.iter().copied());
        let (accepted, refused) = match self.dry_run(lane, lease, ready, &contexts).await? {
            Tried::Behind { doubt } => {
                return self.reconcile_again(lease.epoch, doubt).await.map(|()| 1);
            }
            Tried::Judged { accepted, refused } => (accepted, refused),
        };
        let told = waiting.into_iter().map(|(leg, obstacle)| {
            let (reason, cause) = obstacle.told(&self.engine.rules);
            (leg, reason, cause)
        });
        let deferred: Vec<NotNow> = told.chain(refused).collect();
        let moved = deferred.len();
        self.defer(lease.epoch, deferred).await?;
        Ok(moved + self.reserve(lease.epoch, accepted).await?)
    }

    /// Leaves out claims whose signature is no longer good, and hands them to a person. One that
    /// nobody can judge now is deferred.
    async fn still_signed<'a>(
        &self,
        epoch: Epoch,
        chosen: &[&'a Withdrawal],
    ) -> Result<Vec<&'a Withdrawal>, RoundError> {
        let mut standing = Vec::with_capacity(chosen.len());
        let mut commands = Vec::new();
        let (owner, lane) = (self.engine.replica, self.id());
        for withdrawal in chosen.iter().copied() {
            let by_policy = matches!(&withdrawal.state, State::Approved { by: Actor::Engine, .. });
            let verdict = match withdrawal.claim.as_ref().filter(|_| by_policy) {
                Some(claim) => self.chain().claim_stands(&withdrawal.destination, claim).await,
                None => Ok(true),
            };
            let leg = || withdrawal.leg();
            match verdict {
                Ok(true) => standing.push(withdrawal),
                Ok(false) => {
                    let reason = "the wallet's signature is no longer good".to_owned();
                    commands.push(Command::Reapprove {
                        lane: lane.clone(),
                        owner,
                        epoch,
                        leg: leg(),
                        reason,
                    });
                }
                Err(fault) => {
                    let reason = fault.to_string();
                    commands.push(Command::Defer {
                        lane: lane.clone(),
                        owner,
                        epoch,
                        leg: leg(),
                        reason,
                        cause: DeferralCause::ClaimUnread,
                    });
                }
            }
        }
        self.commit(commands).await?;
        Ok(standing)
    }

    /// A payout whose former lineage is dead may enter a new one: the signer is shown the proof
    /// first (rule R6).
    pub(super) async fn supersede(
        &self,
        lane: &Lane,
        lease: Held,
        chosen: &[&Withdrawal],
    ) -> Result<(), RoundError> {
        for withdrawal in chosen {
            let State::Approved { after: Some(DeadLineage { lineage, evidence }), .. } =
                &withdrawal.state
            else {
                continue;
            };
            let supersede = Supersede {
                lane: self.id().clone(),
                epoch: lease.epoch,
                stamp: Self::stamp(lane, lease),
                payout: Some(withdrawal.payout),
                old: *lineage,
                evidence: *evidence,
                raw: None,
            };
            if let Err(refused) = self.engine.ports.signer.supersede(&supersede).await? {
                tracing::error!(
                    withdrawal = %withdrawal.id,
                    %refused,
                    "the signer does not let a payout move to a new lineage"
                );
            }
        }
        Ok(())
    }

    /// A coin that a later version of an ended lineage would have spent is free, and the signer
    /// does not know that yet. True where it was told so of any of these.
    pub(super) async fn freed_any(
        &self,
        lease: Held,
        answers: &[Result<(), Refused>],
    ) -> Result<bool, RoundError> {
        let mut freed = false;
        for refused in answers.iter().filter_map(|answer| answer.as_ref().err()) {
            freed |= self.freed(lease, refused).await?;
        }
        Ok(freed)
    }

    /// Tells the signer that the lineage which has the anchor ended, where the store knows by what.
    pub(super) async fn freed(&self, lease: Held, refused: &Refused) -> Result<bool, RoundError> {
        let Refused::AnchorTaken { anchor: Anchor::Outpoint { .. }, lineage: old } = refused else {
            return Ok(false);
        };
        let Some(evidence) =
            self.engine.store().lineage(*old).await?.as_ref().and_then(Lineage::ended_by)
        else {
            return Ok(false);
        };
        let Some(lane) = self.lane().await? else { return Ok(false) };
        let (stamp, epoch) = (Self::stamp(&lane, lease), lease.epoch);
        let supersede =
            Supersede { lane: lane.id, epoch, stamp, payout: None, old: *old, evidence, raw: None };
        Ok(self.engine.ports.signer.supersede(&supersede).await?.is_ok())
    }

    /// Payouts that cannot be planned now. When the asset itself does not work, the asset is
    /// stopped instead of blaming its payouts: else two hostile recipients could stop everyone
    /// (window F49).
    async fn defer(&self, epoch: Epoch, refused: Vec<NotNow>) -> Result<(), RoundError> {
        let mut broken: Vec<AssetId> = Vec::new();
        let mut suspects: Vec<AssetId> = refused
            .iter()
            .filter(|(_, _, cause)| cause.blame() == Blame::Payment)
            .map(|(leg, _, _)| leg.asset.clone())
            .collect();
        suspects.sort();
        suspects.dedup();
        for asset in suspects {
            if !self.chain().probe(self.id(), &asset).await? {
                let reason =
                    format!("a probe of {asset} reverts: the token is paused, blocked or broken");
                let command =
                    Command::Suspend { scope: Scope::Asset { asset: asset.clone() }, reason };
                self.engine.writer.submit(Actor::Engine, command).await?;
                broken.push(asset);
            }
        }
        let commands = refused.into_iter().map(|(leg, reason, cause)| Command::Defer {
            lane: self.id().clone(),
            epoch,
            owner: self.engine.replica,
            cause: if broken.contains(&leg.asset) { DeferralCause::Unclear } else { cause },
            leg,
            reason,
        });
        self.commit(commands.collect()).await?;
        Ok(())
    }

    /// Reserves what the signer would sign, at the numbers that it was asked at.
    pub(super) async fn reserve(
        &self,
        epoch: Epoch,
        accepted: Vec<Candidate>,
    ) -> Result<usize, RoundError> {
        let mut reservations = Vec::with_capacity(accepted.len());
        for Candidate { ready: Ready { legs, draft }, lineage, attempt } in accepted {
            let draft = match planted(Mistake::NonceFromNode) {
                true => self.numbered_by_node(&draft).await?,
                false => draft,
            };
            let (lane, owner, anchors) =
                (self.id().clone(), self.engine.replica, draft.anchors(self.id()));
            reservations.push(Command::Reserve(Reserve {
                lane,
                owner,
                epoch,
                lineage,
                attempt,
                anchors,
                legs,
                draft,
            }));
        }
        Ok(self.commit(reservations).await?.iter().flatten().count())
    }

    /// What an engine does that believes a node's count.
    async fn numbered_by_node(&self, draft: &Draft) -> Result<Draft, RoundError> {
        let number = self.chain().consumed(self.id(), draft.number()).await?;
        Ok(self.chain().renumbered(self.id(), draft, number))
    }
}
