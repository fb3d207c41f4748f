//! How a hold ends: settled because the chain paid, or released because it never will. Once, by
//! type and by constraint.

use crate::{
    Account, Actor, Answer, AssetId, Blame, Book, Cause, ChainKind, Change, DeadLineage, Decision,
    Deferral, DeferralCause, EventKind, Failure, LaneId, Leg, LineageId, Mistake, Payment, Receipt,
    Refusal, Retirement, Span, State, TransferKind, Withdrawal, planted,
};

use super::Drafting;
use super::made_again::unknown;

/// Who gives a hold back, why, and what ended the lineage that carried its payout.
#[derive(Clone, Copy)]
pub(super) struct GiveBack<'a> {
    pub by: &'a Actor,
    pub reason: &'a str,
    pub ended: Option<DeadLineage>,
}

/// Gives a hold back, and its place in the limits with it: once the signer has retired the payout,
/// so that no older state of the store pays it again (case F93).
pub(super) fn release(draft: &mut Drafting, withdrawal: &Withdrawal, give_back: GiveBack) {
    retire(draft, withdrawal, give_back);
    let user = owner(withdrawal);
    let kind = TransferKind::Release { hold: withdrawal.hold };
    draft.transfer(kind, user.clone(), user, withdrawal.deducted, cause(withdrawal));
    draft.change(Change::LimitGivenBack(withdrawal.limit.clone()));
    if withdrawal.user == unknown() {
        repay(draft, withdrawal);
    }
}

/// Nobody's withdrawal was not paid: what suspense had lent for it goes back, and no request waits
/// because of it any more.
fn repay(draft: &mut Drafting, withdrawal: &Withdrawal) {
    let suspense = Account::Suspense { asset: withdrawal.source_asset.clone() };
    draft.transfer(
        TransferKind::Post,
        owner(withdrawal),
        suspense,
        withdrawal.deducted,
        cause(withdrawal),
    );
    draft.forget_unmatched(withdrawal.id);
}

fn retire(draft: &mut Drafting, withdrawal: &Withdrawal, GiveBack { by, reason, ended }: GiveBack) {
    if ended.is_some() && planted(Mistake::RetireBeforeReserveOnly) {
        return;
    }
    let Some(chain) = draft.rules.chain_of(&withdrawal.asset) else { return };
    let (payout, lane, by, reason) =
        (withdrawal.payout, chain.lane.clone(), by.client().to_string(), shortened(reason));
    draft.retire(Retirement { payout, lane, by, reason, ended });
}

/// The journal keeps at most so much of a reason.
const REASON_BYTES_MAX: usize = 500;

fn shortened(reason: &str) -> String {
    let end = (0..=REASON_BYTES_MAX.min(reason.len()))
        .rev()
        .find(|end| reason.is_char_boundary(*end))
        .unwrap_or(0);
    reason[..end].to_owned()
}

