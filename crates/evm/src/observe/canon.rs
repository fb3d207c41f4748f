//! Which of the blocks that we know are still part of the chain: the trail, and the blocks that
//! held our attempts.
//!
//! A block contains its parent's hash, so one block that still stands vouches for all its
//! ancestors. Usually one question about the newest block of the trail is enough.

use std::collections::{BTreeMap, BTreeSet};

use adit_chain::{Fault, Watch};
use adit_core::{BlockRef, Hash32};

use super::{Look, Remembered};
use crate::node::Node;

/// The part of the trail that still stands, and what is known of other blocks.
pub(crate) struct Canon {
    pub trail: Vec<BlockRef>,
    ancestors: BTreeSet<BlockRef>,
    hashes: BTreeMap<u64, Hash32>,
}

/// Whether a block is part of the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Stands,
    Gone,
    /// Too few endpoints know a block at that height.
    Unknown,
}

impl Canon {
    pub(crate) fn state(&self, block: BlockRef) -> State {
        if self.ancestors.contains(&block) {
            return State::Stands;
        }
        match self.hashes.get(&block.height) {
            Some(hash) if *hash == block.hash => State::Stands,
            Some(_) => State::Gone,
            None => State::Unknown,
        }
    }
}

impl Node {
    pub(crate) async fn canon(
        &self,
        look: Look<'_>,
        remembered: Option<Remembered>,
    ) -> Result<Canon, Fault> {
        let (watch, head) = (look.watch, look.head());
        let last = watch.trail.last().copied();
        let ancestors: BTreeSet<BlockRef> = match remembered {
            Some(Remembered { top, ancestors }) if Some(top) == last => ancestors,
            Some(_) | None => BTreeSet::new(),
        };
        let included = included(watch);
        let unknown = included.iter().filter(|block| !ancestors.contains(block)).copied();
        let hashes = self.hashes_at(unknown.chain(last), head).await?;
        let mut canon = Canon { trail: watch.trail.clone(), ancestors, hashes };
        if last.is_none_or(|last| canon.is_unbroken(last)) {
            return Ok(canon);
        }
        canon.ancestors.clear();
        canon.hashes =
            self.hashes_at(included.into_iter().chain(watch.trail.iter().copied()), head).await?;
        let fork = canon.trail.iter().position(|block| canon.state(*block) != State::Stands);
        canon.trail.truncate(fork.unwrap_or(watch.trail.len()));
        Ok(canon)
    }

    async fn hashes_at(
        &self,
        blocks: impl Iterator<Item = BlockRef>,
        head: BlockRef,
    ) -> Result<BTreeMap<u64, Hash32>, Fault> {
        let heights: BTreeSet<u64> =
            blocks.map(|block| block.height).filter(|height| *height < head.height).collect();
        let heights: Vec<u64> = heights.into_iter().collect();
        let known = self.blocks_at(&heights).await?;
        let right = heights
            .into_iter()
            .zip(known)
            .filter_map(|(height, block)| Some((height, block?.value.at())));
        let mut hashes: BTreeMap<u64, Hash32> = right
            .filter(|(height, block)| *height == block.height)
            .map(|(height, block)| (height, block.hash))
            .collect();
        hashes.insert(head.height, head.hash);
        Ok(hashes)
    }
}

impl Canon {
    /// A trail whose end nobody knows (an endpoint lags) is left as it is.
    fn is_unbroken(&self, last: BlockRef) -> bool {
        let seen = self.hashes.get(&last.height);
        seen.is_none_or(|hash| *hash == last.hash)
    }
}

fn included(watch: &Watch) -> BTreeSet<BlockRef> {
    let attempts = watch.lineages.iter().flat_map(|lineage| &lineage.attempts);
    attempts.filter_map(|attempt| attempt.included).collect()
}
