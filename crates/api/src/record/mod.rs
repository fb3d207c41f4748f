//! Rows as callers see them: a withdrawal, a claim, a lane, the store itself.

mod claim;
mod general;
mod incarnation;
mod lane;

pub use claim::{ClaimView, claim_view};
pub use general::{WithdrawalView, withdrawal_view, withdrawal_views};
pub use incarnation::StoreRecord;
pub use lane::{LaneRecord, Shown, state_name};

use adit_core::{Actor, Failure, Reader, State, Timestamp};

/// When it ended, if it did.
pub(crate) fn ended_at(state: &State) -> Option<Timestamp> {
    match state {
        State::Completed { at, .. } | State::Failed { at, .. } | State::Cancelled { at, .. } => {
            Some(*at)
        }
        State::Pending
        | State::Approved { .. }
        | State::Processing { .. }
        | State::HeldForInspection { .. } => None,
    }
}

/// Why it failed, in English. What a node or a person said in detail is for those who run the
/// instance.
pub(crate) fn failure_sentence(failure: &Failure, reader: Reader) -> String {
    match (failure, reader) {
        (Failure::Reverted, _) => {
            "The payment reverted on chain; the amount was given back.".to_owned()
        }
        (Failure::Precheck { reason }, Reader::Operator) => {
            format!(
                "Nothing was sent, because the payment would fail: {reason}. The amount was \
                given back."
            )
        }
        (Failure::Precheck { .. }, Reader::User | Reader::Host) => {
            "Nothing was sent, because the recipient would refuse the payment. The amount was \
                given back."
                .to_owned()
        }
        (Failure::Inspected { finding, note }, Reader::Operator) => {
            format!(
                "A person found that it was not paid ({finding}): {note}. The amount was given \
                back."
            )
        }
        (Failure::Inspected { .. }, Reader::User | Reader::Host) => {
            "A person found that it was not paid. The amount was given back.".to_owned()
        }
    }
}

/// Who did something, in one word: `policy`, `user/42`, `service/<key>`, `admin/<key>`.
pub(crate) fn actor_name(actor: &Actor) -> String {
    match actor {
        Actor::User { user } => format!("user/{user}"),
        Actor::Service { credential, .. } => format!("service/{credential}"),
        Actor::Admin { credential, .. } => format!("admin/{credential}"),
        Actor::Engine => "policy".to_owned(),
    }
}
