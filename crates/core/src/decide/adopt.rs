//! What the signer's journal knows and the store does not: lineages, attempts, who joined by them, and whole withdrawals (cases F72, F73,
//! F95).

use crate::{
    Anchor, Answer, Attempt, Change, Decision, Epoch, EventKind, LaneId, Leg, Lineage, LineageId, Lost, Refusal, Stage, State, Withdrawal,
};

use super::lineage::{all_free, matches_leg};
use super::made_again::MadeAgain;
use super::{Drafting, conflict, observe};

/// A lineage as the journal has it.
pub(super) struct Journalled<'a> {
    pub lineage: &'a Lineage,
    /// Withdrawals of it that this store does not have.
    pub lost: &'a [Lost],
    /// Waiting withdrawals that consumed a key or a claim of a lost one.
    pub rivals: &'a [Leg],
    /// Lineages of this store, with nothing signed, that hold an anchor of it.
    pub displaced: &'a [(LineageId, Vec<Leg>)],
}

impl Journalled<'_> {
    fn displaces(&self, lineage: LineageId) -> bool {
        self.displaced.iter().any(|(displaced, _)| *displaced == lineage)
    }

    fn carries(&self, leg: &Leg) -> bool {
        self.lineage.legs.iter().any(|carried| carried.payout == leg.payout)
    }
}

/// Takes a lineage back that the signer's journal knows and a restored database does not.
pub(super) fn adopt(mut draft: Drafting, lane: &LaneId, epoch: Epoch, journalled: &Journalled) -> Result<Decision, Refusal> {
    let mut row = draft.of_epoch(lane, epoch)?.clone();
    let lineage = journalled.lineage;
    if let Some(known) = draft.view.lineage(lineage.id) {
        return adopt_attempts(draft, lane, known.clone(), journalled);
    }
    end_displaced(&mut draft, journalled)?;
    take_back_all(&mut draft, lane, lineage.id, &lineage.legs, journalled)?;
    let held: Vec<Anchor> = lineage.anchors.iter().filter(|anchor| !is_displaced(&draft, anchor, journalled)).cloned().collect();
    all_free(&draft, &held)?;
    row.next_nonce = row.next_nonce.max(lineage.number() + 1);
    draft.change(Change::Lane(row));
    draft.change(Change::Lineage(lineage.clone()));
    draft.answer(Answer::Done)
}

fn is_displaced(draft: &Drafting, anchor: &Anchor, journalled: &Journalled) -> bool {
    draft.view.anchors.get(anchor).copied().flatten().is_some_and(|holder| journalled.displaces(holder))
}

/// What was reserved at an anchor that the journal gives to another lineage is never signed: its payouts are free, unless the journal's
/// lineage carries them itself.
fn end_displaced(draft: &mut Drafting, journalled: &Journalled) -> Result<(), Refusal> {
    let first = journalled.lineage.attempts.iter().find_map(Attempt::signed).map(|signed| signed.hash);
    let Some(by) = first else { return Ok(()) };
    for (id, _) in journalled.displaced {
        let mut lineage = draft.view.lineage(*id).cloned().ok_or(Refusal::UnknownWithdrawal)?;
        if !lineage.is_live() {
            continue;
        }
        if lineage.attempts.iter().any(|attempt| attempt.signed().is_some()) {
            return Err(Refusal::Changed { what: format!("lineage {id}") });
        }
        conflict::end(&mut lineage, by, draft.now());
        for leg in lineage.legs.iter().filter(|leg| !journalled.carries(leg)) {
            let withdrawal = conflict::processing(draft, leg)?;
            observe::undo(draft, leg, &lineage, withdrawal, by)?;
        }
        draft.change(Change::Lineage(lineage));
    }
    Ok(())
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
            None => take_back(draft, lane, lineage, leg, from)?,
        }
    }
    again.finish(draft);
    Ok(())
}

/// A payout that the journal says is in the lineage.
fn take_back(draft: &mut Drafting, lane: &LaneId, lineage: LineageId, leg: &Leg, from: &Journalled) -> Result<(), Refusal> {
    let withdrawal = draft.withdrawal(leg.withdrawal)?;
    let free = draft.view.payouts.get(&leg.payout).copied().flatten().is_none_or(|holder| from.displaces(holder));
    let waits = match withdrawal.state {
        State::Approved { .. } | State::Pending => true,
        State::Processing { lineage, .. } => from.displaces(lineage),
        State::Completed { .. } | State::Failed { .. } | State::Cancelled { .. } | State::HeldForInspection { .. } => false,
    };
    if !waits || !free || !matches_leg(withdrawal, leg) {
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
                let taken = known.attempts.iter().any(|held| held.version == attempt.version);
                let last = known.attempts.iter().map(|held| held.version).max().unwrap_or(0);
                let version = if taken { last + 1 } else { attempt.version };
                known.attempts.push(Attempt { version, ..attempt.clone() });
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
