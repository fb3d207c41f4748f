//! What a lane does next: pure, from what the store knows. The same function explains why something
//! waits.

use std::collections::BTreeMap;

use crate::gate::{Gate, gate_of_itself, gate_of_lane, gathering};
use crate::outbid::{asked, bump_at, next_purpose, offer, too_cheap, undoing_offer};
use crate::upkeep::{Upkeep, upkeep};
use serde::{Deserialize, Serialize};

use crate::{
    Attempt, AttemptId, ChainKind, ChainRules, ClockDoubt, Knowledge, Lane, LaneState, Lineage,
    LineageId, Mistake, Offer, Purpose, Restoration, Scope, Span, Stage, Suspension, Timestamp,
    Tip, Withdrawal, WithdrawalId, planted,
};

/// A tip that was read longer ago than this says nothing about fees any more.
pub const TIP_AGE_MAX: Span = Span::from_seconds(120);

/// Everything that the next act depends on.
#[derive(Debug, Clone, Copy)]
pub struct LaneView<'a> {
    pub lane: &'a Lane,
    pub chain: &'a ChainRules,
    /// Live lineages, in order of their numbers.
    pub live: &'a [Lineage],
    /// Approved withdrawals that are due, oldest first.
    pub queue: &'a [Withdrawal],
    pub suspensions: &'a BTreeMap<Scope, Suspension>,
    pub now: Timestamp,
    /// Why that time may be wrong: then nobody new is planned.
    pub clock_doubt: Option<ClockDoubt>,
}

/// One thing to do. Acts of one answer are independent of each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    Sign {
        lineage: LineageId,
        attempt: AttemptId,
    },
    /// Send recorded bytes, for the first time or again.
    Send {
        lineage: LineageId,
        attempt: AttemptId,
    },
    /// Add an attempt that offers more.
    Bump {
        lineage: LineageId,
        purpose: Purpose,
        offer: Offer,
    },
    /// Ask the chain about this payout and reserve a place in the line for it.
    Plan {
        withdrawal: WithdrawalId,
    },
    /// Add a transaction that spends what this one leaves to us, and pays for both: it cannot be
    /// replaced any more.
    Lift {
        lineage: LineageId,
        offer: Offer,
    },
    /// End a payment of which nothing was signed, without a transaction: its coins are in nobody's
    /// way.
    Close {
        lineage: LineageId,
    },
    /// Pay nobody at the next number: under a new lease it is mined before anyone new is paid.
    Probe {
        offer: Offer,
    },
    /// Make many small coins one, where there are so many. It pays nobody.
    Consolidate {
        offer: Offer,
    },
    /// Use up places at which something forgotten may still be mined.
    Sweep {
        offer: Offer,
        /// At most so many transactions.
        most: usize,
    },
}

/// Where a live lineage stands, and what it waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    Do(Act),
    /// In a block; waits until that block cannot revert.
    AwaitFinality,
    /// In the pool as far as we know; sent again at `resend_at`, bumped from `bump_at` on.
    AwaitInclusion {
        resend_at: Timestamp,
        bump_at: Option<Timestamp>,
    },
    /// A bump would have to offer more than the cap.
    FeeCeiling {
        needed: u128,
        cap: u128,
        resend_at: Timestamp,
    },
    /// All attempts that the rules allow are made.
    AttemptsUsedUp {
        resend_at: Timestamp,
    },
    /// Others have to sign it, too. A version that they signed before is sent again at `resend_at`.
    AwaitCosigners {
        resend_at: Option<Timestamp>,
    },
    /// A cancelling version is wanted, and cannot be made now.
    AwaitUndoing {
        obstacle: Obstacle,
    },
    /// The lane does not sign now.
    LaneStopped,
}

/// Why a cancelling version cannot be made now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Obstacle {
    /// It would have to offer more than the cap, in the units of the chain's market.
    FeeCeiling {
        needed: u128,
        cap: u128,
    },
    AttemptsUsedUp,
    /// The lane reconciles or is halted.
    LaneStopped,
    /// The chain was not read lately.
    ChainUnread,
}

