//! Doing what is due: sign what is reserved, send what is recorded, bump what is stuck.

use std::collections::{BTreeMap, BTreeSet};

use adit_chain::Sent;
use adit_core::{
    Act, AssetId, Attempt, AttemptId, Command, Draft, Epoch, EvmFees, Lane, LaneView, Leg, Lineage, LineageId, Mistake, Purpose, Signed,
    WithdrawalId, next, planted,
};
use adit_signer::{Approved, Refused, SignRequest};
use futures::join;

use super::{LaneTask, RoundError};
use crate::engine::nonce_of;
use crate::{LIVE_LINEAGES_MAX, PLAN_MAX};

/// Acts of one round, by kind.
#[derive(Default)]
struct Due {
    sign: Vec<(LineageId, AttemptId)>,
    send: Vec<(LineageId, AttemptId)>,
    bump: Vec<(LineageId, Purpose, EvmFees)>,
    plan: Vec<WithdrawalId>,
}

impl LaneTask {
    /// Asks the rules what is due and does it. While nodes are given what is recorded, others are signed and planned: acts of one round are
    /// of different lineages. Each is committed before the next step of its lineage begins (rule R1). Planning follows signing, so that the
    /// signer's dry run counts what it has just signed against its caps (rule R9).
    pub(super) async fn pay(&self, lane: &Lane, epoch: Epoch) -> Result<usize, RoundError> {
        let store = self.engine.store();
        let now = self.engine.ports.clock.now();
        let live = store.unmined_lineages(self.id(), LIVE_LINEAGES_MAX).await?;
        let queue = store.queue(&self.assets(), now, PLAN_MAX).await?;
        let suspensions = self.engine.suspensions().await?;
        let acts = next(&LaneView { lane, chain: self.rules(), live: &live, queue: &queue, suspensions: &suspensions, now });
        let due = sort(acts);
        let lineages: BTreeMap<LineageId, &Lineage> = live.iter().map(|lineage| (lineage.id, lineage)).collect();
        let wanted: BTreeSet<WithdrawalId> = due.plan.iter().copied().collect();
        let chosen: Vec<_> = queue.iter().filter(|withdrawal| wanted.contains(&withdrawal.id)).collect();
        let others = async {
            let signed = self.sign(epoch, &lineages, &due.sign).await?;
            self.bump(epoch, &lineages, &due.bump).await?;
            self.plan(lane, epoch, &live, &chosen).await?;
            Ok::<usize, RoundError>(signed)
        };
        let (sent, signed) = join!(self.send(epoch, &lineages, &due.send), others);
        sent?;
        let signed = signed?;
        // What the signer refuses for good is no progress: else the lane would ask it again without a pause.
        Ok(signed + due.send.len() + due.bump.len() + due.plan.len())
    }

    pub(super) fn assets(&self) -> Vec<AssetId> {
        self.engine.rules.assets_on(&self.name).map(|asset| asset.id.clone()).collect()
    }

    /// Signs reserved attempts and records the bytes. They leave in the next round, read back from the store (rule R1).
    /// Gives how many moved on.
    async fn sign(
        &self,
        epoch: Epoch,
        lineages: &BTreeMap<LineageId, &Lineage>,
        due: &[(LineageId, AttemptId)],
    ) -> Result<usize, RoundError> {
        let requests: Vec<SignRequest> =
            due.iter().filter_map(|(lineage, attempt)| self.request(epoch, lineages, *lineage, *attempt)).collect();
        if requests.is_empty() {
            return Ok(0);
        }
        let answers = self.engine.ports.signer.sign(&requests).await?;
        if planted(Mistake::SendBeforeRecord) {
            let bytes: Vec<Signed> = answers.iter().flatten().map(|signature| signature.signed.clone()).collect();
            self.chain().broadcast(&bytes).await;
        }
        let mut commands = Vec::with_capacity(answers.len());
        for (request, answer) in requests.iter().zip(answers) {
            match answer {
                Ok(signature) => commands.push(Command::Record {
                    lane: self.id().clone(),
                    epoch,
                    lineage: request.lineage,
                    attempt: request.attempt,
                    signed: signature.signed,
                }),
                Err(refused) => commands.extend(self.after_refusal(epoch, request, &refused)),
            }
        }
        Ok(self.commit(commands).await?.iter().flatten().count())
    }

    fn request(
        &self,
        epoch: Epoch,
        lineages: &BTreeMap<LineageId, &Lineage>,
        lineage: LineageId,
        attempt: AttemptId,
    ) -> Option<SignRequest> {
        let lineage = lineages.get(&lineage)?;
        let attempt = lineage.attempt(attempt)?;
        let approved = if attempt.purpose == Purpose::Pay { approved(&lineage.legs) } else { Vec::new() };
        Some(SignRequest {
            lane: self.id().clone(),
            epoch,
            lineage: lineage.id,
            attempt: attempt.id,
            purpose: attempt.purpose,
            approved,
            draft: attempt.draft.clone(),
        })
    }

