//! `POST /api/admin/credits`: adds to what users are owed. Each id is booked once, however often it
//! is sent.
//!
//! JSON for one or many, with an answer for each; CSV or JSON lines for a bulk import, with the
//! lines that were refused.

use adit_core::{Actor, Answer, AssetId, Command, Credit};
use adit_engine::WriteError;
use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::import::{self, ImportAnswer};
use crate::amounts::{RawAmount, asset};
use crate::auth::Service;
use crate::codes;
use crate::docs::shapes::{AssetName, BookName, CreditStatus, Key, PositiveUnits, UserName};
use crate::extract::{bytes, fitting, json, media_type, name};
use crate::problem::Problem;
use crate::refused::not_written;
use crate::state::ApiState;
use crate::strict_json::Strict;

/// Most credits of one JSON request. More go in as a bulk import.
pub const CREDITS_MAX: usize = 1_000;

/// What browsers and programs call a file of comma-separated values: Windows with Excel says the
/// second.
const CSV_TYPES: [&str; 5] = [
    "text/csv",
    "application/vnd.ms-excel",
    "application/csv",
    "text/x-csv",
    "text/comma-separated-values",
];

/// One credit.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct CreditBody {
    /// The host application's own name for it; booked once.
    #[schema(value_type = Key)]
    id: String,
    #[schema(value_type = UserName)]
    user_id: String,
    #[schema(value_type = BookName)]
    book: String,
    #[schema(value_type = AssetName)]
    asset: String,
    /// Whole units, as a string.
    #[schema(value_type = PositiveUnits)]
    amount: RawAmount,
}

/// Many credits. The fields of one credit may also stand here instead.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct CreditsBody {
    #[schema(value_type = Vec<CreditBody>, min_items = 1, max_items = 1000)]
    credits: Vec<Value>,
}

/// What became of one credit: `credited`, `unchanged` (it was booked before) or `refused`.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CreditOutcome {
    pub id: Value,
    #[schema(value_type = CreditStatus)]
    pub status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// For one, its outcome; for a list, one for each; for an import, the lines that were refused.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum CreditAnswer {
    One(CreditOutcome),
    Many(CreditsAnswer),
    Import(ImportAnswer),
}

/// One credit, or a list of them.
#[derive(ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "the document's; the reader judges each credit by itself")]
pub enum CreditRequest {
    Many(CreditsBody),
    One(CreditBody),
}

#[derive(Debug, Serialize, ToSchema)]
pub struct CreditsAnswer {
    credited: usize,
    unchanged: usize,
    refused: usize,
    items: Vec<CreditOutcome>,
}

/// Adds to what users are owed; one, many, or a bulk import
#[utoipa::path(post, path = "/api/admin/credits", tag = "Admin",
    request_body(description = "application/json for one or up to 1,000; text/csv (or \
        application/vnd.ms-excel, as Windows calls it) with the header \
        id,userId,book,asset,amount, or application/x-ndjson, for a bulk import",
        content((CreditRequest = "application/json"), (String = "text/csv"), (String = "application/vnd.ms-excel"), (String = "application/x-ndjson"))),
    responses(
        (status = 200, description = "All are booked, now or before", body = CreditAnswer),
        (status = 207, description = "Some were refused: see `items`, or `errors` of an import", body = CreditAnswer),
        (status = 404, description = "USER_UNKNOWN; of a list: all were refused, the first for this", body = CreditAnswer),
        (status = 409, description = "CREDIT_MISMATCH; of a list: all were refused, the first for \
            this", body = CreditAnswer),
        (status = 422, description = "INVALID_BODY, INVALID_NAME, INVALID_AMOUNT, ASSET_UNKNOWN; \
            of a list: all were refused, the first for this", body = CreditAnswer),
        (status = 503, description = "STORE_UNAVAILABLE, OUTCOME_UNKNOWN; of a list: all were \
            refused, the first for this", body = CreditAnswer),
    ))]
pub async fn credit(
    State(state): State<ApiState>,
    Service(caller): Service,
    request: Request,
) -> Result<Response, Problem> {
    let kind = media_type(request.headers()).to_ascii_lowercase();
    match kind.as_str() {
        csv if CSV_TYPES.contains(&csv) => {
            import::csv(&state, &caller.actor, &bytes(request).await?).await
        }
        "application/x-ndjson" | "application/jsonl" => {
            import::lines(&state, &caller.actor, &bytes(request).await?).await
        }
        other if !other.eq_ignore_ascii_case("application/json") => {
            let detail = format!(
                "The body's Content-Type is {other:?}; this route reads application/json, text/csv (with its other names, like \
                 application/vnd.ms-excel) and application/x-ndjson."
            );
            Err(Problem::new(&codes::UNSUPPORTED_MEDIA_TYPE, detail))
        }
        _json => {
            let Strict(body) = json(&bytes(request).await?)?;
            let many = body.get("credits").is_some();
            if many {
                book_many(&state, &caller.actor, fitting(body)?).await
            } else {
                book_one(&state, &caller.actor, body).await
            }
        }
    }
}

