//! Taking approved payouts in: everything that can refuse is asked before anything is reserved (rule R9).

use std::collections::BTreeMap;

use adit_chain::{PlanRequest, Planning, Ready};
use adit_core::{
    Actor, Amount, Anchor, AssetId, AttemptId, Command, DeadLineage, Epoch, Lane, Leg, Lineage, LineageId, Mistake, Purpose, Reserve,
    Scope, State, Withdrawal, planted,
};
use adit_signer::{Refused, SignRequest, Supersede};

use super::pay::approved;
use super::{LaneTask, RoundError};

/// A transaction on its way into a lineage.
pub(super) struct Candidate {
    ready: Ready,
    lineage: LineageId,
    attempt: AttemptId,
}

/// A payout that is not reserved now: why, and whether it is to blame itself.
pub(super) type NotNow = (Leg, String, bool);

impl LaneTask {
    /// Precheck by the chain, dry run by the signer, then one reservation for each transaction, at consecutive numbers.
    pub(super) async fn plan(&self, lane: &Lane, epoch: Epoch, live: &[Lineage], chosen: &[&Withdrawal]) -> Result<(), RoundError> {
        let Some(tip) = lane.tip.as_ref().filter(|_| !chosen.is_empty()) else { return Ok(()) };
        let chosen = &self.still_signed(epoch, chosen).await?[..];
        self.supersede(epoch, chosen).await?;
        let request = PlanRequest {
            lane: self.id().clone(),
            first: lane.next_nonce,
            offer: tip.market.offer(self.rules()),
            legs: chosen.iter().map(|withdrawal| withdrawal.leg()).collect(),
            committed: self.committed(live),
            live,
        };
        let Planning { ready, waiting } = self.chain().plan(&request).await?;
        let mut refused: Vec<NotNow> = waiting
            .into_iter()
            .map(|(leg, obstacle)| {
                let (reason, blame) = obstacle.told();
                (leg, reason, blame)
            })
            .collect();
        let (accepted, unsigned) = self.dry_run(epoch, ready).await?;
        refused.extend(unsigned);
        self.defer(epoch, refused).await?;
        self.reserve(lane, epoch, accepted).await
    }

