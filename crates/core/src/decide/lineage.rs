//! Reserve, sign, send, bump: how a payout enters a lineage and what may be added to it.

use crate::{
    AddAttempt, Anchor, Answer, Attempt, AttemptId, Bytes, CANCELS_KEPT, ChainRules, Change,
    Decision, Draft, Epoch, EventKind, JournalTip, Knowledge, Lane, LaneId, LaneState, Leg,
    Lineage, LineageId, LineageState, Mistake, ObservationRecord, Purpose, Refusal, Reserve, Said,
    Signed, Stage, State, Submission, Withdrawal, planted,
};

use super::{Drafting, careless};

/// Allocates the anchors and puts the payouts into a new lineage, in one commit: no gap can come
/// about (rule R5).
pub(super) fn reserve(mut draft: Drafting, reserve: &Reserve) -> Result<Decision, Refusal> {
    let mut lane = draft.leased(&reserve.lane, reserve.owner, reserve.epoch)?.clone();
    let pays_nobody = reserve.legs.is_empty();
    if !(lane.state == LaneState::Running || (lane.state == LaneState::Sweeping && pays_nobody)) {
        return Err(Refusal::LaneStopped { lane: reserve.lane.to_string() });
    }
    if !pays_nobody {
        draft.sure_of_time()?;
    }
    take_anchors(&mut lane, reserve)?;
    lane.counter += 1;
    lane.doubt = None;
    within_caps(draft.chain(&reserve.lane)?, &reserve.draft)?;
    pays_exactly(&reserve.draft, &reserve.legs.iter().collect::<Vec<_>>())?;
    all_free(&draft, &reserve.anchors)?;
    let now = draft.now();
    for leg in &reserve.legs {
        enter_lineage(&mut draft, leg, reserve.lineage, reserve.attempt)?;
    }
    let purpose = if pays_nobody { Purpose::Cancel } else { Purpose::Pay };
    let attempt = Attempt {
        id: reserve.attempt,
        version: 0,
        purpose,
        draft: reserve.draft.clone(),
        epoch: reserve.epoch,
        created_at: now,
        stage: Stage::Reserved,
    };
    draft.change(Change::Lineage(Lineage {
        id: reserve.lineage,
        lane: reserve.lane.clone(),
        anchors: reserve.anchors.clone(),
        legs: reserve.legs.clone(),
        attempts: vec![attempt],
        state: LineageState::Live,
        cancel: None,
        created_at: now,
    }));
    draft.change(Change::Lane(lane));
    draft.answer(Answer::Done)
}

/// The lineage is the next in its lane's line, and its anchors are those that the draft consumes.
fn take_anchors(lane: &mut Lane, reserve: &Reserve) -> Result<(), Refusal> {
    if reserve.anchors != reserve.draft.anchors(&lane.id) {
        return Err(Refusal::BadAttempt {
            detail: "the anchors of a lineage are those that its draft consumes".to_owned(),
        });
    }
    let number = reserve.draft.number();
    let next = if planted(Mistake::NonceFromNode) { number } else { lane.next_nonce };
    if number != next {
        return Err(Refusal::Changed {
            what: format!("the next number of {} ({})", lane.id, lane.next_nonce),
        });
    }
    lane.next_nonce = next + 1;
    Ok(())
}

fn enter_lineage(
    draft: &mut Drafting,
    leg: &Leg,
    lineage: LineageId,
    attempt: AttemptId,
) -> Result<(), Refusal> {
    let withdrawal = draft.withdrawal(leg.withdrawal)?;
    let approved = matches!(withdrawal.state, State::Approved { .. });
    let free = draft.view.payouts.get(&leg.payout).copied().flatten().is_none();
    let (approved, free) =
        if planted(Mistake::UniqueIndexDropped) { (true, true) } else { (approved, free) };
    if !approved || !free || !matches_leg(withdrawal, leg) {
        return Err(Refusal::Changed { what: format!("withdrawal {}", leg.withdrawal) });
    }
    if let Some(standing) =
        crate::suspension(&draft.view.suspensions, [&leg.asset, &leg.source_asset], &leg.user)
    {
        return Err(Refusal::Suspended {
            scope: standing.scope.to_string(),
            reason: standing.reason.clone(),
        });
    }
    let state = State::Processing {
        lineage,
        since: draft.now(),
        sighting: None,
        confirmed_at: None,
        hash: None,
    };
    draft.change(Change::Withdrawal(Withdrawal { state, ..withdrawal.clone() }));
    let reserved = EventKind::Reserved { lineage, attempt };
    draft.user_event(&leg.user, Some(leg.withdrawal), reserved)
}

