//! Follows an accepted claim until it is confirmed, ends, or the caller has waited long enough.

use std::time::{Duration, Instant};

use adit_core::{Failure, Span, State, Withdrawal};
use axum::Json;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Number, Value};
use utoipa::ToSchema;

use crate::codes::{self, Code};
use crate::docs::shapes::{Hash, Id, Units};
use crate::problem::Problem;
use crate::record::failure_sentence;
use crate::state::ApiState;
use crate::units::units;
use crate::wakes::Subject;

/// Another replica may have committed what this one waits for, so the store is looked at by itself
/// as well.
const LOOK_MILLIS: u64 = 500;
/// Says that an answer repeats an earlier one.
pub const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// Where a claim stands. On 202, `pending` is true and what is not known yet is null or absent.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClaimAnswer {
    success: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pending: bool,
    #[schema(value_type = Id)]
    withdrawal_id: String,
    #[schema(value_type = Option<Hash>)]
    transaction_hash: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    block_number: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Units>)]
    amount_withdrawn: Option<String>,
    /// A JSON number: what existing applications read.
    #[serde(rename = "newXPBalance", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>)]
    new_xp_balance: Option<Value>,
    /// Whether it can no longer be undone by a reorganisation of the chain.
    #[serde(rename = "final", skip_serializing_if = "Option::is_none")]
    is_final: Option<bool>,
}

/// What a claim has come to.
pub struct Outcome {
    withdrawal: Withdrawal,
}

/// Waits. A store that cannot be read meanwhile does not undo the acceptance: the answer says what
/// was known last.
pub async fn follow(state: &ApiState, mut withdrawal: Withdrawal, wait: Duration) -> Outcome {
    if wait.is_zero() || is_decided(&withdrawal.state) {
        return Outcome { withdrawal };
    }
    let until = Instant::now() + wait;
    let waiter = state.wakes().wait_for(Subject::Withdrawal(withdrawal.id));
    loop {
        let woken = waiter.woken();
        match state.store().withdrawal(withdrawal.id).await {
            Ok(Some(now)) => withdrawal = now,
            Ok(None) => {}
            Err(fault) => {
                tracing::warn!(
                    %fault,
                    withdrawal = %withdrawal.id,
                    "a claim that is waited for cannot be read"
                )
            }
        }
        let left = until.saturating_duration_since(Instant::now());
        if is_decided(&withdrawal.state) || left.is_zero() {
            return Outcome { withdrawal };
        }
        let look = u64::try_from(left.as_millis()).unwrap_or(LOOK_MILLIS).clamp(1, LOOK_MILLIS);
        tokio::select! {
            () = woken => {}
            () = adit_engine::Clock::sleep(&state.engine().ports.clock, Span::from_millis(look)) => {}
            () = state.closed() => return Outcome { withdrawal },
        }
    }
}

fn is_decided(state: &State) -> bool {
    match state {
        State::Pending | State::Approved { .. } | State::HeldForInspection { .. } => false,
        State::Processing { confirmed_at, .. } => confirmed_at.is_some(),
        State::Completed { .. } | State::Failed { .. } | State::Cancelled { .. } => true,
    }
}

impl Outcome {
    /// 200 once it is confirmed, 202 while it is under way, a problem where it ended without being
    /// paid.
    ///
    /// # Errors
    /// `PAYMENT_REVERTED`, `PAYMENT_FAILED`, `WITHDRAWAL_CANCELLED`.
    pub fn respond(self, state: &ApiState, replayed: bool) -> Result<Response, Problem> {
        let withdrawal = &self.withdrawal;
        let answer = match &withdrawal.state {
            State::Completed { .. } => (StatusCode::OK, self.paid(state, true)),
            State::Processing { confirmed_at: Some(_), .. } => {
                (StatusCode::OK, self.paid(state, false))
            }
            State::Pending
            | State::Approved { .. }
            | State::Processing { .. }
            | State::HeldForInspection { .. } => (StatusCode::ACCEPTED, self.pending()),
            State::Failed { failure: failure @ Failure::Reverted, .. } => {
                return Err(self.ended(
                    &codes::PAYMENT_REVERTED,
                    failure_sentence(failure, adit_core::Reader::User),
                ));
            }
            State::Failed {
                failure: failure @ (Failure::Precheck { .. } | Failure::Inspected { .. }),
                ..
            } => {
                return Err(self.ended(
                    &codes::PAYMENT_FAILED,
                    failure_sentence(failure, adit_core::Reader::User),
                ));
            }
            State::Cancelled { reason, .. } => {
                return Err(self.ended(
                    &codes::WITHDRAWAL_CANCELLED,
                    format!("It was cancelled: {reason}. The points were given back."),
                ));
            }
        };
        let mut response = (answer.0, Json(answer.1)).into_response();
        if replayed {
            response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
        }
        Ok(response)
    }

    fn paid(&self, state: &ApiState, is_final: bool) -> ClaimAnswer {
        let withdrawal = &self.withdrawal;
        let rules = state.rules();
        ClaimAnswer {
            block_number: withdrawal.state.block().map(|block| block.height),
            amount_withdrawn: Some(units(rules, &withdrawal.asset, withdrawal.amount)),
            new_xp_balance: Some(number(&units(
                rules,
                &withdrawal.source_asset,
                withdrawal.balance_after,
            ))),
            is_final: Some(is_final),
            pending: false,
            ..self.pending()
        }
    }

    fn pending(&self) -> ClaimAnswer {
        ClaimAnswer {
            success: true,
            pending: true,
            withdrawal_id: self.withdrawal.id.to_string(),
            transaction_hash: self.withdrawal.state.hash().map(|hash| hash.to_string()),
            block_number: None,
            amount_withdrawn: None,
            new_xp_balance: None,
            is_final: None,
        }
    }

    fn ended(&self, code: &'static Code, detail: String) -> Problem {
        let hash = self.withdrawal.state.hash().map(|hash| hash.to_string());
        Problem::new(code, detail)
            .with("withdrawalId", self.withdrawal.id.to_string())
            .with("transactionHash", hash)
    }
}

/// Exact up to 2^64; beyond that, and with fraction digits, as near as a JSON number comes.
fn number(units: &str) -> Value {
    let whole = units.parse::<u64>().map(Number::from).ok();
    whole
        .or_else(|| units.parse().ok().and_then(Number::from_f64))
        .map_or(Value::Null, Value::Number)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn balances_become_numbers() {
        assert_eq!(number("7000"), json!(7000));
        assert_eq!(number("18446744073709551615"), json!(u64::MAX));
        assert_eq!(number("0.5"), json!(0.5));
        assert!(number("340282366920938463463374607431768211455").is_number());
    }
}
