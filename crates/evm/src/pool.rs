//! Asks endpoints' pools for transactions of a wallet beyond the numbers that the book knows (case
//! F91).
//!
//! Each endpoint is asked by itself: a pool is nobody's word but its own, and bytes that the
//! wallet's key has signed prove themselves.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use adit_chain::{Ahead, Call, Endpoint, Fault, Pool, Shown};
use adit_core::{Bytes as CoreBytes, Draft, Hash32, Signed};
use alloy::primitives::{Address, B256, Bytes, U64};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::config::Payable;
use crate::foreign;
use crate::node::{Node, read_known};
use crate::observe::outflow;
use crate::rpc::core_bytes;

/// Transactions that one look asks an endpoint for. The next one asks for what lies above.
const SHOWN_PER_LOOK_MAX: u64 = 64;

impl Node {
    /// Asks every endpoint. One that does not answer says nothing.
    pub(crate) async fn pool(&self, wallet: Address, from: u64, payable: &[Payable]) -> Pool {
        let said = self
            .quorum
            .fan_out(async |endpoint: Arc<Endpoint>| pooled(&endpoint, wallet, from).await)
            .await;
        let mut pool = Pool::default();
        let mut shown: BTreeMap<(u64, Hash32), Shown> = BTreeMap::new();
        for (endpoint, answer) in said {
            let Ok(Pooled { next, raw }) = answer else { continue };
            match next > from {
                true => pool.ahead.push(Ahead { endpoint, next }),
                false => pool.level += 1,
            }
            for one in
                raw.iter().filter_map(|raw| read_back(wallet, self.config.chain_id, raw, payable))
            {
                let number = one.draft.number();
                if number >= from {
                    shown.insert((number, one.signed.hash), one);
                }
            }
        }
        pool.shown = shown.into_values().collect();
        pool
    }
}

/// Reads signed bytes of this wallet, where they have the form in which we make them.
pub(crate) fn read_back(
    wallet: Address,
    chain_id: u64,
    raw: &CoreBytes,
    payable: &[Payable],
) -> Option<Shown> {
    let decoded = foreign::decode(raw).ok().filter(|decoded| decoded.sender == wallet)?;
    let draft = decoded.draft.filter(|draft| draft.chain_id == chain_id)?;
    let outflow = decoded.pays.and_then(|pays| outflow(pays, payable));
    let signed = Signed { raw: raw.clone(), hash: decoded.hash };
    Some(Shown { signed, draft: Draft::Evm(draft), outflow, decoded: decoded.words })
}

/// What one endpoint says.
struct Pooled {
    /// The number that is free there.
    next: u64,
    raw: Vec<CoreBytes>,
}

async fn pooled(endpoint: &Endpoint, wallet: Address, from: u64) -> Result<Pooled, Fault> {
    let next: U64 =
        endpoint.ask(Call::new("eth_getTransactionCount", json!([wallet, "pending"]))).await?;
    let next = next.to::<u64>();
    if next <= from {
        return Ok(Pooled { next, raw: Vec::new() });
    }
    let hashes: Vec<B256> =
        hashes(endpoint, wallet, from..next.min(from.saturating_add(SHOWN_PER_LOOK_MAX)))
            .await?
            .into_iter()
            .collect();
    let calls: Vec<Call> =
        hashes.iter().map(|hash| Call::new("eth_getRawTransactionByHash", json!([hash]))).collect();
    let raw = read_known::<Bytes>(endpoint, &calls).await?.into_iter().flatten();
    Ok(Pooled { next, raw: raw.map(|raw| core_bytes(&raw)).collect() })
}

/// Asks in each of the ways that nodes know, and takes whatever is answered.
async fn hashes(
    endpoint: &Endpoint,
    wallet: Address,
    numbers: std::ops::Range<u64>,
) -> Result<BTreeSet<B256>, Fault> {
    let by_number = |number: u64| {
        Call::new("eth_getTransactionBySenderAndNonce", json!([wallet, U64::from(number)]))
    };
    let mut calls = vec![
        Call::new("eth_getBlockByNumber", json!(["pending", true])),
        Call::new("txpool_contentFrom", json!([wallet])),
    ];
    calls.extend(numbers.map(by_number));
    let mut answers = read_known::<Value>(endpoint, &calls).await?.into_iter();
    let (block, content) = (answers.next().flatten(), answers.next().flatten());
    let mut found = BTreeSet::new();
    if let Some(block) = block.and_then(|block| PendingBlock::deserialize(block).ok()) {
        found.extend(
            block.transactions.into_iter().filter(|one| one.from == wallet).map(|one| one.hash),
        );
    }
    if let Some(content) = content.and_then(|content| Content::deserialize(content).ok()) {
        found.extend(
            content.pending.into_values().chain(content.queued.into_values()).map(|one| one.hash),
        );
    }
    found.extend(
        answers.flatten().filter_map(|one| Named::deserialize(one).ok()).map(|one| one.hash),
    );
    Ok(found)
}

/// A transaction by its name; the rest is read from its bytes.
#[derive(Deserialize)]
struct Named {
    hash: B256,
}

/// A block that is not made yet has neither a hash nor, at some nodes, a number.
#[derive(Deserialize)]
struct PendingBlock {
    transactions: Vec<crate::rpc::Sender>,
}

/// What geth's pool holds of one account, by nonce.
#[derive(Deserialize)]
struct Content {
    #[serde(default)]
    pending: BTreeMap<String, Named>,
    #[serde(default)]
    queued: BTreeMap<String, Named>,
}
