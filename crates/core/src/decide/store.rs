//! The store about itself: that it went back, and its next incarnation (case F94).

use crate::{
    Answer, Change, Decision, Epoch, EventKind, Finding, HaltReason, Incarnation, IncarnationId,
    Lane, LaneId, LaneState, Mistake, Refusal, Restoration, WentBack, planted,
};

use super::Drafting;

/// Writes down that the store went back. From now on nothing is leased, reserved, signed or given
/// back. A second finding changes nothing, except for a person's word: it lifts the wait of the
/// first, and it begins an incarnation of its own. The first one may have been in the backup
/// already, and been lived by the state that is given up.
pub(super) fn find(
    mut draft: Drafting,
    because: &WentBack,
    next: IncarnationId,
    take_over: bool,
) -> Result<Decision, Refusal> {
    let mut row = draft
        .view
        .incarnation
        .row
        .clone()
        .unwrap_or_else(|| Incarnation::first(IncarnationId(uuid::Uuid::nil()), draft.now()));
    let declared = matches!(because, WentBack::Declared { .. } | WentBack::BothDeclared { .. });
    match &mut row.finding {
        Some(finding) if declared => {
            // Whoever said that the journal went back, too, is not overruled by a later word about
            // the database alone.
            let both = matches!(finding.because, WentBack::BothDeclared { .. });
            let because = if both { finding.because.clone() } else { because.clone() };
            let take_over = take_over || finding.take_over;
            *finding = Finding { next, because, at: draft.now(), take_over };
        }
        Some(finding) if finding.take_over || !take_over => return draft.unchanged(),
        Some(finding) => finding.take_over = true,
        None => {
            row.finding =
                Some(Finding { next, because: because.clone(), at: draft.now(), take_over });
            draft.event(EventKind::StoreWentBack { because: because.clone() });
        }
    }
    draft.change(Change::Incarnation(row));
    draft.answer(Answer::Done)
}

/// Ends a finding: the store lives on under a new incarnation. Every lane gets an epoch and a
/// counter above all that the signer has seen, loses its lease, and reads the journal before
/// anything else.
///
/// While the new incarnation waits for the silence of the old one, the old one goes on and moves
/// the signer's numbers. Then the same incarnation passes them again. Its lanes have to read the
/// whole journal in any case, so nothing is overlooked by that.
pub(super) fn reincarnate(
    mut draft: Drafting,
    next: IncarnationId,
    lanes: &[(LaneId, Epoch, u64)],
) -> Result<Decision, Refusal> {
    let Some(row) = draft.view.incarnation.row.clone() else { return draft.unchanged() };
    let waits = row.finding.is_none()
        && row.id == next
        && lanes.iter().all(|(id, _, _)| row.unread_from(id).is_some());
    if waits {
        raise(&mut draft, lanes, false);
        return draft.answer(Answer::Done);
    }
    if row.finding.as_ref().is_none_or(|finding| finding.next != next) {
        return draft.unchanged();
    }
    let both = matches!(&row.finding, Some(Finding { because: WentBack::BothDeclared { .. }, .. }));
    raise(&mut draft, lanes, both);
    let taken_over = row.finding.as_ref().is_some_and(|finding| finding.take_over);
    let mut begun = Incarnation { id: next, since: draft.now(), taken_over, finding: None, ..row };
    for (id, _, _) in lanes {
        begun.read_again(id, draft.view.lane(id).map_or(0, |lane| lane.next_nonce));
    }
    draft.change(Change::Incarnation(begun));
    draft.event(EventKind::Reincarnated { incarnation: next });
    draft.answer(Answer::Done)
}

/// Puts every lane above what the signer has seen of it, without a lease. Where the journal went
/// back, too, each has to sweep.
fn raise(draft: &mut Drafting, lanes: &[(LaneId, Epoch, u64)], both: bool) {
    for (id, epoch, counter) in lanes {
        let mut lane = draft.view.lane(id).cloned().unwrap_or_else(|| Lane::new(id.clone()));
        lane.epoch = Epoch(lane.epoch.max(*epoch).0 + 1);
        lane.counter = lane.counter.max(*counter) + 1;
        lane.lease = None;
        lane.doubt = None;
        if both && !planted(Mistake::BothWithoutSweep) {
            let in_doubt = draft.sure_of_time().is_err();
            lane.restoration =
                Some(Restoration { in_doubt, ..Restoration::declared(draft.now(), lane.epoch) });
            // What is swept is found everywhere: since then a whole look may have shown coins that
            // nobody remembers.
            lane.coin_places = lane.coin_places.forgotten();
            // It may be another one: the next lease pins it.
            lane.journal = None;
            lane.witness = None;
            lane.journal_trusted = lane.epoch;
        }
        if matches!(
            lane.state,
            LaneState::Running
                | LaneState::Sweeping
                | LaneState::Halted { reason: HaltReason::Unreleased, .. }
        ) {
            lane.state = LaneState::Reconciling;
        }
        draft.change(Change::Lane(lane));
    }
}
