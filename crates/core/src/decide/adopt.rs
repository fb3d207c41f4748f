//! What the signer's journal knows and the store does not: lineages, attempts, who joined by them,
//! and whole withdrawals (cases F72, F73, F95).

use crate::{
    Actor, Anchor, Answer, Attempt, CancelWish, Change, DeadLineage, Decision, Epoch, EventKind,
    HaltReason, Knowledge, Lane, LaneId, LaneState, Leg, Lineage, LineageId, Lost, Mistake,
    Refusal, Stage, State, Withdrawal, planted,
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
pub(super) fn adopt(
    mut draft: Drafting,
    lane: &LaneId,
    epoch: Epoch,
    journalled: &Journalled,
) -> Result<Decision, Refusal> {
    let mut row = draft.of_epoch(lane, epoch)?.clone();
    let lineage = journalled.lineage;
    if let Some(known) = draft.view.lineage(lineage.id) {
        return adopt_attempts(draft, lane, known.clone(), journalled);
    }
    end_displaced(&mut draft, journalled)?;
    take_back_all(&mut draft, lane, lineage.id, &lineage.legs, journalled, None)?;
    let held: Vec<Anchor> = lineage
        .anchors
        .iter()
        .filter(|anchor| !is_displaced(&draft, anchor, journalled))
        .cloned()
        .collect();
    all_free(&draft, &held)?;
    row.next_nonce = row.next_nonce.max(lineage.number() + 1);
    let cancel = replaced(&draft, &row, lineage);
    draft.change(Change::Lane(row));
    draft.change(Change::Lineage(Lineage { cancel, ..lineage.clone() }));
    draft.answer(Answer::Done)
}

/// The reason of the wish that keeps planning from going on.
const REPLACES_UNKNOWN: &str = "it pays nobody, and nobody remembers what it replaced";

/// Returns the wish for a transaction that pays nobody and that pools alone knew: it may be the
/// cancelling version of a payment that was forgotten with it, and until it is final that one may
/// be mined instead (case F91). None where the journal is whole: after a restore of the database
/// alone, and where coins are spent, since nothing that pools show is signed once more there.
fn replaced(draft: &Drafting, row: &Lane, lineage: &Lineage) -> Option<CancelWish> {
    let in_line = lineage.anchors.iter().any(|anchor| matches!(anchor, Anchor::Nonce { .. }));
    let read = draft.view.incarnation.row.as_ref().and_then(|known| known.unread_from(&row.id));
    let went_back =
        matches!(&row.state, LaneState::Halted { reason: HaltReason::BothWentBack { .. }, .. });
    let unknown = in_line && lineage.legs.is_empty() && (read.is_none() || went_back);
    let doubt = || CancelWish {
        by: draft.actor.clone(),
        reason: REPLACES_UNKNOWN.to_owned(),
        withdrawals: Vec::new(),
        doubted: true,
    };
    let forgotten = planted(Mistake::ReplacedForgotten);
    lineage.cancel.clone().or_else(|| (unknown && !forgotten).then(doubt))
}

fn is_displaced(draft: &Drafting, anchor: &Anchor, journalled: &Journalled) -> bool {
    draft
        .view
        .anchors
        .get(anchor)
        .copied()
        .flatten()
        .is_some_and(|holder| journalled.displaces(holder))
}

/// What was reserved at an anchor that the journal gives to another lineage is never signed: its
/// payouts are free, unless the journal's lineage carries them itself.
fn end_displaced(draft: &mut Drafting, journalled: &Journalled) -> Result<(), Refusal> {
    let first =
        journalled.lineage.attempts.iter().find_map(Attempt::signed).map(|signed| signed.hash);
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
            observe::undo(
                draft,
                leg,
                &lineage,
                withdrawal,
                Some(observe::End { hash: by, block: None }),
            )?;
        }
        draft.change(Change::Lineage(lineage));
    }
    Ok(())
}

/// Those that the store has are found again, those that it has not are made again with their users.
/// Where the lineage has ended without them, they wait for another one.
fn take_back_all(
    draft: &mut Drafting,
    lane: &LaneId,
    lineage: LineageId,
    legs: &[Leg],
    from: &Journalled,
    ended: Option<DeadLineage>,
) -> Result<(), Refusal> {
    let mut again = MadeAgain::new(lane, lineage, from.rivals, ended);
    let view = draft.view;
    let lost = |leg: &Leg| {
        from.lost.iter().find(|lost| lost.leg == *leg && view.withdrawal(leg.withdrawal).is_none())
    };
    for lost in legs.iter().filter_map(lost) {
        again.replace_rivals(draft, lost)?;
    }
    for leg in legs {
        match lost(leg) {
            Some(lost) => again.make(draft, lost)?,
            None => take_back(draft, lane, lineage, leg, from, ended)?,
        }
    }
    again.finish(draft);
    Ok(())
}

/// A payout that the journal says is in the lineage.
fn take_back(
    draft: &mut Drafting,
    lane: &LaneId,
    lineage: LineageId,
    leg: &Leg,
    from: &Journalled,
    ended: Option<DeadLineage>,
) -> Result<(), Refusal> {
    let withdrawal = draft.withdrawal(leg.withdrawal)?;
    let free = draft
        .view
        .payouts
        .get(&leg.payout)
        .copied()
        .flatten()
        .is_none_or(|holder| from.displaces(holder));
    let waits = match withdrawal.state {
        State::Approved { .. } | State::Pending => true,
        State::Processing { lineage, .. } => from.displaces(lineage),
        State::Completed { .. }
        | State::Failed { .. }
        | State::Cancelled { .. }
        | State::HeldForInspection { .. } => false,
    };
    if !waits || !free || !matches_leg(withdrawal, leg) {
        return Err(Refusal::Changed { what: format!("withdrawal {}", leg.withdrawal) });
    }
    let state = carried(draft, lineage, ended);
    draft.change(Change::Withdrawal(Withdrawal { state, ..withdrawal.clone() }));
    let kind = match ended {
        None => EventKind::LineageAdopted { lane: lane.clone(), lineage },
        Some(DeadLineage { evidence, .. }) => EventKind::Requeued { hash: Some(evidence) },
    };
    draft.user_event(&leg.user, Some(leg.withdrawal), kind)
}

