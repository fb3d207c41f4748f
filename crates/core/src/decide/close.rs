//! The end of a lineage of which nothing was signed, where no nonce has to be used up: no transaction is made (case F92).
//!
//! The signer is the proof. Before a hold is given back it retires the payout, which it refuses if it has signed it. Whoever is planned
//! anew cannot be paid twice either: a payout that was signed lives in one lineage only.

use crate::{Actor, Answer, CancelWish, Change, Decision, EventKind, LaneId, Leg, LineageId, LineageState, Refusal, State, Withdrawal};

use super::settle::GiveBack;
use super::{Drafting, conflict, settle};

pub(super) fn close(mut draft: Drafting, lane: &LaneId, id: LineageId) -> Result<Decision, Refusal> {
    let mut lineage = draft.view.lineage(id).cloned().ok_or(Refusal::UnknownWithdrawal)?;
    if !lineage.is_live() {
        return draft.unchanged();
    }
    if !draft.lane(lane)?.has_read_journal() {
        return Err(Refusal::JournalUnread { lane: lane.to_string() });
    }
    if !lineage.may_be_closed() {
        return Err(Refusal::Changed { what: format!("lineage {id}") });
    }
    for leg in &lineage.legs {
        match lineage.cancel.as_ref().filter(|wish| wish.covers(leg.withdrawal)) {
            Some(wish) => give_back(&mut draft, leg, wish)?,
            None => plan_anew(&mut draft, leg)?,
        }
    }
    lineage.state = LineageState::Closed { at: draft.now() };
    draft.change(Change::Lineage(lineage));
    draft.answer(Answer::Done)
}

fn give_back(draft: &mut Drafting, leg: &Leg, wish: &CancelWish) -> Result<(), Refusal> {
    let CancelWish { by, reason, .. } = wish;
    let withdrawal = conflict::processing(draft, leg)?;
    settle::release(draft, &withdrawal, GiveBack { by, reason, ended: None });
    let state = State::Cancelled { at: draft.now(), by: by.clone(), reason: reason.clone() };
    draft.change(Change::Withdrawal(Withdrawal { state, ..withdrawal }));
    draft.user_event(&leg.user, Some(leg.withdrawal), EventKind::Cancelled { reason: reason.clone() })
}

fn plan_anew(draft: &mut Drafting, leg: &Leg) -> Result<(), Refusal> {
    let withdrawal = conflict::processing(draft, leg)?;
    let state = State::Approved { by: Actor::Engine, at: draft.now(), deferred: None, after: None };
    draft.change(Change::Withdrawal(Withdrawal { state, ..withdrawal }));
    draft.user_event(&leg.user, Some(leg.withdrawal), EventKind::Requeued { hash: None })
}