    /// The signer will not sign what is reserved. A nonce that cannot be used is filled by a self-transfer of that nonce (rule R9), so that
    /// those behind it can be mined.
    fn after_refusal(&self, epoch: Epoch, request: &SignRequest, refused: &Refused) -> Option<Command> {
        tracing::error!(attempt = %request.attempt, %refused, "the signer refuses a reserved attempt");
        let fills = match refused {
            Refused::Mismatch { .. }
            | Refused::AboveTransactionCap { .. }
            | Refused::AboveDailyCap { .. }
            | Refused::FeeAboveCap { .. } => true,
            Refused::StaleEpoch { .. } | Refused::Equivocation { .. } | Refused::AnchorTaken { .. } | Refused::UnknownKey { .. } => false,
        };
        let Draft::Evm(evm) = &request.draft;
        (fills && request.purpose == Purpose::Pay)
            .then(|| self.addition(epoch, request.lineage, Purpose::Cancel, nonce_of(&request.draft), evm.fees, None))
    }

    /// Sends recorded bytes to every endpoint. What they answer is kept as evidence and changes nothing else.
    async fn send(&self, epoch: Epoch, lineages: &BTreeMap<LineageId, &Lineage>, due: &[(LineageId, AttemptId)]) -> Result<(), RoundError> {
        let recorded: Vec<(&Lineage, AttemptId, &Signed)> = due
            .iter()
            .filter_map(|(lineage, attempt)| {
                let lineage = *lineages.get(lineage)?;
                Some((lineage, *attempt, lineage.attempt(*attempt).and_then(Attempt::signed)?))
            })
            .collect();
        if recorded.is_empty() {
            return Ok(());
        }
        let bytes: Vec<Signed> = recorded.iter().map(|(_, _, signed)| (*signed).clone()).collect();
        let answers: Vec<Sent> = self.chain().broadcast(&bytes).await;
        let commands = recorded.iter().map(|(lineage, attempt, signed)| Command::Submitted {
            lane: self.id().clone(),
            epoch,
            lineage: lineage.id,
            attempt: *attempt,
            legs: lineage.legs.clone(),
            submissions: answers.iter().find(|sent| sent.hash == signed.hash).map(|sent| sent.submissions.clone()).unwrap_or_default(),
        });
        self.commit(commands.collect()).await?;
        Ok(())
    }

    async fn bump(
        &self,
        epoch: Epoch,
        lineages: &BTreeMap<LineageId, &Lineage>,
        due: &[(LineageId, Purpose, EvmFees)],
    ) -> Result<(), RoundError> {
        let commands: Vec<Command> = due
            .iter()
            .filter_map(|(id, purpose, fees)| {
                let latest = lineages.get(id)?.latest();
                let before = (latest.purpose == *purpose).then_some(&latest.draft);
                Some(self.addition(epoch, *id, *purpose, nonce_of(&latest.draft), *fees, before))
            })
            .collect();
        if !commands.is_empty() {
            tracing::info!(chain = %self.name, lineages = commands.len(), "adding attempts that offer more");
            self.commit(commands).await?;
        }
        Ok(())
    }

    /// A further attempt: the same as `before` at other fees, or a cancel.
    fn addition(&self, epoch: Epoch, lineage: LineageId, purpose: Purpose, nonce: u64, fees: EvmFees, before: Option<&Draft>) -> Command {
        let draft = match before {
            Some(Draft::Evm(evm)) => {
                let nonce = evm.nonce + u64::from(planted(Mistake::BumpAtNewNonce));
                Draft::Evm(adit_core::EvmDraft { fees, nonce, ..evm.clone() })
            }
            None => self.chain().cancel_draft(self.id(), nonce, fees),
        };
        let attempt = AttemptId(self.engine.ports.uuid());
        Command::AddAttempt { lane: self.id().clone(), owner: self.engine.replica, epoch, lineage, attempt, purpose, draft }
    }
}

fn sort(acts: Vec<Act>) -> Due {
    let mut due = Due::default();
    for act in acts {
        match act {
            Act::Sign { lineage, attempt } => due.sign.push((lineage, attempt)),
            Act::Send { lineage, attempt } => due.send.push((lineage, attempt)),
            Act::Bump { lineage, purpose, fees } => due.bump.push((lineage, purpose, fees)),
            Act::Plan { withdrawal } => due.plan.push(withdrawal),
        }
    }
    due
}

/// What the signer compares the transaction with.
pub(super) fn approved(legs: &[Leg]) -> Vec<Approved> {
    let of =
        |leg: &Leg| Approved { payout: leg.payout, asset: leg.asset.clone(), amount: leg.amount, destination: leg.destination.clone() };
    legs.iter().map(of).collect()
}
