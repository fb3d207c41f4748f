//! The record of a claim, its fields named as existing applications know them (requirement D10).

use adit_core::{Failure, Reader, Rules, State, Withdrawal};
use serde::Serialize;
use utoipa::ToSchema;

use super::{ended_at, failure_sentence};
use crate::docs::shapes::{ClaimStatus, Hash, Id, Time, Units, UserName};
use crate::units::{rfc3339, units};

/// A claim. Amounts are strings of whole units; `status` is `pending`, `completed`, `failed` or
/// `reverted`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ClaimView {
    #[schema(value_type = Id)]
    pub id: String,
    #[schema(value_type = UserName)]
    pub user_id: String,
    pub wallet_address: String,
    #[schema(value_type = Units)]
    pub amount_requested: String,
    #[schema(value_type = Units)]
    pub xp_deducted: String,
    #[schema(value_type = Units)]
    pub xp_balance_before: String,
    #[schema(value_type = Units)]
    pub xp_balance_after: String,
    pub signature: Option<String>,
    pub nonce: Option<u64>,
    /// Unix seconds.
    pub deadline: Option<u64>,
    #[schema(value_type = Option<Hash>)]
    pub transaction_hash: Option<String>,
    pub block_number: Option<u64>,
    #[schema(value_type = ClaimStatus)]
    pub status: &'static str,
    pub error_message: Option<String>,
    pub retry_count: u32,
    #[schema(value_type = Time)]
    pub created_at: String,
    #[schema(value_type = Option<Time>)]
    pub completed_at: Option<String>,
}

pub fn claim_view(withdrawal: &Withdrawal, rules: &Rules) -> ClaimView {
    let points = |amount| units(rules, &withdrawal.source_asset, amount);
    let claim = withdrawal.claim.as_ref();
    let (status, error_message) = standing(&withdrawal.state);
    ClaimView {
        id: withdrawal.id.to_string(),
        user_id: withdrawal.user.to_string(),
        wallet_address: withdrawal.destination.to_string(),
        amount_requested: units(rules, &withdrawal.asset, withdrawal.amount),
        xp_deducted: points(withdrawal.deducted),
        xp_balance_before: points(withdrawal.balance_before),
        xp_balance_after: points(withdrawal.balance_after),
        signature: claim.map(|claim| claim.signature.to_string()),
        nonce: claim.map(|claim| claim.nonce),
        deadline: claim.map(|claim| claim.deadline),
        transaction_hash: withdrawal.state.hash().map(|hash| hash.to_string()),
        block_number: withdrawal.state.block().map(|block| block.height),
        status,
        error_message,
        retry_count: withdrawal.retries,
        created_at: rfc3339(withdrawal.created_at),
        completed_at: ended_at(&withdrawal.state).map(rfc3339),
    }
}

/// Four words stand for all states here; what waits for a person is still pending for its owner.
fn standing(state: &State) -> (&'static str, Option<String>) {
    match state {
        State::Pending
        | State::Approved { .. }
        | State::Processing { .. }
        | State::HeldForInspection { .. } => ("pending", None),
        State::Completed { .. } => ("completed", None),
        State::Failed { failure: failure @ Failure::Reverted, .. } => {
            ("reverted", Some(failure_sentence(failure, Reader::User)))
        }
        State::Failed {
            failure: failure @ (Failure::Precheck { .. } | Failure::Inspected { .. }),
            ..
        } => ("failed", Some(failure_sentence(failure, Reader::User))),
        State::Cancelled { reason, .. } => {
            ("failed", Some(format!("It was cancelled: {reason}. The amount was given back.")))
        }
    }
}