/// Moves a hold to where it belongs, and the paid amount out of our wallet.
///
/// Coins and tokens: user → wallet, our fee wallet → fees. Points: user → issuer, our fee issuer →
/// fees, and the token that was paid for them treasury → wallet: two linked movements in one commit
/// (requirement D9).
pub(super) fn settle(draft: &mut Drafting, withdrawal: &Withdrawal, lane: &LaneId) {
    let hot = Account::Hot { wallet: lane.clone(), asset: withdrawal.asset.clone() };
    let as_points = withdrawal.source_asset != withdrawal.asset;
    let sink = sink(&withdrawal.book, &withdrawal.source_asset, &withdrawal.asset, lane);
    let kind = TransferKind::Settle { hold: withdrawal.hold };
    let moved =
        if planted(Mistake::SettleTooLittle) { withdrawal.amount } else { withdrawal.deducted };
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

/// Returns where a held amount goes when it is settled: to the wallet that paid it, or, of points,
/// to their issuer.
pub(super) fn sink(book: &Book, source_asset: &AssetId, asset: &AssetId, lane: &LaneId) -> Account {
    match source_asset == asset {
        true => Account::Hot { wallet: lane.clone(), asset: asset.clone() },
        false => Account::Issuer { book: book.clone(), asset: source_asset.clone() },
    }
}

/// Books what one final transaction cost us, whatever it was for.
pub(super) fn book_network_fee(
    draft: &mut Drafting,
    lane: &LaneId,
    native: &AssetId,
    receipt: &Receipt,
) {
    if receipt.network_fee.is_zero() {
        return;
    }
    let expense = Account::Network { chain: lane.chain.clone(), asset: native.clone() };
    let hot = Account::Hot { wallet: lane.clone(), asset: native.clone() };
    let cause = Cause::NetworkFee { transaction: receipt.hash.to_string() };
    draft.transfer(TransferKind::Post, expense, hot, receipt.network_fee, cause);
}

/// How long a payout waits at most before it is looked at again. An outage is over from one moment
/// to the next; an empty wallet is told of when it is refilled, and coins of bitcoin are freed by
/// more than a balance.
fn longest_wait(cause: &DeferralCause, chain: ChainKind) -> Span {
    match (cause.blame(), cause, chain) {
        (Blame::Payment | Blame::Unknown, _, _)
        | (Blame::Nobody, DeferralCause::Unfunded { .. }, ChainKind::Evm) => Span::from_hours(1),
        (Blame::Nobody, DeferralCause::Unfunded { .. }, ChainKind::Bitcoin) => {
            Span::from_seconds(300)
        }
        (Blame::Nobody, _, _) => Span::from_seconds(60),
    }
}

/// A payout that cannot be planned now waits; one that the chain itself would refuse, again and
/// again, is given back: nothing of it was ever reserved (rule R9). One of which nobody can say
/// what it would do waits for a person in the end. The user is told when the reason changes, and
/// not each time (abuse case +33); the waits grow while it stays.
pub(super) fn defer(
    mut draft: Drafting,
    leg: &Leg,
    lane: &LaneId,
    reason: &str,
    cause: &DeferralCause,
) -> Result<Decision, Refusal> {
    let blame = cause.blame();
    let chain = draft.chain(lane)?;
    let mut withdrawal = draft.withdrawal(leg.withdrawal)?.clone();
    let State::Approved { by, at, deferred, after } = withdrawal.state.clone() else {
        return draft.unchanged();
    };
    let same = deferred.as_ref().filter(|before| before.cause.is_same_kind(cause));
    let (is_news, looks) =
        (same.is_none(), same.map_or(0, |before| before.looks.saturating_add(1)));
    let since = same.map_or(Some(draft.now()), |before| before.since);
    let tries =
        deferred.as_ref().map_or(0, |before| before.tries) + u32::from(blame != Blame::Nobody);
    if tries >= chain.precheck_tries_max && after.is_none() {
        match blame {
            Blame::Payment => {
                draft.may_give_back(&withdrawal)?;
                let failure = Failure::Precheck { reason: reason.to_owned() };
                return fail(draft, withdrawal, failure);
            }
            Blame::Unknown => {
                let kind = EventKind::ApprovalWithdrawn { reason: reason.to_owned() };
                draft.user_event(&leg.user, Some(leg.withdrawal), kind)?;
                draft
                    .change(Change::Withdrawal(Withdrawal { state: State::Pending, ..withdrawal }));
                return draft.answer(Answer::Done);
            }
            Blame::Nobody => {}
        }
    }
    let most = longest_wait(cause, chain.kind);
    let until =
        draft.now().plus(chain.precheck_backoff.backoff(tries.saturating_sub(1).max(looks), most));
    let deferral =
        Deferral { reason: reason.to_owned(), tries, until, cause: cause.clone(), looks, since };
    withdrawal.state = State::Approved { by, at, deferred: Some(deferral), after };
    draft.change(Change::Withdrawal(withdrawal));
    if is_news {
        let kind = EventKind::Deferred { reason: reason.to_owned(), until, cause: cause.clone() };
        draft.user_event(&leg.user, Some(leg.withdrawal), kind)?;
    }
    draft.answer(Answer::Done)
}

fn reason_of(failure: &Failure) -> String {
    match failure {
        Failure::Reverted => "the final transaction reverted".to_owned(),
        Failure::Precheck { reason } => reason.clone(),
        Failure::Inspected { note, .. } => note.clone(),
    }
}

fn fail(
    mut draft: Drafting,
    mut withdrawal: Withdrawal,
    failure: Failure,
) -> Result<Decision, Refusal> {
    if !planted(Mistake::HoldLeaks) {
        let reason = reason_of(&failure);
        release(
            &mut draft,
            &withdrawal,
            GiveBack { by: &Actor::Engine, reason: &reason, ended: None },
        );
    }
    draft.user_event(
        &withdrawal.user,
        Some(withdrawal.id),
        EventKind::Failed { failure: failure.clone(), hash: None },
    )?;
    withdrawal.state = State::Failed { at: draft.now(), failure, payment: None };
    draft.change(Change::Withdrawal(withdrawal));
    draft.answer(Answer::Done)
}

/// What a person found out about an unexpected transaction.
pub(super) struct Verdict<'a> {
    pub lineage: Option<LineageId>,
    pub paid: bool,
    pub note: &'a str,
}

