//! Somebody else's transaction in the place of ours: the lane stops, and whom it seems to pay a
//! person looks at.

use crate::{
    Anchor, Answer, Attempt, Change, Decision, EventKind, HaltReason, Hash32, Knowledge, Lane,
    LaneId, LaneState, Leg, Lineage, LineageState, Mistake, Payment, PayoutId, Refusal, Stage,
    State, Status, Timestamp, Withdrawal, planted,
};

use super::Drafting;
use super::observe::{End, undo};

/// Somebody else's transaction took the nonce, finally.
pub(super) struct Usurper<'a> {
    pub payment: Payment,
    pub decoded: &'a str,
    pub payees: &'a [PayoutId],
    pub consumed: &'a [Anchor],
}

/// Every attempt must be dead, each by something that it spends itself (rule R4): a coin that only
/// a later version added says nothing about the first. The lane stops. Once a person has adopted
/// the key anew, the payouts are free. Where that transaction seems to pay it, a person judges.
pub(super) fn conflicted(
    mut draft: Drafting,
    mut lineage: Lineage,
    lane: &LaneId,
    usurper: &Usurper,
) -> Result<Decision, Refusal> {
    let by = usurper.payment.hash;
    if lineage.attempts.iter().filter_map(Attempt::signed).any(|signed| signed.hash == by) {
        return draft.unchanged();
    }
    if let Some(alive) = alive(&lineage, lane, usurper.consumed) {
        return Err(Refusal::BadAttempt {
            detail: format!(
                "attempt {} may still be mined: nothing that it spends is consumed",
                alive.id
            ),
        });
    }
    let row = draft.lane(lane)?;
    let nonce = lineage.number();
    // After both stores were restored something forgotten is expected in the place of ours, and
    // nothing is planned before a person looks.
    if nonce >= row.adopted_from && !row.expects_forgotten() && !planted(Mistake::LeftPoolIsFree) {
        return stop_lane(draft, row.clone(), nonce, by, usurper.decoded);
    }
    end(&mut lineage, by, draft.now());
    for leg in &lineage.legs {
        let withdrawal = processing(&draft, leg)?;
        match usurper.payees.contains(&leg.payout) {
            true => inspect_later(&mut draft, leg, withdrawal, usurper)?,
            false => undo(
                &mut draft,
                leg,
                &lineage,
                withdrawal,
                Some(End { hash: by, block: Some(usurper.payment.block) }),
            )?,
        }
    }
    draft.change(Change::Lineage(lineage));
    draft.answer(Answer::Done)
}

/// An attempt that none of these takes anything from.
pub(super) fn alive<'a>(
    lineage: &'a Lineage,
    lane: &LaneId,
    consumed: &[Anchor],
) -> Option<&'a Attempt> {
    let dead = |attempt: &Attempt| {
        attempt.draft.anchors(lane).iter().any(|anchor| consumed.contains(anchor))
    };
    lineage.attempts.iter().find(|attempt| !dead(attempt))
}

/// None of its attempts can be mined any more.
pub(super) fn end(lineage: &mut Lineage, by: Hash32, at: Timestamp) {
    for attempt in &mut lineage.attempts {
        if let Stage::Signed { knowledge, .. } = &mut attempt.stage {
            *knowledge = Knowledge::Conflicted { by };
        }
    }
    lineage.state = LineageState::Conflicted { by, at };
}

/// The withdrawal of a leg whose lineage lives.
pub(super) fn processing(draft: &Drafting, leg: &Leg) -> Result<Withdrawal, Refusal> {
    let withdrawal = draft.withdrawal(leg.withdrawal)?.clone();
    if withdrawal.state.status() != Status::Processing {
        return Err(Refusal::Changed { what: format!("withdrawal {}", leg.withdrawal) });
    }
    Ok(withdrawal)
}

fn inspect_later(
    draft: &mut Drafting,
    leg: &Leg,
    mut withdrawal: Withdrawal,
    usurper: &Usurper,
) -> Result<(), Refusal> {
    let finding =
        format!("a transaction that this engine did not make seems to pay it: {}", usurper.decoded);
    let payment = usurper.payment.clone();
    let kind = EventKind::HeldForInspection { finding: finding.clone(), hash: payment.hash };
    withdrawal.state =
        State::HeldForInspection { since: draft.now(), finding, payment, pays: true };
    draft.change(Change::Withdrawal(withdrawal));
    draft.user_event(&leg.user, Some(leg.withdrawal), kind)
}

/// The wallet's history shows a payment like this one that nobody here remembers: after a restore
/// of database and journal together it may be this very one (window F89). It is not paid again
/// before a person has looked.
pub(super) fn suspect(
    mut draft: Drafting,
    leg: &Leg,
    payment: &Payment,
    finding: &str,
) -> Result<Decision, Refusal> {
    let withdrawal = draft.withdrawal(leg.withdrawal)?.clone();
    if !matches!(withdrawal.state, State::Pending | State::Approved { .. }) {
        return draft.unchanged();
    }
    inspect_later(
        &mut draft,
        leg,
        withdrawal,
        &Usurper { payment: payment.clone(), decoded: finding, payees: &[], consumed: &[] },
    )?;
    draft.answer(Answer::Done)
}

fn stop_lane(
    mut draft: Drafting,
    mut row: Lane,
    nonce: u64,
    hash: Hash32,
    decoded: &str,
) -> Result<Decision, Refusal> {
    if let LaneState::Halted { .. } = row.state {
        return draft.unchanged();
    }
    let reason = HaltReason::ForeignUse { nonce, hash: Some(hash), decoded: decoded.to_owned() };
    row.state = LaneState::Halted { reason: reason.clone(), since: draft.now() };
    draft.event(EventKind::LaneHalted { lane: row.id.clone(), reason });
    draft.change(Change::Lane(row));
    draft.answer(Answer::Done)
}
