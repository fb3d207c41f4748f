//! Searching blocks for our transactions: one question for a block's receipts, however many of them
//! are ours.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use adit_chain::{Agreed, Answer, Ballot, Call, Endpoint, Fault};
use adit_core::{BlockRef, Hash32};
use alloy::primitives::B256;
use serde_json::{Value, json};

use super::Look;
use super::standing::Standing;
use crate::node::{Node, block_at};
use crate::rpc::{Block, TxReceipt, b256, hash32, height};

/// Blocks that one look searches at most; the trail carries the progress to the next.
pub const SEARCH_BLOCKS_MAX: u64 = 64;
/// Beyond this many unsearched blocks our hashes are looked up one by one instead.
pub const SEARCH_GAP_BLOCKS_MAX: u64 = 256;
/// Blocks per question: the receipts of a full one are megabytes.
const BLOCKS_PER_QUESTION: usize = 4;

/// What a search has found so far.
pub(crate) struct Search {
    pub trail: Vec<BlockRef>,
    /// Receipts of ours, read during this look.
    pub receipts: HashMap<Hash32, Agreed<TxReceipt>>,
    /// Receipts of the wallet that no watched hash explains.
    pub strangers: Vec<Agreed<TxReceipt>>,
    /// Nothing is left to search up to the head.
    pub complete: bool,
}

/// What one endpoint says about one block: its place, its parent, and the receipts that concern us.
#[derive(Debug, Clone)]
pub(crate) struct Searched {
    pub block: BlockRef,
    parent: Hash32,
    pub ours: Vec<TxReceipt>,
}

impl Searched {
    /// Blocks are the same whose receipts of ours say that the same was done.
    const BALLOT: Ballot<Self> = Ballot { same: Self::is_same_as, merge: Self::merged };

    fn is_same_as(&self, other: &Self) -> bool {
        let done = |searched: &Self| {
            searched.ours.iter().map(|receipt| receipt.done.clone()).collect::<Vec<_>>()
        };
        self.block == other.block && self.parent == other.parent && done(self) == done(other)
    }

    fn merged(same: &[&Self]) -> Self {
        let receipt_at = |place: usize| {
            let each: Vec<&TxReceipt> = same.iter().map(|searched| &searched.ours[place]).collect();
            TxReceipt::merged(&each)
        };
        let ours = (0..same[0].ours.len()).map(receipt_at).collect();
        Self { ours, ..same[0].clone() }
    }
}

/// Which receipts of a block are wanted.
pub(crate) struct Wanted {
    wallet: String,
    hashes: BTreeSet<String>,
}

impl Wanted {
    /// Everything from the wallet, and everything that is watched whoever sent it.
    pub(crate) fn of(look: Look<'_>) -> Self {
        let attempts = look.watch.lineages.iter().flat_map(|lineage| &lineage.attempts);
        Self {
            wallet: format!("{:#x}", look.wallet),
            hashes: attempts.map(|attempt| attempt.hash.to_string()).collect(),
        }
    }

    /// Most receipts of a block are not ours, and are not even read.
    fn wants(&self, receipt: &Value) -> bool {
        let text = |field: &str| receipt[field].as_str().map(str::to_ascii_lowercase);
        text("from").is_some_and(|from| from == self.wallet)
            || text("transactionHash").is_some_and(|hash| self.hashes.contains(&hash))
    }
}

impl Node {
    pub(crate) async fn search(
        &self,
        look: Look<'_>,
        trail: Vec<BlockRef>,
        standing: &mut Standing,
    ) -> Result<Search, Fault> {
        let head = look.head();
        let mut search =
            Search { trail, receipts: HashMap::new(), strangers: Vec::new(), complete: true };
        let searched_to = search.trail.last().map(|block| block.height);
        if standing.unexplained(look.watch, look.consumed).is_empty() {
            search.reach(head);
            return Ok(search);
        }
        match searched_to {
            Some(last) if head.height.saturating_sub(last) <= SEARCH_GAP_BLOCKS_MAX => {
                let end = head.height.min(last.saturating_add(SEARCH_BLOCKS_MAX));
                let linked = self
                    .search_blocks(
                        last.saturating_add(1)..=end,
                        &Wanted::of(look),
                        standing,
                        &mut search,
                    )
                    .await?;
                search.complete = linked && end == head.height;
            }
            Some(_) | None => {}
        }
        if search.complete {
            search.reach(head);
        }
        Ok(search)
    }

