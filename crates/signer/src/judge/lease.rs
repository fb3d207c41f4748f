//! Which store may ask, and under which lease: older leases, superseded stores, and two leases of
//! one number (cases F20, F94, F101).

use adit_core::{Epoch, IncarnationId, LaneId, Mistake, Span, planted};

use super::mismatch;
use crate::facts::{Leased, Overlay};
use crate::policy::Policy;
use crate::{LeaseClaim, Open, Refused, Stamp};

/// How far one lease may be above the newest one: a slip of a digit does not use up all numbers.
pub const EPOCH_STEP_MAX: u64 = 1 << 20;

/// Assets that one lane's book may begin with.
pub const OPENING_ASSETS_MAX: usize = 256;

/// Judges whether a lane's book may begin. What stands in the journal already is answered by it.
///
/// # Errors
/// [`Refused`].
pub(crate) fn judge_open(policy: &Policy, known: &Overlay<'_>, open: &Open) -> Result<(), Refused> {
    check_stamp(known, &open.lane, open.epoch, &open.stamp)?;
    policy.lane(&open.lane).ok_or_else(|| Refused::UnknownKey { lane: open.lane.clone() })?;
    let assets = open.opening.holdings.len();
    if assets > OPENING_ASSETS_MAX {
        return Err(mismatch(format!(
            "a lane's book begins with {assets} assets; at most {OPENING_ASSETS_MAX} are noted"
        )));
    }
    Ok(())
}

/// Judges whether something may be signed or superseded under this lease. In a journal that no
/// store has leased from, as those of older builds are, a request without a stamp is judged by its
/// epoch alone.
///
/// # Errors
/// [`Refused::SupersededStore`], [`Refused::StaleEpoch`], [`Refused::NotLeased`],
/// [`Refused::EpochTaken`].
pub(super) fn check_stamp(
    known: &Overlay<'_>,
    lane: &LaneId,
    epoch: Epoch,
    stamp: &Stamp,
) -> Result<(), Refused> {
    check_incarnation(known, stamp.incarnation)?;
    let newest = known.leased(lane);
    if epoch < newest.epoch {
        return Err(Refused::StaleEpoch { got: epoch, newest: newest.epoch });
    }
    let is_nameless = *stamp == Stamp::default();
    if known.incarnation().is_none() && is_nameless {
        return Ok(());
    }
    if is_nameless || epoch > newest.epoch || newest.incarnation != stamp.incarnation {
        return Err(Refused::NotLeased { lane: lane.clone() });
    }
    check_token(&newest, stamp)
}

/// Refuses a store that was superseded, whatever it asks.
///
/// # Errors
/// [`Refused::SupersededStore`].
pub(crate) fn check_incarnation(
    known: &Overlay<'_>,
    incarnation: IncarnationId,
) -> Result<(), Refused> {
    if known.is_superseded(incarnation) {
        Err(Refused::SupersededStore { incarnation })
    } else {
        Ok(())
    }
}

/// Judges whether a lease is taken note of. True when that is to be journalled, false when it
/// stands there already. `wait` says how long a new incarnation still waits for silence.
///
/// Silence is asked for before the numbers. While the old state of the store goes on it moves them,
/// so a new incarnation that waits for it would find itself behind again and again.
///
/// # Errors
/// [`Refused`].
pub(crate) fn judge_lease(
    policy: &Policy,
    known: &Overlay<'_>,
    claim: &LeaseClaim,
    wait: impl FnOnce() -> Option<Span>,
) -> Result<bool, Refused> {
    let LeaseClaim { lane, epoch, stamp, .. } = claim;
    check_incarnation(known, stamp.incarnation)?;
    policy.lane(lane).ok_or_else(|| Refused::UnknownKey { lane: lane.clone() })?;
    if *stamp == Stamp::default() {
        return Err(Refused::NotLeased { lane: lane.clone() });
    }
    let newest = known.leased(lane);
    if *epoch == newest.epoch && newest.incarnation == stamp.incarnation {
        return check_token(&newest, stamp).map(|()| false);
    }
    let is_new = known.incarnation().is_some_and(|pinned| pinned != stamp.incarnation);
    if let Some(left) = wait().filter(|_| is_new && !claim.take_over) {
        return Err(Refused::OtherStoreHeard { seconds: left.millis().div_ceil(1_000) });
    }
    check_number(newest.epoch, *epoch)?;
    check_counter(known, lane, stamp.counter).map(|()| true)
}

fn check_number(newest: Epoch, got: Epoch) -> Result<(), Refused> {
    if got < newest {
        return Err(Refused::StaleEpoch { got, newest });
    }
    if got == newest {
        return Err(Refused::EpochTaken { epoch: got });
    }
    if got.0 - newest.0 > EPOCH_STEP_MAX {
        return Err(Refused::EpochTooFar { got, newest, most: EPOCH_STEP_MAX });
    }
    Ok(())
}

/// The commit of a lease changes the lane's row, so a row that is not ahead of all that was shown
/// is an older one.
fn check_counter(known: &Overlay<'_>, lane: &LaneId, got: u64) -> Result<(), Refused> {
    match known.counter(lane) {
        Some(newest) if got <= newest => Err(Refused::CounterBehind { got, newest }),
        Some(_) | None => Ok(()),
    }
}

fn check_token(newest: &Leased, stamp: &Stamp) -> Result<(), Refused> {
    if newest.token == stamp.token || planted(Mistake::TwoTokensOneEpoch) {
        return Ok(());
    }
    Err(Refused::EpochTaken { epoch: newest.epoch })
}
