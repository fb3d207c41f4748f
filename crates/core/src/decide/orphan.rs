//! A lineage that another one of ours outlived: it stands on a version of that one which lost, or
//! it spends a coin that the other one's final version has spent. What it needs will never be.
//! Nobody else used the key, and the lane goes on.

use crate::{
    Anchor, Answer, Attempt, BlockRef, Change, Decision, Hash32, LaneId, Leg, Lineage, LineageId,
    Refusal,
};

use super::{Drafting, conflict, observe};

/// What took the ground from under it.
pub(super) struct Loss<'a> {
    /// The lineage of ours whose version `by` is final.
    pub winner: LineageId,
    pub by: Hash32,
    pub block: BlockRef,
    /// Outputs that will never be, or are spent for good: one for each attempt at least.
    pub consumed: &'a [Anchor],
}

/// Its payees are free: none of its attempts can be mined any more (rule R4), and the final
/// transaction pays none of them.
pub(super) fn orphaned(
    mut draft: Drafting,
    mut lineage: Lineage,
    lane: &LaneId,
    loss: &Loss,
) -> Result<Decision, Refusal> {
    let by = loss.by;
    let version = draft
        .view
        .lineage(loss.winner)
        .filter(|winner| winner.id != lineage.id)
        .and_then(|winner| version(winner, by));
    let Some((winner, version)) = version else {
        return Err(Refusal::BadAttempt {
            detail: format!(
                "{by} is no version of lineage {}, which is said to have won",
                loss.winner
            ),
        });
    };
    let is_paid =
        |leg: &&Leg| winner.legs.iter().any(|paid| paid.payout == leg.payout) && version.pays(leg);
    if let Some(paid) = lineage.legs.iter().find(is_paid) {
        return Err(Refusal::BadAttempt {
            detail: format!("{by} pays payout {} itself", paid.payout),
        });
    }
    if let Some(alive) = conflict::alive(&lineage, lane, loss.consumed) {
        return Err(Refusal::BadAttempt {
            detail: format!("attempt {} may still be mined: what it spends may still be", alive.id),
        });
    }
    conflict::end(&mut lineage, by, draft.now());
    for leg in &lineage.legs {
        let withdrawal = conflict::processing(&draft, leg)?;
        let end = observe::End { hash: by, block: Some(loss.block) };
        observe::undo(&mut draft, leg, &lineage, withdrawal, Some(end))?;
    }
    draft.change(Change::Lineage(lineage));
    draft.answer(Answer::Done)
}

/// The version whose transaction has this hash.
fn version(winner: &Lineage, by: Hash32) -> Option<(&Lineage, &Attempt)> {
    let is_it = |attempt: &&Attempt| attempt.signed().is_some_and(|signed| signed.hash == by);
    winner.attempts.iter().find(is_it).map(|attempt| (winner, attempt))
}
