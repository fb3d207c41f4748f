//! Which blocks a look searches, where a source has no index of spends. Pure.
//!
//! The trail says how far blocks were searched. After a long absence the window goes on from there,
//! a day of blocks in each look, until it reaches the head: nothing that was mined meanwhile is
//! passed over.

use adit_chain::Watch;
use adit_core::{BlockRef, TRAIL_BLOCKS_MAX};

use crate::SEARCH_BLOCKS_MAX;

/// Blocks below the newest that was searched that are searched again: a reorganisation may have
/// changed them meanwhile.
const AGAIN_BLOCKS: u64 = TRAIL_BLOCKS_MAX as u64 - 1;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    pub since: u64,
    /// The highest that is searched.
    pub end: u64,
    pub head: BlockRef,
}

impl Window {
    /// `searches`: whether a source searches blocks at all.
    pub(crate) fn of(watch: &Watch, head: BlockRef, searches: bool) -> Self {
        let newest = watch.trail.last().map_or(head.height, |block| block.height.min(head.height));
        let since = newest.saturating_sub(AGAIN_BLOCKS);
        let end = if searches {
            since.saturating_add(SEARCH_BLOCKS_MAX - 1).min(head.height)
        } else {
            head.height
        };
        Self { since, end, head }
    }

    /// Whether it reaches the head.
    pub(crate) fn is_whole(&self) -> bool {
        self.end == self.head.height
    }
}

/// The newest blocks that were searched, lowest first.
pub(crate) fn trail(watch: &Watch, end: BlockRef) -> Vec<BlockRef> {
    let mut trail: Vec<BlockRef> =
        watch.trail.iter().copied().filter(|block| block.height < end.height).collect();
    trail.push(end);
    trail.drain(..trail.len().saturating_sub(TRAIL_BLOCKS_MAX));
    trail
}

#[cfg(test)]
mod tests {
    use adit_core::{Destination, Hash32, LaneId};

    use super::*;

    fn block(height: u64) -> BlockRef {
        BlockRef { height, hash: Hash32([7; 32]) }
    }

    fn watch(trail: Vec<BlockRef>) -> Watch {
        let lane = LaneId {
            chain: "bitcoin".parse().expect("a name"),
            wallet: Destination::new("wallet").expect("a name"),
        };
        Watch {
            lane,
            next_nonce: 0,
            adopted_from: 0,
            confirmations: 2,
            trail,
            lineages: Vec::new(),
        }
    }

    /// After an absence of a thousand blocks every one of them is in some look's window, and the
    /// last window reaches the head.
    #[test]
    fn a_long_absence_is_searched_from_where_the_last_look_ended() {
        let mut known = watch((401..=500).map(block).collect());
        let head = block(1_500);
        let (mut next, mut looks) = (501, 0);
        loop {
            let window = Window::of(&known, head, true);
            assert!(
                window.since <= next && window.end - window.since < SEARCH_BLOCKS_MAX,
                "{window:?}"
            );
            assert!(window.end >= next, "it goes on");
            (next, looks) = (window.end + 1, looks + 1);
            known.trail = trail(&known, block(window.end));
            if window.is_whole() {
                break;
            }
        }
        assert_eq!((next, looks), (1_501, 13));
        assert_eq!(
            Window::of(&known, block(1_501), true),
            Window { since: 1_437, end: 1_501, head: block(1_501) }
        );
    }

    #[test]
    fn where_nobody_searches_blocks_a_look_is_whole() {
        let known = watch(vec![block(10)]);
        assert!(Window::of(&known, block(9_000), false).is_whole());
        assert!(!Window::of(&known, block(9_000), true).is_whole());
        assert_eq!(
            Window::of(&watch(Vec::new()), block(9_000), true).since,
            9_000 - AGAIN_BLOCKS,
            "a lane that never looked"
        );
        assert!(
            Window::of(&watch(vec![block(90)]), block(80), true).is_whole(),
            "the head went back"
        );
    }
}
