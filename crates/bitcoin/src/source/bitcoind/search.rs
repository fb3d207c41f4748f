//! Searching blocks for the spenders of outputs: first by the ids of their transactions, which are
//! small, then whole.

use std::collections::{BTreeSet, HashSet};

use adit_chain::{Call, Endpoint, Fault};
use adit_core::BlockRef;
use bdk_wallet::bitcoin::consensus::encode::deserialize_hex;
use bdk_wallet::bitcoin::{Block, BlockHash, OutPoint, Txid};
use serde::Deserialize;
use serde_json::json;

use super::ask_each;
use super::spends::{Spenders, spent_by};
use crate::node::Sought;
use crate::source::read::block_ref;

/// Blocks that one question searches at most, from the lowest on: a day of them. Who is behind by
/// more asks again from above them. Those in which something was seen before are searched besides.
pub const SEARCH_BLOCKS_MAX: u64 = 144;
/// Lists of ids per request: a full block's are a quarter of a megabyte.
const LISTS_PER_REQUEST: usize = 16;

#[derive(Deserialize)]
struct Ids {
    tx: Vec<Txid>,
}

/// Who spent these, as far as the blocks say.
pub(super) async fn search(
    endpoint: &Endpoint,
    open: &[&Sought],
    since: u64,
    head: BlockRef,
) -> Result<Spenders, Fault> {
    let mut wanted: HashSet<OutPoint> = open.iter().map(|sought| sought.outpoint).collect();
    let mut spenders = Spenders::new();
    if wanted.is_empty() {
        return Ok(spenders);
    }
    let blocks = blocks(endpoint, open, since, head).await?;
    let candidates: HashSet<Txid> =
        open.iter().flat_map(|sought| sought.candidates.iter().copied()).collect();
    let likely = holding(endpoint, &blocks, &candidates).await?;
    let (likely, rest): (Vec<_>, Vec<_>) =
        blocks.into_iter().partition(|(_, hash)| likely.contains(hash));
    for (block, hash) in likely.into_iter().chain(rest) {
        if wanted.is_empty() {
            break;
        }
        let Some(whole) = whole(endpoint, hash).await? else {
            tracing::warn!(
                endpoint = %endpoint.name(),
                height = block.height,
                "a block that has to be searched is not there any more; a source with an index, or a node that is not pruned, would tell"
            );
            continue;
        };
        for transaction in whole.txdata {
            let spent = spent_by(&transaction, transaction.compute_txid(), block);
            spenders.extend(spent.filter(|(outpoint, _)| wanted.remove(outpoint)));
        }
    }
    Ok(spenders)
}

async fn blocks(
    endpoint: &Endpoint,
    open: &[&Sought],
    since: u64,
    head: BlockRef,
) -> Result<Vec<(BlockRef, BlockHash)>, Fault> {
    let end = head.height.min(since.saturating_add(SEARCH_BLOCKS_MAX - 1));
    let seen =
        open.iter().filter_map(|sought| sought.seen_at).filter(|height| *height <= head.height);
    let heights: Vec<u64> =
        (since..=end).chain(seen).collect::<BTreeSet<u64>>().into_iter().collect();
    let calls: Vec<Call> =
        heights.iter().map(|height| Call::new("getblockhash", json!([height]))).collect();
    let hashes: Vec<Option<BlockHash>> = ask_each(endpoint, &calls).await?;
    Ok(heights
        .into_iter()
        .zip(hashes)
        .filter_map(|(height, hash)| hash.map(|hash| (block_ref(height, hash), hash)))
        .collect())
}

/// The blocks that hold one of these.
async fn holding(
    endpoint: &Endpoint,
    blocks: &[(BlockRef, BlockHash)],
    candidates: &HashSet<Txid>,
) -> Result<HashSet<BlockHash>, Fault> {
    let mut holding = HashSet::new();
    if candidates.is_empty() {
        return Ok(holding);
    }
    for some in blocks.chunks(LISTS_PER_REQUEST) {
        let calls: Vec<Call> =
            some.iter().map(|(_, hash)| Call::new("getblock", json!([hash, 1]))).collect();
        let lists: Vec<Option<Ids>> = ask_each(endpoint, &calls).await?;
        let holds = |ids: &Option<Ids>| {
            ids.as_ref().is_some_and(|ids| ids.tx.iter().any(|txid| candidates.contains(txid)))
        };
        holding.extend(
            some.iter().zip(&lists).filter(|(_, ids)| holds(ids)).map(|((_, hash), _)| *hash),
        );
    }
    Ok(holding)
}

/// A block, which proves itself: its header by the hash, its transactions by the header. `None`
/// where the node has thrown it away.
pub(super) async fn whole(endpoint: &Endpoint, hash: BlockHash) -> Result<Option<Block>, Fault> {
    let answers: Vec<Option<String>> =
        ask_each(endpoint, &[Call::new("getblock", json!([hash, 0]))]).await?;
    let Some(hex) = answers.into_iter().flatten().next() else { return Ok(None) };
    let block: Block =
        deserialize_hex(&hex).map_err(|error| endpoint.nonsense("getblock", error.to_string()))?;
    if block.block_hash() != hash || !block.check_merkle_root() {
        let detail = format!("asked for block {hash}, it gave another or one that was changed");
        endpoint.set_aside(&detail);
        return Err(endpoint.malformed("getblock", detail));
    }
    Ok(Some(block))
}
