//! What evidence does: included, vanished, confirmed, final. Only what is final moves money.

use crate::{
    Answer, Attempt, AttemptId, BlockRef, Change, DeadLineage, Decision, Effect, EventKind, Fact,
    Failure, Hash32, Knowledge, LaneId, Leg, Lineage, LineageState, Mistake, ObservationRecord,
    Payment, Purpose, Receipt, Refusal, Said, Sighting, Stage, State, Twin, Withdrawal, planted,
};

use super::conflict::{self, Usurper};
use super::made_again::unknown;
use super::settle::GiveBack;
use super::{Drafting, careless, orphan, settle};

pub(super) fn observe(
    mut draft: Drafting,
    lane: &LaneId,
    sighting: &Sighting,
) -> Result<Decision, Refusal> {
    let lineage =
        draft.view.lineage(sighting.lineage).cloned().ok_or(Refusal::UnknownWithdrawal)?;
    if !lineage.is_live() {
        return draft.unchanged();
    }
    if let Some(attempt) = sighting.attempt() {
        let said = Said::Sighting { sighting: sighting.clone() };
        draft.change(Change::Observation(ObservationRecord { attempt, at: draft.now(), said }));
    }
    match &sighting.fact {
        Fact::Included { attempt, block } => included(draft, lineage, *attempt, *block),
        Fact::Vanished { attempt } => vanished(draft, lineage, *attempt),
        Fact::Confirmed { attempt, block } => confirmed(draft, lineage, *attempt, *block),
        Fact::Final { attempt, receipt } => finalized(draft, lineage, lane, *attempt, receipt),
        Fact::Conflicted { by, block, decoded, payees, consumed } => {
            let payment = Payment { hash: *by, block: *block };
            conflict::conflicted(
                draft,
                lineage,
                lane,
                &Usurper { payment, decoded, payees, consumed },
            )
        }
        Fact::Orphaned { winner, by, block, consumed } => orphan::orphaned(
            draft,
            lineage,
            lane,
            &orphan::Loss { winner: *winner, by: *by, block: *block, consumed },
        ),
    }
}

fn signed_attempt(lineage: &Lineage, id: AttemptId) -> Result<(&Attempt, Hash32), Refusal> {
    let attempt =
        lineage.attempt(id).ok_or_else(|| Refusal::Changed { what: format!("attempt {id}") })?;
    let signed = attempt.signed().ok_or_else(|| Refusal::BadAttempt {
        detail: format!("attempt {id} was seen on chain and is not signed"),
    })?;
    Ok((attempt, signed.hash))
}

/// One attempt stands in a block, so no other of the lineage does.
fn included(
    mut draft: Drafting,
    mut lineage: Lineage,
    id: AttemptId,
    block: BlockRef,
) -> Result<Decision, Refusal> {
    let (attempt, hash) = signed_attempt(&lineage, id)?;
    if attempt.block() == Some(block) {
        return draft.unchanged();
    }
    let seen = attempt.clone();
    for other in &mut lineage.attempts {
        let here = (other.id == id).then_some(block);
        place(other, here, draft.now());
    }
    for leg in lineage.legs.iter().filter(|leg| seen.pays(leg)) {
        sight(&mut draft, leg, Some(Payment { hash, block }))?;
        draft.user_event(&leg.user, Some(leg.withdrawal), EventKind::Included { hash, block })?;
    }
    draft.change(Change::Lineage(lineage));
    draft.answer(Answer::Done)
}

/// A reorganisation is normal business before finality: the bytes go out again, nothing was posted
/// yet (window F37).
fn vanished(mut draft: Drafting, mut lineage: Lineage, id: AttemptId) -> Result<Decision, Refusal> {
    let (attempt, hash) = signed_attempt(&lineage, id)?;
    if attempt.block().is_none() {
        return draft.unchanged();
    }
    let gone = attempt.clone();
    if planted(Mistake::VanishIgnored) {
        return draft.unchanged();
    }
    if planted(Mistake::ReorgIsFailure) && gone.purpose == Purpose::Pay {
        return careless::leave(draft, lineage, careless::Belief::GiveBack);
    }
    let now = draft.now();
    lineage.attempts.iter_mut().for_each(|attempt| place(attempt, None, now));
    for leg in lineage.legs.iter().filter(|leg| gone.pays(leg)) {
        sight(&mut draft, leg, None)?;
        draft.user_event(&leg.user, Some(leg.withdrawal), EventKind::Vanished { hash })?;
    }
    draft.change(Change::Lineage(lineage));
    draft.answer(Answer::Done)
}

