//! Why an approved withdrawal is not planned now: pure, from what the store knows.

use std::collections::BTreeMap;

use crate::next::{LaneView, Standstill, fresh_tip, in_flight, standstill};
use crate::{
    Amount, AssetId, ChainKind, ClockDoubt, Dear, Deferral, DeferralCause, LaneState, Lineage,
    Mistake, Scope, Suspension, Timestamp, TooDear, UserId, Withdrawal, planted,
};

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
        cause: DeferralCause,
    },
    LaneStopped,
    /// Nobody knows what time it is (case F97).
    ClockDoubted(ClockDoubt),
    /// The chain was not read lately.
    NoTip,
    /// Its newest block is too old.
    ChainStill(Standstill),
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
    /// Under a new lease nothing has shown yet that the book is whole: one transaction of ours is
    /// mined first (case F91).
    SlowStart {
        in_flight: usize,
    },
    /// A transaction that pays nobody was found beside both stores: what it replaced is not known,
    /// and may be mined until it is final (case F91).
    ReplacesUnknown,
    InFlightFull {
        in_flight: usize,
        most: u32,
    },
}

/// Whether the lane takes new payouts at all.
pub fn gate_of_lane(view: &LaneView) -> Gate {
    let in_flight = in_flight(view);
    if view.lane.state != LaneState::Running {
        return Gate::LaneStopped;
    }
    if let Some(doubt) = view.clock_doubt {
        return Gate::ClockDoubted(doubt);
    }
    if let Some(still) = standstill(view) {
        return Gate::ChainStill(still);
    }
    let Some(tip) = fresh_tip(view) else { return Gate::NoTip };
    if let Some(TooDear { needed, cap }) = tip.market.too_dear(view.chain) {
        return Gate::FeesAboveCap { needed, cap };
    }
    if view.chain.slow_start && view.chain.kind == ChainKind::Evm && !view.lane.is_proved() {
        return Gate::SlowStart { in_flight };
    }
    if view.live.iter().any(Lineage::replaces_unknown) {
        return Gate::ReplacesUnknown;
    }
    if in_flight >= usize::try_from(view.chain.in_flight_max).unwrap_or(usize::MAX) {
        return Gate::InFlightFull { in_flight, most: view.chain.in_flight_max };
    }
    Gate::Open
}

/// Whether one approved withdrawal may be planned, as far as that depends on itself and on those
/// that go with it.
pub fn gate_of_payout(view: &LaneView, withdrawal: &Withdrawal) -> Gate {
    let itself = gate_of_itself(view, withdrawal);
    match gathering(view).filter(|_| itself == Gate::Open) {
        Some(until) => Gate::Gathering { until },
        None => itself,
    }
}

/// Whether it may join a payment that is under way: it may be planned, or waits for nothing but
/// coins.
pub fn may_join(view: &LaneView, withdrawal: &Withdrawal) -> bool {
    match gate_of_itself(view, withdrawal) {
        // Who leaves a dead lineage is shown to the signer first, which planning does.
        Gate::Open | Gate::Deferred { tries: 0, .. } => {
            let plans = view.lane.state == LaneState::Running && view.clock_doubt.is_none();
            let known = !view.live.iter().any(Lineage::replaces_unknown);
            plans && known && withdrawal.claim.is_none() && !leaves_a_dead_lineage(withdrawal)
        }
        Gate::Suspended { .. }
        | Gate::Deferred { .. }
        | Gate::LaneStopped
        | Gate::ClockDoubted(_)
        | Gate::NoTip
        | Gate::ChainStill(_)
        | Gate::FeesAboveCap { .. }
        | Gate::SlowStart { .. }
        | Gate::ReplacesUnknown
        | Gate::InFlightFull { .. }
        | Gate::Dear(_)
        | Gate::Gathering { .. } => false,
    }
}

fn leaves_a_dead_lineage(withdrawal: &Withdrawal) -> bool {
    matches!(withdrawal.state, crate::State::Approved { after: Some(_), .. })
}

/// Until when the first of those that may be planned waits for others to share its transaction;
/// none when it is time.
pub(crate) fn gathering(view: &LaneView) -> Option<Timestamp> {
    let batching = view.chain.batching?;
    let open: Vec<Timestamp> = view
        .queue
        .iter()
        .filter(|withdrawal| gate_of_itself(view, withdrawal) == Gate::Open)
        .filter_map(|withdrawal| {
            if let crate::State::Approved { at, .. } = withdrawal.state {
                Some(at.credible(view.now).unwrap_or_default())
            } else {
                None
            }
        })
        .collect();
    let until = open.iter().min()?.plus(batching.gather);
    (open.len() < usize::from(batching.payouts_max) && view.now < until).then_some(until)
}