/// All acts that are due now.
pub fn next(view: &LaneView) -> Vec<Act> {
    let mut acts: Vec<Act> = view
        .live
        .iter()
        .filter_map(|lineage| match step(view, lineage) {
            Step::Do(act) => Some(act),
            Step::AwaitFinality
            | Step::AwaitInclusion { .. }
            | Step::FeeCeiling { .. }
            | Step::AttemptsUsedUp { .. }
            | Step::AwaitCosigners { .. }
            | Step::AwaitUndoing { .. }
            | Step::LaneStopped => None,
        })
        .collect();
    let room = usize::try_from(view.chain.in_flight_max)
        .unwrap_or(usize::MAX)
        .saturating_sub(in_flight(view));
    let room = room.saturating_mul(
        view.chain.batching.map_or(1, |batching| usize::from(batching.payouts_max)),
    );
    if gate_of_lane(view) == Gate::Open && gathering(view).is_none() {
        let open =
            view.queue.iter().filter(|withdrawal| gate_of_itself(view, withdrawal) == Gate::Open);
        acts.extend(open.take(room).map(|withdrawal| Act::Plan { withdrawal: withdrawal.id }));
    }
    if let Some((offer, most)) = sweep(view) {
        acts.push(Act::Sweep { offer, most });
    }
    let probes = gate_of_lane(view) == (Gate::SlowStart { in_flight: 0 })
        && view.lane.probed != view.lane.epoch;
    let waits =
        || view.queue.iter().any(|withdrawal| gate_of_itself(view, withdrawal) == Gate::Open);
    if let Some(tip) = fresh_tip(view).filter(|_| probes && waits()) {
        acts.push(Act::Probe { offer: tip.market.offer(view.chain) });
    }
    if let Upkeep::Due(offer) = upkeep(view, acts.is_empty() && !waits()) {
        acts.push(Act::Consolidate { offer });
    }
    acts
}

/// How many transactions a sweep may add now, and what each offers.
fn sweep(view: &LaneView) -> Option<(Offer, usize)> {
    let below = view.lane.restoration.as_ref().and_then(Restoration::sweeps_below);
    let below = below.filter(|_| view.lane.state == LaneState::Sweeping)?;
    let tip = fresh_tip(view).filter(|tip| tip.market.too_dear(view.chain).is_none())?;
    let room = usize::try_from(view.chain.in_flight_max)
        .unwrap_or(usize::MAX)
        .saturating_sub(in_flight(view));
    let most = match view.chain.kind {
        ChainKind::Evm => room
            .min(usize::try_from(below.saturating_sub(view.lane.next_nonce)).unwrap_or(usize::MAX)),
        ChainKind::Bitcoin => room,
    };
    (most > 0).then(|| (tip.market.offer(view.chain), most))
}

/// Live lineages that no block holds yet: what nodes keep in their pools for us.
pub fn in_flight(view: &LaneView) -> usize {
    view.live.iter().filter(|lineage| lineage.included().is_none()).count()
}

/// What one live lineage does or waits for.
pub fn step(view: &LaneView, lineage: &Lineage) -> Step {
    if lineage.included().is_some() {
        return Step::AwaitFinality;
    }
    let sweeps = view.lane.state == LaneState::Sweeping;
    let signs = view.lane.state == LaneState::Running || sweeps;
    let latest = lineage.latest();
    match &latest.stage {
        // What was merely reserved when both stores were saved may have been given back since. A
        // bump of a payment that was signed is not that: what is known goes on.
        Stage::Reserved if sweeps && latest.purpose == Purpose::Pay && !lineage.was_signed() => {
            undoing(view, lineage, signs)
        }
        Stage::Reserved if lineage.undoes(latest) && !planted(Mistake::SignDespiteCancel) => {
            undoing(view, lineage, signs)
        }
        Stage::Reserved if signs => Step::Do(Act::Sign { lineage: lineage.id, attempt: latest.id }),
        Stage::Reserved => Step::LaneStopped,
        Stage::Signed { signed, .. } if signed.lacks_signatures() => {
            cosigning(view, lineage, signs)
        }
        Stage::Signed { knowledge: Knowledge::Signed, .. }
            if lineage.undoes(latest) && !planted(Mistake::SendDespiteCancel) =>
        {
            undoing(view, lineage, signs)
        }
        Stage::Signed { knowledge: Knowledge::Signed, .. } => {
            Step::Do(Act::Send { lineage: lineage.id, attempt: latest.id })
        }
        Stage::Signed { knowledge: Knowledge::MaybeSent { last_at, .. }, .. } => {
            waiting(view, lineage, *last_at, signs)
        }
        Stage::Signed {
            knowledge:
                Knowledge::Included { .. } | Knowledge::Finalized { .. } | Knowledge::Conflicted { .. },
            ..
        } => Step::AwaitFinality,
    }
}

