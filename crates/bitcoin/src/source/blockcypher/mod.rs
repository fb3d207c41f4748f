//! BlockCypher's API for one chain, as its documentation has it.
//!
//! Of our networks it serves only the main one in public. Lists are cut and say that they go on; a
//! transaction that lost its coins to another is still shown, at height −1. Its free tier allows
//! few questions (3 a second, 100 to 200 an hour): one is under way at a time, its newest block and
//! its estimates are one question and are remembered for a while, and a source that is throttled
//! opens its breaker and is asked again later.

mod outputs;
mod spenders;
mod transaction;

use adit_chain::{Endpoint, Fault, Request, Response};
use adit_core::BlockRef;
use bdk_wallet::bitcoin::BlockHash;
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::memory::{Memory, State};
use super::read::{block_ref, each, fee_rate, json, shown};
use super::{SourceFees, SourceHead};

pub(super) use outputs::{coins, spends};
pub(super) use spenders::spenders;
pub(super) use transaction::{places, raw_transaction, send};

const AT_ONCE_MAX: usize = 1;
const TEXT_CHARS_MAX: usize = 200;

/// The state of the chain, with the fees it recommends in satoshi per 1000 virtual bytes.
#[derive(Deserialize)]
struct Chain {
    height: u64,
    hash: BlockHash,
    time: Timestamp,
    /// Within one or two blocks.
    #[serde(default)]
    high_fee_per_kb: Option<f64>,
    /// Within three to six.
    #[serde(default)]
    medium_fee_per_kb: Option<f64>,
}

#[derive(Deserialize)]
struct Block {
    hash: BlockHash,
    height: u64,
}

#[derive(Deserialize)]
struct Refused {
    error: Option<String>,
    #[serde(default)]
    errors: Vec<RefusedEach>,
}

#[derive(Deserialize)]
struct RefusedEach {
    error: String,
}

/// What a path leads to.
enum Said<T> {
    Something(T),
    NotFound,
    Refused(String),
}

pub(super) async fn head(
    endpoint: &Endpoint,
    memory: Option<&Memory>,
) -> Result<SourceHead, Fault> {
    if let Some(known) = memory.and_then(Memory::state) {
        return Ok(SourceHead { remembered: true, ..known.head });
    }
    Ok(state(endpoint, memory).await?.head)
}

pub(super) async fn fees(
    endpoint: &Endpoint,
    memory: Option<&Memory>,
) -> Result<SourceFees, Fault> {
    if let Some(known) = memory.and_then(Memory::state) {
        return Ok(known.fees);
    }
    Ok(state(endpoint, memory).await?.fees)
}

/// The newest block and the estimates.
async fn state(endpoint: &Endpoint, memory: Option<&Memory>) -> Result<State, Fault> {
    let chain: Chain = there(endpoint, "").await?;
    let mined_at = u64::try_from(chain.time.as_second())
        .map_err(|_| endpoint.nonsense("the chain", "a time before 1970".to_owned()))?;
    let rate = |per_kvbyte: Option<f64>| fee_rate(per_kvbyte? / 1_000.0);
    let fees = SourceFees {
        next_block: rate(chain.high_fee_per_kb),
        six_blocks: rate(chain.medium_fee_per_kb),
    };
    let head =
        SourceHead { block: block_ref(chain.height, chain.hash), mined_at, remembered: false };
    let state = State { head, fees };
    if let Some(memory) = memory {
        memory.keep(state);
    }
    Ok(state)
}

pub(super) async fn blocks_at(
    endpoint: &Endpoint,
    memory: Option<&Memory>,
    heights: &[u64],
) -> Result<Vec<Option<BlockRef>>, Fault> {
    if let (Some(first), [0]) = (memory.and_then(Memory::first_block), heights) {
        return Ok(vec![Some(first)]);
    }
    let blocks =
        each(AT_ONCE_MAX, heights.iter().map(|height| block_at(endpoint, *height)).collect())
            .await?;
    if let (Some(memory), Some(first)) =
        (memory, blocks.iter().flatten().find(|block| block.height == 0))
    {
        memory.keep_first(*first);
    }
    Ok(blocks)
}

async fn block_at(endpoint: &Endpoint, height: u64) -> Result<Option<BlockRef>, Fault> {
    let path = format!("/blocks/{height}?limit=1");
    let Some(block) = ask::<Block>(endpoint, &path).await? else { return Ok(None) };
    if block.height != height {
        return Err(endpoint.nonsense(&path, format!("it gave block {}", block.height)));
    }
    Ok(Some(block_ref(height, block.hash)))
}

/// What is at this path; `None` when there is nothing.
///
/// # Errors
/// [`Fault`].
async fn ask<T: DeserializeOwned>(endpoint: &Endpoint, path: &str) -> Result<Option<T>, Fault> {
    match endpoint.fetch(&Request::get(path), said).await? {
        Said::Something(value) => Ok(Some(value)),
        Said::NotFound => Ok(None),
        Said::Refused(text) => Err(endpoint.refused(path, text)),
    }
}

/// What must be at this path.
async fn there<T: DeserializeOwned>(endpoint: &Endpoint, path: &str) -> Result<T, Fault> {
    ask(endpoint, path).await?.ok_or_else(|| endpoint.nonsense(path, "not found".to_owned()))
}

fn said<T: DeserializeOwned>(response: &Response) -> Result<Said<T>, String> {
    if response.is_success() {
        return json(response).map(Said::Something);
    }
    let refused: Refused = json(response)
        .map_err(|_| format!("HTTP status {}: {}", response.status, shown(response)))?;
    let texts = refused.error.into_iter().chain(refused.errors.into_iter().map(|each| each.error));
    let text: String = texts.collect::<Vec<_>>().join("; ").chars().take(TEXT_CHARS_MAX).collect();
    Ok(if response.status == 404 { Said::NotFound } else { Said::Refused(text) })
}
