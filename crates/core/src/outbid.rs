//! When a version that waits is outbid, and what the next one offers.

use crate::next::{LaneView, Step, ancestors, fresh_tip};
use crate::{Draft, Lineage, Market, Offer, Purpose, Span, Timestamp, Tip, TooDear};

/// Where the chain takes transactions in any order, one is raised for what the market asks. After
/// so many times the pause between two versions it is raised whatever the market says: what was
/// offered for six blocks and waited for two dozen shows that the estimates are wrong, or that
/// there are none.
pub const RAISE_AFTER_BUMPS: u64 = 8;

/// The pauses between versions that the market does not ask for grow no longer than this.
pub const FLAT_BUMP_PAUSE_MAX: Span = Span::from_hours(24);

/// When the newest version may be outbid: after the usual pause where the market asks more than it
/// offers. Where the market does not, a higher offer buys nothing that is known of, so each pause
/// is twice the one before, and versions are left when they are needed (case F104). Where
/// transactions wait in no line, only the market asks for another version.
pub(crate) fn bump_at(view: &LaneView, lineage: &Lineage) -> Timestamp {
    let latest = lineage.latest();
    let Some(made) = latest.created_at.credible(view.now) else { return view.now };
    let outbid = || fresh_tip(view).is_some_and(|tip| tip.market.asks_more_than(&latest.draft));
    if !latest.draft.is_in_line() || outbid() {
        return made.plus(view.chain.bump_after);
    }
    let versions =
        lineage.attempts.iter().filter(|attempt| attempt.purpose == latest.purpose).count();
    let doubled = u32::try_from(versions.saturating_sub(1)).unwrap_or(u32::MAX);
    made.plus(
        view.chain.bump_after.backoff(doubled, FLAT_BUMP_PAUSE_MAX.max(view.chain.bump_after)),
    )
}

/// Where the chain takes payments in line, its head is bumped when it waits too long; others only
/// when the chain would not take them. One on whose unconfirmed change others stand is never
/// replaced: the last of them pays for all.
pub(crate) fn too_cheap(view: &LaneView, lineage: &Lineage) -> bool {
    let unmined = || view.live.iter().filter(|other| other.included().is_none());
    let is_head =
        || unmined().min_by_key(|other| other.number()).is_some_and(|head| head.id == lineage.id);
    if lineage.latest().draft.is_in_line() && is_head() {
        return true;
    }
    let Some(tip) = fresh_tip(view) else { return false };
    is_overdue(view, lineage)
        || (!is_upkeep(view, lineage) && tip.market.is_above(&package(view, lineage)))
}

/// Whether nobody waits for it: what was made because blocks are cheap is not made dearer because
/// they are not cheap any more.
fn is_upkeep(view: &LaneView, lineage: &Lineage) -> bool {
    !lineage.latest().draft.is_in_line()
        && lineage.legs.is_empty()
        && ancestors(view.live, lineage).is_empty()
}

/// Whether its newest version waited so long that the market's word does not count any more.
fn is_overdue(view: &LaneView, lineage: &Lineage) -> bool {
    let latest = lineage.latest();
    !latest.draft.is_in_line()
        && view.now >= latest.created_at.plus(view.chain.bump_after.times(RAISE_AFTER_BUMPS))
}

/// What a miner takes together: a transaction, and those that have to be mined before it.
fn package<'a>(view: &LaneView<'a>, lineage: &'a Lineage) -> Vec<&'a Draft> {
    std::iter::once(lineage)
        .chain(ancestors(view.live, lineage))
        .map(|one| &one.latest().draft)
        .collect()
}

/// What the next version is for.
pub(crate) fn next_purpose(lineage: &Lineage) -> Purpose {
    if lineage.cancel.is_some() { Purpose::Cancel } else { lineage.latest().purpose }
}

/// What the next attempt offers, where the rules allow one.
pub(crate) fn offer(
    view: &LaneView,
    lineage: &Lineage,
    tip: &Tip,
    purpose: Purpose,
) -> Result<Offer, Step> {
    let latest = lineage.latest();
    let last_at = latest.last_sent().unwrap_or(latest.created_at).credible(view.now);
    let resend_at = last_at.map_or(view.now, |last| last.plus(view.chain.rebroadcast_after));
    if !lineage.has_room_for(purpose, view.chain.attempts_max) {
        return Err(Step::AttemptsUsedUp { resend_at });
    }
    let offered = latest.draft.next_offer(&asked(view, lineage, tip), view.chain);
    offered.map_err(|TooDear { needed, cap }| Step::FeeCeiling { needed, cap, resend_at })
}

/// Returns the offer of a cancelling version for a payment that is not known to have been sent.
///
/// It outbids that one where the cap allows it, in case the bytes did leave. A payment that was
/// made at the cap cannot be outbid. Its cancelling version then offers the same, since there may
/// be nothing to outbid: without that the lineage could wait for ever, because the payment is not
/// sent either. While even the cap buys nothing, it waits.
pub(crate) fn undoing_offer(view: &LaneView, lineage: &Lineage, tip: &Tip) -> Result<Offer, Step> {
    let outbid = offer(view, lineage, tip, Purpose::Cancel);
    let Err(Step::FeeCeiling { resend_at, .. }) = outbid else { return outbid };
    if let Some(TooDear { needed, cap }) = tip.market.too_dear(view.chain) {
        return Err(Step::FeeCeiling { needed, cap, resend_at });
    }
    let own = lineage.latest().draft.offer();
    let within = own.capped(view.chain);
    // A lowered cap may be too little for nodes that hold an earlier version.
    if within == own || !lineage.was_sent() { Ok(within) } else { outbid }
}

/// What the market asks, or more where it is not believed any more.
pub(crate) fn asked(view: &LaneView, lineage: &Lineage, tip: &Tip) -> Market {
    if is_overdue(view, lineage) {
        tip.market.distrusted(&package(view, lineage))
    } else {
        tip.market.clone()
    }
}