/// A cancel is wished before the payment was sent: it is neither signed nor sent any more. Where
/// nothing was signed and no nonce waits for it, it ends without a transaction. Else the next
/// version is the cancelling one; while that cannot be made, nothing happens (case F92).
fn undoing(view: &LaneView, lineage: &Lineage, signs: bool) -> Step {
    let unwanted = lineage.cancel.is_some() || view.lane.state == LaneState::Sweeping;
    if lineage.may_be_closed() && unwanted && view.lane.has_read_journal() {
        return Step::Do(Act::Close { lineage: lineage.id });
    }
    match fresh_tip(view).filter(|_| signs).map(|tip| undoing_offer(view, lineage, tip)) {
        Some(Ok(offer)) => {
            Step::Do(Act::Bump { lineage: lineage.id, purpose: Purpose::Cancel, offer })
        }
        Some(Err(Step::FeeCeiling { needed, cap, .. })) => {
            Step::AwaitUndoing { obstacle: Obstacle::FeeCeiling { needed, cap } }
        }
        Some(Err(_)) => Step::AwaitUndoing { obstacle: Obstacle::AttemptsUsedUp },
        None if !signs => Step::AwaitUndoing { obstacle: Obstacle::LaneStopped },
        None => Step::AwaitUndoing { obstacle: Obstacle::ChainUnread },
    }
}

/// The newest version waits for others to sign it. It is not sent, so it is not stuck, and nobody
/// is asked to sign a dearer one; a wish to undo it is, because whoever has it may finish it. What
/// was complete before stays out, unless it is to be undone.
fn cosigning(view: &LaneView, lineage: &Lineage, signs: bool) -> Step {
    let latest = lineage.latest();
    if lineage.undoes(latest) {
        return undoing(view, lineage, signs);
    }
    let complete = |attempt: &&Attempt| attempt.sendable().is_some() && !lineage.undoes(attempt);
    let Some(earlier) = lineage.attempts.iter().rev().find(complete) else {
        return Step::AwaitCosigners { resend_at: None };
    };
    let last_at = earlier.last_sent().and_then(|last| last.credible(view.now));
    let resend_at = last_at.map_or(view.now, |last| last.plus(view.chain.rebroadcast_after));
    if view.now >= resend_at {
        return Step::Do(Act::Send { lineage: lineage.id, attempt: earlier.id });
    }
    Step::AwaitCosigners { resend_at: Some(resend_at) }
}

/// Bytes are out. Undo them if that was wished, offer more if they are too cheap, else send them
/// again now and then.
fn waiting(view: &LaneView, lineage: &Lineage, last_at: Timestamp, signs: bool) -> Step {
    let never = planted(Mistake::NeverRebroadcasts);
    let pause = if never { Span::from_hours(24 * 365) } else { view.chain.rebroadcast_after };
    // What was dated by a wrong clock may be as old as can be: it is due (case F97).
    let resend_at = last_at.credible(view.now).map_or(view.now, |last| last.plus(pause));
    let bump_at = bump_at(view, lineage);
    let undo = lineage.undoes(lineage.latest());
    if lineage.is_doubted(lineage.latest()) {
        return undoing(view, lineage, signs);
    }
    let wanted = (undo || (view.now >= bump_at && too_cheap(view, lineage)))
        && !is_leaned_on(view.live, lineage);
    match fresh_tip(view) {
        Some(tip) if signs && wanted => match offer(view, lineage, tip, next_purpose(lineage)) {
            Ok(offer) => {
                let purpose = next_purpose(lineage);
                Step::Do(Act::Bump { lineage: lineage.id, purpose, offer })
            }
            // Where no child can be made either, who acts repeats the bytes in their time.
            Err(_) if !undo && may_be_lifted(view.live, lineage) => Step::Do(Act::Lift {
                lineage: lineage.id,
                offer: asked(view, lineage, tip).offer(view.chain),
            }),
            Err(_) if view.now >= resend_at => {
                Step::Do(Act::Send { lineage: lineage.id, attempt: lineage.latest().id })
            }
            Err(step) => step,
        },
        Some(_) | None if view.now >= resend_at => {
            Step::Do(Act::Send { lineage: lineage.id, attempt: lineage.latest().id })
        }
        Some(_) | None => Step::AwaitInclusion { resend_at, bump_at: signs.then_some(bump_at) },
    }
}

