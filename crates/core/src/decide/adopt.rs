//! What the signer's journal knows and a restored database does not: lineages, attempts, and who joined by them.

use crate::{Answer, Change, Decision, Epoch, EventKind, LaneId, Leg, Lineage, LineageId, Refusal, Stage, State, Withdrawal};

use super::Drafting;
use super::lineage::{all_free, matches_leg};

/// Takes a lineage back that the signer's journal knows and a restored database does not (windows F72, F73).
pub(super) fn adopt(mut draft: Drafting, lane: &LaneId, epoch: Epoch, lineage: &Lineage) -> Result<Decision, Refusal> {
    let mut row = draft.of_epoch(lane, epoch)?.clone();
    if let Some(known) = draft.view.lineage(lineage.id) {
        return adopt_attempts(draft, lane, known.clone(), lineage);
    }
    for leg in &lineage.legs {
        take_back(&mut draft, lane, lineage.id, leg)?;
    }
    all_free(&draft, &lineage.anchors)?;
    row.next_nonce = row.next_nonce.max(lineage.number() + 1);
    draft.change(Change::Lane(row));
    draft.change(Change::Lineage(lineage.clone()));
    draft.answer(Answer::Done)
}

/// A payout that the journal says is in the lineage.
fn take_back(draft: &mut Drafting, lane: &LaneId, lineage: LineageId, leg: &Leg) -> Result<(), Refusal> {
    let withdrawal = draft.withdrawal(leg.withdrawal)?;
    let free = draft.view.payouts.get(&leg.payout).copied().flatten().is_none();
    if !matches!(withdrawal.state, State::Approved { .. } | State::Pending) || !free || !matches_leg(withdrawal, leg) {
        return Err(Refusal::Changed { what: format!("withdrawal {}", leg.withdrawal) });
    }
    let state = State::Processing { lineage, since: draft.now(), sighting: None, confirmed_at: None, hash: None };
    draft.change(Change::Withdrawal(Withdrawal { state, ..withdrawal.clone() }));
    draft.user_event(&leg.user, Some(leg.withdrawal), EventKind::LineageAdopted { lane: lane.clone(), lineage })
}

/// The database knows the lineage but lost some of its signed attempts, and with them who joined by one.
fn adopt_attempts(mut draft: Drafting, lane: &LaneId, mut known: Lineage, journalled: &Lineage) -> Result<Decision, Refusal> {
    let mut changed = false;
    for leg in &journalled.legs {
        if known.is_live() && known.legs.iter().all(|had| had.payout != leg.payout) {
            take_back(&mut draft, lane, known.id, leg)?;
            known.legs.push(leg.clone());
            changed = true;
        }
    }
    for attempt in &journalled.attempts {
        match known.attempts.iter_mut().find(|held| held.id == attempt.id) {
            Some(held) if held.stage == Stage::Reserved => {
                held.stage = attempt.stage.clone();
                changed = true;
            }
            Some(_) => {}
            None => {
                known.attempts.push(attempt.clone());
                let lost = journalled.anchors.iter().filter(|anchor| !known.anchors.contains(anchor)).cloned().collect::<Vec<_>>();
                known.anchors.extend(lost);
                changed = true;
            }
        }
    }
    if !changed {
        return draft.unchanged();
    }
    known.attempts.sort_by_key(|attempt| attempt.version);
    draft.change(Change::Lineage(known));
    draft.answer(Answer::Done)
}
