//! A withdrawal that only the signer's journal knows is made again: with its user, where the
//! journal kept the context (case F95), else for nobody, on suspense, until a person says whose it
//! was.
//!
//! Its key and its claim are consumed with it, so whoever asks again finds it. What the store does
//! not owe the user any more is a debt.

use std::collections::BTreeMap;

use crate::{
    Account, Actor, Amount, AssetId, Cause, Change, ClaimRecord, DeadLineage, EventKind,
    IdempotencyKey, IdempotencyRecord, LaneId, Leg, LimitState, LineageId, Lost, Mistake,
    PayoutContext, Refusal, State, TransferKind, Unmatched, User, UserId, Withdrawal, WithdrawalId,
    planted,
};

use super::Drafting;
use super::adopt::carried;
use super::cancel::left;
use super::lineage::matches_leg;
use super::settle::{self, GiveBack};

/// The user of payments that nobody has been matched to.
const UNKNOWN: &str = "unknown";

/// Withdrawals of one lineage that are made again in one commit.
pub(super) struct MadeAgain<'a> {
    lane: &'a LaneId,
    lineage: LineageId,
    rivals: &'a [Leg],
    /// The proof that the lineage had ended before they were made again. None while it lives.
    ended: Option<DeadLineage>,
    /// What replaced rivals gave back to each account, and what is held on it, both by this commit.
    freed: BTreeMap<Account, Amount>,
    held: BTreeMap<Account, Amount>,
    limits: BTreeMap<(UserId, AssetId), LimitState>,
    unmatched: Vec<Unmatched>,
}

impl<'a> MadeAgain<'a> {
    pub(super) fn new(
        lane: &'a LaneId,
        lineage: LineageId,
        rivals: &'a [Leg],
        ended: Option<DeadLineage>,
    ) -> Self {
        Self {
            lane,
            lineage,
            rivals,
            ended,
            freed: BTreeMap::new(),
            held: BTreeMap::new(),
            limits: BTreeMap::new(),
            unmatched: Vec::new(),
        }
    }

    /// Makes one again, in its lineage.
    pub(super) fn make(&mut self, draft: &mut Drafting, lost: &Lost) -> Result<(), Refusal> {
        let context =
            lost.context.clone().unwrap_or_else(|| nobodys(&lost.leg.asset, lost.leg.amount));
        self.enrol(draft, &context);
        let claim = context
            .claim
            .filter(|_| !planted(Mistake::MadeAgainWithoutKey))
            .filter(|claim| is_free(draft, &context, claim));
        let (before, hold) = self.hold(draft, lost, &context);
        let limit = self.limit(draft, lost, &context)?;
        let user = draft.user(&context.user)?;
        user.claim_nonce = user.claim_nonce.max(claim.map_or(0, |claim| claim.nonce + 1));
        let withdrawal = Withdrawal {
            id: lost.leg.withdrawal,
            user: context.user.clone(),
            payout: lost.leg.payout,
            asset: lost.leg.asset.clone(),
            amount: lost.leg.amount,
            destination: lost.leg.destination.clone(),
            book: context.book.clone(),
            source_asset: context.source_asset.clone(),
            deducted: context.deducted,
            fee: context.fee,
            balance_before: before,
            balance_after: before.saturating_sub(context.deducted),
            hold,
            limit: limit.clone(),
            claim: claim.map(|claim| ClaimRecord {
                nonce: claim.nonce,
                deadline: claim.deadline,
                digest: claim.digest,
                signature: crate::Bytes::default(),
            }),
            idempotency: context.idempotency.clone(),
            requested_by: context.idempotency.as_ref().map(|key| key.client.clone()),
            policy_revision: draft.rules.revision,
            created_at: lost.requested_at.min(draft.now()),
            retries: 0,
            state: carried(draft, self.lineage, self.ended),
        };
        if !matches_leg(&withdrawal, &lost.leg) {
            return Err(Refusal::Changed { what: format!("withdrawal {}", lost.leg.withdrawal) });
        }
        draft.change(Change::Limit(limit));
        draft.change(Change::Withdrawal(withdrawal));
        remember_key(draft, lost.leg.withdrawal, &context);
        let again = EventKind::MadeAgain { lane: self.lane.clone(), lineage: self.lineage };
        draft.user_event(&context.user, Some(lost.leg.withdrawal), again)
    }

    /// Notes the payments that nobody has been matched to.
    pub(super) fn finish(self, draft: &mut Drafting) {
        if self.unmatched.is_empty() {
            return;
        }
        let mut incarnation =
            draft.view.incarnation.row.clone().expect("a lane is leased under an incarnation");
        incarnation.unmatched.extend(self.unmatched);
        draft.change(Change::Incarnation(incarnation));
    }

    fn enrol(&self, draft: &mut Drafting, context: &PayoutContext) {
        if draft.user(&context.user).is_err() {
            draft.new_user(User::new(context.user.clone(), draft.now()));
        }
    }

    /// Holds what was deducted. Where the store does not owe so much any more, the rest is a debt;
    /// of nobody's, it is on suspense.
    fn hold(
        &mut self,
        draft: &mut Drafting,
        lost: &Lost,
        context: &PayoutContext,
    ) -> (Amount, crate::TransferId) {
        let account = Account::User {
            user: context.user.clone(),
            book: context.book.clone(),
            asset: context.source_asset.clone(),
        };
        let held = self.held.entry(account.clone()).or_default();
        let freed = self.freed.get(&account).copied().unwrap_or_default();
        let available = draft.view.balance(&account).available().plus(freed).saturating_sub(*held);
        let missing = context.deducted.saturating_sub(available);
        *held = held.plus(context.deducted.saturating_sub(missing));
        let cause = || Cause::Withdrawal { id: lost.leg.withdrawal };
        if !missing.is_zero() {
            draft.transfer(
                TransferKind::Post,
                lender(lost, context),
                account.clone(),
                missing,
                cause(),
            );
        }
        if lost.context.is_none() {
            let Leg { withdrawal, asset, destination, amount, .. } = lost.leg.clone();
            self.unmatched.push(Unmatched {
                withdrawal,
                asset,
                destination,
                amount,
                matched: None,
            });
        }
        let sink = settle::sink(&context.book, &context.source_asset, &lost.leg.asset, self.lane);
        (available, draft.transfer(TransferKind::Hold, account, sink, context.deducted, cause()))
    }

