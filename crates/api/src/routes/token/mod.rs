//! Points paid as a token, against a signed claim.

mod hint;
pub mod list;
pub mod nonce;
pub mod one;
pub mod outcome;
pub mod withdraw;

use std::sync::Arc;

use adit_core::ClaimRules;

use crate::codes;
use crate::gate::ClaimGate;
use crate::problem::Problem;
use crate::state::ApiState;

/// The claims of this instance.
///
/// # Errors
/// `CLAIMS_NOT_CONFIGURED`.
fn claims(state: &ApiState) -> Result<(&ClaimRules, &Arc<dyn ClaimGate>), Problem> {
    let none = || {
        Problem::new(
            &codes::CLAIMS_NOT_CONFIGURED,
            "This instance pays no claims; its operator configures them under [claims].",
        )
    };
    state.claims().ok_or_else(none)
}
