//! What evidence does: included, vanished, confirmed, final. Only what is final moves money.

use crate::{
    Anchor, Answer, Attempt, AttemptId, BlockRef, Change, DeadLineage, Decision, Effect, EventKind, Fact, Failure, HaltReason, Hash32,
    Knowledge, Lane, LaneId, LaneState, Leg, Lineage, LineageState, Mistake, ObservationRecord, Payment, PayoutId, Purpose, Receipt,
    Refusal, Said, Sighting, Stage, State, Status, Withdrawal, planted,
};

use super::{Drafting, careless, settle};

pub(super) fn observe(mut draft: Drafting, lane: &LaneId, sighting: &Sighting) -> Result<Decision, Refusal> {
    let lineage = draft.view.lineage(sighting.lineage).cloned().ok_or(Refusal::UnknownWithdrawal)?;
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
            conflicted(draft, lineage, lane, &Usurper { payment, decoded, payees, consumed })
        }
    }
}

fn signed_attempt(lineage: &Lineage, id: AttemptId) -> Result<(&Attempt, Hash32), Refusal> {
    let attempt = lineage.attempt(id).ok_or_else(|| Refusal::Changed { what: format!("attempt {id}") })?;
    let signed =
        attempt.signed().ok_or_else(|| Refusal::BadAttempt { detail: format!("attempt {id} was seen on chain and is not signed") })?;
    Ok((attempt, signed.hash))
}

