//! What a lane does next: pure, from what the store knows. The same function explains why something waits.

use std::collections::BTreeMap;

use crate::{
    AssetId, AttemptId, ChainRules, Dear, Draft, Knowledge, Lane, LaneState, Lineage, LineageId, Mistake, Offer, Purpose, Scope, Span,
    Stage, Suspension, Timestamp, Tip, TooDear, UserId, Withdrawal, WithdrawalId, planted,
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
    /// The lane does not sign now.
    LaneStopped,
}

/// Why an approved withdrawal is not planned now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gate {
    Open,
    Suspended {
        scope: Scope,
        reason: String,
    },
    Deferred {
        reason: String,
        tries: u32,
        until: Timestamp,
    },
    LaneStopped,
    /// The chain was not read lately.
    NoTip,
    FeesAboveCap {
        needed: u128,
        cap: u128,
    },
    /// The network fee would be too large a part of the amount; it waits for a cheaper hour.
    Dear(Dear),
    /// Others may join its transaction.
    Gathering {
        until: Timestamp,
    },
    InFlightFull {
        in_flight: usize,
        most: u32,
    },
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
            | Step::LaneStopped => None,
        })
        .collect();
    let room = usize::try_from(view.chain.in_flight_max).unwrap_or(usize::MAX).saturating_sub(in_flight(view));
    let room = room.saturating_mul(view.chain.batching.map_or(1, |batching| usize::from(batching.payouts_max)));
    if gate_of_lane(view) == Gate::Open && gathering(view).is_none() {
        let open = view.queue.iter().filter(|withdrawal| gate_of_itself(view, withdrawal) == Gate::Open);
        acts.extend(open.take(room).map(|withdrawal| Act::Plan { withdrawal: withdrawal.id }));
    }
    acts
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
    let signs = view.lane.state == LaneState::Running;
    let latest = lineage.latest();
    match &latest.stage {
        Stage::Reserved if signs => Step::Do(Act::Sign { lineage: lineage.id, attempt: latest.id }),
        Stage::Reserved => Step::LaneStopped,
        Stage::Signed { knowledge: Knowledge::Signed, .. } => Step::Do(Act::Send { lineage: lineage.id, attempt: latest.id }),
        Stage::Signed { knowledge: Knowledge::MaybeSent { last_at, .. }, .. } => waiting(view, lineage, *last_at, signs),
        Stage::Signed { knowledge: Knowledge::Included { .. } | Knowledge::Finalized { .. } | Knowledge::Conflicted { .. }, .. } => {
            Step::AwaitFinality
        }
    }
}

/// Bytes are out. Undo them if that was wished, offer more if they are too cheap, else send them again now and then.
fn waiting(view: &LaneView, lineage: &Lineage, last_at: Timestamp, signs: bool) -> Step {
    let never = planted(Mistake::NeverRebroadcasts);
    let resend_at = last_at.plus(if never { Span::from_hours(24 * 365) } else { view.chain.rebroadcast_after });
    let bump_at = lineage.latest().created_at.plus(view.chain.bump_after);
    let undo = lineage.cancel.is_some() && lineage.latest().purpose == Purpose::Pay;
    let wanted = (undo || (view.now >= bump_at && too_cheap(view, lineage))) && !is_leaned_on(view, lineage);
    match fresh_tip(view) {
        Some(tip) if signs && wanted => match offer(view, lineage, tip) {
            Ok(offer) => {
                let purpose = if lineage.cancel.is_some() { Purpose::Cancel } else { lineage.latest().purpose };
                Step::Do(Act::Bump { lineage: lineage.id, purpose, offer })
            }
            Err(_) if view.now >= resend_at => Step::Do(Act::Send { lineage: lineage.id, attempt: lineage.latest().id }),
            Err(step) => step,
        },
        Some(_) | None if view.now >= resend_at => Step::Do(Act::Send { lineage: lineage.id, attempt: lineage.latest().id }),
        Some(_) | None => Step::AwaitInclusion { resend_at, bump_at: signs.then_some(bump_at) },
    }
}

