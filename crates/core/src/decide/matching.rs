//! A payment that no row explained gets its user, by a person's word (case F95). One payment is
//! never given to two.

use crate::{
    Account, Amount, Answer, Book, Cause, Change, Charge, DeadLineage, Decision, EventKind, LaneId,
    Leg, Lineage, LineageId, Matched, Payment, Refusal, State, TransferKind, UserId, Withdrawal,
    WithdrawalId,
};

use super::Drafting;
use super::made_again::unknown;
use super::people::CREDIT_BASE_UNITS_MAX;
use super::settle::{self, GiveBack};

/// A payment that was found, and where.
pub(super) struct Found<'a> {
    pub leg: &'a Leg,
    pub lane: &'a LaneId,
    /// The ended lineage that paid it.
    pub lineage: LineageId,
}

pub(super) fn matched(
    draft: Drafting,
    found: &Found,
    to: &Matched,
    note: &str,
) -> Result<Decision, Refusal> {
    let Found { leg, lane, lineage } = *found;
    let withdrawal = draft.withdrawal(leg.withdrawal)?.clone();
    draft.knows_journal(&withdrawal)?;
    match to {
        Matched::User { user, book, charge } => {
            to_user(draft, withdrawal, lane, &To { user, book, charge }, note)
        }
        Matched::Withdrawal { leg } => to_withdrawal(draft, withdrawal, (lane, lineage), leg, note),
    }
}

/// Whose it was, and what it took.
struct To<'a> {
    user: &'a UserId,
    book: &'a Book,
    charge: &'a Charge,
}

/// The payment was this user's. What it cost leaves their balance; what they do not have is a debt
/// until credits come again.
fn to_user(
    mut draft: Drafting,
    withdrawal: Withdrawal,
    lane: &LaneId,
    to: &To,
    note: &str,
) -> Result<Decision, Refusal> {
    if is_matched_so(&withdrawal, to) {
        return draft.unchanged();
    }
    let payment = unmatched_payment(&withdrawal)?;
    if *to.user == unknown() {
        return refused(format!("{} is nobody", to.user));
    }
    let fee = fee(&draft, &withdrawal, to)?;
    // Equal requests wait for some days from now on: dated wrongly they would not, or for years
    // (case F97).
    draft.sure_of_time()?;
    settle::settle(&mut draft, &withdrawal, lane);
    let had = charge(&mut draft, &withdrawal, to, fee);
    draft.note_match(withdrawal.id, to.user.clone());
    draft.user_event(to.user, Some(withdrawal.id), EventKind::Matched { note: note.to_owned() })?;
    let state = State::Completed { at: draft.now(), payment };
    draft.change(Change::Withdrawal(Withdrawal {
        user: to.user.clone(),
        book: to.book.clone(),
        source_asset: to.charge.source_asset.clone(),
        deducted: to.charge.deducted,
        fee,
        balance_before: had,
        balance_after: had.saturating_sub(to.charge.deducted),
        state,
        ..withdrawal
    }));
    draft.answer(Answer::Done)
}

/// The same was said before.
fn is_matched_so(withdrawal: &Withdrawal, to: &To) -> bool {
    let Withdrawal { user, book, source_asset, deducted, .. } = withdrawal;
    let said = (to.user, to.book, &to.charge.source_asset, &to.charge.deducted);
    matches!(withdrawal.state, State::Completed { .. })
        && (user, book, source_asset, deducted) == said
}