pub(super) fn matches_leg(withdrawal: &Withdrawal, leg: &Leg) -> bool {
    withdrawal.payout == leg.payout
        && withdrawal.user == leg.user
        && withdrawal.book == leg.book
        && withdrawal.asset == leg.asset
        && withdrawal.source_asset == leg.source_asset
        && withdrawal.amount == leg.amount
        && withdrawal.destination == leg.destination
}

fn within_caps(chain: &ChainRules, draft: &Draft) -> Result<(), Refusal> {
    draft.above_caps(chain).map_or(Ok(()), |detail| Err(Refusal::BadAttempt { detail }))
}

fn pays_exactly(draft: &Draft, legs: &[&Leg]) -> Result<(), Refusal> {
    draft.differs_from(legs).map_or(Ok(()), |detail| Err(Refusal::BadAttempt { detail }))
}

/// A bump or a cancel: every anchor of the first attempt (rule R3), an offer that nodes take in its
/// place, and nobody less is paid.
pub(super) fn add_attempt(mut draft: Drafting, add: &AddAttempt) -> Result<Decision, Refusal> {
    let chain = draft.chain(&add.lane)?;
    let (id, purpose) = (add.lineage, add.purpose);
    let mut lineage = draft.view.lineage(id).cloned().ok_or(Refusal::UnknownWithdrawal)?;
    if !lineage.is_live() || lineage.included().is_some() {
        return Err(Refusal::Changed { what: format!("lineage {id}") });
    }
    check_next(&lineage, purpose, &add.draft)?;
    within_caps(chain, &add.draft)?;
    let version = u32::try_from(lineage.attempts.len()).expect("attempts are bounded by the rules");
    if !lineage.has_room_for(purpose, chain.attempts_max) {
        let detail = format!(
            "lineage {id} has {version} versions, and attempts_max is {} with {CANCELS_KEPT} kept \
             for a cancel",
            chain.attempts_max
        );
        return Err(Refusal::BadAttempt { detail });
    }
    claim(&draft, &mut lineage, add)?;
    join(&mut draft, &mut lineage, add)?;
    let epoch = count(&mut draft, &add.lane, None)?;
    let created_at = draft.now();
    let (attempt, stage) = (add.attempt, Stage::Reserved);
    lineage.attempts.push(Attempt {
        id: attempt,
        version,
        purpose,
        draft: add.draft.clone(),
        epoch,
        created_at,
        stage,
    });
    draft.event(EventKind::AttemptAdded { lineage: id, attempt, version, purpose });
    draft.change(Change::Lineage(lineage));
    draft.answer(Answer::Done)
}

/// The signer will have to know of this commit.
fn count(draft: &mut Drafting, lane: &LaneId, tip: Option<JournalTip>) -> Result<Epoch, Refusal> {
    let mut lane = draft.lane(lane)?.clone();
    lane.counter += 1;
    lane.note_journal(tip);
    let epoch = lane.epoch;
    draft.change(Change::Lane(lane));
    Ok(epoch)
}

/// The coins that an attempt adds, and what the version before it would have left, belong to the
/// lineage from now on. Where another payment has one of them, this version may not be: it would
/// take the coin away from under that payment.
fn claim(draft: &Drafting, lineage: &mut Lineage, add: &AddAttempt) -> Result<(), Refusal> {
    if lineage.claims(&add.draft) != add.claims {
        return Err(Refusal::BadAttempt {
            detail: format!(
                "an attempt of lineage {} claims what it consumes and gives up",
                lineage.id
            ),
        });
    }
    all_free(draft, &add.claims)?;
    lineage.anchors.extend(add.claims.iter().cloned());
    Ok(())
}

/// A version may pay more people than the one before, never fewer; who joins is in this lineage
/// from now on, like everybody else (window F59). That is planning, and a lane plans only while it
/// runs.
fn join(draft: &mut Drafting, lineage: &mut Lineage, add: &AddAttempt) -> Result<(), Refusal> {
    let named = |leg: &Leg| lineage.legs.iter().any(|known| known.payout == leg.payout);
    let carried = |leg: &Leg| add.purpose == Purpose::Pay && add.draft.carries(leg.payout);
    if add.joining.iter().any(|leg| named(leg) || !carried(leg)) {
        return Err(Refusal::BadAttempt {
            detail: format!("who joins lineage {} is paid by this attempt first", lineage.id),
        });
    }
    if add.purpose == Purpose::Pay {
        let paid =
            lineage.legs.iter().filter(|leg| add.draft.carries(leg.payout)).chain(&add.joining);
        pays_exactly(&add.draft, &paid.collect::<Vec<_>>())?;
    }
    if !add.joining.is_empty() {
        if draft.lane(&add.lane)?.state != LaneState::Running {
            return Err(Refusal::LaneStopped { lane: add.lane.to_string() });
        }
        draft.sure_of_time()?;
    }
    for leg in &add.joining {
        enter_lineage(draft, leg, add.lineage, add.attempt)?;
    }
    lineage.legs.extend(add.joining.iter().cloned());
    Ok(())
}