/// The state of a withdrawal that the journal says is in a lineage: in it, or, where it ended
/// without it, free for another one.
pub(super) fn carried(draft: &Drafting, lineage: LineageId, ended: Option<DeadLineage>) -> State {
    let at = draft.now();
    match ended {
        None => {
            State::Processing { lineage, since: at, sighting: None, confirmed_at: None, hash: None }
        }
        Some(dead) => State::Approved { by: Actor::Engine, at, deferred: None, after: Some(dead) },
    }
}

/// The database knows the lineage but lost some of its signed attempts, and with them who joined by
/// one.
fn adopt_attempts(
    mut draft: Drafting,
    lane: &LaneId,
    mut known: Lineage,
    journalled: &Journalled,
) -> Result<Decision, Refusal> {
    let ended = ended_without(&known, journalled)?;
    let joined = joined(&draft, &known, journalled, ended);
    // A version of an ended lineage is dead itself, and displaces nothing.
    if known.is_live() {
        end_displaced(&mut draft, journalled)?;
        let free = |anchor: &&Anchor| {
            !known.anchors.contains(anchor) && !is_displaced(&draft, anchor, journalled)
        };
        let added: Vec<Anchor> = journalled.lineage.anchors.iter().filter(free).cloned().collect();
        all_free(&draft, &added)?;
    }
    take_back_all(&mut draft, lane, known.id, &joined, journalled, ended)?;
    let mut changed = !joined.is_empty();
    if known.is_live() {
        known.legs.extend(joined);
    }
    for attempt in &journalled.lineage.attempts {
        changed |= adopt_attempt(&mut known, attempt, journalled, ended);
    }
    if !changed {
        return draft.unchanged();
    }
    known.attempts.sort_by_key(|attempt| attempt.version);
    draft.change(Change::Lineage(known));
    draft.answer(Answer::Done)
}

/// Returns what ended the lineage, or none while it lives. Refused where a version that the
/// database does not know ended it: that one may have paid, so it proves nothing.
fn ended_without(known: &Lineage, journalled: &Journalled) -> Result<Option<DeadLineage>, Refusal> {
    if known.is_live() {
        return Ok(None);
    }
    // One without evidence was closed because nothing of it was signed, which the journal
    // contradicts.
    let Some(evidence) = known.ended_by() else {
        return Err(Refusal::Changed { what: format!("lineage {}", known.id) });
    };
    let lost =
        journalled.lineage.attempts.iter().filter(|attempt| known.attempt(attempt.id).is_none());
    match lost.filter_map(Attempt::signed).any(|signed| signed.hash == evidence) {
        true => Err(Refusal::Changed { what: format!("lineage {}", known.id) }),
        false => Ok(Some(DeadLineage { lineage: known.id, evidence })),
    }
}

/// Returns the legs that joined by a version which the database lost. Of an ended lineage these are
/// only the lost ones, and those that wait without its proof.
fn joined(
    draft: &Drafting,
    known: &Lineage,
    journalled: &Journalled,
    ended: Option<DeadLineage>,
) -> Vec<Leg> {
    let had = |leg: &&Leg| known.legs.iter().any(|had| had.payout == leg.payout);
    let waits = |leg: &&Leg| match draft
        .view
        .withdrawal(leg.withdrawal)
        .map(|withdrawal| &withdrawal.state)
    {
        None | Some(State::Pending) => true,
        Some(State::Approved { after, .. }) => after.is_none(),
        Some(
            State::Processing { .. }
            | State::Completed { .. }
            | State::Failed { .. }
            | State::Cancelled { .. }
            | State::HeldForInspection { .. },
        ) => false,
    };
    let joined = journalled.lineage.legs.iter().filter(|leg| !had(leg));
    joined.filter(|leg| ended.is_none() || waits(leg)).cloned().collect()
}

/// Adds a signed version to the lineage, or its signature to a reserved one. Returns false where it
/// has both.
fn adopt_attempt(
    known: &mut Lineage,
    attempt: &Attempt,
    journalled: &Journalled,
    ended: Option<DeadLineage>,
) -> bool {
    let stage = match (&attempt.stage, ended) {
        (Stage::Signed { signed, .. }, Some(DeadLineage { evidence, .. })) => Stage::Signed {
            signed: signed.clone(),
            knowledge: Knowledge::Conflicted { by: evidence },
        },
        (stage, _) => stage.clone(),
    };
    match known.attempts.iter_mut().find(|held| held.id == attempt.id) {
        Some(held) if held.stage == Stage::Reserved => held.stage = stage,
        Some(_) => return false,
        None => {
            let taken = known.attempts.iter().any(|held| held.version == attempt.version);
            let last = known.attempts.iter().map(|held| held.version).max().unwrap_or(0);
            let version = if taken { last + 1 } else { attempt.version };
            known.attempts.push(Attempt { version, stage, ..attempt.clone() });
            let anchors = &journalled.lineage.anchors;
            let lost = anchors
                .iter()
                .filter(|anchor| !known.anchors.contains(anchor))
                .cloned()
                .collect::<Vec<_>>();
            known.anchors.extend(lost);
        }
    }
    true
}
