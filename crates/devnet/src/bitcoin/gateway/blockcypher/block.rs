//! A block of the best chain, by hash or height, with a part of its transactions' hashes.

use axum::extract::{Path, Query, State};
use axum::routing::get;
use axum::{Json, Router};
use bitcoin::{Amount, BlockHash, TxMerkleNode, Txid};
use serde::{Deserialize, Serialize};

use super::super::View;
use super::super::index::{Index, IndexedBlock};
use super::super::layer::Known;
use super::{CHAIN_NAME, Refusal, time};

const TXIDS_DEFAULT: usize = 20;
const TXIDS_MAX: usize = 500;

#[derive(Deserialize)]
struct Part {
    #[serde(default)]
    txstart: usize,
    limit: Option<usize>,
}

#[derive(Serialize)]
struct BlockValue {
    hash: BlockHash,
    height: u32,
    chain: &'static str,
    total: u64,
    fees: u64,
    size: usize,
    vsize: u64,
    ver: i32,
    time: String,
    received_time: String,
    relayed_by: &'static str,
    bits: u32,
    nonce: u32,
    n_tx: usize,
    prev_block: BlockHash,
    mrkl_root: TxMerkleNode,
    txids: Vec<Txid>,
    depth: u32,
    prev_block_url: String,
    tx_url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_txids: Option<String>,
}

pub fn routes() -> Router<View> {
    Router::new().route("/blocks/{hash_or_height}", get(block))
}

async fn block(
    State(view): State<View>,
    Path(text): Path<String>,
    Query(part): Query<Part>,
) -> Result<Json<BlockValue>, Refusal> {
    let index = view.index();
    let found = find(&index, &text)
        .ok_or_else(|| Refusal::not_found(format!("Block {text} not found.")))?;
    let base = format!("{}{}", view.url, super::super::BLOCKCYPHER_BASE);
    Ok(Json(value(&index, found, &part, &base)))
}

fn find<'a>(index: &'a Index, text: &str) -> Option<(u32, &'a IndexedBlock)> {
    match text.parse::<u32>() {
        Ok(height) => Some((height, index.block_at(height)?)),
        Err(_) => index.block(&text.parse().ok()?),
    }
}

fn value(
    index: &Index,
    (height, block): (u32, &IndexedBlock),
    part: &Part,
    base: &str,
) -> BlockValue {
    let transactions = || block.txids.iter().filter_map(|txid| index.chain().get(txid));
    let limit = part.limit.unwrap_or(TXIDS_DEFAULT).min(TXIDS_MAX);
    let end = part.txstart.saturating_add(limit);
    let prev_block = block.header.prev_blockhash;
    BlockValue {
        hash: block.hash,
        height,
        chain: CHAIN_NAME,
        total: transactions().map(Known::output_sum).sum::<Amount>().to_sat(),
        fees: transactions().map(Known::fee).sum::<Amount>().to_sat(),
        size: block.size_bytes,
        vsize: block.weight.div_ceil(4),
        ver: block.header.version.to_consensus(),
        time: time(block.header.time.into()),
        received_time: time(block.seen),
        relayed_by: "",
        bits: block.header.bits.to_consensus(),
        nonce: block.header.nonce,
        n_tx: block.txids.len(),
        prev_block,
        mrkl_root: block.header.merkle_root,
        txids: block.txids.iter().skip(part.txstart).take(limit).copied().collect(),
        depth: index.tip().map_or(0, |(tip, _)| tip - height),
        prev_block_url: format!("{base}/blocks/{prev_block}"),
        tx_url: format!("{base}/txs/"),
        next_txids: (end < block.txids.len())
            .then(|| format!("{base}/blocks/{}?txstart={end}&limit={limit}", block.hash)),
    }
}
