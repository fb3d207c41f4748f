//! Transactions: where one is, its bytes, and handing one in.

use adit_chain::{Call, Endpoint, Fault};
use adit_core::BlockRef;
use bdk_wallet::bitcoin::{BlockHash, Txid};
use serde::Deserialize;
use serde_json::json;

use super::{ask, ask_each, headers};
use crate::node::TransactionState;
use crate::source::read::{Refusal, Taken, distinct};

/// The index of transactions, where there is one (`-txindex`).
#[derive(Deserialize)]
struct Indexes {
    txindex: Option<Index>,
}

#[derive(Deserialize)]
struct Index {
    synced: bool,
}

/// A transaction that the node finds by its id: in the mempool, or with `-txindex` anywhere.
#[derive(Clone, Deserialize)]
pub(super) struct Found {
    pub hex: String,
    pub blockhash: Option<BlockHash>,
}

/// Without an index of transactions it knows only what is in the mempool, and has no vote on the
/// rest.
pub(in crate::source) async fn places(
    endpoint: &Endpoint,
    txids: &[Txid],
    head: BlockRef,
) -> Result<Vec<Option<TransactionState>>, Fault> {
    let indexes: Indexes = ask(endpoint, Call::new("getindexinfo", json!([]))).await?;
    if indexes.txindex.is_none_or(|index| !index.synced) {
        return Ok(vec![None; txids.len()]);
    }
    let found = found(endpoint, txids).await?;
    let blocks = blocks_of(endpoint, &found).await?;
    Ok(blocks.into_iter().map(|block| Some(TransactionState::of(block, head))).collect())
}

pub(super) async fn found(
    endpoint: &Endpoint,
    txids: &[Txid],
) -> Result<Vec<Option<Found>>, Fault> {
    let calls: Vec<Call> =
        txids.iter().map(|txid| Call::new("getrawtransaction", json!([txid, 1]))).collect();
    ask_each(endpoint, &calls).await
}

/// The block of the best chain that holds each of them.
pub(super) async fn blocks_of(
    endpoint: &Endpoint,
    found: &[Option<Found>],
) -> Result<Vec<Option<BlockRef>>, Fault> {
    let hash = |found: &Option<Found>| found.as_ref().and_then(|found| found.blockhash);
    let hashes = distinct(found.iter().filter_map(hash));
    let blocks = headers(endpoint, &hashes).await?;
    let block = |found: &Option<Found>| {
        let wanted = hash(found)?;
        hashes.iter().zip(&blocks).find(|(hash, _)| **hash == wanted).and_then(|(_, block)| *block)
    };
    Ok(found.iter().map(block).collect())
}

pub(in crate::source) async fn raw_transaction(
    endpoint: &Endpoint,
    txid: Txid,
    block: Option<BlockRef>,
) -> Result<Option<String>, Fault> {
    let anywhere = Call::new("getrawtransaction", json!([txid]));
    let there =
        block.map(|block| Call::new("getrawtransaction", json!([txid, 0, block.hash.hex()])));
    let calls: Vec<Call> = there.into_iter().chain([anywhere]).collect();
    let found: Vec<Option<String>> = ask_each(endpoint, &calls).await?;
    Ok(found.into_iter().flatten().next())
}

pub(in crate::source) async fn send(endpoint: &Endpoint, hex: &str) -> Taken {
    match ask(endpoint, Call::new("sendrawtransaction", json!([hex]))).await {
        Ok(txid) => Ok(Ok(txid)),
        Err(Fault::Refused { text, .. }) => Ok(Err(Refusal(text))),
        Err(fault) => Err(fault),
    }
}