    /// Goes on as far as the endpoints agree. False when the chain was seen to change under the
    /// search: the next look sorts that out.
    async fn search_blocks(
        &self,
        heights: std::ops::RangeInclusive<u64>,
        wanted: &Wanted,
        standing: &mut Standing,
        search: &mut Search,
    ) -> Result<bool, Fault> {
        let heights: Vec<u64> = heights.collect();
        for some in heights.chunks(BLOCKS_PER_QUESTION) {
            for searched in self.searched(some, wanted).await? {
                let Some(searched) = searched else { return Ok(true) };
                if !search.continues(&searched.value) {
                    return Ok(false);
                }
                search.add(searched, standing);
            }
        }
        Ok(true)
    }

    /// These blocks as enough endpoints show them, each agreed on by itself.
    pub(crate) async fn searched(
        &self,
        heights: &[u64],
        wanted: &Wanted,
    ) -> Result<Vec<Option<Agreed<Searched>>>, Fault> {
        let question =
            async |endpoint: Arc<Endpoint>| read_blocks(&endpoint, heights, wanted).await;
        self.quorum
            .ask_each_by("receipts of blocks", heights.len(), &Searched::BALLOT, question)
            .await
    }

    /// Receipts of these transactions whose blocks are part of the chain.
    pub(crate) async fn standing_receipts(
        &self,
        hashes: &[Hash32],
    ) -> Result<Vec<Agreed<TxReceipt>>, Fault> {
        let hashes: Vec<B256> = hashes.iter().copied().map(b256).collect();
        let receipts: Vec<Agreed<TxReceipt>> =
            self.receipts_of(&hashes).await?.into_iter().flatten().collect();
        let heights: BTreeSet<u64> =
            receipts.iter().map(|receipt| receipt.value.block().height).collect();
        let heights: Vec<u64> = heights.into_iter().collect();
        let blocks: BTreeSet<BlockRef> = self
            .blocks_at(&heights)
            .await?
            .into_iter()
            .flatten()
            .map(|block| block.value.at())
            .collect();
        Ok(receipts.into_iter().filter(|receipt| blocks.contains(&receipt.value.block())).collect())
    }
}

impl Search {
    /// Everything up to the head is explained or looked up otherwise.
    fn reach(&mut self, head: BlockRef) {
        if self.trail.last().is_none_or(|last| last.height < head.height) {
            self.trail.push(head);
        }
    }

    fn continues(&self, searched: &Searched) -> bool {
        let next = |last: &BlockRef| last.height.checked_add(1) == Some(searched.block.height);
        self.trail.last().filter(|last| next(last)).is_none_or(|last| last.hash == searched.parent)
    }

    fn add(&mut self, searched: Agreed<Searched>, standing: &mut Standing) {
        self.trail.push(searched.value.block);
        for receipt in searched.value.ours {
            let agreed = Agreed { value: receipt, witnesses: searched.witnesses.clone() };
            if standing.watches(agreed.value.hash()) {
                standing.place(&agreed);
                self.receipts.insert(agreed.value.hash(), agreed);
            } else {
                self.strangers.push(agreed);
            }
        }
    }
}