    fn limit(
        &mut self,
        draft: &Drafting,
        lost: &Lost,
        context: &PayoutContext,
    ) -> Result<crate::LimitEntry, Refusal> {
        let (user, asset) = (&context.user, &lost.leg.asset);
        let state = self
            .limits
            .entry((user.clone(), asset.clone()))
            .or_insert_with(|| draft.view.limit(user, asset).clone());
        let entry =
            state.next_entry(user, asset, lost.leg.amount, lost.leg.withdrawal, draft.now());
        let entry = entry.ok_or_else(|| Refusal::TooLarge { asset: asset.clone() })?;
        state.append(&entry);
        Ok(entry)
    }

    /// Who asked again before the lane had read the journal was accepted anew, with the same key or
    /// claim. Nothing of that one is reserved: it is given back, and the first one stands. This
    /// comes before anything is made again, which may need what it frees.
    pub(super) fn replace_rivals(
        &mut self,
        draft: &mut Drafting,
        lost: &Lost,
    ) -> Result<(), Refusal> {
        let Some(context) = &lost.context else { return Ok(()) };
        for id in rivals(draft, context).into_iter().filter(|id| *id != lost.leg.withdrawal) {
            let Some(leg) = self.rivals.iter().find(|leg| leg.withdrawal == id) else {
                return Err(Refusal::Rival { withdrawal: id });
            };
            let rival = draft.withdrawal(leg.withdrawal)?.clone();
            if !matches!(rival.state, State::Pending | State::Approved { .. }) {
                continue;
            }
            let reason = format!(
                "the same request was accepted before as {}, which pays it",
                lost.leg.withdrawal
            );
            let state =
                State::Cancelled { at: draft.now(), by: Actor::Engine, reason: reason.clone() };
            settle::release(
                draft,
                &rival,
                GiveBack { by: &Actor::Engine, reason: &reason, ended: left(&rival) },
            );
            let freed = self.freed.entry(settle::owner(&rival)).or_default();
            *freed = freed.plus(rival.deducted);
            draft.user_event(
                &rival.user,
                Some(id),
                EventKind::Replaced { as_withdrawal: lost.leg.withdrawal },
            )?;
            draft.change(Change::Withdrawal(Withdrawal { state, ..rival }));
        }
        Ok(())
    }
}

/// Withdrawals of this store that consumed the same key or the same claim.
fn rivals(draft: &Drafting, context: &PayoutContext) -> Vec<WithdrawalId> {
    let by_key = context.idempotency.as_ref().and_then(|key| {
        let stored = (key.client.clone(), IdempotencyKey::stored(key.key));
        let known = draft
            .view
            .idempotency
            .get(&stored)
            .expect("keys(command) names the idempotency key")
            .as_ref()?;
        (known.fingerprint == key.fingerprint).then_some(known.withdrawal)
    });
    let by_claim = context.claim.and_then(|claim| {
        let by_nonce =
            draft.view.claim_nonces.get(&(context.user.clone(), claim.nonce)).copied().flatten();
        by_nonce.or_else(|| draft.view.digests.get(&claim.digest).copied().flatten())
    });
    let mut found: Vec<WithdrawalId> = by_key.into_iter().chain(by_claim).collect();
    found.dedup();
    found
}

fn is_free(draft: &Drafting, context: &PayoutContext, claim: &crate::ClaimContext) -> bool {
    let by_nonce =
        draft.view.claim_nonces.get(&(context.user.clone(), claim.nonce)).copied().flatten();
    by_nonce.is_none() && draft.view.digests.get(&claim.digest).copied().flatten().is_none()
}

fn remember_key(draft: &mut Drafting, withdrawal: WithdrawalId, context: &PayoutContext) {
    let Some(key) = context.idempotency.as_ref().filter(|_| !planted(Mistake::MadeAgainWithoutKey))
    else {
        return;
    };
    let stored = IdempotencyKey::stored(key.key);
    if draft
        .view
        .idempotency
        .get(&(key.client.clone(), stored.clone()))
        .is_some_and(Option::is_some)
    {
        return;
    }
    let (client, fingerprint, at) = (key.client.clone(), key.fingerprint, draft.now());
    draft.change(Change::Idempotency(IdempotencyRecord {
        client,
        key: stored,
        fingerprint,
        withdrawal,
        at,
    }));
}

/// Returns what is known of a payment without a context: nothing but the payment.
pub fn nobodys(asset: &AssetId, amount: Amount) -> PayoutContext {
    PayoutContext {
        user: unknown(),
        book: UNKNOWN.parse().expect("a book's name"),
        source_asset: asset.clone(),
        deducted: amount,
        fee: Amount::ZERO,
        claim: None,
        idempotency: None,
    }
}

/// Returns the user of payments that nobody has been matched to.
pub(crate) fn unknown() -> UserId {
    UNKNOWN.parse().expect("a user's name")
}

fn lender(lost: &Lost, context: &PayoutContext) -> Account {
    let (book, asset) = (context.book.clone(), context.source_asset.clone());
    match lost.context {
        Some(_) => Account::Debt { user: context.user.clone(), book, asset },
        None => Account::Suspense { asset },
    }
}