/// Returns what we kept of the charge, in its asset: what a payment took beyond what it paid. Of
/// points nobody remembers it.
///
/// # Errors
/// [`Refusal::NotMatchable`] where no payment takes this; [`Refusal::TooLarge`] where nobody was
/// ever credited so much.
fn fee(draft: &Drafting, withdrawal: &Withdrawal, to: &To) -> Result<Amount, Refusal> {
    let Charge { source_asset: source, deducted } = to.charge;
    let (paid, asset) = (withdrawal.amount, &withdrawal.asset);
    if *deducted > CREDIT_BASE_UNITS_MAX {
        return Err(Refusal::TooLarge { asset: source.clone() });
    }
    if source == asset {
        let less = || refused(format!("it paid more {asset} than it would have taken"));
        return deducted.checked_sub(paid).map_or_else(less, Ok);
    }
    match draft.rules.claims_of(source, asset) {
        None => refused(format!("{asset} is not paid for {source}")),
        Some(claims) if claims.book != *to.book => {
            refused(format!("claims take {source} from book {}, not from {}", claims.book, to.book))
        }
        Some(_) if deducted.is_zero() => {
            refused(format!("a claim takes {source}, and none is said to have been taken"))
        }
        Some(_) => Ok(Amount::ZERO),
    }
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
    if let (State::Cancelled { .. }, State::Completed { payment, .. }) =
        (&withdrawal.state, &other.state)
    {
        let same = draft.view.lineage(lineage).and_then(Lineage::ended_by) == Some(payment.hash);
        return if same {
            draft.unchanged()
        } else {
            refused(format!("{} was matched otherwise", withdrawal.id))
        };
    }
    let payment = unmatched_payment(&withdrawal)?;
    if !matches!(other.state, State::HeldForInspection { .. }) || other.user == unknown() {
        let status = other.state.status().as_str();
        return refused(format!(
            "{} is {status}; only one that is held for inspection can be matched",
            other.id
        ));
    }
    if (&other.asset, &other.destination, other.amount)
        != (&withdrawal.asset, &withdrawal.destination, withdrawal.amount)
    {
        return refused(format!(
            "{} asks for another asset, recipient or amount than the payment",
            other.id
        ));
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
    draft.change(Change::Withdrawal(Withdrawal {
        state: State::Completed { at, payment },
        ..other
    }));
    draft.answer(Answer::Done)
}

fn refused<T>(detail: String) -> Result<T, Refusal> {
    Err(Refusal::NotMatchable { detail })
}

/// Its lineage has ended, it was paid, and nobody knows for whom.
fn unmatched_payment(withdrawal: &Withdrawal) -> Result<Payment, Refusal> {
    match &withdrawal.state {
        State::HeldForInspection { payment, pays: true, .. } if withdrawal.user == unknown() => {
            Ok(payment.clone())
        }
        State::HeldForInspection { finding, pays: false, .. } if withdrawal.user == unknown() => {
            refused(format!(
                "of {} the chain does not show that it was paid ({finding}); give your verdict on \
                 it",
                withdrawal.id
            ))
        }
        State::HeldForInspection { .. } => {
            refused(format!("{} has its user already", withdrawal.id))
        }
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

/// Takes from the user what it cost, and gives suspense back what it had lent to nobody's
/// withdrawal. Returns what they had.
///
/// Of a claim the points return to their issuer, and the organisation's own funds paid the token,
/// as in [`settle::settle`].
fn charge(draft: &mut Drafting, withdrawal: &Withdrawal, to: &To, fee: Amount) -> Amount {
    let Charge { source_asset: asset, deducted } = to.charge;
    let (user, book) = (to.user.clone(), to.book.clone());
    let account = Account::User { user: user.clone(), book: book.clone(), asset: asset.clone() };
    let had = draft.view.balance(&account).available();
    let taken = had.min(*deducted);
    let suspense = Account::Suspense { asset: withdrawal.asset.clone() };
    let as_points = *asset != withdrawal.asset;
    let sink = if as_points {
        Account::Issuer { book: book.clone(), asset: asset.clone() }
    } else {
        suspense.clone()
    };
    let debt = Account::Debt { user, book, asset: asset.clone() };
    post(draft, withdrawal.id, (account, sink.clone()), taken);
    post(draft, withdrawal.id, (debt, sink.clone()), deducted.minus(taken));
    post(draft, withdrawal.id, (sink, Account::Fees { asset: asset.clone() }), fee);
    if as_points {
        post(
            draft,
            withdrawal.id,
            (Account::Treasury { asset: withdrawal.asset.clone() }, suspense),
            withdrawal.deducted,
        );
    }
    had
}

fn post(draft: &mut Drafting, id: WithdrawalId, (from, to): (Account, Account), amount: Amount) {
    if !amount.is_zero() {
        draft.transfer(TransferKind::Post, from, to, amount, Cause::Withdrawal { id });
    }
}
