//! Whether what a database recorded is learned by a journal that lacks it (case F96).
//!
//! A lesson adds restrictions: who owns a nonce or a coin, where a payout lives, that it is never
//! signed again. So neither lease nor caps are asked for. Whatever contradicts the journal is
//! refused, as it would be by [`super::judge`].

use adit_core::{Mistake, planted};

use super::{check_anchors, check_lineage, check_payout, mismatch};
use crate::checked::Checked;
use crate::facts::Overlay;
use crate::policy::Policy;
use crate::{EPOCH_STEP_MAX, Refused, SignRequest};

/// Judges an attempt that was signed, as the database says, and that the journal does not have.
///
/// # Errors
/// [`Refused`].
pub(crate) fn judge_lesson<'a>(
    policy: &'a Policy,
    known: &Overlay<'_>,
    request: &SignRequest,
) -> Result<Checked<'a>, Refused> {
    let wallet = policy
        .lane(&request.lane)
        .ok_or_else(|| Refused::UnknownKey { lane: request.lane.clone() })?;
    let newest = known.leased(&request.lane).epoch;
    if request.epoch.0.saturating_sub(newest.0) > EPOCH_STEP_MAX {
        return Err(Refused::EpochTooFar { got: request.epoch, newest, most: EPOCH_STEP_MAX });
    }
    let checked = Checked::read(policy, wallet, request)?;
    if planted(Mistake::SignerForgets) {
        return Ok(checked);
    }
    check_anchors(known, request, checked.consumed())?;
    check_lineage(known, request, checked.consumed())?;
    for approved in &request.approved {
        check_payout(known, approved, request.lineage)?;
    }
    Ok(checked)
}

/// Refuses bytes that this signer's key has not signed.
pub(crate) fn not_ours(request: &SignRequest) -> Refused {
    mismatch(format!(
        "the recorded bytes of attempt {} do not hold this key's signature of what the attempt \
         does",
        request.attempt
    ))
}