/// One attempt stands in a block, so no other of the lineage does.
fn included(mut draft: Drafting, mut lineage: Lineage, id: AttemptId, block: BlockRef) -> Result<Decision, Refusal> {
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

/// A reorganisation is normal business before finality: the bytes go out again, nothing was posted yet (window F37).
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
        Knowledge::MaybeSent { sends, last_at } | Knowledge::Included { sends, last_at, .. } => (*sends, *last_at),
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

fn confirmed(mut draft: Drafting, mut lineage: Lineage, id: AttemptId, block: BlockRef) -> Result<Decision, Refusal> {
    let (_, hash) = signed_attempt(&lineage, id)?;
    let attempt = lineage.attempts.iter_mut().find(|attempt| attempt.id == id && attempt.block() == Some(block));
    let attempt = attempt.ok_or_else(|| Refusal::Changed { what: format!("attempt {id}") })?;
    let seen = attempt.clone();
    let Stage::Signed { knowledge: Knowledge::Included { confirmed: told @ false, .. }, .. } = &mut attempt.stage else {
        return draft.unchanged();
    };
    *told = true;
    let now = draft.now();
    for leg in lineage.legs.iter().filter(|leg| seen.pays(leg)) {
        let mut withdrawal = draft.withdrawal(leg.withdrawal)?.clone();
        if let State::Processing { confirmed_at: confirmed_at @ None, .. } = &mut withdrawal.state {
            *confirmed_at = Some(now);
            draft.change(Change::Withdrawal(withdrawal));
            draft.user_event(&leg.user, Some(leg.withdrawal), EventKind::Confirmed { hash, block })?;
        }
    }
    draft.change(Change::Lineage(lineage));
    draft.answer(Answer::Done)
}

/// The lineage ends: its effect is judged leg by leg (rule R8), its cost is booked once.
fn finalized(mut draft: Drafting, mut lineage: Lineage, lane: &LaneId, id: AttemptId, receipt: &Receipt) -> Result<Decision, Refusal> {
    let (_, hash) = signed_attempt(&lineage, id)?;
    if hash != receipt.hash {
        return Err(Refusal::BadAttempt { detail: format!("attempt {id} has hash {hash}, its receipt {}", receipt.hash) });
    }
    for attempt in &mut lineage.attempts {
        let fate = if attempt.id == id { Knowledge::Finalized { block: receipt.block } } else { Knowledge::Conflicted { by: hash } };
        if let Stage::Signed { knowledge, .. } = &mut attempt.stage {
            *knowledge = fate;
        }
    }
    lineage.state = LineageState::Final { attempt: id, at: draft.now() };
    for leg in &lineage.legs {
        let effect = receipt.effects.iter().find(|effect| effect.payout == leg.payout).map(|found| &found.effect);
        let effect = effect
            .ok_or_else(|| Refusal::BadAttempt { detail: format!("the receipt of {hash} says nothing about payout {}", leg.payout) })?;
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
    draft.change(Change::Lineage(lineage));
    draft.answer(Answer::Done)
}

fn end_leg(draft: &mut Drafting, leg: &Leg, lineage: &Lineage, lane: &LaneId, effect: &Effect, receipt: &Receipt) -> Result<(), Refusal> {
    let mut withdrawal = draft.withdrawal(leg.withdrawal)?.clone();
    if !matches!(withdrawal.state, State::Processing { lineage: live, .. } if live == lineage.id) {
        return Err(Refusal::BadAttempt { detail: format!("withdrawal {} is not in lineage {}", leg.withdrawal, lineage.id) });
    }
    let (at, hash, block) = (draft.now(), receipt.hash, receipt.block);
    let payment = Payment { hash, block };
    let kind = match effect {
        Effect::Paid => {
            settle::settle(draft, &withdrawal, lane);
            withdrawal.state = State::Completed { at, payment };
            EventKind::Completed { hash, block, network_fee: receipt.network_fee }
        }
        Effect::Reverted => {
            settle::release(draft, &withdrawal);
            withdrawal.state = State::Failed { at, failure: Failure::Reverted, payment: Some(payment) };
            EventKind::Failed { failure: Failure::Reverted, hash: Some(hash) }
        }
        Effect::Unexpected { .. } if planted(Mistake::OddIsFailure) => {
            settle::release(draft, &withdrawal);
            withdrawal.state = State::Failed { at, failure: Failure::Reverted, payment: Some(payment) };
            EventKind::Failed { failure: Failure::Reverted, hash: Some(hash) }
        }
        Effect::Unexpected { finding } => {
            withdrawal.state = State::HeldForInspection { since: at, finding: finding.clone(), payment };
            EventKind::HeldForInspection { finding: finding.clone(), hash }
        }
        Effect::Cancelled if planted(Mistake::JoinerNeverFreed) && lineage.cancel.is_none() => return Ok(()),
        Effect::Cancelled => return undo(draft, leg, lineage, withdrawal, hash),
    };
    draft.change(Change::Withdrawal(withdrawal));
    draft.user_event(&leg.user, Some(leg.withdrawal), kind)
}

/// The anchors are gone and nobody was paid: given back where that was wished, planned anew where it was not (rule R4).
fn undo(draft: &mut Drafting, leg: &Leg, lineage: &Lineage, mut withdrawal: Withdrawal, evidence: Hash32) -> Result<(), Refusal> {
    let kind = match lineage.cancel.as_ref().filter(|wish| wish.covers(leg.withdrawal)) {
        Some(wish) => {
            settle::release(draft, &withdrawal);
            withdrawal.state = State::Cancelled { at: draft.now(), by: wish.by.clone(), reason: wish.reason.clone() };
            EventKind::Cancelled { reason: wish.reason.clone() }
        }
        None => {
            let after = Some(DeadLineage { lineage: lineage.id, evidence });
            withdrawal.state = State::Approved { by: crate::Actor::Engine, at: draft.now(), deferred: None, after };
            EventKind::Requeued { hash: evidence }
        }
    };
    draft.change(Change::Withdrawal(withdrawal));
    draft.user_event(&leg.user, Some(leg.withdrawal), kind)
}

/// Somebody else's transaction took the nonce, finally.
struct Usurper<'a> {
    payment: Payment,
    decoded: &'a str,
    payees: &'a [PayoutId],
    consumed: &'a [Anchor],
}

/// Every attempt must be dead, each by something that it spends itself (rule R4): a coin that only a later version added says nothing about
/// the first. The lane stops. Once a person has adopted the key anew, the payouts are free. Where that
/// transaction seems to pay it, a person judges.
fn conflicted(mut draft: Drafting, mut lineage: Lineage, lane: &LaneId, usurper: &Usurper) -> Result<Decision, Refusal> {
    let by = usurper.payment.hash;
    if lineage.attempts.iter().filter_map(Attempt::signed).any(|signed| signed.hash == by) {
        return draft.unchanged();
    }
    let dead = |attempt: &Attempt| attempt.draft.anchors(lane).iter().any(|anchor| usurper.consumed.contains(anchor));
    if let Some(alive) = lineage.attempts.iter().find(|attempt| !dead(attempt)) {
        return Err(Refusal::BadAttempt { detail: format!("attempt {} may still be mined: nothing that it spends is consumed", alive.id) });
    }
    let row = draft.lane(lane)?;
    let nonce = lineage.number();
    if nonce >= row.adopted_from && !planted(Mistake::LeftPoolIsFree) {
        return stop_lane(draft, row.clone(), nonce, by, usurper.decoded);
    }
    for attempt in &mut lineage.attempts {
        if let Stage::Signed { knowledge, .. } = &mut attempt.stage {
            *knowledge = Knowledge::Conflicted { by };
        }
    }
    lineage.state = LineageState::Conflicted { by, at: draft.now() };
    for leg in &lineage.legs {
        let withdrawal = draft.withdrawal(leg.withdrawal)?.clone();
        if withdrawal.state.status() != Status::Processing {
            return Err(Refusal::Changed { what: format!("withdrawal {}", leg.withdrawal) });
        }
        match usurper.payees.contains(&leg.payout) {
            true => inspect_later(&mut draft, leg, withdrawal, usurper)?,
            false => undo(&mut draft, leg, &lineage, withdrawal, by)?,
        }
    }
    draft.change(Change::Lineage(lineage));
    draft.answer(Answer::Done)
}

fn inspect_later(draft: &mut Drafting, leg: &Leg, mut withdrawal: Withdrawal, usurper: &Usurper) -> Result<(), Refusal> {
    let finding = format!("a transaction that this engine did not make seems to pay it: {}", usurper.decoded);
    let payment = usurper.payment.clone();
    let kind = EventKind::HeldForInspection { finding: finding.clone(), hash: payment.hash };
    withdrawal.state = State::HeldForInspection { since: draft.now(), finding, payment };
    draft.change(Change::Withdrawal(withdrawal));
    draft.user_event(&leg.user, Some(leg.withdrawal), kind)
}

/// The wallet's history shows a payment like this one that nobody here remembers: after a restore of database and journal together it may
/// be this very one (window F89). It is not paid again before a person has looked.
pub(super) fn suspect(mut draft: Drafting, leg: &Leg, payment: &Payment, finding: &str) -> Result<Decision, Refusal> {
    let withdrawal = draft.withdrawal(leg.withdrawal)?.clone();
    if !matches!(withdrawal.state, State::Pending | State::Approved { .. }) {
        return draft.unchanged();
    }
    inspect_later(&mut draft, leg, withdrawal, &Usurper { payment: payment.clone(), decoded: finding, payees: &[], consumed: &[] })?;
    draft.answer(Answer::Done)
}

fn stop_lane(mut draft: Drafting, mut row: Lane, nonce: u64, hash: Hash32, decoded: &str) -> Result<Decision, Refusal> {
    if let LaneState::Halted { .. } = row.state {
        return draft.unchanged();
    }
    let reason = HaltReason::ForeignUse { nonce, hash: Some(hash), decoded: decoded.to_owned() };
    row.state = LaneState::Halted { reason: reason.clone(), since: draft.now() };
    draft.event(EventKind::LaneHalted { lane: row.id.clone(), reason });
    draft.change(Change::Lane(row));
    draft.answer(Answer::Done)
}