/// Where the chain takes payments in line, its head is bumped when it waits too long; others only when the chain would not take them. One on
/// whose unconfirmed change others stand is never replaced: the last of them pays for all.
fn too_cheap(view: &LaneView, lineage: &Lineage) -> bool {
    let unmined = || view.live.iter().filter(|other| other.included().is_none());
    let is_head = || unmined().min_by_key(|other| other.number()).is_some_and(|head| head.id == lineage.id);
    if lineage.latest().draft.is_in_line() && is_head() {
        return true;
    }
    let Some(tip) = fresh_tip(view) else { return false };
    let ancestors = ancestors(view.live, lineage);
    let package: Vec<&Draft> = std::iter::once(lineage).chain(ancestors).map(|one| &one.latest().draft).collect();
    tip.market.is_above(&package)
}

/// Lineages that no block holds yet and whose outputs this one spends, directly or not.
pub fn ancestors<'a>(live: &'a [Lineage], lineage: &Lineage) -> Vec<&'a Lineage> {
    let mut found: Vec<&Lineage> = Vec::new();
    let mut open = vec![lineage];
    while let Some(child) = open.pop() {
        let parents = live.iter().filter(|other| other.included().is_none() && child.stands_on(other));
        let fresh: Vec<&Lineage> = parents.filter(|parent| found.iter().all(|known| known.id != parent.id)).collect();
        found.extend(&fresh);
        open.extend(fresh);
    }
    found
}

/// Whether another payment spends its unconfirmed change.
fn is_leaned_on(view: &LaneView, lineage: &Lineage) -> bool {
    !planted(Mistake::LeanedOnReplaced) && view.live.iter().any(|other| other.id != lineage.id && other.stands_on(lineage))
}

/// What the next attempt offers, where the rules allow one.
fn offer(view: &LaneView, lineage: &Lineage, tip: &Tip) -> Result<Offer, Step> {
    let Knowledge::MaybeSent { last_at, .. } = knowledge(lineage) else { return Err(Step::AwaitFinality) };
    let resend_at = last_at.plus(view.chain.rebroadcast_after);
    if lineage.attempts.len() >= usize::try_from(view.chain.attempts_max).unwrap_or(usize::MAX) {
        return Err(Step::AttemptsUsedUp { resend_at });
    }
    let offered = lineage.latest().draft.next_offer(&tip.market, view.chain);
    offered.map_err(|TooDear { needed, cap }| Step::FeeCeiling { needed, cap, resend_at })
}

fn knowledge(lineage: &Lineage) -> Knowledge {
    match &lineage.latest().stage {
        Stage::Reserved => Knowledge::Signed,
        Stage::Signed { knowledge, .. } => knowledge.clone(),
    }
}

fn fresh_tip<'a>(view: &LaneView<'a>) -> Option<&'a Tip> {
    let young = |tip: &Tip| view.chain.head_age_max.is_none_or(|most| view.now <= tip.mined_at.plus(most));
    view.lane.tip.as_ref().filter(|tip| view.now <= tip.at.plus(TIP_AGE_MAX) && young(tip))
}

/// Whether the lane takes new payouts at all.
pub fn gate_of_lane(view: &LaneView) -> Gate {
    let in_flight = in_flight(view);
    if view.lane.state != LaneState::Running {
        return Gate::LaneStopped;
    }
    let Some(tip) = fresh_tip(view) else { return Gate::NoTip };
    if let Some(TooDear { needed, cap }) = tip.market.too_dear(view.chain) {
        return Gate::FeesAboveCap { needed, cap };
    }
    if in_flight >= usize::try_from(view.chain.in_flight_max).unwrap_or(usize::MAX) {
        return Gate::InFlightFull { in_flight, most: view.chain.in_flight_max };
    }
    Gate::Open
}

