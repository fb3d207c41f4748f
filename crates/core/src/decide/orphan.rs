//! A lineage that stands on a version of another one of ours, which lost: another version of that one is final, so what it stands on will
//! never be. Nobody used the key, and the lane goes on.

use crate::{Anchor, Answer, Attempt, Change, Decision, Hash32, LaneId, Lineage, LineageId, Refusal};

use super::{Drafting, conflict, observe};

/// What took the ground from under it.
pub(super) struct Loss<'a> {
    /// The lineage of ours whose version `by` is final.
    pub winner: LineageId,
    pub by: Hash32,
    /// Outputs that will never be, one for each attempt at least.
    pub consumed: &'a [Anchor],
}

/// Its payees are free: none of its attempts can be mined any more (rule R4), and the final transaction pays those of its own lineage only.
pub(super) fn orphaned(mut draft: Drafting, mut lineage: Lineage, lane: &LaneId, loss: &Loss) -> Result<Decision, Refusal> {
    let by = loss.by;
    let is_version = |winner: &Lineage| winner.attempts.iter().filter_map(Attempt::signed).any(|signed| signed.hash == by);
    if loss.winner == lineage.id || !draft.view.lineage(loss.winner).is_some_and(is_version) {
        return Err(Refusal::BadAttempt { detail: format!("{by} is no version of lineage {}, which is said to have won", loss.winner) });
    }
    if let Some(alive) = conflict::alive(&lineage, lane, loss.consumed) {
        return Err(Refusal::BadAttempt { detail: format!("attempt {} may still be mined: what it spends may still be", alive.id) });
    }
    conflict::end(&mut lineage, by, draft.now());
    for leg in &lineage.legs {
        let withdrawal = conflict::processing(&draft, leg)?;
        observe::undo(&mut draft, leg, &lineage, withdrawal, Some(by))?;
    }
    draft.change(Change::Lineage(lineage));
    draft.answer(Answer::Done)
}
