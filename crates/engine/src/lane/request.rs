//! What the signer is asked: an attempt, the lease and the state of the store that ask, the lineage
//! before it in line, and what the journal is to remember of its payouts.

use std::collections::{BTreeMap, BTreeSet};

use adit_core::{
    AttemptId, ChainKind, Draft, Lane, Leg, Lineage, LineageId, PayoutContext, PayoutId, Purpose,
    Stage, Withdrawal, WithdrawalId,
};
use adit_signer::{Refused, SignRequest, Stamp};

use super::pay::approved;
use super::refusal;
use super::{Held, LaneTask, RoundError};

/// The newest lineage of a line, to which the next one is chained.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chained {
    /// Who stands at the number before the lane's next one.
    pub last: Option<LineageId>,
}

/// One attempt that is not in the store yet.
pub(super) struct Fresh<'a> {
    pub lineage: LineageId,
    pub attempt: AttemptId,
    pub purpose: Purpose,
    pub legs: &'a [Leg],
    pub draft: &'a Draft,
    pub previous: Option<LineageId>,
}

impl LaneTask {
    pub(super) fn stamp(lane: &Lane, lease: Held) -> Stamp {
        Stamp { incarnation: lease.incarnation, token: lease.token, counter: lane.counter }
    }

    /// The end of the lane's line.
    pub(super) async fn chained(&self, lane: &Lane) -> Result<Chained, RoundError> {
        Ok(Chained { last: self.before(lane.next_nonce, &[]).await? })
    }

    /// The lineage at the number before this one, where the chain takes them in line.
    pub(super) async fn before(
        &self,
        number: u64,
        live: &[&Lineage],
    ) -> Result<Option<LineageId>, RoundError> {
        let Some(before) = number.checked_sub(1).filter(|_| self.rules().kind == ChainKind::Evm)
        else {
            return Ok(None);
        };
        match live.iter().find(|lineage| lineage.number() == before) {
            Some(lineage) => Ok(Some(lineage.id)),
            None => Ok(self.engine.store().lineage_at(self.id(), before).await?),
        }
    }

    /// The same for a lineage of which nothing may be signed yet.
    pub(super) async fn before_unsigned(
        &self,
        lineage: LineageId,
    ) -> Result<Option<LineageId>, RoundError> {
        let Some(lineage) = self.engine.store().lineage(lineage).await? else { return Ok(None) };
        match lineage.attempts.iter().all(|attempt| attempt.stage == Stage::Reserved) {
            true => self.before(lineage.number(), &[]).await,
            false => Ok(None),
        }
    }

    /// A request for an attempt that is about to be reserved.
    pub(super) fn trial(
        &self,
        lane: &Lane,
        lease: Held,
        fresh: &Fresh,
        contexts: &BTreeMap<PayoutId, PayoutContext>,
    ) -> SignRequest {
        let pays = if fresh.purpose == Purpose::Pay { fresh.legs } else { &[] };
        SignRequest {
            lane: self.id().clone(),
            epoch: lease.epoch,
            stamp: Self::stamp(lane, lease),
            previous: fresh.previous,
            lineage: fresh.lineage,
            attempt: fresh.attempt,
            purpose: fresh.purpose,
            approved: approved(pays),
            contexts: of_legs(pays, contexts),
            draft: fresh.draft.clone(),
        }
    }

    /// Requests for attempts that are reserved, in the order of their line.
    pub(super) async fn requests(
        &self,
        lane: &Lane,
        lease: Held,
        lineages: &BTreeMap<LineageId, &Lineage>,
        due: &[(LineageId, AttemptId)],
    ) -> Result<Vec<SignRequest>, RoundError> {
        let mut found: Vec<&Lineage> =
            due.iter().filter_map(|(lineage, _)| lineages.get(lineage).copied()).collect();
        found.sort_by_key(|lineage| lineage.number());
        let live: Vec<&Lineage> = lineages.values().copied().collect();
        let contexts = self.contexts(&found).await?;
        let mut requests = Vec::with_capacity(found.len());
        for lineage in found {
            let Some((_, id)) = due.iter().find(|(due, _)| *due == lineage.id) else { continue };
            let Some(attempt) = lineage.attempt(*id) else { continue };
            let legs: Vec<Leg> =
                lineage.legs.iter().filter(|leg| attempt.pays(leg)).cloned().collect();
            let unsigned = lineage.attempts.iter().all(|attempt| attempt.stage == Stage::Reserved);
            let previous =
                if unsigned { self.before(lineage.number(), &live).await? } else { None };
            let (purpose, draft) = (attempt.purpose, &attempt.draft);
            let fresh = Fresh {
                lineage: lineage.id,
                attempt: attempt.id,
                purpose,
                legs: &legs,
                draft,
                previous,
            };
            requests.push(self.trial(lane, lease, &fresh, &contexts));
        }
        Ok(requests)
    }

    /// Of each payout that enters the journal by these lineages what only the store knows.
    async fn contexts(
        &self,
        lineages: &[&Lineage],
    ) -> Result<BTreeMap<PayoutId, PayoutContext>, RoundError> {
        let ids: BTreeSet<WithdrawalId> =
            lineages.iter().flat_map(|lineage| &lineage.legs).map(|leg| leg.withdrawal).collect();
        if ids.is_empty() {
            return Ok(BTreeMap::new());
        }
        let found = self.engine.store().withdrawals_by_id(&ids).await?;
        Ok(contexts_of(&found))
    }

    /// A refusal for those who look after the signer.
    pub(super) fn in_words(&self, refused: &Refused) -> String {
        refusal::sentence(&self.engine.rules, |amount| self.rules().coins(amount), refused)
    }

    /// Notes what the signer says, for those who look after it.
    pub(super) fn note<T>(&self, answers: &[Result<T, Refused>]) {
        match answers.iter().find_map(|answer| answer.as_ref().err()) {
            Some(refused) => self.engine.hub.signer_refused(
                self.id(),
                &self.in_words(refused),
                self.engine.ports.clock.uptime(),
            ),
            None if answers.is_empty() => {}
            None => self.engine.hub.signer_agreed(self.id()),
        }
    }
}

pub(super) fn contexts_of<'a>(
    withdrawals: impl IntoIterator<Item = &'a Withdrawal>,
) -> BTreeMap<PayoutId, PayoutContext> {
    withdrawals
        .into_iter()
        .map(|withdrawal| (withdrawal.payout, PayoutContext::of(withdrawal)))
        .collect()
}

fn of_legs(
    legs: &[Leg],
    contexts: &BTreeMap<PayoutId, PayoutContext>,
) -> Vec<(PayoutId, PayoutContext)> {
    legs.iter().filter_map(|leg| Some((leg.payout, contexts.get(&leg.payout)?.clone()))).collect()
}
