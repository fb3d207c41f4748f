//! What people do to a withdrawal on its way: approve, cancel, retry.

use crate::{
    Actor, Answer, CancelWish, Change, DeadLineage, Decision, DeferralCause, EventKind, LaneId,
    Leg, LineageId, LineageState, Mistake, Refusal, Span, State, Withdrawal, WithdrawalId, planted,
};

use super::settle::GiveBack;
use super::{Drafting, settle};

/// Whoever asked does not approve it, by whichever of their keys (abuse case +34).
pub(super) fn approve(mut draft: Drafting, id: WithdrawalId) -> Result<Decision, Refusal> {
    let withdrawal = draft.withdrawal(id)?.clone();
    let State::Pending = withdrawal.state else {
        return Err(Refusal::NotApprovable { status: withdrawal.state.status() });
    };
    let client = draft.actor.client();
    if withdrawal.requested_by.as_ref() == Some(&client) && *draft.actor != Actor::Engine {
        return Err(Refusal::SelfApproval { client });
    }
    let state =
        State::Approved { by: draft.actor.clone(), at: draft.now(), deferred: None, after: None };
    draft.user_event(&withdrawal.user, Some(id), EventKind::Approved)?;
    draft.change(Change::Withdrawal(Withdrawal { state, ..withdrawal }));
    draft.answer(Answer::Done)
}

/// Takes an approval of the policy back; a person's stands. Whoever left a dead lineage stays
/// approved, and waits: the proof of its end, which the signer asks for before it pays or gives
/// back, is kept with the approval.
pub(super) fn reapprove(
    mut draft: Drafting,
    leg: &Leg,
    lane: &LaneId,
    reason: &str,
) -> Result<Decision, Refusal> {
    let id = leg.withdrawal;
    let withdrawal = draft.withdrawal(id)?.clone();
    match withdrawal.state {
        State::Approved { by: Actor::Engine, after: None, .. } => {}
        State::Approved { by: Actor::Engine, after: Some(_), .. } => {
            return settle::defer(draft, leg, lane, reason, &DeferralCause::ClaimUnread);
        }
        State::Pending
        | State::Approved { .. }
        | State::Processing { .. }
        | State::Completed { .. }
        | State::Failed { .. }
        | State::Cancelled { .. }
        | State::HeldForInspection { .. } => return draft.unchanged(),
    }
    draft.user_event(
        &withdrawal.user,
        Some(id),
        EventKind::ApprovalWithdrawn { reason: reason.to_owned() },
    )?;
    draft.change(Change::Withdrawal(Withdrawal { state: State::Pending, ..withdrawal }));
    draft.answer(Answer::Done)
}

/// Before anything is reserved a withdrawal is simply given back. After that only a cancelling
/// attempt that becomes final does so (rule R9); then the wish is noted, and the lane acts on it.
/// The owner may only take back what is still pending.
pub(super) fn cancel(
    draft: Drafting,
    id: WithdrawalId,
    lineage: Option<LineageId>,
    reason: &str,
) -> Result<Decision, Refusal> {
    let withdrawal = draft.withdrawal(id)?.clone();
    let operator = draft.actor.is_operator();
    let refused = Refusal::NotCancellable { status: withdrawal.state.status() };
    match &withdrawal.state {
        State::Pending => give_back(draft, withdrawal, reason),
        State::Approved { .. } if operator => give_back(draft, withdrawal, reason),
        State::Processing { .. } if operator && planted(Mistake::CancelFreesAtOnce) => {
            give_back(draft, withdrawal, reason)
        }
        State::Processing { lineage: live, .. } if operator => {
            wish_cancel(draft, &withdrawal, *live, lineage, reason)
        }
        State::Cancelled { .. } => draft.unchanged(),
        State::Approved { .. }
        | State::Processing { .. }
        | State::Completed { .. }
        | State::Failed { .. }
        | State::HeldForInspection { .. } => Err(refused),
    }
}

fn give_back(
    mut draft: Drafting,
    withdrawal: Withdrawal,
    reason: &str,
) -> Result<Decision, Refusal> {
    draft.may_give_back(&withdrawal)?;
    count_cancel(&mut draft, &withdrawal)?;
    let by = draft.actor;
    let state = State::Cancelled { at: draft.now(), by: by.clone(), reason: reason.to_owned() };
    settle::release(&mut draft, &withdrawal, GiveBack { by, reason, ended: left(&withdrawal) });
    draft.user_event(
        &withdrawal.user,
        Some(withdrawal.id),
        EventKind::Cancelled { reason: reason.to_owned() },
    )?;
    draft.change(Change::Withdrawal(Withdrawal { state, ..withdrawal }));
    draft.answer(Answer::Done)
}

/// The ended lineage that carried it before, where there is one: the signer may not have been told.
pub(super) fn left(withdrawal: &Withdrawal) -> Option<DeadLineage> {
    match withdrawal.state {
        State::Approved { after, .. } => after,
        State::Pending
        | State::Processing { .. }
        | State::Completed { .. }
        | State::Failed { .. }
        | State::Cancelled { .. }
        | State::HeldForInspection { .. } => None,
    }
}