/// Puts an attempt into a block, or takes it out of one.
fn place(attempt: &mut Attempt, block: Option<BlockRef>, now: crate::Timestamp) {
    let Stage::Signed { knowledge, .. } = &mut attempt.stage else { return };
    let (sends, last_at) = match knowledge {
        Knowledge::MaybeSent { sends, last_at } | Knowledge::Included { sends, last_at, .. } => {
            (*sends, *last_at)
        }
        Knowledge::Signed => (0, now),
        Knowledge::Finalized { .. } | Knowledge::Conflicted { .. } => return,
    };
    match block {
        Some(block) => *knowledge = Knowledge::Included { block, confirmed: false, sends, last_at },
        None if *knowledge == Knowledge::Signed => {}
        None => *knowledge = Knowledge::MaybeSent { sends, last_at },
    }
}

fn sight(draft: &mut Drafting, leg: &Leg, payment: Option<Payment>) -> Result<(), Refusal> {
    let mut withdrawal = draft.withdrawal(leg.withdrawal)?.clone();
    if let State::Processing { sighting, confirmed_at, hash, .. } = &mut withdrawal.state {
        *confirmed_at = None;
        *hash = payment.as_ref().map(|payment| payment.hash).or(*hash);
        *sighting = payment;
    }
    draft.change(Change::Withdrawal(withdrawal));
    Ok(())
}

fn confirmed(
    mut draft: Drafting,
    mut lineage: Lineage,
    id: AttemptId,
    block: BlockRef,
) -> Result<Decision, Refusal> {
    let (_, hash) = signed_attempt(&lineage, id)?;
    let attempt = lineage
        .attempts
        .iter_mut()
        .find(|attempt| attempt.id == id && attempt.block() == Some(block));
    let attempt = attempt.ok_or_else(|| Refusal::Changed { what: format!("attempt {id}") })?;
    let seen = attempt.clone();
    let Stage::Signed { knowledge: Knowledge::Included { confirmed: told @ false, .. }, .. } =
        &mut attempt.stage
    else {
        return draft.unchanged();
    };
    *told = true;
    let now = draft.now();
    for leg in lineage.legs.iter().filter(|leg| seen.pays(leg)) {
        let mut withdrawal = draft.withdrawal(leg.withdrawal)?.clone();
        if let State::Processing { confirmed_at: confirmed_at @ None, .. } = &mut withdrawal.state {
            *confirmed_at = Some(now);
            draft.change(Change::Withdrawal(withdrawal));
            draft.user_event(
                &leg.user,
                Some(leg.withdrawal),
                EventKind::Confirmed { hash, block },
            )?;
        }
    }
    draft.change(Change::Lineage(lineage));
    draft.answer(Answer::Done)
}

