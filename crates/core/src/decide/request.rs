//! Accepting a withdrawal: what is checked, in which order, and what is held.

use crate::{
    Account, Amount, Answer, AssetForm, AssetRules, Cause, Change, Claim, ClaimRecord, Decision,
    EventKind, IdempotencyKey, IdempotencyRecord, KeyContext, Mistake, PayoutId, Policy, Refusal,
    Request, Rules, Span, State, Timestamp, TransferKind, Twin, User, View, Withdrawal, planted,
};

use super::Drafting;

/// Requirement D4: after shape, membership and signature, which are judged before a command is
/// made, come the wallet, nonce, deadline, minimum, balance, limits. The first that fails is
/// reported; a refusal consumes nothing.
pub(super) fn request(mut draft: Drafting, request: &Request) -> Result<Decision, Refusal> {
    if let Some(replay) = replayed(&draft, request)? {
        return Ok(Decision { changes: Vec::new(), answer: replay });
    }
    draft.sure_of_time()?;
    let user = draft
        .view
        .user(&request.user)
        .cloned()
        .ok_or_else(|| Refusal::UnknownUser { user: request.user.clone() })?;
    let rules = draft
        .rules
        .asset(&request.asset)
        .ok_or_else(|| Refusal::UnknownAsset { asset: request.asset.clone() })?;
    not_suspended(draft.view, request)?;
    remembers(&draft, request)?;
    if let Some(claim) = &request.claim {
        check_claim(&draft, request, claim, &user)?;
    }
    let policy = rules.policy_for(user.tier.as_ref().or(request.tier.as_ref()));
    check_size(request, policy)?;
    let cost = cost(draft.rules, rules, request, policy)?;
    let available = check_balance(draft.view, request, cost)?;
    check_pace(draft.view, request, policy, &user)?;
    accept(&mut draft, request, policy, cost, available)
        .and_then(|withdrawal| draft.answer(Answer::Accepted(Box::new(withdrawal))))
}

/// What is taken from the balance, in base units of the source asset.
#[derive(Clone, Copy)]
struct Cost {
    total: Amount,
    fee: Amount,
    /// What is paid out, in base units of the paid asset.
    paid: Amount,
}

fn replayed(draft: &Drafting, request: &Request) -> Result<Option<Answer>, Refusal> {
    let Some(idempotency) = &request.idempotency else { return Ok(None) };
    let client = draft.actor.client();
    let known = |key| {
        draft
            .view
            .idempotency
            .get(&(client.clone(), key))
            .expect("keys(command) names the idempotency key")
            .as_ref()
    };
    // Rows of earlier versions have the key itself.
    match known(IdempotencyKey::stored(idempotency.key.digest()))
        .or_else(|| known(idempotency.key.clone()))
    {
        None => Ok(None),
        Some(known)
            if planted(Mistake::IdempotencyExpires)
                && known.at.plus(FORGOTTEN_AFTER) < draft.now() =>
        {
            Ok(None)
        }
        Some(known) if known.fingerprint == idempotency.fingerprint => {
            Ok(Some(Answer::Replayed(known.withdrawal)))
        }
        Some(known) => Err(Refusal::IdempotencyMismatch { withdrawal: known.withdrawal }),
    }
}

/// When a careless engine forgets a key.
const FORGOTTEN_AFTER: Span = Span::from_seconds(600);

/// What was accepted before the store went back may be this very request: first it is known again
/// (case F95).
fn remembers(draft: &Drafting, request: &Request) -> Result<(), Refusal> {
    let Some(incarnation) =
        draft.view.incarnation.row.as_ref().filter(|_| !planted(Mistake::AcceptsWhileUnread))
    else {
        return Ok(());
    };
    let held_back = draft
        .rules
        .chain_of(&request.asset)
        .is_some_and(|chain| incarnation.holds_back(&chain.lane));
    if !held_back {
        return Ok(());
    }
    let because = incarnation.finding.as_ref().map(|finding| finding.because.to_string());
    Err(Refusal::StoreWentBack {
        because: because.unwrap_or_else(|| "the signer's journal is being read".to_owned()),
    })
}

fn not_suspended(view: &View, request: &Request) -> Result<(), Refusal> {
    match crate::suspension(
        &view.suspensions,
        [&request.asset, &request.source_asset],
        &request.user,
    ) {
        Some(standing) => Err(Refusal::Suspended {
            scope: standing.scope.to_string(),
            reason: standing.reason.clone(),
        }),
        None => Ok(()),
    }
}

fn check_claim(
    draft: &Drafting,
    request: &Request,
    claim: &Claim,
    user: &User,
) -> Result<(), Refusal> {
    let wallet = request.destination.clone();
    let link = draft.view.wallet(&wallet).filter(|link| link.user == request.user);
    let link = link.ok_or_else(|| Refusal::WalletNotLinked { wallet: wallet.clone() })?;
    // Dated by a wrong clock it opens when it is linked anew; until then it is as good as new.
    if draft.now() < link.usable_at {
        return Err(Refusal::WalletCooling { wallet, usable_at: link.usable_at });
    }
    check_nonce(draft.view, request, claim, user)?;
    let ahead = draft.rules.claims.as_ref().map_or(0, |claims| claims.deadline_ahead_max.seconds());
    check_deadline(claim.deadline, draft.now(), ahead)
}

