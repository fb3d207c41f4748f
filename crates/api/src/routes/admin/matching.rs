//! `POST /api/admin/withdrawals/{id}/match`: a person says whose a payment was that only the
//! signer's journal knew.

use adit_core::{
    Account, AssetId, Book, Charge, Command, Lineage, Matched, Refusal, UserId, Withdrawal,
    WithdrawalId,
};
use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::amounts::{RawAmount, asset};
use crate::auth::Admin;
use crate::codes;
use crate::docs::shapes::{AssetName, BookName, Id, PositiveUnits, Remark, UserName};
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
    /// The user who had asked for it. What it cost leaves their balance; what they do not have is a
    /// debt.
    #[schema(value_type = Option<UserName>)]
    user_id: Option<String>,
    /// The book that it is taken from; may be left out where the user has one book with the asset.
    #[schema(value_type = Option<BookName>)]
    book: Option<String>,
    /// The asset that it was taken from: the points of a claim, else the asset itself. May be left
    /// out where no claim pays this asset.
    #[schema(value_type = Option<AssetName>)]
    source_asset: Option<String>,
    /// The amount that it took of `sourceAsset`, the fee included, in whole units. May be left out
    /// where that is the asset itself: then what was paid.
    #[schema(value_type = Option<PositiveUnits>)]
    deducted: Option<RawAmount>,
    /// A withdrawal that is held for inspection, asks for the same, and was not paid by its own
    /// lineage.
    #[schema(value_type = Option<Id>)]
    withdrawal_id: Option<String>,
    /// How it was found out; up to 500 characters.
    #[schema(value_type = Remark)]
    note: String,
}

/// Whom a body names.
enum Named<'a> {
    User {
        user: UserId,
        book: Option<Book>,
        source_asset: Option<AssetId>,
        deducted: Option<&'a RawAmount>,
    },
    Withdrawal(WithdrawalId),
}

/// Says whose a payment was that the database did not know. Admin keys only
#[utoipa::path(post, path = "/api/admin/withdrawals/{id}/match", operation_id = "match_payment", tag = "Admin", params(("id" = Id, Path)), request_body = MatchBody,
    responses(
        (status = 200, description = "The withdrawal that the payment belongs to now: `completed`. \
            Asked again with the same body, it answers the same", body = WithdrawalView),
        (status = 403, description = "FORBIDDEN"),
        (status = 404, description = "WITHDRAWAL_NOT_FOUND, USER_UNKNOWN"),
        (status = 409, description = "NOT_MATCHABLE, CHANGED_MEANWHILE, PAYMENT_SIGNED"),
        (status = 422, description = "INVALID_BODY, INVALID_NAME, INVALID_AMOUNT, ASSET_UNKNOWN"),
        (status = 503, description = "JOURNAL_UNREAD, STORE_RECONCILING, SIGNER_UNAVAILABLE, \
            STORE_SUPERSEDED, CLOCK_DOUBTED: nothing changed"),
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
    let command = Command::Match {
        leg: found.leg(),
        lane: lineage.lane.clone(),
        lineage: lineage.id,
        to,
        note,
    };
    state
        .engine()
        .submit(caller.actor.clone(), command)
        .await
        .map_err(|error| not_written(&error, state.rules()))?;
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
    /// A field that goes with a user, where one is given.
    fn of_a_user(&self) -> Option<&'static str> {
        let given = [
            ("book", self.book.is_some()),
            ("sourceAsset", self.source_asset.is_some()),
            ("deducted", self.deducted.is_some()),
        ];
        given.into_iter().find_map(|(field, is_given)| is_given.then_some(field))
    }

    fn named(&self) -> Result<Named<'_>, Problem> {
        let misfit = |field: &str, detail: &str| {
            Problem::new(&codes::INVALID_BODY, detail).with("field", field)
        };
        match (&self.user_id, &self.withdrawal_id) {
            (Some(user), None) => Ok(Named::User {
                user: name(user)?,
                book: self.book.as_deref().map(name).transpose()?,
                source_asset: self.source_asset.as_deref().map(name).transpose()?,
                deducted: self.deducted.as_ref(),
            }),
            (None, Some(id)) => match self.of_a_user() {
                Some(field) => Err(misfit(
                    field,
                    &format!(
                        "{field} goes with userId; the withdrawal of withdrawalId has its own."
                    ),
                )),
                None => id.parse().map(Named::Withdrawal).map_err(|_| {
                    misfit(
                        "withdrawalId",
                        &format!(
                            "withdrawalId is {id:?}; allowed is the id of a withdrawal (a UUID)."
                        ),
                    )
                }),
            },
            (Some(_), Some(_)) => Err(misfit(
                "withdrawalId",
                "Both userId and withdrawalId are given; give the one whose payment it was.",
            )),
            (None, None) => Err(misfit(
                "userId",
                "Neither userId nor withdrawalId is given; give the one whose payment it was.",
            )),
        }
    }
}

