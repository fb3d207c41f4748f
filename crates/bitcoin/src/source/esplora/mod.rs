//! Esplora: Blockstream's API over REST, as its API.md and `electrs` have it, and whoever serves
//! the same.
//!
//! Two answers of it look like facts and are none: the status of an unknown transaction is 200
//! `{"confirmed":false}`, and an output of an unknown transaction is unspent. Nothing here takes
//! either for more than "not in a block".
//!
//! It cannot tell one custom signet from another, nor one regtest from another: their first blocks
//! are the same.

mod outputs;
mod spenders;
mod transaction;

use std::collections::BTreeMap;

use adit_chain::{Endpoint, Fault, Request, Response};
use adit_core::BlockRef;
use bdk_wallet::bitcoin::BlockHash;
use serde::Deserialize;

use super::read::{block_ref, each, fee_rate, json, plain, shown};
use super::{SourceFees, SourceHead};

pub(super) use outputs::{coins, spends};
pub(super) use spenders::spenders;
pub(super) use transaction::{places, raw_transaction, send};

/// Questions under way at once. Public servers throttle who asks more.
const AT_ONCE_MAX: usize = 4;

#[derive(Deserialize)]
struct Block {
    id: BlockHash,
    height: u64,
    timestamp: u64,
}

/// What a path leads to.
enum Said<T> {
    Something(T),
    NotFound,
    Refused(String),
}

pub(super) async fn head(endpoint: &Endpoint) -> Result<SourceHead, Fault> {
    let hash: BlockHash = there(endpoint, "/blocks/tip/hash", text).await?;
    let path = format!("/block/{hash}");
    let block: Block = there(endpoint, &path, json).await?;
    if block.id != hash {
        return Err(endpoint.nonsense(&path, format!("it gave block {}", block.id)));
    }
    Ok(SourceHead {
        block: block_ref(block.height, hash),
        mined_at: block.timestamp,
        remembered: false,
    })
}

pub(super) async fn blocks_at(
    endpoint: &Endpoint,
    heights: &[u64],
) -> Result<Vec<Option<BlockRef>>, Fault> {
    each(AT_ONCE_MAX, heights.iter().map(|height| block_at(endpoint, *height)).collect()).await
}

async fn block_at(endpoint: &Endpoint, height: u64) -> Result<Option<BlockRef>, Fault> {
    let hash: Option<BlockHash> = ask(endpoint, &format!("/block-height/{height}"), text).await?;
    Ok(hash.map(|hash| block_ref(height, hash)))
}

pub(super) async fn fees(endpoint: &Endpoint) -> Result<SourceFees, Fault> {
    let estimates: BTreeMap<u16, f64> = there(endpoint, "/fee-estimates", json).await?;
    let within =
        |blocks: &[u16]| blocks.iter().find_map(|target| fee_rate(*estimates.get(target)?));
    Ok(SourceFees { next_block: within(&[1, 2]), six_blocks: within(&[6]) })
}

/// What is at this path; `None` when there is nothing.
///
/// # Errors
/// [`Fault`].
async fn ask<T>(
    endpoint: &Endpoint,
    path: &str,
    read: impl FnOnce(&Response) -> Result<T, String>,
) -> Result<Option<T>, Fault> {
    match endpoint.fetch(&Request::get(path), |response| said(response, read)).await? {
        Said::Something(value) => Ok(Some(value)),
        Said::NotFound => Ok(None),
        Said::Refused(text) => Err(endpoint.refused(path, text)),
    }
}

/// What must be at this path.
async fn there<T>(
    endpoint: &Endpoint,
    path: &str,
    read: impl FnOnce(&Response) -> Result<T, String>,
) -> Result<T, Fault> {
    ask(endpoint, path, read).await?.ok_or_else(|| endpoint.nonsense(path, "not found".to_owned()))
}

fn said<T>(
    response: &Response,
    read: impl FnOnce(&Response) -> Result<T, String>,
) -> Result<Said<T>, String> {
    if response.is_success() {
        return read(response).map(Said::Something);
    }
    // A proxy in front of nothing says 404, too, in HTML: that is not for the server to say.
    let text = plain(response)
        .ok_or_else(|| format!("HTTP status {}: {}", response.status, shown(response)))?;
    let not_found = response.status == 404 && text.to_ascii_lowercase().contains("not found");
    Ok(if not_found { Said::NotFound } else { Said::Refused(text) })
}

fn text<T: std::str::FromStr>(response: &Response) -> Result<T, String> {
    let parsed = response.text().and_then(|text| text.trim().parse().ok());
    parsed.ok_or_else(|| shown(response))
}

/// Where a transaction is: as much as `/tx/:id/status` and the `status` of other answers say.
#[derive(Debug, Clone, Copy, Deserialize)]
struct Status {
    confirmed: bool,
    block_height: Option<u64>,
    block_hash: Option<BlockHash>,
}

impl Status {
    /// The block that holds it, where there is one.
    fn block(self) -> Option<BlockRef> {
        self.confirmed.then_some(block_ref(self.block_height?, self.block_hash?))
    }
}