    /// Leaves out claims whose signature is no longer good, and hands them to a person. One that nobody can judge now is deferred.
    async fn still_signed<'a>(&self, epoch: Epoch, chosen: &[&'a Withdrawal]) -> Result<Vec<&'a Withdrawal>, RoundError> {
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
                    commands.push(Command::Reapprove { lane: lane.clone(), owner, epoch, leg: leg(), reason });
                }
                Err(fault) => {
                    let reason = fault.to_string();
                    commands.push(Command::Defer { lane: lane.clone(), owner, epoch, leg: leg(), reason, blame_payout: false });
                }
            }
        }
        self.commit(commands).await?;
        Ok(standing)
    }

    /// What payments that no block holds yet may take from the wallet: a node's balance does not know of them.
    pub(super) fn committed(&self, live: &[Lineage]) -> BTreeMap<AssetId, Amount> {
        let mut committed: BTreeMap<AssetId, Amount> = BTreeMap::new();
        let mut add = |asset: &AssetId, amount: Amount| {
            let sum = committed.entry(asset.clone()).or_default();
            *sum = sum.checked_add(amount).unwrap_or(Amount::MAX);
        };
        for lineage in live.iter().filter(|lineage| lineage.included().is_none()) {
            lineage.legs.iter().for_each(|leg| add(&leg.asset, leg.amount));
            add(&self.rules().native, lineage.latest().draft.cost_max());
        }
        committed
    }

    /// A payout whose former lineage is dead may enter a new one: the signer is shown the proof first (rule R6).
    async fn supersede(&self, epoch: Epoch, chosen: &[&Withdrawal]) -> Result<(), RoundError> {
        for withdrawal in chosen {
            let State::Approved { after: Some(DeadLineage { lineage, evidence }), .. } = &withdrawal.state else { continue };
            let supersede =
                Supersede { lane: self.id().clone(), epoch, payout: Some(withdrawal.payout), old: *lineage, evidence: *evidence };
            if let Err(refused) = self.engine.ports.signer.supersede(&supersede).await? {
                tracing::error!(withdrawal = %withdrawal.id, %refused, "the signer does not let a payout move to a new lineage");
            }
        }
        Ok(())
    }

    /// Asks the signer before anything is reserved. Gives those that it would sign, and the payouts of the others with its reason.
    pub(super) async fn dry_run(&self, epoch: Epoch, ready: Vec<Ready>) -> Result<(Vec<Candidate>, Vec<NotNow>), RoundError> {
        if ready.is_empty() {
            return Ok((Vec::new(), Vec::new()));
        }
        let fresh = |ready: Ready| {
            let (lineage, attempt) = (LineageId(self.engine.ports.uuid()), AttemptId(self.engine.ports.uuid()));
            Candidate { ready, lineage, attempt }
        };
        let candidates: Vec<Candidate> = ready.into_iter().map(fresh).collect();
        let requests: Vec<SignRequest> = candidates
            .iter()
            .map(|candidate| SignRequest {
                lane: self.id().clone(),
                epoch,
                lineage: candidate.lineage,
                attempt: candidate.attempt,
                purpose: if candidate.ready.legs.is_empty() { Purpose::Cancel } else { Purpose::Pay },
                approved: approved(&candidate.ready.legs),
                draft: candidate.ready.draft.clone(),
            })
            .collect();
        let mut answers = self.engine.ports.signer.dry_run(&requests).await?;
        if self.freed_any(epoch, &answers).await? {
            answers = self.engine.ports.signer.dry_run(&requests).await?;
        }
        let mut accepted = Vec::new();
        let mut refused = Vec::new();
        for (candidate, answer) in candidates.into_iter().zip(answers) {
            match answer {
                Ok(()) => accepted.push(candidate),
                Err(reason) if candidate.ready.legs.is_empty() => {
                    tracing::warn!(chain = %self.name, %reason, "the signer would not sign a transaction that pays nobody");
                }
                Err(reason) => {
                    // One payment must not keep the others of its batch back: half of them wait, the rest is tried again without them.
                    let legs = candidate.ready.legs;
                    let kept = legs.len() / 2;
                    refused.extend(legs.into_iter().skip(kept).map(|leg| (leg, reason.to_string(), false)));
                }
            }
        }
        Ok((accepted, refused))
    }

    /// A coin that a later version of an ended lineage would have spent is free, and the signer does not know that yet. True where it was told
    /// so of any of these.
    async fn freed_any(&self, epoch: Epoch, answers: &[Result<(), Refused>]) -> Result<bool, RoundError> {
        let mut freed = false;
        for refused in answers.iter().filter_map(|answer| answer.as_ref().err()) {
            freed |= self.freed(epoch, refused).await?;
        }
        Ok(freed)
    }

    /// Tells the signer that the lineage which has the anchor ended, where the store knows by what.
    pub(super) async fn freed(&self, epoch: Epoch, refused: &Refused) -> Result<bool, RoundError> {
        let Refused::AnchorTaken { anchor: Anchor::Outpoint { .. }, lineage: old } = refused else { return Ok(false) };
        let Some(evidence) = self.engine.store().lineage(*old).await?.as_ref().and_then(Lineage::ended_by) else { return Ok(false) };
        let supersede = Supersede { lane: self.id().clone(), epoch, payout: None, old: *old, evidence };
        Ok(self.engine.ports.signer.supersede(&supersede).await?.is_ok())
    }

    /// Payouts that cannot be planned now. When the asset itself does not work, the asset is stopped instead of blaming its payouts: else two
    /// hostile recipients could stop everyone (window F49).
    async fn defer(&self, epoch: Epoch, refused: Vec<NotNow>) -> Result<(), RoundError> {
        let mut broken: Vec<AssetId> = Vec::new();
        let mut suspects: Vec<AssetId> = refused.iter().filter(|(_, _, blame)| *blame).map(|(leg, _, _)| leg.asset.clone()).collect();
        suspects.sort();
        suspects.dedup();
        for asset in suspects {
            if !self.chain().probe(self.id(), &asset).await? {
                let reason = format!("a probe of {asset} reverts: the token is paused, blocked or broken");
                let command = Command::Suspend { scope: Scope::Asset { asset: asset.clone() }, reason };
                self.engine.writer.submit(Actor::Engine, command).await?;
                broken.push(asset);
            }
        }
        let commands = refused.into_iter().map(|(leg, reason, blame)| Command::Defer {
            lane: self.id().clone(),
            epoch,
            owner: self.engine.replica,
            blame_payout: blame && !broken.contains(&leg.asset),
            leg,
            reason,
        });
        self.commit(commands.collect()).await?;
        Ok(())
    }

    pub(super) async fn reserve(&self, lane: &Lane, epoch: Epoch, accepted: Vec<Candidate>) -> Result<(), RoundError> {
        let first =
            if planted(Mistake::NonceFromNode) { self.chain().consumed(self.id(), lane.next_nonce).await? } else { lane.next_nonce };
        let reservations = accepted.into_iter().zip(first..).map(|(Candidate { ready, lineage, attempt }, number)| {
            // Those that the signer refused left gaps.
            let draft = self.chain().renumbered(self.id(), &ready.draft, number);
            Command::Reserve(Reserve {
                lane: self.id().clone(),
                owner: self.engine.replica,
                epoch,
                lineage,
                attempt,
                anchors: draft.anchors(self.id()),
                legs: ready.legs,
                draft,
            })
        });
        self.commit(reservations.collect()).await?;
        Ok(())
    }
}