/// Coins that no other live lineage has (window F56).
pub(super) fn all_free(draft: &Drafting, anchors: &[Anchor]) -> Result<(), Refusal> {
    let taken =
        anchors.iter().find(|anchor| draft.view.anchors.get(anchor).copied().flatten().is_some());
    match taken
        .filter(|_| !planted(Mistake::UniqueIndexDropped) && !planted(Mistake::ReservedCoinSpent))
    {
        Some(anchor) => Err(Refusal::Changed { what: format!("the coin {anchor}") }),
        None => Ok(()),
    }
}

fn check_next(lineage: &Lineage, purpose: Purpose, next: &Draft) -> Result<(), Refusal> {
    let bad = |detail: &str| {
        Err(Refusal::BadAttempt { detail: format!("lineage {}: {detail}", lineage.id) })
    };
    let (first, latest) = (&lineage.attempts[0], lineage.latest());
    // What only a later one added may be left out, because it may be gone; all that contain the
    // first's exclude each other.
    if !next.keeps_anchors_of(&first.draft)
        && !planted(Mistake::BumpAtNewNonce)
        && !planted(Mistake::ReplacementDropsCoin)
    {
        return bad("an attempt contains every anchor of the first");
    }
    match (&latest.stage, purpose) {
        // Its bytes never left, so there is nothing to outbid: the nonce is filled (rule R9).
        (Stage::Reserved, Purpose::Cancel) => return Ok(()),
        (Stage::Reserved, Purpose::Pay) => return bad("its latest attempt is not signed yet"),
        (Stage::Signed { .. }, Purpose::Pay | Purpose::Cancel)
            if !outbids(lineage, purpose, next) =>
        {
            return bad(
                "it offers too little more than the one before: nodes would not take it in its \
                 place",
            );
        }
        (Stage::Signed { .. }, Purpose::Pay | Purpose::Cancel) => {}
    }
    match (latest.purpose, purpose) {
        (Purpose::Pay, Purpose::Pay) | (Purpose::Cancel, Purpose::Cancel)
            if !next.does_what(&latest.draft) =>
        {
            bad("a bump does what the attempt before it does")
        }
        (Purpose::Cancel, Purpose::Pay) => bad("nothing is paid after a cancel was signed"),
        (Purpose::Pay, Purpose::Pay | Purpose::Cancel) | (Purpose::Cancel, Purpose::Cancel) => {
            Ok(())
        }
    }
}

/// Returns whether nodes would replace the versions they hold by this one. A cancelling version may
/// offer less than one that is not known to have been sent, so that a payment made at the cap can
/// be undone (case F92). If those bytes did leave, either may be mined.
fn outbids(lineage: &Lineage, purpose: Purpose, next: &Draft) -> bool {
    let latest = lineage.latest();
    let unsent = purpose == Purpose::Cancel && latest.last_sent().is_none();
    next.outbids(&latest.draft) || (unsent && lineage.sent().all(|sent| next.outbids(&sent.draft)))
}

/// Signed bytes, and how far the signer's journal goes with them.
pub(super) struct Recorded<'a> {
    pub lineage: LineageId,
    pub attempt: AttemptId,
    pub signed: &'a Signed,
    pub tip: Option<JournalTip>,
}

/// Keeps signed bytes before anything leaves (rule R1): compare-and-set on the attempt and the
/// epoch.
pub(super) fn record(
    mut draft: Drafting,
    lane: &LaneId,
    epoch: Epoch,
    recorded: &Recorded,
) -> Result<Decision, Refusal> {
    let Recorded { lineage: id, attempt, signed, tip } = *recorded;
    draft.of_epoch(lane, epoch)?;
    let mut lineage = draft.view.lineage(id).cloned().ok_or(Refusal::UnknownWithdrawal)?;
    let found = lineage.attempts.iter_mut().find(|known| known.id == attempt);
    let found = found.ok_or_else(|| Refusal::Changed { what: format!("attempt {attempt}") })?;
    match &found.stage {
        Stage::Reserved => {
            found.stage = Stage::Signed { signed: signed.clone(), knowledge: Knowledge::Signed }
        }
        Stage::Signed { signed: known, .. } if known == signed => return draft.unchanged(),
        Stage::Signed { .. } => {
            return Err(Refusal::Changed { what: format!("attempt {attempt}") });
        }
    }
    count(&mut draft, lane, tip)?;
    draft.change(Change::Lineage(lineage));
    draft.answer(Answer::Done)
}