/// A named person says what the unexpected transaction was: it paid, or it did not.
pub(super) fn inspect(
    mut draft: Drafting,
    leg: &Leg,
    lane: &LaneId,
    verdict: &Verdict,
) -> Result<Decision, Refusal> {
    let Verdict { lineage, paid, note } = *verdict;
    let mut withdrawal = draft.withdrawal(leg.withdrawal)?.clone();
    let State::HeldForInspection { payment, finding, .. } = withdrawal.state.clone() else {
        return Err(Refusal::NotUnderInspection { status: withdrawal.state.status() });
    };
    let at = draft.now();
    match paid {
        true => {
            settle(&mut draft, &withdrawal, lane);
            // Nobody's: a loss, which stays on suspense. Whoever asks for the same is paid again
            // from now on.
            draft.forget_unmatched(withdrawal.id);
            let known = draft.withdrawal(leg.withdrawal)?;
            let stray = if let State::HeldForInspection { finding, .. } = &known.state {
                draft.explain_stray(known, payment.hash, finding)
            } else {
                None
            };
            if let Some(found) = &stray {
                stands_for_good(&draft, lane, found)?;
            }
            // What ended its own lineage did not pay it.
            withdrawal.state = State::Completed { at, payment: stray.unwrap_or(payment) };
        }
        false => {
            draft.may_give_back(&withdrawal)?;
            let ended = lineage.map(|lineage| DeadLineage { lineage, evidence: payment.hash });
            let by = draft.actor;
            release(&mut draft, &withdrawal, GiveBack { by, reason: note, ended });
            let failure = Failure::Inspected { finding, note: note.to_owned() };
            withdrawal.state = State::Failed { at, failure, payment: Some(payment) };
        }
    }
    draft.user_event(
        &leg.user,
        Some(leg.withdrawal),
        EventKind::Inspected { paid, note: note.to_owned() },
    )?;
    draft.change(Change::Withdrawal(withdrawal));
    draft.answer(Answer::Done)
}

/// Fails while the block of a payment that nobody here remembers may still vanish: whoever is said
/// to be paid by it would be charged for nothing (case F91).
fn stands_for_good(draft: &Drafting, lane: &LaneId, found: &Payment) -> Result<(), Refusal> {
    let tip = draft.view.lane(lane).and_then(|lane| lane.tip.as_ref());
    let Some(tip) = tip.filter(|tip| tip.final_height < found.block.height) else { return Ok(()) };
    let detail = format!(
        "transaction {} is in block {}, and blocks up to {} are final; its block may still vanish, \
         so say that it paid once it is final",
        found.hash, found.block.height, tip.final_height
    );
    Err(Refusal::NotMatchable { detail })
}

pub(super) fn owner(withdrawal: &Withdrawal) -> Account {
    Account::User {
        user: withdrawal.user.clone(),
        book: withdrawal.book.clone(),
        asset: withdrawal.source_asset.clone(),
    }
}

fn cause(withdrawal: &Withdrawal) -> Cause {
    Cause::Withdrawal { id: withdrawal.id }
}
