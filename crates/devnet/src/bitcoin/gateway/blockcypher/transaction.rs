//! A transaction, with a part of its inputs and outputs.

use std::collections::BTreeSet;

use axum::extract::{Path, Query, State};
use axum::routing::get;
use axum::{Json, Router};
use bitcoin::consensus::encode::serialize_hex;
use bitcoin::{Amount, BlockHash, OutPoint, ScriptBuf, TxIn, TxOut, Txid};
use serde::{Deserialize, Serialize};

use super::super::View;
use super::super::index::Index;
use super::super::layer::{Known, Place, index32};
use super::super::script::{ScriptKind, address};
use super::chain::preference;
use super::{NO_HEIGHT, Refusal, name, time, txid};

const ENDS_DEFAULT: usize = 20;

/// Which inputs and outputs, and whether with the raw transaction.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Part {
    limit: Option<usize>,
    #[serde(default)]
    instart: usize,
    #[serde(default)]
    outstart: usize,
    #[serde(default)]
    include_hex: bool,
}

#[derive(Serialize)]
pub struct TransactionValue {
    #[serde(skip_serializing_if = "Option::is_none")]
    block_hash: Option<BlockHash>,
    block_height: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    block_index: Option<usize>,
    hash: Txid,
    addresses: BTreeSet<String>,
    total: u64,
    fees: u64,
    size: usize,
    vsize: usize,
    preference: &'static str,
    relayed_by: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    confirmed: Option<String>,
    received: String,
    ver: i32,
    lock_time: u32,
    double_spend: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    double_of: Option<Txid>,
    vin_sz: usize,
    vout_sz: usize,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    opt_in_rbf: bool,
    confirmations: usize,
    confidence: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    hex: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_inputs: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_outputs: Option<String>,
    inputs: Vec<InputValue>,
    outputs: Vec<OutputValue>,
}

#[derive(Serialize)]
struct InputValue {
    #[serde(skip_serializing_if = "Option::is_none")]
    prev_hash: Option<Txid>,
    output_index: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    script: Option<ScriptBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_value: Option<u64>,
    sequence: u32,
    addresses: Option<Vec<String>>,
    script_type: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    witness: Vec<String>,
}

#[derive(Serialize)]
struct OutputValue {
    value: u64,
    script: ScriptBuf,
    #[serde(skip_serializing_if = "Option::is_none")]
    spent_by: Option<Txid>,
    addresses: Option<Vec<String>>,
    script_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    data_hex: Option<String>,
}

pub fn routes() -> Router<View> {
    Router::new().route("/txs/{txid}", get(transaction))
}

async fn transaction(
    State(view): State<View>,
    Path(text): Path<String>,
    Query(part): Query<Part>,
) -> Result<Json<TransactionValue>, Refusal> {
    let (txid, index) = (txid(&text)?, view.index());
    let known = index.transaction(&txid).or_else(|| index.displaced(&txid));
    let known =
        known.ok_or_else(|| Refusal::not_found(format!("Transaction {text} not found.")))?;
    Ok(Json(TransactionValue::of(&view, &index, known, &part)))
}

