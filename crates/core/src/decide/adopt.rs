//! What the signer's journal knows and the store does not: lineages, attempts, who joined by them, and whole withdrawals (cases F72, F73,
//! F95).

use crate::{Answer, Change, Decision, Epoch, EventKind, LaneId, Leg, Lineage, LineageId, Lost, Refusal, Stage, State, Withdrawal};

use super::Drafting;
use super::lineage::{all_free, matches_leg};
use super::made_again::MadeAgain;

/// A lineage as the journal has it.
pub(super) struct Journalled<'a> {
    pub lineage: &'a Lineage,
    /// Withdrawals of it that this store does not have.
    pub lost: &'a [Lost],
    /// Waiting withdrawals that consumed a key or a claim of a lost one.
    pub rivals: &'a [Leg],
}

/// Takes a lineage back that the signer's journal knows and a restored database does not.
pub(super) fn adopt(mut draft: Drafting, lane: &LaneId, epoch: Epoch, journalled: &Journalled) -> Result<Decision, Refusal> {
    let mut row = draft.of_epoch(lane, epoch)?.clone();
    let lineage = journalled.lineage;
    if let Some(known) = draft.view.lineage(lineage.id) {
        return adopt_attempts(draft, lane, known.clone(), journalled);
    }
    take_back_all(&mut draft, lane, lineage.id, &lineage.legs, journalled)?;
    all_free(&draft, &lineage.anchors)?;
    row.next_nonce = row.next_nonce.max(lineage.number() + 1);
    draft.change(Change::Lane(row));
    draft.change(Change::Lineage(lineage.clone()));
    draft.answer(Answer::Done)
}

/// Those that the store has are found again, those that it has not are made again with their users.
fn take_back_all(draft: &mut Drafting, lane: &LaneId, lineage: LineageId, legs: &[Leg], from: &Journalled) -> Result<(), Refusal> {
    let mut again = MadeAgain::new(lane, lineage, from.rivals);
    let view = draft.view;
    let lost = |leg: &Leg| from.lost.iter().find(|lost| lost.leg == *leg && view.withdrawal(leg.withdrawal).is_none());
    for lost in legs.iter().filter_map(lost) {
        again.replace_rivals(draft, lost)?;
    }
    for leg in legs {
        match lost(leg) {
            Some(lost) => again.make(draft, lost)?,
            None => take_back(draft, lane, lineage, leg)?,
        }
    }
    again.finish(draft);
    Ok(())
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
fn adopt_attempts(mut draft: Drafting, lane: &LaneId, mut known: Lineage, journalled: &Journalled) -> Result<Decision, Refusal> {
    let mut changed = false;
    if known.is_live() {
        let had = |leg: &&Leg| known.legs.iter().any(|had| had.payout == leg.payout);
        let joined: Vec<Leg> = journalled.lineage.legs.iter().filter(|leg| !had(leg)).cloned().collect();
        take_back_all(&mut draft, lane, known.id, &joined, journalled)?;
        changed = !joined.is_empty();
        known.legs.extend(joined);
    }
    for attempt in &journalled.lineage.attempts {
        match known.attempts.iter_mut().find(|held| held.id == attempt.id) {
            Some(held) if held.stage == Stage::Reserved => {
                held.stage = attempt.stage.clone();
                changed = true;
            }
            Some(_) => {}
            None => {
                known.attempts.push(attempt.clone());
                let anchors = &journalled.lineage.anchors;
                let lost = anchors.iter().filter(|anchor| !known.anchors.contains(anchor)).cloned().collect::<Vec<_>>();
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