/// Returns what the payment took from its user.
///
/// # Errors
/// `INVALID_BODY` where it is not said and cannot be known; `INVALID_AMOUNT`, `ASSET_UNKNOWN`.
fn charge(
    state: &ApiState,
    found: &Withdrawal,
    source_asset: Option<AssetId>,
    deducted: Option<&RawAmount>,
) -> Result<Charge, Problem> {
    let rules = state.rules();
    let claims = rules.claims.as_ref().filter(|claims| claims.asset == found.asset);
    let source_asset = match (source_asset, claims) {
        (Some(named), _) => named,
        (None, None) => found.asset.clone(),
        (None, Some(claims)) => {
            let (points, asset) = (&claims.points, &found.asset);
            let detail = format!(
                "sourceAsset is missing, and {asset} is paid for claims too. Say {points}, with what the claim took of them as deducted; or \
                 {asset}, where it was withdrawn from a balance of {asset}."
            );
            return Err(Problem::new(&codes::INVALID_BODY, detail)
                .with("field", "sourceAsset")
                .with("allowed", [points.as_str(), asset.as_str()]));
        }
    };
    let rule = asset(state, &source_asset)?;
    match deducted {
        Some(given) => {
            let deducted =
                given.read(&rule.asset).map_err(|problem| problem.with("field", "deducted"))?;
            Ok(Charge { source_asset, deducted })
        }
        None if source_asset == found.asset => Ok(Charge { source_asset, deducted: found.amount }),
        None => {
            let detail = format!(
                "deducted is missing; say how much {source_asset} the claim took, by your \
                 application's records."
            );
            Err(Problem::new(&codes::INVALID_BODY, detail).with("field", "deducted"))
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

async fn matched(
    state: &ApiState,
    found: &Withdrawal,
    named: Named<'_>,
) -> Result<Matched, Problem> {
    match named {
        Named::User { user, book, source_asset, deducted } => {
            let charge = charge(state, found, source_asset, deducted)?;
            let book = match book {
                // Asked again.
                named if found.user == user => named.unwrap_or_else(|| found.book.clone()),
                Some(named) => known_book(state, &user, &charge.source_asset, named).await?,
                None if charge.source_asset != found.asset => {
                    claims_book(state, &charge.source_asset, &found.asset)?
                }
                None => only_book(state, &user, &charge.source_asset).await?,
            };
            Ok(Matched::User { user, book, charge })
        }
        Named::Withdrawal(id) => {
            let other = state.store().withdrawal(id).await?.ok_or_else(no_withdrawal)?;
            Ok(Matched::Withdrawal { leg: other.leg() })
        }
    }
}

/// Returns the book that claims take their points from.
///
/// # Errors
/// `NOT_MATCHABLE` where no claim takes this.
fn claims_book(state: &ApiState, points: &AssetId, asset: &AssetId) -> Result<Book, Problem> {
    let claims = state.rules().claims_of(points, asset);
    claims.map(|claims| claims.book.clone()).ok_or_else(|| {
        let detail = format!("{asset} is not paid for {points}");
        refused(&Refusal::NotMatchable { detail }, state.rules())
    })
}

/// Returns a book that was named. Whoever lost all their credits has no book with the asset, and
/// then any will do: what they do not have is a debt, until credits come again.
///
/// # Errors
/// `USER_UNKNOWN`; `INVALID_BODY` where the user has the asset in other books alone.
async fn known_book(
    state: &ApiState,
    user: &UserId,
    asset: &AssetId,
    named: Book,
) -> Result<Book, Problem> {
    let books = books(state, user, asset).await?;
    if books.is_empty() || books.contains(&named) {
        return Ok(named);
    }
    Err(misplaced(&books, &format!("book is {named}, and {user} has no {asset} there")))
}

/// # Errors
/// `USER_UNKNOWN`; `INVALID_BODY` where the user has no book with the asset, or several.
async fn only_book(state: &ApiState, user: &UserId, asset: &AssetId) -> Result<Book, Problem> {
    let books = books(state, user, asset).await?;
    match &books[..] {
        [only] => Ok(only.clone()),
        _ => {
            Err(misplaced(&books, &format!("book is missing, and {user} has not one with {asset}")))
        }
    }
}

fn misplaced(books: &[Book], wrong: &str) -> Problem {
    let names: Vec<&str> = books.iter().map(Book::as_str).collect();
    let which = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    let detail = format!("{wrong} but: {which}. Say from which book it is taken.");
    Problem::new(&codes::INVALID_BODY, detail).with("field", "book").with("books", names)
}

/// Returns the user's books with the asset.
///
/// # Errors
/// `USER_UNKNOWN`.
async fn books(state: &ApiState, user: &UserId, asset: &AssetId) -> Result<Vec<Book>, Problem> {
    let sheet = state.store().user(user).await?;
    let sheet = sheet
        .ok_or_else(|| refused(&Refusal::UnknownUser { user: user.clone() }, state.rules()))?;
    let mut books: Vec<Book> =
        sheet.balances.into_iter().filter_map(|(account, _)| book_of(account, asset)).collect();
    books.dedup();
    Ok(books)
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