/// Returns the next cancelling version of a payment whose newest version spends something that is
/// gone: no block takes that one, and the paying ones are not sent again, so it does not wait for
/// the market. None before the usual pause is over, and while none can be made.
pub fn renewal(view: &LaneView, lineage: &Lineage) -> Option<Act> {
    let latest = lineage.latest();
    let signs = view.lane.state == LaneState::Running || view.lane.state == LaneState::Sweeping;
    let waits = lineage.included().is_none()
        && latest.last_sent().is_some()
        && next_purpose(lineage) == Purpose::Cancel;
    let paused = latest
        .created_at
        .credible(view.now)
        .is_some_and(|made| view.now < made.plus(view.chain.bump_after));
    if !signs || !waits || paused || is_leaned_on(view.live, lineage) {
        return None;
    }
    let offer = offer(view, lineage, fresh_tip(view)?, Purpose::Cancel).ok()?;
    Some(Act::Bump { lineage: lineage.id, purpose: Purpose::Cancel, offer })
}

/// Lineages that no block holds yet and whose outputs this one spends, directly or not.
pub fn ancestors<'a>(live: &'a [Lineage], lineage: &Lineage) -> Vec<&'a Lineage> {
    let mut found: Vec<&Lineage> = Vec::new();
    let mut open = vec![lineage];
    while let Some(child) = open.pop() {
        let parents =
            live.iter().filter(|other| other.included().is_none() && child.stands_on(other));
        let fresh: Vec<&Lineage> =
            parents.filter(|parent| found.iter().all(|known| known.id != parent.id)).collect();
        found.extend(&fresh);
        open.extend(fresh);
    }
    found
}

/// Whether another payment spends its unconfirmed change.
fn is_leaned_on(live: &[Lineage], lineage: &Lineage) -> bool {
    live.iter().any(|other| other.id != lineage.id && other.stands_on(lineage))
}

/// Whether a child may pay for it: it is signed and leaves change to us, nobody stands on that, and
/// it is not to be undone.
pub fn may_be_lifted(live: &[Lineage], lineage: &Lineage) -> bool {
    let latest = lineage.latest();
    let change = latest
        .sendable()
        .is_some_and(|signed| !latest.draft.leavings(&lineage.lane, signed.hash).is_empty());
    change
        && !lineage.undoes(latest)
        && !is_leaned_on(live, lineage)
        && lineage.included().is_none()
}

/// The tip, where it was read lately and, where blocks come by themselves, its head is young.
pub(crate) fn fresh_tip<'a>(view: &LaneView<'a>) -> Option<&'a Tip> {
    fresh_tip_of(view.lane, view.chain, view.now)
}

/// Returns what the chain was last seen to be, if it was seen lately and its head is young enough:
/// without it nothing new is planned. Where blocks are made on demand their age says nothing: what
/// waits may need a better offer to be in one.
pub fn fresh_tip_of<'a>(lane: &'a Lane, chain: &ChainRules, now: Timestamp) -> Option<&'a Tip> {
    read_tip(lane, now)
        .filter(|tip| chain.blocks_on_demand || !is_overdue(chain, now, tip.mined_at))
}

fn read_tip(lane: &Lane, now: Timestamp) -> Option<&Tip> {
    let read = |tip: &Tip| tip.at.credible(now).is_some_and(|at| now <= at.plus(TIP_AGE_MAX));
    lane.tip.as_ref().filter(|tip| read(tip))
}

fn is_overdue(chain: &ChainRules, now: Timestamp, since: Timestamp) -> bool {
    chain.head_age_max.is_some_and(|most| now > since.plus(most))
}

/// Endpoints answer and agree, and show no new block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standstill {
    pub age_seconds: u64,
    pub most_seconds: u64,
    /// The chain makes blocks only when there is something in them, and a payment of ours waits for
    /// one.
    pub on_demand: bool,
}

/// Returns how long the chain has stood still, where nothing new is planned because of that (case
/// F42). None where it moves, or was not read lately.
pub fn standstill(view: &LaneView) -> Option<Standstill> {
    let (tip, most) = (read_tip(view.lane, view.now)?, view.chain.head_age_max?);
    let on_demand = view.chain.blocks_on_demand;
    let since = match on_demand {
        false => tip.mined_at,
        // Since something of ours is there to be put into one.
        true => first_waiting_since(view)?.max(tip.mined_at),
    };
    let age_seconds = view.now.since(tip.mined_at).seconds();
    is_overdue(view.chain, view.now, since).then(|| Standstill {
        age_seconds,
        most_seconds: most.seconds(),
        on_demand,
    })
}

/// Returns since when the oldest of our payments waits for a block.
fn first_waiting_since(view: &LaneView) -> Option<Timestamp> {
    let unmined = view.live.iter().filter(|lineage| lineage.included().is_none());
    let sent = unmined
        .flat_map(|lineage| &lineage.attempts)
        .filter(|attempt| attempt.last_sent().is_some());
    sent.map(|attempt| attempt.created_at).min()
}
