//! What became of outputs. The node knows whether one is unspent; who spent it is found by the ids
//! that the caller expects, and then in the blocks.

use std::collections::HashMap;

use adit_chain::{Call, Endpoint, Fault};
use adit_core::BlockRef;
use bdk_wallet::bitcoin::{BlockHash, OutPoint, Transaction, Txid};
use serde::Deserialize;
use serde_json::json;

use super::search::search;
use super::transaction::{blocks_of, found};
use super::{ask, ask_each, headers};
use crate::node::{OutpointState, Sought};
use crate::source::SourceSpend;
use crate::source::read::{distinct, proven};

/// An unspent output.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
struct TxOut {
    /// The head as of which it is unspent.
    #[serde(rename = "bestblock")]
    best_block: BlockHash,
    /// With that head; 0 in the mempool.
    confirmations: u64,
}

#[derive(Deserialize)]
struct MempoolSpend {
    spendingtxid: Option<Txid>,
}

/// Who spends what, and where.
pub(super) type Spenders = HashMap<OutPoint, (Txid, BlockRef)>;

pub(in crate::source) async fn spends(
    endpoint: &Endpoint,
    sought: &[Sought],
    since: u64,
    head: BlockRef,
) -> Result<Vec<SourceSpend>, Fault> {
    let mut spends = unspent(endpoint, sought, head).await?;
    let open: Vec<&Sought> = sought
        .iter()
        .zip(&spends)
        .filter(|(_, spend)| spend.state.is_none())
        .map(|(sought, _)| sought)
        .collect();
    let mut spenders = expected(endpoint, &open, head).await?;
    let rest: Vec<&Sought> =
        open.into_iter().filter(|sought| !spenders.contains_key(&sought.outpoint)).collect();
    spenders.extend(search(endpoint, &rest, since, head).await?);
    for (sought, spend) in sought.iter().zip(&mut spends) {
        if let Some((by, block)) = spenders.get(&sought.outpoint) {
            *spend = SourceSpend::known(OutpointState::Spent { by: *by, block: *block });
        }
    }
    Ok(spends)
}

/// Those that are unspent, or not there; the others stay open.
async fn unspent(
    endpoint: &Endpoint,
    sought: &[Sought],
    head: BlockRef,
) -> Result<Vec<SourceSpend>, Fault> {
    let txout = |with_mempool: bool| {
        let call = move |sought: &Sought| {
            Call::new("gettxout", json!([sought.outpoint.txid, sought.outpoint.vout, with_mempool]))
        };
        sought.iter().map(call)
    };
    let calls: Vec<Call> = txout(false).chain(txout(true)).collect();
    let outputs: Vec<Option<TxOut>> = ask_each(endpoint, &calls).await?;
    let (in_chain, with_mempool) = outputs.split_at(sought.len());
    let heights = best_heights(endpoint, in_chain).await?;
    let outpoints: Vec<OutPoint> = sought.iter().map(|sought| sought.outpoint).collect();
    let pending = mempool_spends(endpoint, &outpoints).await?;
    let read = |index: usize| {
        let state = match (in_chain[index], with_mempool[index]) {
            (Some(output), _) => {
                let made = heights
                    .get(&output.best_block)
                    .map(|best| best.saturating_add(1).saturating_sub(output.confirmations));
                made.map(|made| {
                    if made <= head.height { OutpointState::Unspent } else { OutpointState::Absent }
                })
            }
            // In the mempool only: no block has made it yet.
            (None, Some(_)) => Some(OutpointState::Absent),
            (None, None) => None,
        };
        SourceSpend { state, pending: pending[index] }
    };
    Ok((0..sought.len()).map(read).collect())
}

/// The heights of the heads as of which outputs are unspent: one, or two when a block came between.
async fn best_heights(
    endpoint: &Endpoint,
    outputs: &[Option<TxOut>],
) -> Result<HashMap<BlockHash, u64>, Fault> {
    let hashes = distinct(outputs.iter().flatten().map(|output| output.best_block));
    let blocks = headers(endpoint, &hashes).await?;
    Ok(hashes
        .into_iter()
        .zip(blocks)
        .filter_map(|(hash, block)| Some((hash, block?.height)))
        .collect())
}

/// Who spends them in the mempool, where the node can tell (Core since 24).
async fn mempool_spends(
    endpoint: &Endpoint,
    sought: &[OutPoint],
) -> Result<Vec<Option<Txid>>, Fault> {
    let said: Vec<Option<Vec<MempoolSpend>>> = ask_each(endpoint, &[spending(sought)]).await?;
    let said = said.into_iter().flatten().next().unwrap_or_default();
    let spending = said.into_iter().map(|spend| spend.spendingtxid).chain(std::iter::repeat(None));
    Ok(spending.take(sought.len()).collect())
}

/// The same of a node that must be able to tell: one that is silent says nothing of its pool.
pub(super) async fn told_spends(
    endpoint: &Endpoint,
    coins: &[OutPoint],
) -> Result<Vec<Option<Txid>>, Fault> {
    if coins.is_empty() {
        return Ok(Vec::new());
    }
    let said: Vec<MempoolSpend> = ask(endpoint, spending(coins)).await?;
    Ok(said.into_iter().map(|spend| spend.spendingtxid).collect())
}

fn spending(sought: &[OutPoint]) -> Call {
    let outpoints: Vec<_> = sought
        .iter()
        .map(|outpoint| json!({ "txid": outpoint.txid, "vout": outpoint.vout }))
        .collect();
    Call::new("gettxspendingprevout", json!([outpoints]))
}

/// Those that a candidate spends, found by its id.
async fn expected(
    endpoint: &Endpoint,
    open: &[&Sought],
    head: BlockRef,
) -> Result<Spenders, Fault> {
    let candidates = distinct(open.iter().flat_map(|sought| sought.candidates.iter().copied()));
    let found = found(endpoint, &candidates).await?;
    let blocks = blocks_of(endpoint, &found).await?;
    let mut spenders = Spenders::new();
    for ((txid, found), block) in candidates.into_iter().zip(found).zip(blocks) {
        let (Some(found), Some(block)) = (found, block.filter(|block| block.height <= head.height))
        else {
            continue;
        };
        let transaction = proven(endpoint, txid, &found.hex)?;
        spenders.extend(spent_by(&transaction, txid, block));
    }
    Ok(spenders)
}

/// All that a transaction spends.
pub(super) fn spent_by(
    transaction: &Transaction,
    txid: Txid,
    block: BlockRef,
) -> impl Iterator<Item = (OutPoint, (Txid, BlockRef))> {
    transaction.input.iter().map(move |input| (input.previous_output, (txid, block)))
}
