//! Withdrawals of any asset.

pub mod cancel;
pub mod create;
pub mod list;
pub mod one;
pub mod why;

use adit_core::{Withdrawal, WithdrawalId};

use crate::auth::Principal;
use crate::extract::no_withdrawal;
use crate::problem::Problem;
use crate::state::ApiState;

/// The withdrawal, if it exists for this caller.
///
/// # Errors
/// `WITHDRAWAL_NOT_FOUND`, also for another user's.
pub async fn find(
    state: &ApiState,
    caller: &Principal,
    id: WithdrawalId,
) -> Result<Withdrawal, Problem> {
    let found = state.store().withdrawal(id).await?.ok_or_else(no_withdrawal)?;
    if caller.may_see(&found.user) {
        return Ok(found);
    }
    tracing::warn!(
        caller = %caller.actor.client(),
        withdrawal = %id,
        "a withdrawal of somebody else was asked for"
    );
    Err(no_withdrawal())
}
