//! `POST /api/withdrawals`: asks for a payment of any asset.

use adit_core::{
    Answer, AssetId, Book, Command, Hash32, Idempotency, Reader, Request, WithdrawalId,
};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use crate::amounts::{RawAmount, asset, destination};
use crate::auth::{Caller, Principal};
use crate::codes;
use crate::docs::shapes::{AssetName, BookName, Key, PositiveUnits, UserName};
use crate::extract::{Body, name, no_withdrawal};
use crate::headers;
use crate::problem::Problem;
use crate::record::{WithdrawalView, withdrawal_view};
use crate::refused::not_written;
use crate::routes::token::outcome::REPLAYED;
use crate::state::ApiState;

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct WithdrawalBody {
    #[schema(value_type = AssetName)]
    asset: String,
    /// Whole units, as a string.
    #[schema(value_type = PositiveUnits)]
    amount: RawAmount,
    /// An address of the asset's chain; blanks at its ends are taken off, and of a payment URI the
    /// answer names what to paste.
    destination: String,
    /// The book that it is taken from.
    #[schema(value_type = BookName)]
    book: String,
    /// For service keys: whose balance it is.
    #[schema(value_type = Option<UserName>)]
    user_id: Option<String>,
}

/// Asks for a payment
#[utoipa::path(post, path = "/api/withdrawals", tag = "Withdrawals", request_body = WithdrawalBody,
    params(("Idempotency-Key" = Option<Key>, Header, description = "the same key and body get the \
        same answer, for ever")),
    responses(
        (status = 201, description = "Accepted and held; with `Idempotent-Replayed: true` where it \
            was before", body = WithdrawalView),
        (status = 403, description = "FORBIDDEN: only a service key may name a userId"),
        (status = 404, description = "USER_UNKNOWN"),
        (status = 422, description = "INVALID_HEADER, INVALID_NAME, INVALID_AMOUNT, \
            INVALID_ADDRESS, FORBIDDEN_DESTINATION, ASSET_UNKNOWN, ASSET_NOT_WITHDRAWABLE, \
            BELOW_MINIMUM, ABOVE_MAXIMUM, INSUFFICIENT_BALANCE, DAILY_LIMIT_EXCEEDED, \
            WEEKLY_LIMIT_EXCEEDED, MONTHLY_LIMIT_EXCEEDED, COOLDOWN, IDEMPOTENCY_MISMATCH"),
        (status = 503, description = "STORE_UNAVAILABLE, OUTCOME_UNKNOWN, SUSPENDED"),
    ))]
pub async fn request(
    State(state): State<ApiState>,
    Caller(caller): Caller,
    headers: HeaderMap,
    Body(body): Body<WithdrawalBody>,
) -> Result<Response, Problem> {
    let mut request = shape(&state, &caller, &body)?;
    request.idempotency = headers::idempotency_key(&headers)?
        .map(|key| Idempotency { key, fingerprint: fingerprint(&request) });
    let reader = caller.reader();
    let written = state.engine().writer.submit(caller.actor, Command::Request(request)).await;
    match written.map_err(|error| not_written(&error, state.rules()))? {
        Answer::Accepted(withdrawal) => {
            Ok((StatusCode::CREATED, Json(withdrawal_view(&state, &withdrawal, reader).await?))
                .into_response())
        }
        Answer::Replayed(id) => replay(&state, id, reader).await,
        Answer::Done | Answer::Unchanged | Answer::Wallet(_) | Answer::Leased(_) => {
            Err(Problem::new(&codes::INTERNAL, "The request got an answer of another kind."))
        }
    }
}

fn shape(state: &ApiState, caller: &Principal, body: &WithdrawalBody) -> Result<Request, Problem> {
    let user = caller.in_body(body.user_id.as_deref().map(name).transpose()?)?;
    let (wanted, book): (AssetId, Book) = (name(&body.asset)?, name(&body.book)?);
    let amount = body.amount.read(&asset(state, &wanted)?.asset)?;
    let destination = destination(state, &wanted, &body.destination, "destination")?;
    let ports = &state.engine().ports;
    Ok(Request {
        id: WithdrawalId(ports.uuid()),
        user,
        book,
        source_asset: wanted.clone(),
        asset: wanted,
        amount,
        destination,
        idempotency: None,
        claim: None,
        tier: None,
    })
}

/// Everything that the caller decides. No name holds a line break, so two requests never read the
/// same.
fn fingerprint(request: &Request) -> Hash32 {
    let Request { user, book, asset, amount, destination, .. } = request;
    Hash32(
        Sha256::digest(format!("withdrawal\n{user}\n{book}\n{asset}\n{amount}\n{destination}"))
            .into(),
    )
}

async fn replay(state: &ApiState, id: WithdrawalId, reader: Reader) -> Result<Response, Problem> {
    let known = state.store().withdrawal(id).await?.ok_or_else(no_withdrawal)?;
    let mut response =
        (StatusCode::CREATED, Json(withdrawal_view(state, &known, reader).await?)).into_response();
    response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    Ok(response)
}