/// The lineage ends: its effect is judged leg by leg (rule R8), its cost is booked once.
fn finalized(
    mut draft: Drafting,
    mut lineage: Lineage,
    lane: &LaneId,
    id: AttemptId,
    receipt: &Receipt,
) -> Result<Decision, Refusal> {
    let (_, hash) = signed_attempt(&lineage, id)?;
    if hash != receipt.hash {
        return Err(Refusal::BadAttempt {
            detail: format!("attempt {id} has hash {hash}, its receipt {}", receipt.hash),
        });
    }
    for attempt in &mut lineage.attempts {
        let fate = if attempt.id == id {
            Knowledge::Finalized { block: receipt.block }
        } else {
            Knowledge::Conflicted { by: hash }
        };
        if let Stage::Signed { knowledge, .. } = &mut attempt.stage {
            *knowledge = fate;
        }
    }
    lineage.state = LineageState::Final { attempt: id, at: draft.now() };
    for leg in &lineage.legs {
        let effect = receipt
            .effects
            .iter()
            .find(|effect| effect.payout == leg.payout)
            .map(|found| &found.effect);
        let effect = effect.ok_or_else(|| Refusal::BadAttempt {
            detail: format!("the receipt of {hash} says nothing about payout {}", leg.payout),
        })?;
        end_leg(&mut draft, leg, &lineage, lane, effect, receipt)?;
    }
    let native = draft.chain(lane)?.native.clone();
    let paid = receipt.effects.iter().any(|leg| leg.effect == Effect::Paid);
    if paid || !planted(Mistake::FeeOfFailuresForgotten) {
        settle::book_network_fee(&mut draft, lane, &native, receipt);
    }
    if planted(Mistake::FeeBookedTwice) || planted(Mistake::FeePerPayee) && lineage.legs.len() > 1 {
        settle::book_network_fee(&mut draft, lane, &native, receipt);
    }
    if !receipt.fee_known.is_agreed() {
        let known = receipt.fee_known.clone();
        draft.event(EventKind::FeeDoubted { lane: lane.clone(), hash, known });
    }
    draft.change(Change::Lineage(lineage));
    draft.answer(Answer::Done)
}

fn end_leg(
    draft: &mut Drafting,
    leg: &Leg,
    lineage: &Lineage,
    lane: &LaneId,
    effect: &Effect,
    receipt: &Receipt,
) -> Result<(), Refusal> {
    let mut withdrawal = draft.withdrawal(leg.withdrawal)?.clone();
    if !matches!(withdrawal.state, State::Processing { lineage: live, .. } if live == lineage.id) {
        return Err(Refusal::BadAttempt {
            detail: format!("withdrawal {} is not in lineage {}", leg.withdrawal, lineage.id),
        });
    }
    let (at, hash, block) = (draft.now(), receipt.hash, receipt.block);
    let payment = Payment { hash, block };
    let kind = match effect {
        // It is final, and nobody knows whose it was: a person says so first (case F95).
        Effect::Paid if withdrawal.user == unknown() => {
            let finding = "it was paid, and nobody has been matched to it: it was accepted before \
                the store went back"
                .to_owned();
            withdrawal.state = State::HeldForInspection {
                since: at,
                finding: finding.clone(),
                payment,
                pays: true,
            };
            EventKind::HeldForInspection { finding, hash }
        }
        Effect::Paid => {
            settle::settle(draft, &withdrawal, lane);
            withdrawal.state = State::Completed { at, payment };
            EventKind::Completed { hash, block, network_fee: receipt.network_fee }
        }
        Effect::Reverted => {
            settle::release(draft, &withdrawal, reverted(lineage, hash));
            withdrawal.state =
                State::Failed { at, failure: Failure::Reverted, payment: Some(payment) };
            EventKind::Failed { failure: Failure::Reverted, hash: Some(hash) }
        }
        Effect::Unexpected { .. } if planted(Mistake::OddIsFailure) => {
            settle::release(draft, &withdrawal, reverted(lineage, hash));
            withdrawal.state =
                State::Failed { at, failure: Failure::Reverted, payment: Some(payment) };
            EventKind::Failed { failure: Failure::Reverted, hash: Some(hash) }
        }
        Effect::Unexpected { finding } => {
            withdrawal.state = State::HeldForInspection {
                since: at,
                finding: finding.clone(),
                payment,
                pays: false,
            };
            EventKind::HeldForInspection { finding: finding.clone(), hash }
        }
        Effect::Cancelled if planted(Mistake::JoinerNeverFreed) && lineage.cancel.is_none() => {
            return Ok(());
        }
        Effect::Cancelled => {
            return undo(draft, leg, lineage, withdrawal, Some(End { hash, block: Some(block) }));
        }
    };
    draft.change(Change::Withdrawal(withdrawal));
    draft.user_event(&leg.user, Some(leg.withdrawal), kind)
}

