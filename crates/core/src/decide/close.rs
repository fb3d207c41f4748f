//! The end of a lineage of which nothing was signed, where no nonce has to be used up: no
//! transaction is made (case F92).
//!
//! The signer is the proof. Before a hold is given back it retires the payout, which it refuses if
//! it has signed it. Whoever is planned anew cannot be paid twice either: a payout that was signed
//! lives in one lineage only.

use crate::{Answer, Change, Decision, LaneId, LineageId, LineageState, Refusal};

use super::{Drafting, conflict, observe};

pub(super) fn close(
    mut draft: Drafting,
    lane: &LaneId,
    id: LineageId,
) -> Result<Decision, Refusal> {
    let mut lineage = draft.view.lineage(id).cloned().ok_or(Refusal::UnknownWithdrawal)?;
    if !lineage.is_live() {
        return draft.unchanged();
    }
    if !draft.lane(lane)?.has_read_journal() {
        return Err(Refusal::JournalUnread { lane: lane.to_string() });
    }
    if !lineage.may_be_closed() {
        return Err(Refusal::Changed { what: format!("lineage {id}") });
    }
    for leg in &lineage.legs {
        let withdrawal = conflict::processing(&draft, leg)?;
        observe::undo(&mut draft, leg, &lineage, withdrawal, None)?;
    }
    lineage.state = LineageState::Closed { at: draft.now() };
    draft.change(Change::Lineage(lineage));
    draft.answer(Answer::Done)
}
