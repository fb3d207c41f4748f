//! A payment that no row explained gets its user, by a person's word (case F95). One payment is never given to two.

use crate::{
    Account, Amount, Answer, AssetId, Book, Cause, Change, DeadLineage, Decision, EventKind, LaneId, Leg, Lineage, LineageId, Matched,
    Payment, Refusal, State, TransferKind, UserId, Withdrawal, WithdrawalId,
};

use super::Drafting;
use super::made_again::unknown;
use super::settle::{self, GiveBack};

/// A payment that was found, and where.
pub(super) struct Found<'a> {
    pub leg: &'a Leg,
    pub lane: &'a LaneId,
    /// The ended lineage that paid it.
    pub lineage: LineageId,
}

pub(super) fn matched(draft: Drafting, found: &Found, to: &Matched, note: &str) -> Result<Decision, Refusal> {
    let Found { leg, lane, lineage } = *found;
    let withdrawal = draft.withdrawal(leg.withdrawal)?.clone();
    draft.knows_journal(&withdrawal)?;
    match to {
        Matched::User { user, book } => to_user(draft, withdrawal, lane, (user, book), note),
        Matched::Withdrawal { leg } => to_withdrawal(draft, withdrawal, (lane, lineage), leg, note),
    }
}

/// The payment was this user's. What it cost leaves their balance; what they do not have is a debt until credits come again.
fn to_user(
    mut draft: Drafting,
    withdrawal: Withdrawal,
    lane: &LaneId,
    (user, book): (&UserId, &Book),
    note: &str,
) -> Result<Decision, Refusal> {
    if matches!(withdrawal.state, State::Completed { .. }) && (&withdrawal.user, &withdrawal.book) == (user, book) {
        return draft.unchanged();
    }
    let payment = unmatched_payment(&withdrawal)?;
    if *user == unknown() {
        return refused(format!("{user} is nobody"));
    }
    settle::settle(&mut draft, &withdrawal, lane);
    charge(&mut draft, &withdrawal, (user, book));
    draft.note_match(withdrawal.id, user.clone());
    draft.user_event(user, Some(withdrawal.id), EventKind::Matched { note: note.to_owned() })?;
    let state = State::Completed { at: draft.now(), payment };
    let (user, book) = (user.clone(), book.clone());
    draft.change(Change::Withdrawal(Withdrawal { user, book, state, ..withdrawal }));
    draft.answer(Answer::Done)
}

/// The payment was this withdrawal's, which its own lineage did not pay.
fn to_withdrawal(
    mut draft: Drafting,
    withdrawal: Withdrawal,
    (lane, lineage): (&LaneId, LineageId),
    leg: &Leg,
    note: &str,
) -> Result<Decision, Refusal> {
    let other = draft.withdrawal(leg.withdrawal)?.clone();
    if let (State::Cancelled { .. }, State::Completed { payment, .. }) = (&withdrawal.state, &other.state) {
        let same = draft.view.lineage(lineage).and_then(Lineage::ended_by) == Some(payment.hash);
        return if same { draft.unchanged() } else { refused(format!("{} was matched otherwise", withdrawal.id)) };
    }
    let payment = unmatched_payment(&withdrawal)?;
    if !matches!(other.state, State::HeldForInspection { .. }) || other.user == unknown() {
        let status = other.state.status().as_str();
        return refused(format!("{} is {status}; only one that is held for inspection can be matched", other.id));
    }
    if (&other.asset, &other.destination, other.amount) != (&withdrawal.asset, &withdrawal.destination, withdrawal.amount) {
        return refused(format!("{} asks for another asset, recipient or amount than the payment", other.id));
    }
    let ended = Some(DeadLineage { lineage, evidence: payment.hash });
    let reason = format!("it is the payment of {}: {note}", other.id);
    let by = draft.actor;
    settle::release(&mut draft, &withdrawal, GiveBack { by, reason: &reason, ended });
    settle::settle(&mut draft, &other, lane);
    draft.user_event(&other.user, Some(other.id), EventKind::Matched { note: note.to_owned() })?;
    let at = draft.now();
    let cancelled = State::Cancelled { at, by: by.clone(), reason };
    draft.change(Change::Withdrawal(Withdrawal { state: cancelled, ..withdrawal }));
    draft.change(Change::Withdrawal(Withdrawal { state: State::Completed { at, payment }, ..other }));
    draft.answer(Answer::Done)
}

fn refused<T>(detail: String) -> Result<T, Refusal> {
    Err(Refusal::NotMatchable { detail })
}

/// Its lineage has ended, it was paid, and nobody knows for whom.
fn unmatched_payment(withdrawal: &Withdrawal) -> Result<Payment, Refusal> {
    match &withdrawal.state {
        State::HeldForInspection { payment, pays: true, .. } if withdrawal.user == unknown() => Ok(payment.clone()),
        State::HeldForInspection { finding, pays: false, .. } if withdrawal.user == unknown() => {
            refused(format!("of {} the chain does not show that it was paid ({finding}); give your verdict on it", withdrawal.id))
        }
        State::HeldForInspection { .. } => refused(format!("{} has its user already", withdrawal.id)),
        State::Pending
        | State::Approved { .. }
        | State::Processing { .. }
        | State::Completed { .. }
        | State::Failed { .. }
        | State::Cancelled { .. } => refused(format!(
            "{} is {}; a payment can be matched once it is final and as long as nobody has been",
            withdrawal.id,
            withdrawal.state.status().as_str()
        )),
    }
}

/// Takes from the user what suspense had lent to nobody's withdrawal.
fn charge(draft: &mut Drafting, withdrawal: &Withdrawal, (user, book): (&UserId, &Book)) {
    let asset = &withdrawal.source_asset;
    let account = Account::User { user: user.clone(), book: book.clone(), asset: asset.clone() };
    let had = draft.view.balance(&account).available().min(withdrawal.deducted);
    let debt = Account::Debt { user: user.clone(), book: book.clone(), asset: asset.clone() };
    for (from, amount) in [(account, had), (debt, withdrawal.deducted.minus(had))] {
        to_suspense(draft, from, asset, amount, withdrawal.id);
    }
}

fn to_suspense(draft: &mut Drafting, from: Account, asset: &AssetId, amount: Amount, id: WithdrawalId) {
    if !amount.is_zero() {
        draft.transfer(TransferKind::Post, from, Account::Suspense { asset: asset.clone() }, amount, Cause::Withdrawal { id });
    }
}
