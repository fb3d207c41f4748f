//! `POST /api/admin/withdrawals/{id}/match`: a person says whose a payment was that only the signer's journal knew.

use adit_core::{Account, AssetId, Book, Command, Lineage, Matched, Refusal, UserId, Withdrawal, WithdrawalId};
use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::auth::Admin;
use crate::codes;
use crate::docs::shapes::{BookName, Id, Remark, UserName};
use crate::extract::{Body, WithdrawalPath, name, no_withdrawal};
use crate::problem::Problem;
use crate::record::{WithdrawalView, withdrawal_view};
use crate::refused::{not_written, refused};
use crate::routes::withdrawals::cancel::reason;
use crate::state::ApiState;

/// Exactly one of `userId` and `withdrawalId`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct MatchBody {
    /// The user who had asked for it. What it cost leaves their balance; what they do not have is a debt.
    #[schema(value_type = Option<UserName>)]
    user_id: Option<String>,
    /// The book that it is taken from; may be left out where the user has one book with the asset.
    #[schema(value_type = Option<BookName>)]
    book: Option<String>,
    /// A withdrawal that is held for inspection, asks for the same, and was not paid by its own lineage.
    #[schema(value_type = Option<Id>)]
    withdrawal_id: Option<String>,
    /// How it was found out; up to 500 characters.
    #[schema(value_type = Remark)]
    note: String,
}

/// Whom a body names.
enum Named {
    User { user: UserId, book: Option<Book> },
    Withdrawal(WithdrawalId),
}

/// Says whose a payment was that the database did not know. Admin keys only
#[utoipa::path(post, path = "/api/admin/withdrawals/{id}/match", operation_id = "match_payment", tag = "Admin", params(("id" = Id, Path)), request_body = MatchBody,
    responses(
        (status = 200, description = "The withdrawal that the payment belongs to now: `completed`. Asked again with the same body, it answers the same", body = WithdrawalView),
        (status = 403, description = "FORBIDDEN"),
        (status = 404, description = "WITHDRAWAL_NOT_FOUND, USER_UNKNOWN"),
        (status = 409, description = "NOT_MATCHABLE, CHANGED_MEANWHILE, PAYMENT_SIGNED"),
        (status = 422, description = "INVALID_BODY, INVALID_NAME"),
        (status = 503, description = "JOURNAL_UNREAD, STORE_RECONCILING, SIGNER_UNAVAILABLE, STORE_SUPERSEDED: nothing changed"),
    ))]
pub async fn match_payment(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    WithdrawalPath(id): WithdrawalPath,
    Body(body): Body<MatchBody>,
) -> Result<Json<WithdrawalView>, Problem> {
    let note = note(&body.note)?;
    let named = body.named()?;
    let found = state.store().withdrawal(id).await?.ok_or_else(no_withdrawal)?;
    let lineage = lineage_of(&state, &found).await?;
    let to = matched(&state, &found, named).await?;
    let became = match &to {
        Matched::User { .. } => id,
        Matched::Withdrawal { leg } => leg.withdrawal,
    };
    let command = Command::Match { leg: found.leg(), lane: lineage.lane.clone(), lineage: lineage.id, to, note };
    state.engine().submit(caller.actor.clone(), command).await.map_err(|error| not_written(&error, state.rules()))?;
    let now = state.store().withdrawal(became).await?.ok_or_else(no_withdrawal)?;
    Ok(Json(withdrawal_view(&state, &now, caller.reader()).await?))
}

pub(super) fn note(given: &str) -> Result<String, Problem> {
    if given.trim().is_empty() {
        let detail = "note is empty; say how it was found out, for whoever reads the record later.";
        return Err(Problem::new(&codes::INVALID_BODY, detail).with("field", "note"));
    }
    reason(Some(given.to_owned()), "")
}

impl MatchBody {
    fn named(&self) -> Result<Named, Problem> {
        let misfit = |field: &str, detail: &str| Problem::new(&codes::INVALID_BODY, detail).with("field", field);
        match (&self.user_id, &self.withdrawal_id) {
            (Some(user), None) => Ok(Named::User { user: name(user)?, book: self.book.as_deref().map(name).transpose()? }),
            (None, Some(_)) if self.book.is_some() => {
                Err(misfit("book", "book goes with userId; the withdrawal of withdrawalId has its own."))
            }
            (None, Some(id)) => id
                .parse()
                .map(Named::Withdrawal)
                .map_err(|_| misfit("withdrawalId", &format!("withdrawalId is {id:?}; allowed is the id of a withdrawal (a UUID)."))),
            (Some(_), Some(_)) => Err(misfit("withdrawalId", "Both userId and withdrawalId are given; give the one whose payment it was.")),
            (None, None) => Err(misfit("userId", "Neither userId nor withdrawalId is given; give the one whose payment it was.")),
        }
    }
}

/// The lineage that paid it. Its wallet need not be one that is still configured.
async fn lineage_of(state: &ApiState, found: &Withdrawal) -> Result<Lineage, Problem> {
    let last = state.store().lineages_of(found.id).await?.pop();
    last.ok_or_else(|| {
        let detail = format!("{} was never signed, so there is no payment to be matched", found.id);
        refused(&Refusal::NotMatchable { detail }, state.rules())
    })
}

async fn matched(state: &ApiState, found: &Withdrawal, named: Named) -> Result<Matched, Problem> {
    match named {
        Named::User { user, book } => {
            let book = match book {
                Some(book) => book,
                // Asked again.
                None if found.user == user => found.book.clone(),
                None => only_book(state, &user, &found.source_asset).await?,
            };
            Ok(Matched::User { user, book })
        }
        Named::Withdrawal(id) => {
            let other = state.store().withdrawal(id).await?.ok_or_else(no_withdrawal)?;
            Ok(Matched::Withdrawal { leg: other.leg() })
        }
    }
}

/// # Errors
/// `USER_UNKNOWN`; `INVALID_BODY` where the user has no book with the asset, or several.
async fn only_book(state: &ApiState, user: &UserId, asset: &AssetId) -> Result<Book, Problem> {
    let sheet = state.store().user(user).await?;
    let sheet = sheet.ok_or_else(|| refused(&Refusal::UnknownUser { user: user.clone() }, state.rules()))?;
    let mut books: Vec<Book> = sheet.balances.into_iter().filter_map(|(account, _)| book_of(account, asset)).collect();
    books.dedup();
    if let [only] = &books[..] {
        return Ok(only.clone());
    }
    let names: Vec<&str> = books.iter().map(Book::as_str).collect();
    let which = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    let detail = format!("book is missing, and {user} has not one book with {asset} but: {which}. Say from which book it is taken.");
    Err(Problem::new(&codes::INVALID_BODY, detail).with("field", "book").with("books", names))
}

fn book_of(account: Account, wanted: &AssetId) -> Option<Book> {
    match account {
        Account::User { book, asset, .. } => (asset == *wanted).then_some(book),
        Account::Issuer { .. }
        | Account::Hot { .. }
        | Account::Treasury { .. }
        | Account::Fees { .. }
        | Account::Network { .. }
        | Account::Rounding { .. }
        | Account::Debt { .. }
        | Account::Suspense { .. } => None,
    }
}
