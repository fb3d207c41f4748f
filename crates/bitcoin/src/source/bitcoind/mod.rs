//! bitcoind's JSON-RPC: a node of one's own. Nothing of its wallet is used (window F70).
//!
//! It keeps no index of scripts or spends. Coins are found by a search of the whole set of unspent
//! outputs, which takes minutes on the main network; spenders by the ids that the caller expects,
//! and then in the blocks. With `-txindex` it finds transactions by id, too.
//!
//! It cannot tell one custom signet from another, nor one regtest from another: their first blocks
//! are the same.

mod coins;
mod search;
mod spenders;
mod spends;
mod transaction;

use adit_chain::{Answer, Call, Endpoint, Fault};
use adit_core::BlockRef;
use bdk_wallet::bitcoin::BlockHash;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::read::{block_ref, fee_rate};
use super::{SourceFees, SourceHead};

pub use coins::SCAN_MILLIS_MAX;
pub(super) use coins::coins;
pub use search::SEARCH_BLOCKS_MAX;
pub(super) use spenders::spenders;
pub(super) use spends::spends;
pub(super) use transaction::{places, raw_transaction, send};

/// Satoshi in a bitcoin: its feerates are in BTC per 1000 virtual bytes.
const SATOSHI_PER_BITCOIN: f64 = 1e8;

#[derive(Deserialize)]
struct ChainInfo {
    blocks: u64,
    bestblockhash: BlockHash,
    time: u64,
}

#[derive(Deserialize)]
struct Estimate {
    feerate: Option<f64>,
}

/// Where a block is. `confirmations` is −1 outside the best chain.
#[derive(Debug, Clone, Copy, Deserialize)]
struct Header {
    hash: BlockHash,
    height: u64,
    confirmations: i64,
}

pub(super) async fn head(endpoint: &Endpoint) -> Result<SourceHead, Fault> {
    let info: ChainInfo = ask(endpoint, Call::new("getblockchaininfo", json!([]))).await?;
    Ok(SourceHead {
        block: block_ref(info.blocks, info.bestblockhash),
        mined_at: info.time,
        remembered: false,
    })
}

pub(super) async fn blocks_at(
    endpoint: &Endpoint,
    heights: &[u64],
) -> Result<Vec<Option<BlockRef>>, Fault> {
    let calls: Vec<Call> =
        heights.iter().map(|height| Call::new("getblockhash", json!([height]))).collect();
    let hashes: Vec<Option<BlockHash>> = ask_each(endpoint, &calls).await?;
    Ok(heights
        .iter()
        .zip(hashes)
        .map(|(height, hash)| hash.map(|hash| block_ref(*height, hash)))
        .collect())
}

pub(super) async fn fees(endpoint: &Endpoint) -> Result<SourceFees, Fault> {
    // A target of one block is answered as two.
    let calls = [2, 6].map(|blocks| Call::new("estimatesmartfee", json!([blocks])));
    let estimates: Vec<Option<Estimate>> = ask_each(endpoint, &calls).await?;
    let rate = |estimate: &Option<Estimate>| {
        fee_rate(estimate.as_ref()?.feerate? * SATOSHI_PER_BITCOIN / 1_000.0)
    };
    Ok(SourceFees { next_block: rate(&estimates[0]), six_blocks: rate(&estimates[1]) })
}

/// The blocks with these hashes that are in the best chain; `None` for others.
async fn headers(
    endpoint: &Endpoint,
    hashes: &[BlockHash],
) -> Result<Vec<Option<BlockRef>>, Fault> {
    let calls: Vec<Call> =
        hashes.iter().map(|hash| Call::new("getblockheader", json!([hash]))).collect();
    let headers: Vec<Option<Header>> = ask_each(endpoint, &calls).await?;
    let standing = |header: Option<Header>| header.filter(|header| header.confirmations > 0);
    Ok(headers
        .into_iter()
        .map(|header| standing(header).map(|header| block_ref(header.height, header.hash)))
        .collect())
}

/// One question; a refusal is a [`Fault`].
async fn ask<T: DeserializeOwned>(endpoint: &Endpoint, call: Call) -> Result<T, Fault> {
    let method = call.method;
    let answer =
        endpoint.batch(&[call]).await?.into_iter().next().expect("one call has one answer");
    match answer {
        Ok(value) => {
            T::deserialize(&value).map_err(|error| endpoint.nonsense(method, error.to_string()))
        }
        Err(error) => Err(endpoint.refused(method, error.to_string())),
    }
}

/// Many questions; `null` and a refusal are "not known".
async fn ask_each<T: DeserializeOwned>(
    endpoint: &Endpoint,
    calls: &[Call],
) -> Result<Vec<Option<T>>, Fault> {
    let answers = endpoint.batch(calls).await?;
    let read = |(call, answer): (&Call, Answer)| match answer {
        Ok(value) => Option::<T>::deserialize(&value)
            .map_err(|error| endpoint.nonsense(call.method, error.to_string())),
        Err(_) => Ok(None),
    };
    calls.iter().zip(answers).map(read).collect()
}
