//! The state of the chain, with the fees it recommends.

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use bitcoin::{Amount, BlockHash};
use serde::Serialize;

use super::super::View;
use super::super::layer::Known;
use super::{CHAIN_NAME, Refusal, time};

/// Satoshis per 1000 virtual bytes. bitcoind knows none on a quiet chain; BlockCypher always names
/// some.
const HIGH_FEE: u64 = 2_000;
const MEDIUM_FEE: u64 = 1_000;
const LOW_FEE: u64 = 1_000;
/// "1 to 2 blocks", "3 to 6 blocks", "7 or more blocks".
const TARGETS: [u16; 3] = [2, 6, 12];

#[derive(Serialize)]
struct ChainValue {
    name: &'static str,
    height: u32,
    hash: BlockHash,
    time: String,
    latest_url: String,
    previous_hash: BlockHash,
    previous_url: String,
    peer_count: u32,
    unconfirmed_count: usize,
    high_fee_per_kb: u64,
    medium_fee_per_kb: u64,
    low_fee_per_kb: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_fork_height: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_fork_hash: Option<BlockHash>,
}

pub fn routes() -> Router<View> {
    Router::new().route("/", get(chain))
}

async fn chain(State(view): State<View>) -> Result<Json<ChainValue>, Refusal> {
    let mut fees = [HIGH_FEE, MEDIUM_FEE, LOW_FEE];
    for (fee, target) in fees.iter_mut().zip(TARGETS) {
        let estimate = view
            .fee_estimate(target)
            .await
            .map_err(|error| Refusal::bad_request(error.to_string()))?;
        *fee = estimate.map_or(*fee, Amount::to_sat);
    }
    let index = view.index();
    let (height, block) =
        index.tip().ok_or_else(|| Refusal::not_found("The chain is empty.".to_owned()))?;
    let blocks = format!("{}{}/blocks", view.url, super::super::BLOCKCYPHER_BASE);
    let previous_hash = block.header.prev_blockhash;
    Ok(Json(ChainValue {
        name: CHAIN_NAME,
        height,
        hash: block.hash,
        time: time(block.seen),
        latest_url: format!("{blocks}/{}", block.hash),
        previous_hash,
        previous_url: format!("{blocks}/{previous_hash}"),
        peer_count: 1,
        unconfirmed_count: index.mempool().txids().len(),
        high_fee_per_kb: fees[0],
        medium_fee_per_kb: fees[1],
        low_fee_per_kb: fees[2],
        last_fork_height: index.last_fork().map(|(height, _)| height),
        last_fork_hash: index.last_fork().map(|(_, hash)| hash),
    }))
}

/// How soon a transaction's fee should bring it into a block.
pub fn preference(known: &Known) -> &'static str {
    let per_kvbyte = known.fee().to_sat().saturating_mul(1_000) / known.transaction.vsize() as u64;
    match per_kvbyte {
        HIGH_FEE.. => "high",
        MEDIUM_FEE.. => "medium",
        _ => "low",
    }
}