async fn read_blocks(
    endpoint: &Endpoint,
    heights: &[u64],
    wanted: &Wanted,
) -> Result<Vec<Option<Searched>>, Fault> {
    let both = |number: &u64| {
        [block_at(&height(*number)), Call::new("eth_getBlockReceipts", json!([height(*number)]))]
    };
    let calls: Vec<Call> = heights.iter().flat_map(both).collect();
    let mut answers = endpoint.batch(&calls).await?.into_iter();
    let mut blocks = Vec::with_capacity(heights.len());
    for number in heights {
        let (block, receipts) =
            answers.next().zip(answers.next()).expect("two answers for each block");
        blocks.push(read_block(endpoint, *number, block, receipts, wanted)?);
    }
    Ok(blocks)
}

/// None when the endpoint does not know the block or cannot show its receipts, or when it changed
/// in between.
fn read_block(
    endpoint: &Endpoint,
    number: u64,
    block: Answer,
    receipts: Answer,
    wanted: &Wanted,
) -> Result<Option<Searched>, Fault> {
    let (Ok(block), Ok(Value::Array(receipts))) = (block, receipts) else { return Ok(None) };
    if block.is_null() {
        return Ok(None);
    }
    let block: Block = endpoint.read("eth_getBlockByNumber", Ok(block))?;
    let read = |receipt: &Value| TxReceipt::read(endpoint.name(), receipt);
    let ours: Result<Vec<TxReceipt>, _> =
        receipts.iter().filter(|receipt| wanted.wants(receipt)).map(read).collect();
    let ours =
        ours.map_err(|error| endpoint.malformed("eth_getBlockReceipts", error.to_string()))?;
    let whole =
        block.at().height == number && ours.iter().all(|receipt| receipt.block() == block.at());
    Ok(whole.then(|| Searched { block: block.at(), parent: hash32(block.parent_hash), ours }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(height: u64, hash: u8) -> BlockRef {
        BlockRef { height, hash: Hash32([hash; 32]) }
    }

    fn search(trail: &[BlockRef]) -> Search {
        Search {
            trail: trail.to_vec(),
            receipts: HashMap::new(),
            strangers: Vec::new(),
            complete: true,
        }
    }

    /// Nodes write hexadecimal digits in either case.
    #[test]
    fn wanted_is_what_the_wallet_sent_and_what_is_watched_whoever_sent_it() {
        let wanted =
            Wanted { wallet: "0xaa".to_owned(), hashes: BTreeSet::from(["0x01".to_owned()]) };
        let receipt = |from: &str, hash: &str| json!({ "from": from, "transactionHash": hash });
        assert!(
            wanted.wants(&receipt("0xAA", "0x02"))
                && wanted.wants(&receipt("0xbb", "0x01"))
                && wanted.wants(&receipt("0xaa", "0x01"))
        );
        assert!(!wanted.wants(&receipt("0xbb", "0x02")) && !wanted.wants(&json!({})));
    }

    /// A block follows the one below it by its parent's hash. Where nothing stands just below,
    /// there is nothing to compare.
    #[test]
    fn a_search_goes_on_only_where_the_parent_is_the_last_block() {
        let next = |height, parent| Searched {
            block: block(height, 9),
            parent: Hash32([parent; 32]),
            ours: Vec::new(),
        };
        let trail = [block(6, 6), block(7, 7)];
        assert!(search(&trail).continues(&next(8, 7)));
        assert!(!search(&trail).continues(&next(8, 6)), "the chain changed under the search");
        assert!(search(&trail).continues(&next(9, 6)), "the block between is not known");
        assert!(search(&[]).continues(&next(8, 7)));
    }

    #[test]
    fn the_trail_reaches_the_head_once_and_never_goes_back() {
        for (trail, reached) in [
            (vec![], vec![block(8, 8)]),
            (vec![block(7, 7)], vec![block(7, 7), block(8, 8)]),
            (vec![block(8, 8)], vec![block(8, 8)]),
            (vec![block(9, 9)], vec![block(9, 9)]),
        ] {
            let mut search = search(&trail);
            search.reach(block(8, 8));
            assert_eq!(search.trail, reached);
        }
    }
}
