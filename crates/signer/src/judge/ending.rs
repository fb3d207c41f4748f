//! What ends: a payout leaves a lineage, others have its coins, and a payout is never signed again.

use adit_core::{DeadLineage, Hash32, PayoutId, Retirement};

use super::lease::{check_incarnation, check_stamp};
use super::mismatch;
use crate::facts::{Overlay, PayoutFacts};
use crate::policy::Policy;
use crate::{Refused, Retire, Supersede};

const NO_EVIDENCE: Hash32 = Hash32([0; 32]);

/// Judges whether a payout may leave a lineage, and others have its coins. True when that is to be
/// journalled, false when it stands there already.
///
/// # Errors
/// [`Refused`].
pub(crate) fn judge_supersede(
    policy: &Policy,
    known: &Overlay<'_>,
    supersede: &Supersede,
) -> Result<bool, Refused> {
    check_stamp(known, &supersede.lane, supersede.epoch, &supersede.stamp)?;
    judge_ended(policy, known, supersede)
}

/// The same whoever asks: what a lesson says has no lease.
///
/// # Errors
/// [`Refused`].
pub(crate) fn judge_ended(
    policy: &Policy,
    known: &Overlay<'_>,
    supersede: &Supersede,
) -> Result<bool, Refused> {
    let Supersede { lane, epoch: _, stamp: _, payout, old, evidence, raw: _ } = supersede;
    policy.lane(lane).ok_or_else(|| Refused::UnknownKey { lane: lane.clone() })?;
    if *evidence == NO_EVIDENCE {
        return Err(mismatch(format!(
            "lineage {old} ends by a final transaction's hash, and none is given"
        )));
    }
    if let Some(lineage) = known.lineage(*old).filter(|lineage| *lineage.lane != *lane) {
        return Err(mismatch(format!("lineage {old} belongs to {}, not to {lane}", lineage.lane)));
    }
    let Some(payout) = payout else {
        return Ok(known.lineage(*old).is_some() && !known.is_ended(*old));
    };
    let Some(facts) = known.payout(*payout) else { return Ok(true) };
    if facts.left.contains(old) {
        return Ok(false);
    }
    match facts.live {
        Some(live) if live != *old => Err(Refused::Equivocation { payout: *payout, live }),
        Some(_) | None => Ok(true),
    }
}

/// Judges whether a payout may be retired. True when that is to be journalled, false when it stands
/// there already. It only adds a restriction, so that no lease is asked for.
///
/// # Errors
/// [`Refused::SupersededStore`], [`Refused::NotLeased`], [`Refused::Equivocation`].
pub(crate) fn judge_retire(known: &Overlay<'_>, retire: &Retire) -> Result<bool, Refused> {
    check_incarnation(known, retire.incarnation)?;
    if known.incarnation().is_some_and(|pinned| pinned != retire.incarnation) {
        return Err(Refused::NotLeased { lane: retire.retirement.lane.clone() });
    }
    judge_unsigned(known, &retire.retirement)
}

/// The same whoever asks: a payout that lives nowhere, or in the lineage whose end is named, may be
/// retired.
///
/// # Errors
/// [`Refused::Equivocation`].
pub(crate) fn judge_unsigned(
    known: &Overlay<'_>,
    retirement: &Retirement,
) -> Result<bool, Refused> {
    let Retirement { payout, ended, .. } = retirement;
    let Some(facts) = known.payout(*payout) else { return Ok(true) };
    if facts.retired.is_some() {
        return Ok(false);
    }
    match facts.live {
        Some(live) if ended.as_ref().is_none_or(|ended| !proves(ended, live)) => {
            Err(Refused::Equivocation { payout: *payout, live })
        }
        Some(_) | None => Ok(true),
    }
}

/// Refuses what was retired.
///
/// # Errors
/// [`Refused::Retired`].
pub(super) fn check_retired(payout: PayoutId, facts: Option<&PayoutFacts>) -> Result<(), Refused> {
    match facts.and_then(|facts| facts.retired.as_ref()) {
        Some(retired) => {
            Err(Refused::Retired { payout, by: retired.by.clone(), reason: retired.reason.clone() })
        }
        None => Ok(()),
    }
}

fn proves(ended: &DeadLineage, live: adit_core::LineageId) -> bool {
    ended.lineage == live && ended.evidence != NO_EVIDENCE
}