impl TransactionValue {
    pub fn of(view: &View, index: &Index, known: &Known, part: &Part) -> Self {
        let transaction = &known.transaction;
        let (limit, double_of) = (part.limit.unwrap_or(ENDS_DEFAULT), index.rival(known));
        let block = match known.place {
            Place::Block { height, position } => {
                index.block_at(height).map(|block| (height, position, block))
            }
            Place::Mempool | Place::Displaced => None,
        };
        let url = format!("{}{}/txs/{}", view.url, super::super::BLOCKCYPHER_BASE, known.txid);
        let (next_in, next_out) =
            (part.instart.saturating_add(limit), part.outstart.saturating_add(limit));
        let inputs = transaction.input.iter().zip(&known.prevouts).skip(part.instart).take(limit);
        let outputs = transaction.output.iter().enumerate().skip(part.outstart).take(limit);
        Self {
            block_hash: block.map(|(_, _, block)| block.hash),
            block_height: block.map_or(NO_HEIGHT, |(height, ..)| height.into()),
            block_index: block.map(|(_, position, _)| position),
            hash: known.txid,
            addresses: addresses(known),
            total: known.output_sum().to_sat(),
            fees: known.fee().to_sat(),
            size: transaction.total_size(),
            vsize: transaction.vsize(),
            preference: preference(known),
            relayed_by: "",
            confirmed: block.map(|(_, _, block)| time(block.header.time.into())),
            received: time(known.seen),
            ver: transaction.version.0,
            lock_time: transaction.lock_time.to_consensus_u32(),
            double_spend: double_of.is_some(),
            double_of,
            vin_sz: transaction.input.len(),
            vout_sz: transaction.output.len(),
            opt_in_rbf: transaction.is_explicitly_rbf(),
            confirmations: index.confirmations(known),
            confidence: confidence(known.place),
            hex: part.include_hex.then(|| serialize_hex(transaction)),
            next_inputs: (next_in < transaction.input.len()).then(|| {
                format!("{url}?instart={next_in}&outstart={}&limit={limit}", part.outstart)
            }),
            next_outputs: (next_out < transaction.output.len()).then(|| {
                format!("{url}?instart={}&outstart={next_out}&limit={limit}", part.instart)
            }),
            inputs: inputs
                .map(|(input, prevout)| InputValue::of(input, prevout.as_ref()))
                .collect(),
            outputs: outputs
                .map(|(vout, output)| OutputValue::of(index, known.txid, vout, output))
                .collect(),
        }
    }
}

/// BlockCypher computes it; here it only tells the three places apart.
fn confidence(place: Place) -> f64 {
    match place {
        Place::Block { .. } => 1.0,
        Place::Mempool => 0.5,
        Place::Displaced => 0.0,
    }
}

fn addresses(known: &Known) -> BTreeSet<String> {
    let outputs = known.transaction.output.iter().chain(known.prevouts.iter().flatten());
    outputs.filter_map(|output| address(&output.script_pubkey)).collect()
}

impl InputValue {
    fn of(input: &TxIn, prevout: Option<&TxOut>) -> Self {
        let known = !input.previous_output.is_null();
        Self {
            prev_hash: known.then_some(input.previous_output.txid),
            output_index: if known { input.previous_output.vout.into() } else { NO_HEIGHT },
            script: (!input.script_sig.is_empty()).then(|| input.script_sig.clone()),
            output_value: prevout.map(|prevout| prevout.value).map(Amount::to_sat),
            sequence: input.sequence.to_consensus_u32(),
            addresses: prevout
                .and_then(|prevout| address(&prevout.script_pubkey))
                .map(|address| vec![address]),
            script_type: prevout.map_or("empty", |prevout| name(&prevout.script_pubkey)),
            witness: input.witness.iter().map(hex::encode).collect(),
        }
    }
}

impl OutputValue {
    fn of(index: &Index, txid: Txid, vout: usize, output: &TxOut) -> Self {
        let script = &output.script_pubkey;
        let outpoint = OutPoint { txid, vout: index32(vout) };
        Self {
            value: output.value.to_sat(),
            script: script.clone(),
            spent_by: index.spend(&outpoint).map(|spend| spend.txid),
            addresses: address(script).map(|address| vec![address]),
            script_type: name(script),
            data_hex: (ScriptKind::of(script) == ScriptKind::Data).then(|| data(script)),
        }
    }
}

/// What an OP_RETURN carries, without the instructions.
fn data(script: &ScriptBuf) -> String {
    let pushes = script
        .instructions()
        .flatten()
        .filter_map(|instruction| instruction.push_bytes().map(|bytes| bytes.as_bytes().to_vec()));
    hex::encode(pushes.collect::<Vec<_>>().concat())
}
