//! How a hold ends: settled because the chain paid, or released because it never will. Once, by type and by constraint.

use crate::{
    Account, Answer, AssetId, Cause, Change, Decision, Deferral, EventKind, Failure, LaneId, Leg, Mistake, Receipt, Refusal, State,
    TransferKind, Withdrawal, planted,
};

use super::Drafting;

/// Gives a hold back, and its place in the limits with it.
pub(super) fn release(draft: &mut Drafting, withdrawal: &Withdrawal) {
    let user = owner(withdrawal);
    let kind = TransferKind::Release { hold: withdrawal.hold };
    draft.transfer(kind, user.clone(), user, withdrawal.deducted, cause(withdrawal));
    draft.change(Change::LimitGivenBack(withdrawal.limit.clone()));
}

/// Moves a hold to where it belongs, and the paid amount out of our wallet.
///
/// Coins and tokens: user → wallet, our fee wallet → fees. Points: user → issuer, our fee issuer → fees, and the token that was paid
/// for them treasury → wallet: two linked movements in one commit (requirement D9).
pub(super) fn settle(draft: &mut Drafting, withdrawal: &Withdrawal, lane: &LaneId) {
    let hot = Account::Hot { wallet: lane.clone(), asset: withdrawal.asset.clone() };
    let as_points = withdrawal.source_asset != withdrawal.asset;
    let sink = match as_points {
        true => Account::Issuer { book: withdrawal.book.clone(), asset: withdrawal.source_asset.clone() },
        false => hot.clone(),
    };
    let kind = TransferKind::Settle { hold: withdrawal.hold };
    let moved = if planted(Mistake::SettleTooLittle) { withdrawal.amount } else { withdrawal.deducted };
    draft.transfer(kind, owner(withdrawal), sink.clone(), moved, cause(withdrawal));
    if !withdrawal.fee.is_zero() {
        let fees = Account::Fees { asset: withdrawal.source_asset.clone() };
        draft.transfer(TransferKind::Post, sink, fees, withdrawal.fee, cause(withdrawal));
    }
    if as_points {
        let treasury = Account::Treasury { asset: withdrawal.asset.clone() };
        draft.transfer(TransferKind::Post, treasury, hot, withdrawal.amount, cause(withdrawal));
    }
}

/// Books what one final transaction cost us, whatever it was for.
pub(super) fn book_network_fee(draft: &mut Drafting, lane: &LaneId, native: &AssetId, receipt: &Receipt) {
    if receipt.network_fee.is_zero() {
        return;
    }
    let expense = Account::Network { chain: lane.chain.clone(), asset: native.clone() };
    let hot = Account::Hot { wallet: lane.clone(), asset: native.clone() };
    let cause = Cause::NetworkFee { transaction: receipt.hash.to_string() };
    draft.transfer(TransferKind::Post, expense, hot, receipt.network_fee, cause);
}

/// A payout that cannot be planned now waits; one that the chain itself would refuse, again and again, is given back: nothing of it was
/// ever reserved (rule R9).
pub(super) fn defer(mut draft: Drafting, leg: &Leg, lane: &LaneId, reason: &str, blame_payout: bool) -> Result<Decision, Refusal> {
    let chain = draft.chain(lane)?;
    let mut withdrawal = draft.withdrawal(leg.withdrawal)?.clone();
    let State::Approved { by, at, deferred, after } = withdrawal.state.clone() else { return draft.unchanged() };
    let tries = deferred.map_or(0, |before| before.tries) + u32::from(blame_payout);
    if blame_payout && tries >= chain.precheck_tries_max && after.is_none() {
        let failure = Failure::Precheck { reason: reason.to_owned() };
        return fail(draft, withdrawal, failure);
    }
    let until = draft.now().plus(chain.precheck_backoff.backoff(tries.saturating_sub(1), crate::Span::from_hours(1)));
    withdrawal.state = State::Approved { by, at, deferred: Some(Deferral { reason: reason.to_owned(), tries, until }), after };
    draft.change(Change::Withdrawal(withdrawal));
    draft.user_event(&leg.user, Some(leg.withdrawal), EventKind::Deferred { reason: reason.to_owned(), until })?;
    draft.answer(Answer::Done)
}

fn fail(mut draft: Drafting, mut withdrawal: Withdrawal, failure: Failure) -> Result<Decision, Refusal> {
    if !planted(Mistake::HoldLeaks) {
        release(&mut draft, &withdrawal);
    }
    draft.user_event(&withdrawal.user, Some(withdrawal.id), EventKind::Failed { failure: failure.clone(), hash: None })?;
    withdrawal.state = State::Failed { at: draft.now(), failure, payment: None };
    draft.change(Change::Withdrawal(withdrawal));
    draft.answer(Answer::Done)
}

/// A named person says what the unexpected transaction was: it paid, or it did not.
pub(super) fn inspect(mut draft: Drafting, leg: &Leg, lane: &LaneId, paid: bool, note: &str) -> Result<Decision, Refusal> {
    let mut withdrawal = draft.withdrawal(leg.withdrawal)?.clone();
    let State::HeldForInspection { payment, finding, .. } = withdrawal.state.clone() else {
        return Err(Refusal::NotUnderInspection { status: withdrawal.state.status() });
    };
    let at = draft.now();
    match paid {
        true => {
            settle(&mut draft, &withdrawal, lane);
            withdrawal.state = State::Completed { at, payment };
        }
        false => {
            release(&mut draft, &withdrawal);
            let failure = Failure::Inspected { finding, note: note.to_owned() };
            withdrawal.state = State::Failed { at, failure, payment: Some(payment) };
        }
    }
    draft.user_event(&leg.user, Some(leg.withdrawal), EventKind::Inspected { paid, note: note.to_owned() })?;
    draft.change(Change::Withdrawal(withdrawal));
    draft.answer(Answer::Done)
}

fn owner(withdrawal: &Withdrawal) -> Account {
    Account::User { user: withdrawal.user.clone(), book: withdrawal.book.clone(), asset: withdrawal.source_asset.clone() }
}

fn cause(withdrawal: &Withdrawal) -> Cause {
    Cause::Withdrawal { id: withdrawal.id }
}
