//! What follows when database and journal were declared to have gone back together: the sweep, and
//! the release by two admins.

use crate::{
    Actor, Answer, ChainKind, Change, Decision, Epoch, EventKind, HaltReason, Lane, LaneId,
    LaneState, Refusal, Released, ReplicaId, Restoration, RestorationStage,
};

use super::Drafting;
use super::lane::stop;

/// A pin that no chain reads: the most payments that were ever allowed to be in flight at once, and
/// so how far something forgotten may be ahead.
const IN_FLIGHT_PIN: &str = "in_flight_max";

/// Returns the state in which a lane starts once it is reconciled.
pub(super) fn started(
    draft: &Drafting,
    lane: &mut Lane,
    in_flight_max: u32,
    chain_nonce: u64,
) -> LaneState {
    let ever = lane
        .pins
        .get(IN_FLIGHT_PIN)
        .and_then(|pinned| pinned.parse::<u32>().ok())
        .unwrap_or(0)
        .max(in_flight_max);
    lane.pins.insert(IN_FLIGHT_PIN.to_owned(), ever.to_string());
    let Some(restoration) = &mut lane.restoration else { return LaneState::Running };
    date(draft, restoration);
    let swept_below = lane.next_nonce.max(chain_nonce + u64::from(ever));
    match &mut restoration.stage {
        RestorationStage::Swept { .. } => {
            return LaneState::Halted { reason: HaltReason::Unreleased, since: draft.now() };
        }
        // What the chain counts by now is the sweep itself: a restart makes it no longer.
        RestorationStage::Sweeping { below } => *below = lane.next_nonce.max(*below),
        stage @ RestorationStage::Declared => {
            *stage = RestorationStage::Sweeping { below: swept_below }
        }
    }
    LaneState::Sweeping
}

/// A restore that was dated while nobody knew what time it was is dated once somebody does (case
/// F97).
fn date(draft: &Drafting, restoration: &mut Restoration) {
    if draft.sure_of_time().is_ok() {
        restoration.dated(draft.now());
    }
}

/// Something forgotten has used these numbers. Where payments wait in line they are swept all the
/// same: their blocks may still vanish, and a sweep that lost its place says so once they are
/// final. Elsewhere a number is an address of change, and none is used twice.
pub(super) fn pass_over(lane: &mut Lane, kind: ChainKind, chain_nonce: u64) {
    if kind == ChainKind::Bitcoin {
        lane.next_nonce = chain_nonce;
    }
}

/// Everything that was to be used up is, finally. The lane stands until what waits is released.
pub(super) fn swept(
    draft: Drafting,
    id: &LaneId,
    owner: ReplicaId,
    epoch: Epoch,
) -> Result<Decision, Refusal> {
    let mut lane = draft.leased(id, owner, epoch)?.clone();
    let Some(restoration) = lane.restoration.as_mut().filter(|_| lane.state == LaneState::Sweeping)
    else {
        return draft.unchanged();
    };
    date(&draft, restoration);
    restoration.stage = RestorationStage::Swept { released: None };
    // What it swept under this lease was included: nothing more has to show that the book is whole.
    lane.proved = lane.epoch;
    stop(draft, lane, HaltReason::Unreleased)
}

/// An admin has seen so many withdrawals that wait. The second of two, by a key of another client
/// and of the same list, lets the lane go on. A lane that stands for another reason by then still
/// does.
pub(super) fn release(mut draft: Drafting, id: &LaneId, seen: u64) -> Result<Decision, Refusal> {
    let mut lane = draft.lane(id)?.clone();
    let by = draft.actor.clone();
    if !matches!(by, Actor::Admin { .. }) {
        return Err(Refusal::BadAttempt {
            detail: "only an admin's credential releases a lane".to_owned(),
        });
    }
    lane.restoration.iter_mut().for_each(|restoration| date(&draft, restoration));
    let first = match lane.restoration.as_mut().map(|restoration| &mut restoration.stage) {
        None => return draft.unchanged(),
        Some(RestorationStage::Swept { released }) => released,
        Some(RestorationStage::Declared | RestorationStage::Sweeping { .. }) => {
            return Err(Refusal::NotSwept { lane: id.to_string() });
        }
    };
    match first {
        Some(known) if known.by.client() == by.client() && known.seen == seen => {
            return Err(Refusal::ReleasedBySame { lane: id.to_string() });
        }
        Some(known) if known.seen == seen => {
            lane.restoration = None;
            if matches!(lane.state, LaneState::Halted { reason: HaltReason::Unreleased, .. }) {
                lane.state = LaneState::Reconciling;
                lane.journal_read = Epoch(0);
            }
            draft.event(EventKind::LaneReleased { lane: id.clone(), finally: true });
        }
        // The list is another one by now: whoever looks at it is the first.
        first => {
            *first = Some(Released { by, seen });
            draft.event(EventKind::LaneReleased { lane: id.clone(), finally: false });
        }
    }
    draft.change(Change::Lane(lane));
    draft.answer(Answer::Done)
}