/// Whether one approved withdrawal may be planned, as far as that depends on itself and on those that go with it.
pub fn gate_of_payout(view: &LaneView, withdrawal: &Withdrawal) -> Gate {
    let itself = gate_of_itself(view, withdrawal);
    match gathering(view).filter(|_| itself == Gate::Open) {
        Some(until) => Gate::Gathering { until },
        None => itself,
    }
}

/// Whether it may join a payment that is under way: it may be planned, or waits for nothing but coins.
pub fn may_join(view: &LaneView, withdrawal: &Withdrawal) -> bool {
    match gate_of_itself(view, withdrawal) {
        // Who leaves a dead lineage is shown to the signer first, which planning does.
        Gate::Open | Gate::Deferred { tries: 0, .. } => withdrawal.claim.is_none() && !leaves_a_dead_lineage(withdrawal),
        Gate::Suspended { .. }
        | Gate::Deferred { .. }
        | Gate::LaneStopped
        | Gate::NoTip
        | Gate::FeesAboveCap { .. }
        | Gate::InFlightFull { .. }
        | Gate::Dear(_)
        | Gate::Gathering { .. } => false,
    }
}

fn leaves_a_dead_lineage(withdrawal: &Withdrawal) -> bool {
    matches!(withdrawal.state, crate::State::Approved { after: Some(_), .. })
}

/// Until when the first of those that may be planned waits for others to share its transaction; none when it is time.
fn gathering(view: &LaneView) -> Option<Timestamp> {
    let batching = view.chain.batching?;
    let open: Vec<Timestamp> = view
        .queue
        .iter()
        .filter(|withdrawal| gate_of_itself(view, withdrawal) == Gate::Open)
        .filter_map(|withdrawal| if let crate::State::Approved { at, .. } = withdrawal.state { Some(at) } else { None })
        .collect();
    let until = open.iter().min()?.plus(batching.gather);
    (open.len() < usize::from(batching.payouts_max) && view.now < until).then_some(until)
}

fn gate_of_itself(view: &LaneView, withdrawal: &Withdrawal) -> Gate {
    if let Some(standing) = suspension(view.suspensions, [&withdrawal.asset, &withdrawal.source_asset], &withdrawal.user) {
        return Gate::Suspended { scope: standing.scope.clone(), reason: standing.reason.clone() };
    }
    match &withdrawal.state {
        crate::State::Approved { deferred: Some(deferral), .. } if view.now < deferral.until => {
            Gate::Deferred { reason: deferral.reason.clone(), tries: deferral.tries, until: deferral.until }
        }
        crate::State::Processing { .. } if planted(Mistake::UniqueIndexDropped) => Gate::Open,
        crate::State::Approved { at, .. } => dear(view, withdrawal, *at).map_or(Gate::Open, Gate::Dear),
        crate::State::Pending
        | crate::State::Processing { .. }
        | crate::State::Completed { .. }
        | crate::State::Failed { .. }
        | crate::State::Cancelled { .. }
        | crate::State::HeldForInspection { .. } => Gate::Open,
    }
}

fn dear(view: &LaneView, withdrawal: &Withdrawal, approved_at: Timestamp) -> Option<Dear> {
    let (patience, tip) = (view.chain.patience?, fresh_tip(view)?);
    patience.holds(withdrawal.amount, approved_at, &tip.market, view.now)
}

/// The emergency stop that covers one of these assets (what is paid, and what it is paid for) or this user, the widest first.
pub fn suspension<'a>(standing: &'a BTreeMap<Scope, Suspension>, assets: [&AssetId; 2], user: &UserId) -> Option<&'a Suspension> {
    let assets = assets.map(|asset| Scope::Asset { asset: asset.clone() });
    let scopes = [Scope::All].into_iter().chain(assets).chain([Scope::User { user: user.clone() }]);
    scopes.into_iter().find_map(|scope| standing.get(&scope))
}