fn reverted(lineage: &Lineage, evidence: Hash32) -> GiveBack<'static> {
    let ended = Some(DeadLineage { lineage: lineage.id, evidence });
    GiveBack { by: &crate::Actor::Engine, reason: "the final transaction reverted", ended }
}

/// The transaction that ended a lineage, and the block that holds it; none where nothing of the
/// lineage was ever signed.
#[derive(Clone, Copy)]
pub(super) struct End {
    pub hash: Hash32,
    pub block: Option<BlockRef>,
}

/// Why a withdrawal ends that the journal alone knew, and that was not paid (case F95).
const NOBODYS_UNPAID: &str = "it was accepted before the store went back, nobody is known to have asked for it, and it was \
     not paid";

/// The anchors are gone and nobody was paid: given back where that was wished, planned anew where
/// it was not (rule R4). Where somebody was paid the same by a payment that nobody has explained, a
/// person says which of both it is, whatever was wished before they could know (case F91). `end` is
/// what ended the lineage; none where nothing of it was signed.
pub(super) fn undo(
    draft: &mut Drafting,
    leg: &Leg,
    lineage: &Lineage,
    mut withdrawal: Withdrawal,
    end: Option<End>,
) -> Result<(), Refusal> {
    let evidence = end.map(|end| end.hash);
    let ended = evidence.map(|evidence| DeadLineage { lineage: lineage.id, evidence });
    let wish = lineage.cancel.as_ref().filter(|wish| wish.covers(leg.withdrawal));
    let twin = draft.twin(&leg.asset, &leg.destination, leg.amount);
    let kind = match (wish, twin) {
        // Nobody asks for it any more, and nobody was paid: whoever it was for has their balance
        // and asks again.
        (wish, _) if withdrawal.user == unknown() => {
            let by = wish.map_or(crate::Actor::Engine, |wish| wish.by.clone());
            let reason = wish.map_or(NOBODYS_UNPAID, |wish| &wish.reason).to_owned();
            settle::release(draft, &withdrawal, GiveBack { by: &by, reason: &reason, ended });
            withdrawal.state = State::Cancelled { at: draft.now(), by, reason: reason.clone() };
            EventKind::Cancelled { reason }
        }
        (_, Some(twin)) => look_first(draft, &mut withdrawal, twin, end),
        (Some(wish), None) => {
            settle::release(
                draft,
                &withdrawal,
                GiveBack { by: &wish.by, reason: &wish.reason, ended },
            );
            withdrawal.state = State::Cancelled {
                at: draft.now(),
                by: wish.by.clone(),
                reason: wish.reason.clone(),
            };
            EventKind::Cancelled { reason: wish.reason.clone() }
        }
        (None, None) => {
            withdrawal.state = State::Approved {
                by: crate::Actor::Engine,
                at: draft.now(),
                deferred: None,
                after: ended,
            };
            EventKind::Requeued { hash: evidence }
        }
    };
    draft.change(Change::Withdrawal(withdrawal));
    draft.user_event(&leg.user, Some(leg.withdrawal), kind)
}

/// It may have been paid by this other payment. A verdict names the transaction that ended its own
/// lineage, or that other one; where the journal alone knows of that, it waits for an approval.
fn look_first(
    draft: &Drafting,
    withdrawal: &mut Withdrawal,
    twin: Twin,
    end: Option<End>,
) -> EventKind {
    let proof = end.and_then(|end| Some(Payment { hash: end.hash, block: end.block? }));
    let (state, kind) = match proof {
        Some(payment) => {
            let (finding, hash) =
                (format!("its own transaction did not pay it, and {twin}"), payment.hash);
            let kind = EventKind::HeldForInspection { finding: finding.clone(), hash };
            (State::HeldForInspection { since: draft.now(), finding, payment, pays: false }, kind)
        }
        None => draft.held_by(&twin).unwrap_or_else(|| {
            (State::Pending, EventKind::ApprovalWithdrawn { reason: twin.to_string() })
        }),
    };
    withdrawal.state = state;
    kind
}
