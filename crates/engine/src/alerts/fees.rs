//! Payments that were settled with a network fee that is in doubt (case F90).

use std::collections::BTreeMap;

use adit_core::{Event, EventKind, LaneId, Span, Timestamp};
use adit_store::{Store, StoreFault};

use super::Alert;

/// How long such a payment is told of.
const FEE_DOUBTS_KEPT: Span = Span::from_hours(24);
/// Among so many of the newest they are counted.
const FEE_DOUBTS_MAX: usize = 1_000;

/// One alert for each lane that has some.
pub(super) async fn doubted(store: &dyn Store, now: Timestamp) -> Result<Vec<Alert>, StoreFault> {
    let newest = store.fee_doubts(now.minus(FEE_DOUBTS_KEPT), FEE_DOUBTS_MAX).await?;
    Ok(of_lanes(newest.iter()))
}

/// Of events, newest first.
fn of_lanes<'a>(events: impl Iterator<Item = &'a Event>) -> Vec<Alert> {
    let mut found: BTreeMap<&LaneId, Alert> = BTreeMap::new();
    for event in events {
        let EventKind::FeeDoubted { lane, hash, known } = &event.kind else { continue };
        let new = || Alert::FeeDoubted {
            lane: lane.to_string(),
            count: 0,
            hash: *hash,
            known: known.to_string(),
        };
        if let Alert::FeeDoubted { count, .. } = found.entry(lane).or_insert_with(new) {
            *count += 1;
        }
    }
    found.into_values().collect()
}

#[cfg(test)]
mod tests {
    use adit_core::{Actor, EventId, FeeKnown, Hash32};

    use super::*;

    /// Each lane has its own count, and the newest of its payments is named.
    #[test]
    fn f90_fees_in_doubt_are_counted_by_lane() {
        let event = |number: u8, lane: &str, part: &str| Event {
            id: EventId(uuid::Uuid::from_u128(number.into())),
            at: Timestamp::default(),
            actor: Actor::Engine,
            feed: None,
            withdrawal: None,
            kind: EventKind::FeeDoubted {
                lane: lane.parse().expect("a lane"),
                hash: Hash32([number; 32]),
                known: FeeKnown::Unknown { parts: vec![part.to_owned()] },
            },
        };
        let events = [
            event(3, "base:0x1", "data"),
            event(2, "gnosis:0x1", "blob"),
            event(1, "base:0x1", "blob"),
        ];
        let told = of_lanes(events.iter());
        let alert = |lane: &str, count, number: u8, part: &str| Alert::FeeDoubted {
            lane: lane.to_owned(),
            count,
            hash: Hash32([number; 32]),
            known: format!("no endpoint tells {part}, and the booked fee lacks it"),
        };
        assert_eq!(told, [alert("base:0x1", 2, 3, "data"), alert("gnosis:0x1", 1, 2, "blob")]);
    }
}
