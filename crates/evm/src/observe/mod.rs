//! What became of our transactions: facts with witnesses, and never a conclusion from silence.
//!
//! Each look compares the blocks we know with those of the chain (`canon`), searches for what
//! consumed our nonces (`search`), explains what is not ours (`stranger`; `scan` where no old state
//! is kept), and judges what is deep enough (`judge`). A nonce that the chain has consumed is
//! either explained by one of our hashes or reported; everything else stays open.

mod canon;
mod cost;
mod judge;
mod scan;
mod search;
mod standing;
mod stranger;

use std::collections::{BTreeSet, HashMap};
use std::sync::Mutex;

use adit_chain::{Fault, Sightings, Watch};
use adit_core::{BlockRef, TRAIL_BLOCKS_MAX};
use alloy::primitives::Address;

use crate::config::Payable;
use crate::heads::Heads;
use crate::node::Node;
use scan::Scans;
use standing::Standing;
use stranger::Explained;
pub(crate) use stranger::outflow;

pub use scan::{SCAN_BLOCKS_MAX, SCAN_BLOCKS_PER_LOOK_MAX};
pub use search::{SEARCH_BLOCKS_MAX, SEARCH_GAP_BLOCKS_MAX};

/// Blocks that were seen to be ancestors of `top`. Forgetting it costs a question, nothing else.
#[derive(Debug, Clone)]
pub(crate) struct Remembered {
    top: BlockRef,
    ancestors: BTreeSet<BlockRef>,
}

/// What earlier looks learned. Forgetting it costs questions, nothing else.
#[derive(Default)]
pub(crate) struct Memory {
    /// Per wallet.
    blocks: Mutex<HashMap<Address, Remembered>>,
    scans: Scans,
}

/// One look: what is asked, of which wallet, and how far the chain is.
#[derive(Clone, Copy)]
pub(crate) struct Look<'a> {
    pub watch: &'a Watch,
    pub wallet: Address,
    pub payable: &'a [Payable],
    pub heads: &'a Heads,
    /// Nonces below this one are consumed at the head.
    pub consumed: u64,
    pub scans: &'a Scans,
}

impl Look<'_> {
    pub(crate) fn head(&self) -> BlockRef {
        self.heads.tip.head
    }
}

impl Node {
    /// # Errors
    /// [`Fault`] when the quorum does not stand; then nothing is said at all.
    pub(crate) async fn watch(
        &self,
        watch: &Watch,
        wallet: Address,
        payable: &[Payable],
        memory: &Memory,
    ) -> Result<Sightings, Fault> {
        let heads = self.heads().await?;
        let consumed = self.transaction_count(wallet, heads.tip.head.height).await?;
        let look = Look { watch, wallet, payable, heads: &heads, consumed, scans: &memory.scans };
        let canon = self.canon(look, recall(memory, wallet)).await?;
        let mut standing = Standing::new(watch, &canon);
        let mut search = self.search(look, canon.trail, &mut standing).await?;
        let Explained { strangers, searching } =
            self.explain(look, &mut standing, &mut search).await?;
        let judged = self.judge_places(look, &standing, &search).await?;
        let sightings = standing.sightings(look, judged, &strangers);
        let trail = shortened(search.trail);
        remember(memory, wallet, &trail, &standing);
        let foreign = strangers
            .into_iter()
            .map(|stranger| stranger.foreign)
            .filter(|foreign| foreign.nonce >= watch.adopted_from)
            .collect();
        Ok(Sightings { tip: heads.tip, trail, sightings, foreign, searching })
    }
}

/// The newest part.
fn shortened(mut trail: Vec<BlockRef>) -> Vec<BlockRef> {
    trail.drain(..trail.len().saturating_sub(TRAIL_BLOCKS_MAX));
    trail
}

fn recall(memory: &Memory, wallet: Address) -> Option<Remembered> {
    memory.blocks.lock().expect("nothing panics while it holds this lock").get(&wallet).cloned()
}

fn remember(memory: &Memory, wallet: Address, trail: &[BlockRef], standing: &Standing) {
    let Some(top) = trail.last().copied() else { return };
    let ancestors = standing.sure_blocks().filter(|block| block.height <= top.height).collect();
    memory
        .blocks
        .lock()
        .expect("nothing panics while it holds this lock")
        .insert(wallet, Remembered { top, ancestors });
}