/// The signer says that a hold was given back, or was about to be. What this store shows is older,
/// or was left half done by a process that ended (case F93).
pub(super) fn finish(
    mut draft: Drafting,
    leg: &Leg,
    by: &str,
    reason: &str,
) -> Result<Decision, Refusal> {
    let withdrawal = draft.withdrawal(leg.withdrawal)?.clone();
    if !matches!(withdrawal.state, State::Pending | State::Approved { .. }) {
        return draft.unchanged();
    }
    draft.knows_journal(&withdrawal)?;
    let reason = format!("{reason} (by {by}, as the signer's journal says)");
    let state = State::Cancelled { at: draft.now(), by: Actor::Engine, reason: reason.clone() };
    settle::release(
        &mut draft,
        &withdrawal,
        GiveBack { by: &Actor::Engine, reason: &reason, ended: left(&withdrawal) },
    );
    draft.user_event(&withdrawal.user, Some(withdrawal.id), EventKind::Cancelled { reason })?;
    draft.change(Change::Withdrawal(Withdrawal { state, ..withdrawal }));
    draft.answer(Answer::Done)
}

/// A user's own cancels are bounded: taking and giving back is not free of cost for everyone else.
fn count_cancel(draft: &mut Drafting, withdrawal: &Withdrawal) -> Result<(), Refusal> {
    let Actor::User { user } = draft.actor else { return Ok(()) };
    let (now, most, day) = (draft.now(), draft.rules.cancels_per_day_max, Span::from_hours(24));
    debug_assert_eq!(*user, withdrawal.user, "a user reaches only his own withdrawals");
    let row = draft.user(&withdrawal.user)?;
    if row.cancels_since.credible(now).is_none_or(|since| now >= since.plus(day)) {
        row.cancels = 0;
        row.cancels_since = now;
    }
    if row.cancels >= most {
        return Err(Refusal::TooManyCancels { until: row.cancels_since.plus(day) });
    }
    row.cancels += 1;
    Ok(())
}

fn wish_cancel(
    mut draft: Drafting,
    withdrawal: &Withdrawal,
    live: LineageId,
    read: Option<LineageId>,
    reason: &str,
) -> Result<Decision, Refusal> {
    if read != Some(live) {
        return Err(Refusal::Changed { what: format!("withdrawal {}", withdrawal.id) });
    }
    // An older state of the store may show it in a lineage that has ended since, and that another
    // one followed.
    draft.may_give_back(withdrawal)?;
    let mut lineage = draft.view.lineage(live).cloned().ok_or(Refusal::UnknownWithdrawal)?;
    match &mut lineage.cancel {
        Some(wish) if wish.covers(withdrawal.id) => return draft.unchanged(),
        Some(wish) => wish.withdrawals.push(withdrawal.id),
        wish @ None => {
            *wish = Some(CancelWish {
                by: draft.actor.clone(),
                reason: reason.to_owned(),
                withdrawals: vec![withdrawal.id],
                doubted: false,
            });
        }
    }
    draft.change(Change::Lineage(lineage));
    draft.user_event(
        &withdrawal.user,
        Some(withdrawal.id),
        EventKind::CancelRequested { reason: reason.to_owned() },
    )?;
    draft.answer(Answer::Done)
}

/// Somebody wished a payment cancelled before it was noticed that the store had gone back: the
/// signer has signed it in a later lineage, and no hold is given back. The wish of others stands
/// (simulator seed 145).
pub(super) fn drop_wish(
    mut draft: Drafting,
    id: LineageId,
    withdrawal: WithdrawalId,
) -> Result<Decision, Refusal> {
    let mut lineage = draft.view.lineage(id).cloned().ok_or(Refusal::UnknownWithdrawal)?;
    let Some(wish) = lineage
        .cancel
        .as_mut()
        .filter(|wish| lineage.state == LineageState::Live && wish.covers(withdrawal))
    else {
        return draft.unchanged();
    };
    // One without names is of before lineages had several payments.
    wish.withdrawals.retain(|named| *named != withdrawal);
    if wish.withdrawals.is_empty() && !wish.doubted {
        lineage.cancel = None;
    }
    draft.change(Change::Lineage(lineage));
    draft.answer(Answer::Done)
}

/// Wakes an unfinished withdrawal. A failed one is never revived: its hold was given back.
pub(super) fn retry(mut draft: Drafting, id: WithdrawalId) -> Result<Decision, Refusal> {
    let mut withdrawal = draft.withdrawal(id)?.clone();
    let status = withdrawal.state.status();
    match &mut withdrawal.state {
        State::Approved { deferred, .. } => *deferred = None,
        State::Pending | State::Processing { .. } => {}
        State::Completed { .. }
        | State::Failed { .. }
        | State::Cancelled { .. }
        | State::HeldForInspection { .. } => {
            return Err(Refusal::NotRetryable { status });
        }
    }
    withdrawal.retries += 1;
    draft.user_event(&withdrawal.user, Some(id), EventKind::Retried)?;
    draft.change(Change::Withdrawal(withdrawal));
    draft.answer(Answer::Done)
}