/// Whether nothing about this withdrawal itself keeps it from being planned now.
pub fn may_plan(view: &LaneView, withdrawal: &Withdrawal) -> bool {
    gate_of_itself(view, withdrawal) == Gate::Open
}

pub(crate) fn gate_of_itself(view: &LaneView, withdrawal: &Withdrawal) -> Gate {
    if let Some(standing) = suspension(
        view.suspensions,
        [&withdrawal.asset, &withdrawal.source_asset],
        &withdrawal.user,
    ) {
        return Gate::Suspended { scope: standing.scope.clone(), reason: standing.reason.clone() };
    }
    match &withdrawal.state {
        crate::State::Approved { deferred: Some(deferral), .. }
            if deferral.holds(view.now) && !is_refilled(view, deferral) =>
        {
            let Deferral { reason, tries, until, cause, .. } = deferral.clone();
            Gate::Deferred { reason, tries, until, cause }
        }
        crate::State::Processing { .. } if planted(Mistake::UniqueIndexDropped) => Gate::Open,
        crate::State::Approved { at, .. } => {
            dear(view, withdrawal, *at).map_or(Gate::Open, Gate::Dear)
        }
        crate::State::Pending
        | crate::State::Processing { .. }
        | crate::State::Completed { .. }
        | crate::State::Failed { .. }
        | crate::State::Cancelled { .. }
        | crate::State::HeldForInspection { .. } => Gate::Open,
    }
}

/// Whether the wallet has by now what the deferral waits for: then nobody waits for its end.
fn is_refilled(view: &LaneView, deferral: &Deferral) -> bool {
    match &deferral.cause {
        DeferralCause::Unfunded { asset, needed } => {
            free(view, asset).is_some_and(|free| free >= *needed)
        }
        DeferralCause::Unknown
        | DeferralCause::WouldFail
        | DeferralCause::Untold
        | DeferralCause::Unclear
        | DeferralCause::SignerRefuses
        | DeferralCause::ClaimUnread => false,
    }
}

/// What the wallet has of an asset beyond what unmined payments may take. None where its balance is
/// not known: unknown is not zero.
pub fn free(view: &LaneView, asset: &AssetId) -> Option<Amount> {
    let read = view.lane.funds.iter().find(|funds| funds.asset == *asset)?;
    let taken = committed(view.live, &view.chain.native).remove(asset).unwrap_or_default();
    Some(read.balance.saturating_sub(taken))
}

/// What payments that no block holds yet may take from the wallet: a node's balance does not know
/// of them.
pub fn committed(live: &[Lineage], native: &AssetId) -> BTreeMap<AssetId, Amount> {
    let mut committed: BTreeMap<AssetId, Amount> = BTreeMap::new();
    let mut add = |asset: &AssetId, amount: Amount| {
        let sum = committed.entry(asset.clone()).or_default();
        *sum = sum.checked_add(amount).unwrap_or(Amount::MAX);
    };
    for lineage in live.iter().filter(|lineage| lineage.included().is_none()) {
        lineage.legs.iter().for_each(|leg| add(&leg.asset, leg.amount));
        add(native, lineage.latest().draft.cost_max());
    }
    committed
}

fn dear(view: &LaneView, withdrawal: &Withdrawal, approved_at: Timestamp) -> Option<Dear> {
    let (patience, tip) = (view.chain.patience?, fresh_tip(view)?);
    patience.holds(withdrawal.amount, approved_at.credible(view.now)?, &tip.market, view.now)
}

/// The emergency stop that covers one of these assets (what is paid, and what it is paid for) or
/// this user, the widest first.
pub fn suspension<'a>(
    standing: &'a BTreeMap<Scope, Suspension>,
    assets: [&AssetId; 2],
    user: &UserId,
) -> Option<&'a Suspension> {
    let assets = assets.map(|asset| Scope::Asset { asset: asset.clone() });
    let scopes = [Scope::All].into_iter().chain(assets).chain([Scope::User { user: user.clone() }]);
    scopes.into_iter().find_map(|scope| standing.get(&scope))
}
