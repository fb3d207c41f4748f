//! `POST /api/withdrawals/{id}/cancel`: the owner takes back what is still pending.

use adit_core::{Actor, Command, Reader, Withdrawal};
use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use super::find;
use crate::auth::Caller;
use crate::codes;
use crate::docs::shapes::{Id, Remark};
use crate::extract::{MaybeBody, WithdrawalPath, no_withdrawal};
use crate::problem::Problem;
use crate::record::{WithdrawalView, withdrawal_view};
use crate::refused::not_written;
use crate::state::ApiState;

/// Longest reason that is kept.
pub const REASON_CHARS_MAX: usize = 500;

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct CancelBody {
    /// For the record; up to 500 characters.
    #[schema(value_type = Option<Remark>)]
    pub reason: Option<String>,
}

/// Takes back a withdrawal that is still pending
#[utoipa::path(post, path = "/api/withdrawals/{id}/cancel", operation_id = "cancel_own", tag = "Withdrawals", params(("id" = Id, Path)), request_body = Option<CancelBody>,
    responses(
        (status = 200, description = "Cancelled and given back", body = WithdrawalView),
        (status = 404, description = "WITHDRAWAL_NOT_FOUND, also for another user's"),
        (status = 409, description = "NOT_CANCELLABLE, NOT_SWEPT, CHANGED_MEANWHILE, PAYMENT_SIGNED"),
        (status = 429, description = "TOO_MANY_CANCELS"),
        (status = 503, description = "JOURNAL_UNREAD, STORE_RECONCILING, SIGNER_UNAVAILABLE, \
            STORE_SUPERSEDED: nothing changed"),
    ))]
pub async fn cancel(
    State(state): State<ApiState>,
    Caller(caller): Caller,
    WithdrawalPath(id): WithdrawalPath,
    MaybeBody(body): MaybeBody<CancelBody>,
) -> Result<Json<WithdrawalView>, Problem> {
    let reason = reason(body.reason, "cancelled by its owner")?;
    let found = find(&state, &caller, id).await?;
    submit(&state, caller.actor, &found, reason).await
}

/// Gives the command and answers with what became of the withdrawal.
pub async fn submit(
    state: &ApiState,
    actor: Actor,
    found: &Withdrawal,
    reason: String,
) -> Result<Json<WithdrawalView>, Problem> {
    let reader = Reader::of(&actor);
    let command = Command::Cancel {
        withdrawal: found.id,
        user: found.user.clone(),
        book: found.book.clone(),
        source_asset: found.source_asset.clone(),
        asset: found.asset.clone(),
        // As it was read; where that changed meanwhile, the rules say so.
        lineage: found.state.lineage(),
        reason,
    };
    state
        .engine()
        .submit(actor, command)
        .await
        .map_err(|error| not_written(&error, state.rules()))?;
    let now = state.store().withdrawal(found.id).await?.ok_or_else(no_withdrawal)?;
    Ok(Json(withdrawal_view(state, &now, reader).await?))
}

/// A reason of bounded length, or the usual one.
///
/// # Errors
/// `INVALID_BODY` when it is too long, or has control characters.
pub fn reason(given: Option<String>, usual: &str) -> Result<String, Problem> {
    let reason =
        given.filter(|reason| !reason.trim().is_empty()).unwrap_or_else(|| usual.to_owned());
    printable("reason", &reason)?;
    let length = reason.chars().count();
    if length > REASON_CHARS_MAX {
        let detail = format!("reason has {length} characters; allowed are {REASON_CHARS_MAX}.");
        return Err(Problem::new(&codes::INVALID_BODY, detail).with("field", "reason"));
    }
    Ok(reason)
}

/// Text that people write is shown to other people, in terminals too: control characters have no
/// place in it.
///
/// # Errors
/// `INVALID_BODY`, naming the first such character.
pub fn printable(field: &'static str, text: &str) -> Result<(), Problem> {
    let Some(odd) = text.chars().find(|character| character.is_control()) else { return Ok(()) };
    let detail = format!(
        "{field} has the control character U+{:04X}; allowed is text without any.",
        u32::from(odd)
    );
    Err(Problem::new(&codes::INVALID_BODY, detail).with("field", field))
}