async fn book_many(
    state: &ApiState,
    actor: &Actor,
    body: CreditsBody,
) -> Result<Response, Problem> {
    let count = body.credits.len();
    if count == 0 || count > CREDITS_MAX {
        let detail = format!(
            "credits holds {count}; allowed are 1 to {CREDITS_MAX}. Send more as text/csv or \
             application/x-ndjson."
        );
        return Err(Problem::new(&codes::INVALID_BODY, detail).with("field", "credits"));
    }
    let items: Vec<CreditOutcome> =
        book(state, actor, body.credits).await.into_iter().map(Booked::into_outcome).collect();
    let of = |status| items.iter().filter(|item| item.status == status).count();
    let (credited, unchanged, refused) = (of("credited"), of("unchanged"), of("refused"));
    let status = match refused {
        0 => StatusCode::OK,
        all if all == count => items[0]
            .code
            .map_or(StatusCode::UNPROCESSABLE_ENTITY, |code| codes::named(code).status()),
        _some => StatusCode::MULTI_STATUS,
    };
    Ok((status, Json(CreditAnswer::Many(CreditsAnswer { credited, unchanged, refused, items })))
        .into_response())
}

async fn book_one(state: &ApiState, actor: &Actor, body: Value) -> Result<Response, Problem> {
    let mut booked = book(state, actor, vec![body]).await;
    match booked.pop().map(|booked| (booked.result.clone(), booked)) {
        Some((Err(problem), _)) => Err(problem),
        Some((Ok(_), booked)) => Ok(Json(CreditAnswer::One(booked.into_outcome())).into_response()),
        None => Err(Problem::new(&codes::INTERNAL, "The credit got no answer.")),
    }
}

/// One credit and what became of it.
pub struct Booked {
    pub id: Value,
    pub result: Result<Answer, Problem>,
}

impl Booked {
    pub fn into_outcome(self) -> CreditOutcome {
        let (status, problem) = match self.result {
            Ok(Answer::Unchanged) => ("unchanged", None),
            Ok(
                Answer::Done
                | Answer::Accepted(_)
                | Answer::Replayed(_)
                | Answer::Wallet(_)
                | Answer::Leased(_),
            ) => ("credited", None),
            Err(problem) => ("refused", Some(problem)),
        };
        let code = problem.as_ref().map(|problem| problem.code.name);
        CreditOutcome { id: self.id, status, code, error: problem.map(|problem| problem.detail) }
    }
}

/// Books all of them, each by itself, in their order.
pub async fn book(state: &ApiState, actor: &Actor, credits: Vec<Value>) -> Vec<Booked> {
    let (ids, shaped): (Vec<Value>, Vec<Result<Credit, Problem>>) = credits
        .into_iter()
        .map(|value| (value.get("id").cloned().unwrap_or(Value::Null), shape(state, value)))
        .unzip();
    let commands = shaped
        .iter()
        .filter_map(|credit| credit.as_ref().ok().cloned().map(Command::Credit))
        .collect();
    let mut answers = state.engine().writer.submit_all(actor, commands).await.into_iter();
    let mut answer = || {
        answers.next().unwrap_or_else(|| {
            Err(WriteError::Unknown { detail: "an order got no answer".to_owned() })
        })
    };
    let result = |shaped: Result<Credit, Problem>| {
        shaped.and_then(|_| answer().map_err(|error| not_written(&error, state.rules())))
    };
    let results: Vec<_> = shaped.into_iter().map(result).collect();
    ids.into_iter().zip(results).map(|(id, result)| Booked { id, result }).collect()
}

fn shape(state: &ApiState, value: Value) -> Result<Credit, Problem> {
    let body: CreditBody = fitting(value)?;
    let id: AssetId = name(&body.asset)?;
    let amount = body.amount.read(&asset(state, &id)?.asset)?;
    Ok(Credit {
        id: name(&body.id)?,
        user: name(&body.user_id)?,
        book: name(&body.book)?,
        asset: id,
        amount,
    })
}
