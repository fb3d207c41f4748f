//! Transactions and who spends their outputs.

use axum::extract::{Path, State};
use axum::routing::get;
use axum::{Json, Router};
use bitcoin::consensus::encode::serialize_hex;
use bitcoin::{BlockHash, OutPoint, Script, ScriptBuf, TxIn, TxOut, Txid};
use serde::Serialize;

use super::super::View;
use super::super::index::Index;
use super::super::layer::{Known, Place, Spend, index32};
use super::super::script::{ScriptKind, address};
use super::{Refusal, number, txid};

#[derive(Serialize)]
pub struct TransactionValue {
    txid: Txid,
    version: i32,
    locktime: u32,
    vin: Vec<InputValue>,
    vout: Vec<OutputValue>,
    size: usize,
    weight: u64,
    fee: u64,
    status: Status,
}

#[derive(Serialize)]
struct InputValue {
    txid: Txid,
    vout: u32,
    prevout: Option<OutputValue>,
    scriptsig: ScriptBuf,
    scriptsig_asm: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    witness: Option<Vec<String>>,
    is_coinbase: bool,
    sequence: u32,
}

#[derive(Serialize)]
struct OutputValue {
    scriptpubkey: ScriptBuf,
    scriptpubkey_asm: String,
    scriptpubkey_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    scriptpubkey_address: Option<String>,
    value: u64,
}

#[derive(Serialize)]
pub struct Status {
    confirmed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    block_height: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    block_hash: Option<BlockHash>,
    #[serde(skip_serializing_if = "Option::is_none")]
    block_time: Option<u32>,
}

#[derive(Serialize)]
struct SpendingValue {
    spent: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    txid: Option<Txid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vin: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Status>,
}

pub fn routes() -> Router<View> {
    Router::new()
        .route("/tx/{txid}", get(transaction))
        .route("/tx/{txid}/status", get(status))
        .route("/tx/{txid}/hex", get(raw_hex))
        .route("/tx/{txid}/outspend/{vout}", get(outspend))
        .route("/tx/{txid}/outspends", get(outspends))
}

async fn transaction(
    State(view): State<View>,
    Path(text): Path<String>,
) -> Result<Json<TransactionValue>, Refusal> {
    let (txid, index) = (txid(&text)?, view.index());
    let known = index.transaction(&txid).ok_or_else(missing)?;
    Ok(Json(TransactionValue::of(&index, known)))
}

async fn status(
    State(view): State<View>,
    Path(text): Path<String>,
) -> Result<Json<Status>, Refusal> {
    let (txid, index) = (txid(&text)?, view.index());
    Ok(Json(Status::of(&index, index.transaction(&txid))))
}

async fn raw_hex(State(view): State<View>, Path(text): Path<String>) -> Result<String, Refusal> {
    let txid = txid(&text)?;
    view.index()
        .transaction(&txid)
        .map(|known| serialize_hex(&known.transaction))
        .ok_or_else(missing)
}

async fn outspend(
    State(view): State<View>,
    Path((text, vout)): Path<(String, String)>,
) -> Result<Json<SpendingValue>, Refusal> {
    let (outpoint, index) = (OutPoint { txid: txid(&text)?, vout: number(&vout)? }, view.index());
    Ok(Json(SpendingValue::of(&index, index.spend(&outpoint))))
}

async fn outspends(
    State(view): State<View>,
    Path(text): Path<String>,
) -> Result<Json<Vec<SpendingValue>>, Refusal> {
    let (txid, index) = (txid(&text)?, view.index());
    let known = index.transaction(&txid).ok_or_else(missing)?;
    let outpoints =
        (0..index32(known.transaction.output.len())).map(|vout| OutPoint { txid, vout });
    Ok(Json(outpoints.map(|outpoint| SpendingValue::of(&index, index.spend(&outpoint))).collect()))
}

fn missing() -> Refusal {
    Refusal::not_found("Transaction not found")
}

impl TransactionValue {
    pub fn of(index: &Index, known: &Known) -> Self {
        let transaction = &known.transaction;
        let inputs = transaction.input.iter().zip(&known.prevouts);
        Self {
            txid: known.txid,
            version: transaction.version.0,
            locktime: transaction.lock_time.to_consensus_u32(),
            vin: inputs
                .map(|(input, prevout)| {
                    InputValue::of(input, prevout.as_ref(), transaction.is_coinbase())
                })
                .collect(),
            vout: transaction.output.iter().map(OutputValue::of).collect(),
            size: transaction.total_size(),
            weight: transaction.weight().to_wu(),
            fee: known.fee().to_sat(),
            status: Status::of(index, Some(known)),
        }
    }
}

impl InputValue {
    fn of(input: &TxIn, prevout: Option<&TxOut>, is_coinbase: bool) -> Self {
        Self {
            txid: input.previous_output.txid,
            vout: input.previous_output.vout,
            prevout: prevout.map(OutputValue::of),
            scriptsig: input.script_sig.clone(),
            scriptsig_asm: input.script_sig.to_asm_string(),
            witness: (!input.witness.is_empty())
                .then(|| input.witness.iter().map(hex::encode).collect()),
            is_coinbase,
            sequence: input.sequence.to_consensus_u32(),
        }
    }
}

impl OutputValue {
    fn of(output: &TxOut) -> Self {
        Self {
            scriptpubkey: output.script_pubkey.clone(),
            scriptpubkey_asm: output.script_pubkey.to_asm_string(),
            scriptpubkey_type: name(&output.script_pubkey),
            scriptpubkey_address: address(&output.script_pubkey),
            value: output.value.to_sat(),
        }
    }
}

impl Status {
    /// An unknown transaction is an unconfirmed one.
    pub fn of(index: &Index, known: Option<&Known>) -> Self {
        let block = match known.map(|known| known.place) {
            Some(Place::Block { height, .. }) => {
                index.block_at(height).map(|block| (height, block))
            }
            Some(Place::Mempool | Place::Displaced) | None => None,
        };
        Self {
            confirmed: block.is_some(),
            block_height: block.map(|(height, _)| height),
            block_hash: block.map(|(_, block)| block.hash),
            block_time: block.map(|(_, block)| block.header.time),
        }
    }
}

impl SpendingValue {
    fn of(index: &Index, spend: Option<Spend>) -> Self {
        Self {
            spent: spend.is_some(),
            txid: spend.map(|spend| spend.txid),
            vin: spend.map(|spend| spend.vin),
            status: spend.map(|spend| Status::of(index, index.transaction(&spend.txid))),
        }
    }
}

fn name(script: &Script) -> &'static str {
    match ScriptKind::of(script) {
        ScriptKind::Empty => "empty",
        ScriptKind::Data => "op_return",
        ScriptKind::P2pk => "p2pk",
        ScriptKind::P2pkh => "p2pkh",
        ScriptKind::P2sh => "p2sh",
        ScriptKind::P2wpkh => "v0_p2wpkh",
        ScriptKind::P2wsh => "v0_p2wsh",
        ScriptKind::P2tr => "v1_p2tr",
        ScriptKind::Other => "unknown",
    }
}
