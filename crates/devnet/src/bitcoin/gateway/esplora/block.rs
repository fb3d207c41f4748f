//! Blocks of the best chain; others are not found.

use axum::extract::{Path, State};
use axum::routing::get;
use axum::{Json, Router};
use bitcoin::consensus::encode::serialize_hex;
use bitcoin::hashes::Hash;
use bitcoin::{BlockHash, TxMerkleNode, Txid};
use serde::Serialize;

use super::super::View;
use super::super::index::{Index, IndexedBlock};
use super::{Refusal, block_hash, number};

#[derive(Serialize)]
struct BlockValue {
    id: BlockHash,
    height: u32,
    version: i32,
    timestamp: u32,
    tx_count: usize,
    size: usize,
    weight: u64,
    merkle_root: TxMerkleNode,
    previousblockhash: Option<BlockHash>,
    mediantime: u32,
    nonce: u32,
    bits: u32,
    difficulty: f64,
}

#[derive(Serialize)]
struct BlockStatus {
    in_best_chain: bool,
    height: Option<u32>,
    next_best: Option<BlockHash>,
}

pub fn routes() -> Router<View> {
    Router::new()
        .route("/blocks/tip/height", get(tip_height))
        .route("/blocks/tip/hash", get(tip_hash))
        .route("/block-height/{height}", get(at_height))
        .route("/block/{hash}", get(block))
        .route("/block/{hash}/header", get(header))
        .route("/block/{hash}/status", get(status))
        .route("/block/{hash}/txids", get(txids))
}

async fn tip_height(State(view): State<View>) -> Result<String, Refusal> {
    view.index().tip().map(|(height, _)| height.to_string()).ok_or_else(missing)
}

async fn tip_hash(State(view): State<View>) -> Result<String, Refusal> {
    view.index().tip().map(|(_, block)| block.hash.to_string()).ok_or_else(missing)
}

async fn at_height(
    State(view): State<View>,
    Path(height): Path<String>,
) -> Result<String, Refusal> {
    let height = number(&height)?;
    view.index().block_at(height).map(|block| block.hash.to_string()).ok_or_else(missing)
}

async fn block(
    State(view): State<View>,
    Path(hash): Path<String>,
) -> Result<Json<BlockValue>, Refusal> {
    let (hash, index) = (block_hash(&hash)?, view.index());
    let (height, block) = index.block(&hash).ok_or_else(missing)?;
    Ok(Json(value(&index, height, block)))
}

async fn header(State(view): State<View>, Path(hash): Path<String>) -> Result<String, Refusal> {
    let hash = block_hash(&hash)?;
    view.index().block(&hash).map(|(_, block)| serialize_hex(&block.header)).ok_or_else(missing)
}

/// A block that is not in the best chain and one that never was are the same to it.
async fn status(
    State(view): State<View>,
    Path(hash): Path<String>,
) -> Result<Json<BlockStatus>, Refusal> {
    let (hash, index) = (block_hash(&hash)?, view.index());
    let height = index.block(&hash).map(|(height, _)| height);
    let next_best = height.and_then(|height| index.block_at(height + 1)).map(|next| next.hash);
    Ok(Json(BlockStatus { in_best_chain: height.is_some(), height, next_best }))
}

async fn txids(
    State(view): State<View>,
    Path(hash): Path<String>,
) -> Result<Json<Vec<Txid>>, Refusal> {
    let hash = block_hash(&hash)?;
    view.index().block(&hash).map(|(_, block)| Json(block.txids.clone())).ok_or_else(missing)
}

fn missing() -> Refusal {
    Refusal::not_found("Block not found")
}

fn value(index: &Index, height: u32, block: &IndexedBlock) -> BlockValue {
    let parent = block.header.prev_blockhash;
    BlockValue {
        id: block.hash,
        height,
        version: block.header.version.to_consensus(),
        timestamp: block.header.time,
        tx_count: block.txids.len(),
        size: block.size_bytes,
        weight: block.weight,
        merkle_root: block.header.merkle_root,
        previousblockhash: (parent != BlockHash::all_zeros()).then_some(parent),
        mediantime: index.median_time(height),
        nonce: block.header.nonce,
        bits: block.header.bits.to_consensus(),
        difficulty: block.header.difficulty_float(),
    }
}
