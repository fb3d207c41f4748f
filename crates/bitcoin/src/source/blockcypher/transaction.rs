//! Transactions: where one is, its bytes, and handing one in.

use adit_chain::{Body, Endpoint, Fault, Request};
use adit_core::BlockRef;
use bdk_wallet::bitcoin::{BlockHash, Txid};
use serde::Deserialize;
use serde_json::json;

use super::{AT_ONCE_MAX, Said, ask, said};
use crate::node::TransactionState;
use crate::source::read::{Refusal, Taken, block_ref, each};

/// A transaction with a part of its outputs.
#[derive(Deserialize)]
pub(super) struct Shown {
    hash: Txid,
    /// −1 in no block.
    block_height: i64,
    block_hash: Option<BlockHash>,
    hex: Option<String>,
    #[serde(default)]
    pub outputs: Vec<Output>,
}

#[derive(Deserialize)]
pub(super) struct Output {
    pub spent_by: Option<Txid>,
}

#[derive(Deserialize)]
struct Pushed {
    tx: PushedId,
}

#[derive(Deserialize)]
struct PushedId {
    hash: Txid,
}

impl Shown {
    /// The block that holds it, where there is one.
    pub(super) fn block(&self) -> Option<BlockRef> {
        Some(block_ref(u64::try_from(self.block_height).ok()?, self.block_hash?))
    }
}

/// The transaction with one of its outputs.
pub(super) async fn shown(
    endpoint: &Endpoint,
    txid: Txid,
    query: &str,
) -> Result<Option<Shown>, Fault> {
    let path = format!("/txs/{txid}?limit=1{query}");
    let Some(shown) = ask::<Shown>(endpoint, &path).await? else { return Ok(None) };
    if shown.hash != txid {
        return Err(endpoint.nonsense(&path, format!("it gave {}", shown.hash)));
    }
    Ok(Some(shown))
}

pub(in crate::source) async fn places(
    endpoint: &Endpoint,
    txids: &[Txid],
    head: BlockRef,
) -> Result<Vec<Option<TransactionState>>, Fault> {
    let all =
        each(AT_ONCE_MAX, txids.iter().map(|txid| shown(endpoint, *txid, "")).collect()).await?;
    Ok(all
        .into_iter()
        .map(|shown| Some(TransactionState::of(shown.and_then(|shown| shown.block()), head)))
        .collect())
}

pub(in crate::source) async fn raw_transaction(
    endpoint: &Endpoint,
    txid: Txid,
) -> Result<Option<String>, Fault> {
    let shown = shown(endpoint, txid, "&includeHex=true").await?;
    Ok(shown.and_then(|shown| shown.hex))
}

pub(in crate::source) async fn send(endpoint: &Endpoint, hex: &str) -> Taken {
    let request = Request::post("/txs/push", Body::Json(json!({ "tx": hex })));
    match endpoint.fetch(&request, said::<Pushed>).await? {
        Said::Something(pushed) => Ok(Ok(pushed.tx.hash)),
        Said::NotFound => Ok(Err(Refusal("not found".to_owned()))),
        Said::Refused(text) => Ok(Err(Refusal(text))),
    }
}
