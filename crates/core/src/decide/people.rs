//! Users, wallets, credentials, credits and emergency stops.

use crate::{
    Account, Amount, Answer, Cause, Change, Credential, CredentialId, Credit, CreditRecord,
    Decision, Destination, EventKind, Mistake, Refusal, Scope, Suspension, Tier, TransferKind,
    User, UserId, WalletLink, planted,
};

use super::Drafting;

pub(super) fn put_user(
    mut draft: Drafting,
    user: &UserId,
    tier: Option<&Tier>,
) -> Result<Decision, Refusal> {
    match draft.view.user(user) {
        Some(known) if known.tier.as_ref() == tier => return draft.unchanged(),
        Some(_) => draft.user(user)?.tier = tier.cloned(),
        None => {
            draft.new_user(User { tier: tier.cloned(), ..User::new(user.clone(), draft.now()) })
        }
    }
    draft.user_event(user, None, EventKind::UserChanged { tier: tier.cloned() })?;
    draft.answer(Answer::Done)
}

/// A user is introduced once; whoever put them there before has said which tier they have.
pub(super) fn meet_user(draft: Drafting, user: &UserId) -> Result<Decision, Refusal> {
    match draft.view.user(user) {
        Some(_) => draft.unchanged(),
        None => put_user(draft, user, None),
    }
}

/// A wallet belongs to one user. The first is usable at once; another waits, so that a stolen
/// session cannot claim at once. A link that was dated by a wrong clock is made anew when it is
/// asked for again, and waits (case F97).
pub(super) fn link_wallet(
    mut draft: Drafting,
    user: &UserId,
    address: &Destination,
) -> Result<Decision, Refusal> {
    let known = draft.view.wallet(address);
    let misdated = known.is_some_and(|link| {
        link.linked_at.credible(draft.now()).is_none() && draft.view.clock_doubt.is_none()
    });
    if let Some(link) = known.filter(|link| !misdated || link.user != *user) {
        return match link.user == *user {
            true => Ok(Decision { changes: Vec::new(), answer: Answer::Wallet(link.clone()) }),
            false => Err(Refusal::WalletTaken { wallet: address.clone() }),
        };
    }
    draft.sure_of_time()?;
    let now = draft.now();
    let cooling = draft.rules.wallet_cooling;
    let row = draft.user(user)?;
    let usable_at = if row.wallets == 0 { now } else { now.plus(cooling) };
    row.wallets += u32::from(!misdated);
    let link =
        WalletLink { address: address.clone(), user: user.clone(), linked_at: now, usable_at };
    draft.change(Change::Wallet(link.clone()));
    draft.user_event(
        user,
        None,
        EventKind::WalletLinked { address: address.clone(), usable_at },
    )?;
    draft.answer(Answer::Wallet(link))
}

pub(super) fn issue_credential(
    mut draft: Drafting,
    credential: &Credential,
) -> Result<Decision, Refusal> {
    let (id, client) = (Some(credential.id), Some(credential.client.clone()));
    let issued = EventKind::CredentialIssued {
        role: credential.role,
        label: credential.label.clone(),
        credential: id,
        client,
    };
    match &credential.user {
        Some(user) => draft.user_event(user, None, issued)?,
        None => draft.event(issued),
    }
    draft.change(Change::Credential(credential.clone()));
    draft.answer(Answer::Done)
}

/// A key that is revoked stays so, whatever is said of it later.
pub(super) fn revoke_credential(
    mut draft: Drafting,
    id: CredentialId,
    user: Option<&UserId>,
    reason: &str,
) -> Result<Decision, Refusal> {
    let known =
        draft.view.credentials.get(&id).expect("keys(command) names the credential").as_ref();
    let known = known
        .filter(|known| known.user.as_ref() == user)
        .ok_or(Refusal::UnknownCredential { credential: id })?;
    if known.revoked_at.is_some() {
        return draft.unchanged();
    }
    let Credential { client, label, .. } = known.clone();
    let revoked =
        EventKind::CredentialRevoked { credential: id, client, label, reason: reason.to_owned() };
    match user {
        Some(user) => draft.user_event(user, None, revoked)?,
        None => draft.event(revoked),
    }
    draft.change(Change::Revoked { credential: id, at: draft.now() });
    draft.answer(Answer::Done)
}