fn check_nonce(view: &View, request: &Request, claim: &Claim, user: &User) -> Result<(), Refusal> {
    let (expected, got) = (user.claim_nonce, claim.nonce);
    if got < expected {
        let holder = view.claim_nonces.get(&(request.user.clone(), got)).copied().flatten();
        return Err(Refusal::NonceUsed { expected, got, withdrawal: holder });
    }
    if got > expected {
        return Err(Refusal::NonceAhead { expected, got });
    }
    match view.digests.get(&claim.digest).copied().flatten() {
        Some(withdrawal) => Err(Refusal::DigestUsed { withdrawal }),
        None => Ok(()),
    }
}

/// Both ends are inclusive: a deadline of this very second is met, and one exactly `ahead_max`
/// seconds off is not too far.
fn check_deadline(deadline: u64, now: Timestamp, ahead_max: u64) -> Result<(), Refusal> {
    let seconds = now.seconds();
    let latest = seconds.saturating_add_unsigned(ahead_max);
    match i64::try_from(deadline) {
        Ok(deadline_at) if deadline_at < seconds => {
            Err(Refusal::SignatureExpired { deadline, now: seconds })
        }
        Ok(deadline_at) if deadline_at <= latest => Ok(()),
        Ok(_) | Err(_) => Err(Refusal::DeadlineTooFar { deadline, latest }),
    }
}

fn check_size(request: &Request, policy: &Policy) -> Result<(), Refusal> {
    let (asset, asked) = (request.asset.clone(), request.amount);
    if asked < policy.minimum || asked.is_zero() {
        return Err(Refusal::BelowMinimum { asset, minimum: policy.minimum, asked });
    }
    match policy.maximum {
        Some(maximum) if asked > maximum => Err(Refusal::AboveMaximum { asset, maximum, asked }),
        Some(_) | None => Ok(()),
    }
}

fn cost(
    rules: &Rules,
    asset: &AssetRules,
    request: &Request,
    policy: &Policy,
) -> Result<Cost, Refusal> {
    let too_large = || Refusal::TooLarge { asset: request.asset.clone() };
    let fee = policy.fee.of(request.amount).ok_or_else(too_large)?;
    let (paid, total) = match policy.fee.from_amount {
        true => (less_fee(request, policy, fee)?, request.amount),
        false => (request.amount, request.amount.checked_add(fee).ok_or_else(too_large)?),
    };
    if request.source_asset == request.asset {
        return match asset.asset.form {
            AssetForm::Points => Err(Refusal::NotWithdrawable { asset: request.asset.clone() }),
            AssetForm::Native { .. } | AssetForm::Token { .. } => Ok(Cost { total, fee, paid }),
        };
    }
    let points = rules
        .asset(&request.source_asset)
        .ok_or_else(|| Refusal::UnknownAsset { asset: request.source_asset.clone() })?;
    let claims = rules
        .claims_of(&request.source_asset, &request.asset)
        .ok_or_else(|| Refusal::NotWithdrawable { asset: request.asset.clone() })?;
    let decimals = points.asset.decimals;
    let in_points = |tokens| {
        claims.rate.points_for(tokens, asset.asset.decimals, decimals).ok_or_else(too_large)
    };
    let total = in_points(total)?;
    Ok(Cost { total, fee: total.minus(in_points(paid)?), paid })
}

/// What the fee leaves; it must be worth paying out.
fn less_fee(request: &Request, policy: &Policy, fee: Amount) -> Result<Amount, Refusal> {
    let least = policy.minimum.max(Amount::new(1));
    let (asset, asked) = (request.asset.clone(), request.amount);
    let needed = least.checked_add(fee).unwrap_or(Amount::MAX);
    let left = request.amount.checked_sub(fee).filter(|left| *left >= least);
    left.ok_or(Refusal::BelowMinimum { asset, minimum: needed, asked })
}

fn check_balance(view: &View, request: &Request, cost: Cost) -> Result<Amount, Refusal> {
    // A debt is a balance below zero: what a later release gave back covers it before anything
    // else.
    let available = view.balance(&source(request)).available().saturating_sub(debt(view, request));
    if available < cost.total {
        return Err(Refusal::InsufficientBalance {
            asset: request.source_asset.clone(),
            available,
            needed: cost.total,
        });
    }
    Ok(available)
}

fn check_pace(view: &View, request: &Request, policy: &Policy, user: &User) -> Result<(), Refusal> {
    let limits = view.limit(&request.user, &request.asset);
    for limit in &policy.windows {
        let stands = limits.window_use(limit.window, limit.max);
        if stands.left < request.amount {
            return Err(Refusal::LimitExceeded {
                asset: request.asset.clone(),
                asked: request.amount,
                limit: stands,
            });
        }
    }
    match (policy.cooldown, user.last_accepted_at) {
        (Some(wait), Some(last))
            if last.credible(view.now).is_some_and(|last| view.now < last.plus(wait)) =>
        {
            Err(Refusal::Cooldown { until: last.plus(wait) })
        }
        (Some(_) | None, Some(_) | None) => Ok(()),
    }
}

