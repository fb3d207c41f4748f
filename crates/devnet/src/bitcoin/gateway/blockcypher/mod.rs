//! The face of BlockCypher's API for one chain: paths, shapes and limits as its documentation has
//! them. It calls the chain `BTC.main`, as a client of the real one expects, though this one is a
//! regtest.
//!
//! Two of its habits differ from Esplora's and are kept on purpose: lists are cut (20 inputs,
//! outputs or transactions, 200 references) and say where they go on, and a transaction that lost
//! its coins to another one is still shown, as a double spend. A token in the query is taken and
//! not looked at.

mod address;
mod block;
mod chain;
mod push;
mod transaction;

use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use bitcoin::{Script, Txid};
use serde_json::json;

use super::View;
use super::script::ScriptKind;

const CHAIN_NAME: &str = "BTC.main";
/// Where a block or an unconfirmed transaction has no height.
const NO_HEIGHT: i64 = -1;

/// An error, as `{"error": "…"}`.
struct Refusal(StatusCode, String);

impl Refusal {
    fn not_found(text: String) -> Self {
        Self(StatusCode::NOT_FOUND, text)
    }

    fn bad_request(text: String) -> Self {
        Self(StatusCode::BAD_REQUEST, text)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.0, Json(json!({ "error": self.1 }))).into_response()
    }
}

pub fn routes() -> Router<View> {
    Router::new()
        .merge(chain::routes())
        .merge(block::routes())
        .merge(transaction::routes())
        .merge(push::routes())
        .merge(address::routes())
        .fallback(async |uri: Uri| Refusal::not_found(format!("{} does not exist.", uri.path())))
}

/// RFC 3339, as all its times.
fn time(seconds: u64) -> String {
    let seconds = i64::try_from(seconds).expect("a time of this century");
    jiff::Timestamp::from_second(seconds).expect("a time of this century").to_string()
}

fn txid(text: &str) -> Result<Txid, Refusal> {
    text.parse().map_err(|_| Refusal::not_found(format!("Transaction {text} not found.")))
}

fn name(script: &Script) -> &'static str {
    match ScriptKind::of(script) {
        ScriptKind::Empty => "empty",
        ScriptKind::Data => "null-data",
        ScriptKind::P2pk => "pay-to-pubkey",
        ScriptKind::P2pkh => "pay-to-pubkey-hash",
        ScriptKind::P2sh => "pay-to-script-hash",
        ScriptKind::P2wpkh => "pay-to-witness-pubkey-hash",
        ScriptKind::P2wsh => "pay-to-witness-script-hash",
        ScriptKind::P2tr => "pay-to-taproot",
        ScriptKind::Other => "unknown",
    }
}