/// Most base units that one credit may book: a slip of the keyboard must not fill an account to its
/// brim for everyone who comes after.
pub const CREDIT_BASE_UNITS_MAX: Amount = Amount::new(10u128.pow(34));

/// Books a credit once per id: the same again is answered the same, another under the same id is
/// refused.
pub(super) fn credit(mut draft: Drafting, credit: &Credit) -> Result<Decision, Refusal> {
    let known =
        draft.view.credits.get(&credit.id).expect("keys(command) names the credit").as_ref();
    if let Some(known) = known.filter(|_| !planted(Mistake::CreditTwice)) {
        let same = known.user == credit.user
            && known.book == credit.book
            && known.asset == credit.asset
            && known.amount == credit.amount;
        return if same {
            draft.unchanged()
        } else {
            Err(Refusal::CreditMismatch { credit: credit.id.to_string() })
        };
    }
    if draft.rules.asset(&credit.asset).is_none() {
        return Err(Refusal::UnknownAsset { asset: credit.asset.clone() });
    }
    let issuer = Account::Issuer { book: credit.book.clone(), asset: credit.asset.clone() };
    let owed = Account::User {
        user: credit.user.clone(),
        book: credit.book.clone(),
        asset: credit.asset.clone(),
    };
    let fits = |total: Amount| total.checked_add(credit.amount).is_some();
    if credit.amount > CREDIT_BASE_UNITS_MAX
        || !fits(draft.view.balance(&issuer).debits)
        || !fits(draft.view.balance(&owed).credits)
    {
        return Err(Refusal::TooLarge { asset: credit.asset.clone() });
    }
    draft.user(&credit.user)?;
    draft.transfer(
        TransferKind::Post,
        issuer,
        owed.clone(),
        credit.amount,
        Cause::Credit { id: credit.id.clone() },
    );
    pay_off(&mut draft, credit, owed);
    draft.change(Change::Credit(CreditRecord {
        id: credit.id.clone(),
        user: credit.user.clone(),
        book: credit.book.clone(),
        asset: credit.asset.clone(),
        amount: credit.amount,
        at: draft.now(),
    }));
    let credited = EventKind::Credited {
        credit: credit.id.clone(),
        book: credit.book.clone(),
        asset: credit.asset.clone(),
        amount: credit.amount,
    };
    draft.user_event(&credit.user, None, credited)?;
    draft.answer(Answer::Done)
}

/// What a user was paid beyond what the store knew is taken from credits first: they may be those
/// that the store lost (case F95).
fn pay_off(draft: &mut Drafting, credit: &Credit, owed: Account) {
    let debt = Account::Debt {
        user: credit.user.clone(),
        book: credit.book.clone(),
        asset: credit.asset.clone(),
    };
    let amount = draft.view.balance(&debt).lent().min(credit.amount);
    if !amount.is_zero() {
        draft.transfer(
            TransferKind::Post,
            owed,
            debt,
            amount,
            Cause::Credit { id: credit.id.clone() },
        );
    }
}

pub(super) fn suspend(
    mut draft: Drafting,
    scope: &Scope,
    reason: &str,
) -> Result<Decision, Refusal> {
    if draft.view.suspensions.contains_key(scope) {
        return draft.unchanged();
    }
    let suspension = Suspension {
        scope: scope.clone(),
        by: draft.actor.clone(),
        reason: reason.to_owned(),
        since: draft.now(),
    };
    draft.change(Change::Suspended(suspension));
    draft.event(EventKind::Suspended { scope: scope.clone(), reason: reason.to_owned() });
    draft.answer(Answer::Done)
}

/// Keeps what a person did outside of the store, for the audit.
pub(super) fn note(mut draft: Drafting, done: EventKind) -> Result<Decision, Refusal> {
    draft.event(done);
    draft.answer(Answer::Done)
}

pub(super) fn resume(mut draft: Drafting, scope: &Scope) -> Result<Decision, Refusal> {
    if !draft.view.suspensions.contains_key(scope) {
        return draft.unchanged();
    }
    draft.change(Change::Resumed(scope.clone()));
    draft.event(EventKind::Resumed { scope: scope.clone() });
    draft.answer(Answer::Done)
}
