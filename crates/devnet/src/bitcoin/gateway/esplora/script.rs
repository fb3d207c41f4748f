//! What an address, or the hash of a script, has received and spent. An address that nobody has
//! used has zeros, and is no error.

use axum::extract::{Path, State};
use axum::routing::get;
use axum::{Extension, Json, Router};
use bitcoin::{OutPoint, Txid};
use serde::Serialize;
use serde_json::{Value, json};

use super::super::View;
use super::super::index::Index;
use super::super::layer::{Known, Layer};
use super::super::script::{BadAddress, ScriptHash};
use super::Refusal;
use super::transaction::{Status, TransactionValue};

const CHAIN_TRANSACTIONS_PER_PAGE: usize = 25;
const MEMPOOL_TRANSACTIONS_MAX: usize = 50;

/// What the path names the script by.
#[derive(Clone, Copy)]
pub enum By {
    Address,
    ScriptHash,
}

#[derive(Serialize)]
struct Stats {
    tx_count: usize,
    funded_txo_count: usize,
    funded_txo_sum: u64,
    spent_txo_count: usize,
    spent_txo_sum: u64,
}

#[derive(Serialize)]
struct UtxoValue {
    txid: Txid,
    vout: u32,
    status: Status,
    value: u64,
}

pub fn routes(by: By) -> Router<View> {
    Router::new()
        .route("/{script}", get(stats))
        .route("/{script}/utxo", get(utxo))
        .route("/{script}/txs", get(transactions))
        .route("/{script}/txs/chain", get(first_page))
        .route("/{script}/txs/chain/{last_seen}", get(next_page))
        .layer(Extension(by))
}

async fn stats(
    State(view): State<View>,
    Extension(by): Extension<By>,
    Path(text): Path<String>,
) -> Result<Json<Value>, Refusal> {
    let (script, index) = (by.parse(&text)?, view.index());
    let name = match by {
        By::Address => "address",
        By::ScriptHash => "scripthash",
    };
    let (chain, mempool) = (Stats::of(index.chain(), script), Stats::of(index.mempool(), script));
    Ok(Json(json!({ name: text, "chain_stats": chain, "mempool_stats": mempool })))
}

async fn utxo(
    State(view): State<View>,
    Extension(by): Extension<By>,
    Path(text): Path<String>,
) -> Result<Json<Vec<UtxoValue>>, Refusal> {
    let (script, index) = (by.parse(&text)?, view.index());
    let known = index.chain().history(script).chain(index.mempool().history(script));
    let outputs = known.flat_map(|known| {
        known.funding(script).map(move |(outpoint, output)| (known, outpoint, output))
    });
    let unspent = outputs.filter(|(_, outpoint, _)| index.spend(outpoint).is_none());
    let values = unspent.map(|(known, OutPoint { txid, vout }, output)| {
        let status = Status::of(&index, Some(known));
        UtxoValue { txid, vout, status, value: output.value.to_sat() }
    });
    Ok(Json(values.collect()))
}

/// The newest of the mempool, then the newest of the chain.
async fn transactions(
    State(view): State<View>,
    Extension(by): Extension<By>,
    Path(text): Path<String>,
) -> Result<Json<Vec<TransactionValue>>, Refusal> {
    let (script, index) = (by.parse(&text)?, view.index());
    let waiting = index.mempool().history(script).rev().take(MEMPOOL_TRANSACTIONS_MAX);
    let confirmed = index.chain().history(script).rev().take(CHAIN_TRANSACTIONS_PER_PAGE);
    Ok(Json(waiting.chain(confirmed).map(|known| TransactionValue::of(&index, known)).collect()))
}

async fn first_page(
    State(view): State<View>,
    Extension(by): Extension<By>,
    Path(text): Path<String>,
) -> Result<Json<Vec<TransactionValue>>, Refusal> {
    let script = by.parse(&text)?;
    Ok(Json(page(&view.index(), script, None)))
}

/// A page after a text that is no transaction's id is the first.
async fn next_page(
    State(view): State<View>,
    Extension(by): Extension<By>,
    Path((text, last_seen)): Path<(String, String)>,
) -> Result<Json<Vec<TransactionValue>>, Refusal> {
    let script = by.parse(&text)?;
    Ok(Json(page(&view.index(), script, last_seen.parse().ok())))
}

/// The newest first, below `last_seen`.
fn page(index: &Index, script: ScriptHash, last_seen: Option<Txid>) -> Vec<TransactionValue> {
    let newest: Vec<&Known> = index.chain().history(script).rev().collect();
    let start = last_seen.map_or(0, |last| {
        newest.iter().position(|known| known.txid == last).map_or(newest.len(), |at| at + 1)
    });
    newest[start..]
        .iter()
        .take(CHAIN_TRANSACTIONS_PER_PAGE)
        .map(|known| TransactionValue::of(index, known))
        .collect()
}

impl By {
    fn parse(self, text: &str) -> Result<ScriptHash, Refusal> {
        match self {
            Self::Address => ScriptHash::of_address(text).map_err(|bad| match bad {
                BadAddress::Unreadable => Refusal::bad_request("Invalid Bitcoin address"),
                BadAddress::OtherNetwork => Refusal::bad_request("Address on invalid network"),
            }),
            Self::ScriptHash => {
                let bytes =
                    hex::decode(text).map_err(|_| Refusal::bad_request("Invalid hex string"))?;
                bytes
                    .try_into()
                    .map(ScriptHash::from_bytes)
                    .map_err(|_| Refusal::bad_request("Invalid scripthash"))
            }
        }
    }
}

impl Stats {
    fn of(layer: &Layer, script: ScriptHash) -> Self {
        let mut stats = Self {
            tx_count: 0,
            funded_txo_count: 0,
            funded_txo_sum: 0,
            spent_txo_count: 0,
            spent_txo_sum: 0,
        };
        for known in layer.history(script) {
            stats.tx_count += 1;
            for (_, output) in known.funding(script) {
                stats.funded_txo_count += 1;
                stats.funded_txo_sum += output.value.to_sat();
            }
            for (_, prevout) in known.spending(script) {
                stats.spent_txo_count += 1;
                stats.spent_txo_sum += prevout.value.to_sat();
            }
        }
        stats
    }
}
