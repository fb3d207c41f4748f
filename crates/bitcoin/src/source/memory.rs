//! What a source that counts its questions said last: it is asked less often than the others
//! (BlockCypher's free plan is gone in a quarter of an hour otherwise).
//!
//! A remembered head makes nobody wait for long and proves nothing: whatever is asked as of it is
//! asked anew, and the source is asked at its end whether it still has that block.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use adit_chain::Timer;
use adit_core::{BlockRef, Span};

use super::{SourceFees, SourceHead};

/// The first block of a chain does not change; whether a source serves this chain is looked at
/// again so often.
const FIRST_BLOCK_KEPT: Duration = Duration::from_secs(3_600);
/// Where others tell of another block it is asked this many times as often.
const DOUBTED_TIMES: u32 = 4;

/// Of one source.
pub(crate) struct Memory {
    timer: Arc<dyn Timer>,
    /// How long an answer counts.
    kept: Duration,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    state: Option<(Duration, State)>,
    /// Others told of a block that is not its newest.
    doubted: bool,
    first: Option<(Duration, BlockRef)>,
}

/// Its newest block and its estimates, which are one answer.
#[derive(Clone, Copy)]
pub(crate) struct State {
    pub head: SourceHead,
    pub fees: SourceFees,
}

impl Memory {
    pub(crate) fn new(timer: Arc<dyn Timer>, kept: Span) -> Self {
        Self { timer, kept: Duration::from_millis(kept.millis()), known: Mutex::default() }
    }

    /// Returns its last answer while that counts.
    pub(super) fn state(&self) -> Option<State> {
        let known = self.known();
        let (at, state) = known.state?;
        let kept = if known.doubted { self.kept / DOUBTED_TIMES } else { self.kept };
        self.is_young(at, kept).then_some(state)
    }

    pub(super) fn keep(&self, state: State) {
        let mut known = self.known();
        (known.state, known.doubted) = (Some((self.timer.elapsed(), state)), false);
    }

    /// Others tell of another newest block.
    pub(crate) fn doubt(&self) {
        self.known().doubted = true;
    }

    /// Returns its newest block, as it said last.
    pub(super) fn newest(&self) -> Option<BlockRef> {
        self.state().map(|state| state.head.block)
    }

    /// Returns whether this was its newest block a moment ago.
    pub(super) fn had(&self, head: BlockRef) -> bool {
        self.newest() == Some(head)
    }

    pub(super) fn first_block(&self) -> Option<BlockRef> {
        let (at, block) = self.known().first?;
        self.is_young(at, FIRST_BLOCK_KEPT.min(self.kept * 60)).then_some(block)
    }

    pub(super) fn keep_first(&self, block: BlockRef) {
        self.known().first = Some((self.timer.elapsed(), block));
    }

    fn is_young(&self, at: Duration, kept: Duration) -> bool {
        self.timer.elapsed().saturating_sub(at) < kept
    }

    /// Nothing that is done under this lock can be left half done.
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
