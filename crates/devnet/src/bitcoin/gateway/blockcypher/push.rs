//! A transaction comes in as `{"tx": "<hex>"}`. It is answered with itself and 201, or with why it
//! cannot be.

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use bitcoin::Transaction;
use bitcoin::consensus::encode::deserialize_hex;
use serde::{Deserialize, Serialize};

use super::super::View;
use super::Refusal;
use super::transaction::{Part, TransactionValue};
use crate::bitcoin::rpc::RpcError;

#[derive(Deserialize)]
struct Push {
    tx: String,
}

#[derive(Serialize)]
struct Pushed {
    tx: TransactionValue,
}

pub fn routes() -> Router<View> {
    Router::new().route("/txs/push", post(push))
}

/// The body is JSON whatever its content type says: the documentation's own examples send it
/// without one.
async fn push(
    State(view): State<View>,
    Query(part): Query<Part>,
    body: String,
) -> Result<(StatusCode, Json<Pushed>), Refusal> {
    let Push { tx } = serde_json::from_str(&body)
        .map_err(|error| Refusal::bad_request(format!("Error parsing the request: {error}.")))?;
    let decoded: Result<Transaction, _> = deserialize_hex(&tx);
    decoded
        .map_err(|error| Refusal::bad_request(format!("Error building transaction: {error}.")))?;
    let txid = view.send(&tx).await.map_err(|error| match error {
        RpcError::Refused { refusal, .. } => {
            Refusal::bad_request(format!("Error validating transaction: {}.", refusal.message))
        }
        RpcError::Fault { .. } => Refusal(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
    })?;
    let index = view.index();
    // Replaced between our sending it and our looking: it is there all the same.
    let known = index.transaction(&txid).or_else(|| index.displaced(&txid));
    let known =
        known.ok_or_else(|| Refusal::not_found(format!("Transaction {txid} not found.")))?;
    Ok((
        StatusCode::CREATED,
        Json(Pushed { tx: TransactionValue::of(&view, &index, known, &part) }),
    ))
}