/// What the user was paid beyond what this store knew them to be owed.
fn debt(view: &View, request: &Request) -> Amount {
    let (user, book, asset) =
        (request.user.clone(), request.book.clone(), request.source_asset.clone());
    view.balance(&Account::Debt { user, book, asset }).lent()
}

fn source(request: &Request) -> Account {
    Account::User {
        user: request.user.clone(),
        book: request.book.clone(),
        asset: request.source_asset.clone(),
    }
}

/// Where the held amount will go when it is settled.
fn sink(rules: &Rules, request: &Request) -> Account {
    match rules.chain_of(&request.asset) {
        Some(chain) if request.source_asset == request.asset => {
            Account::Hot { wallet: chain.lane.clone(), asset: request.asset.clone() }
        }
        Some(_) | None => {
            Account::Issuer { book: request.book.clone(), asset: request.source_asset.clone() }
        }
    }
}

fn accept(
    draft: &mut Drafting,
    request: &Request,
    policy: &Policy,
    cost: Cost,
    available: Amount,
) -> Result<Withdrawal, Refusal> {
    let now = draft.now();
    let limits = draft.view.limit(&request.user, &request.asset);
    let limit = limits.next_entry(&request.user, &request.asset, request.amount, request.id, now);
    let limit = limit.ok_or_else(|| Refusal::TooLarge { asset: request.asset.clone() })?;
    let cause = Cause::Withdrawal { id: request.id };
    let hold = draft.transfer(
        TransferKind::Hold,
        source(request),
        sink(draft.rules, request),
        cost.total,
        cause,
    );
    let by_policy = planted(Mistake::ApprovalSkipped)
        || policy.approve_above.is_none_or(|threshold| request.amount <= threshold);
    let (state, standing) = match (draft.twin_of(request, cost.paid), by_policy) {
        (Some(twin), _) => repeated(draft, &twin),
        (None, true) => (
            State::Approved { by: crate::Actor::Engine, at: now, deferred: None, after: None },
            Some(EventKind::Approved),
        ),
        (None, false) => (State::Pending, None),
    };
    let withdrawal = Withdrawal {
        id: request.id,
        user: request.user.clone(),
        payout: PayoutId(request.id.0),
        asset: request.asset.clone(),
        amount: cost.paid,
        destination: request.destination.clone(),
        book: request.book.clone(),
        source_asset: request.source_asset.clone(),
        deducted: cost.total,
        fee: cost.fee,
        balance_before: available,
        balance_after: available.minus(cost.total),
        hold,
        limit: limit.clone(),
        claim: request.claim.as_ref().map(recorded),
        idempotency: request
            .idempotency
            .as_ref()
            .map(|idempotency| key_context(draft, idempotency)),
        requested_by: Some(draft.actor.client()),
        policy_revision: draft.rules.revision,
        created_at: now,
        retries: 0,
        state,
    };
    draft.change(Change::Limit(limit));
    draft.change(Change::Withdrawal(withdrawal.clone()));
    remember_key(draft, request);
    tell(draft, request, standing)?;
    Ok(withdrawal)
}

/// Somebody was paid the same, and nobody knows who: a person looks first (cases F91, F95).
fn repeated(draft: &Drafting, twin: &Twin) -> (State, Option<EventKind>) {
    let held = draft.held_by(twin);
    held.map_or((State::Pending, None), |(state, kind)| (state, Some(kind)))
}

fn recorded(claim: &Claim) -> ClaimRecord {
    ClaimRecord {
        nonce: claim.nonce,
        deadline: claim.deadline,
        digest: claim.digest,
        signature: claim.signature.clone(),
    }
}

fn key_context(draft: &Drafting, idempotency: &crate::Idempotency) -> KeyContext {
    KeyContext {
        client: draft.actor.client(),
        key: idempotency.key.digest(),
        fingerprint: idempotency.fingerprint,
    }
}

fn remember_key(draft: &mut Drafting, request: &Request) {
    if let Some(idempotency) = &request.idempotency {
        draft.change(Change::Idempotency(IdempotencyRecord {
            client: draft.actor.client(),
            key: IdempotencyKey::stored(idempotency.key.digest()),
            fingerprint: idempotency.fingerprint,
            withdrawal: request.id,
            at: draft.now(),
        }));
    }
}

fn tell(
    draft: &mut Drafting,
    request: &Request,
    standing: Option<EventKind>,
) -> Result<(), Refusal> {
    let now = draft.now();
    let user = draft.user(&request.user)?;
    user.last_accepted_at = Some(now);
    user.claim_nonce += u64::from(request.claim.is_some());
    let requested = EventKind::Requested {
        asset: request.asset.clone(),
        amount: request.amount,
        destination: request.destination.clone(),
    };
    draft.user_event(&request.user, Some(request.id), requested)?;
    standing.map_or(Ok(()), |kind| draft.user_event(&request.user, Some(request.id), kind))
}