/// Takes over what others signed: the same transaction, with more signatures than `over`. What they
/// brought back twice changes nothing.
pub(super) fn cosign(
    mut draft: Drafting,
    id: LineageId,
    attempt: AttemptId,
    over: &Bytes,
    signed: &Signed,
) -> Result<Decision, Refusal> {
    let mut lineage = draft.view.lineage(id).cloned().ok_or(Refusal::UnknownWithdrawal)?;
    let (live, now) = (lineage.is_live(), draft.now());
    let undone = lineage.attempt(attempt).is_some_and(|attempt| lineage.undoes(attempt));
    let changed = || Refusal::Changed { what: format!("attempt {attempt}") };
    let found =
        lineage.attempts.iter_mut().find(|known| known.id == attempt).ok_or_else(changed)?;
    let Stage::Signed { signed: known, .. } = &mut found.stage else { return Err(changed()) };
    if known == signed {
        return draft.unchanged();
    }
    if known.hash != signed.hash {
        return Err(Refusal::BadAttempt {
            detail: format!(
                "attempt {attempt} is transaction {}, and not {}",
                known.hash, signed.hash
            ),
        });
    }
    if undone {
        return Err(Refusal::BadAttempt {
            detail: format!(
                "attempt {attempt} is being cancelled; sign the cancelling one instead"
            ),
        });
    }
    if !live || !known.lacks_signatures() || known.raw != *over {
        return Err(changed());
    }
    known.clone_from(signed);
    if !signed.lacks_signatures() {
        // It is not stuck since it was handed out, but from now on.
        found.created_at = now;
    }
    draft.event(EventKind::Cosigned { lineage: id, attempt, complete: !signed.lacks_signatures() });
    draft.change(Change::Lineage(lineage));
    draft.answer(Answer::Done)
}

/// Notes that bytes were sent and what each endpoint answered. No answer changes where the money is
/// (windows F5 to F10).
pub(super) fn submitted(
    mut draft: Drafting,
    id: LineageId,
    attempt: AttemptId,
    submissions: &[Submission],
) -> Result<Decision, Refusal> {
    let mut lineage = draft.view.lineage(id).cloned().ok_or(Refusal::UnknownWithdrawal)?;
    let now = draft.now();
    let found = lineage.attempts.iter_mut().find(|known| known.id == attempt);
    let found = found.ok_or_else(|| Refusal::Changed { what: format!("attempt {attempt}") })?;
    let Stage::Signed { signed, knowledge } = &mut found.stage else {
        return Err(Refusal::BadAttempt {
            detail: format!("attempt {attempt} was sent without being recorded"),
        });
    };
    if signed.lacks_signatures() {
        return Err(Refusal::BadAttempt {
            detail: format!("attempt {attempt} was sent, and others have to sign it first"),
        });
    }
    let hash = signed.hash;
    let first = *knowledge == Knowledge::Signed;
    *knowledge = match knowledge.clone() {
        Knowledge::Signed => Knowledge::MaybeSent { sends: 1, last_at: now },
        Knowledge::MaybeSent { sends, .. } => {
            Knowledge::MaybeSent { sends: sends.saturating_add(1), last_at: now }
        }
        later @ (Knowledge::Included { .. }
        | Knowledge::Finalized { .. }
        | Knowledge::Conflicted { .. }) => later,
    };
    let pays = found.purpose == Purpose::Pay;
    let sent = found.clone();
    for submission in submissions {
        draft.change(Change::Observation(ObservationRecord {
            attempt,
            at: now,
            said: Said::Submission { submission: submission.clone() },
        }));
    }
    if let Some(belief) = careless::concluded(&lineage, submissions).filter(|_| pays) {
        return careless::leave(draft, lineage, belief);
    }
    if first && pays {
        show_hash(&mut draft, &lineage, &sent, hash)?;
    }
    draft.change(Change::Lineage(lineage));
    draft.answer(Answer::Done)
}

fn show_hash(
    draft: &mut Drafting,
    lineage: &Lineage,
    attempt: &Attempt,
    sent: crate::Hash32,
) -> Result<(), Refusal> {
    for leg in lineage.legs.iter().filter(|leg| attempt.pays(leg)) {
        let mut withdrawal = draft.withdrawal(leg.withdrawal)?.clone();
        if let State::Processing { hash, .. } = &mut withdrawal.state {
            *hash = Some(sent);
            draft.change(Change::Withdrawal(withdrawal));
        }
        draft.user_event(&leg.user, Some(leg.withdrawal), EventKind::Broadcast { hash: sent })?;
    }
    Ok(())
}
