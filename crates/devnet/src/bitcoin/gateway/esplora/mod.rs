//! The face of an Esplora server: paths, shapes, status codes and error texts as Blockstream's
//! `electrs` has them (its API.md, and `src/rest.rs` where that is silent).
//!
//! What surprises is on purpose: the status of an unknown transaction is not an error, an output of
//! an unknown one is unspent, and a transaction that was replaced is as unknown as one that never
//! was.

mod block;
mod broadcast;
mod fees;
mod script;
mod transaction;

use axum::Router;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use bitcoin::{BlockHash, Txid};

use super::View;

/// An error, in plain text.
struct Refusal(StatusCode, String);

impl Refusal {
    fn not_found(text: &str) -> Self {
        Self(StatusCode::NOT_FOUND, text.to_owned())
    }

    fn bad_request(text: impl Into<String>) -> Self {
        Self(StatusCode::BAD_REQUEST, text.into())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.0, self.1).into_response()
    }
}

pub fn routes() -> Router<View> {
    Router::new()
        .merge(block::routes())
        .merge(transaction::routes())
        .merge(broadcast::routes())
        .merge(fees::routes())
        .nest("/address", script::routes(script::By::Address))
        .nest("/scripthash", script::routes(script::By::ScriptHash))
        .fallback(async |uri: Uri| {
            Refusal::not_found(&format!("endpoint does not exist {:?}", uri.path()))
        })
}

fn block_hash(text: &str) -> Result<BlockHash, Refusal> {
    text.parse().map_err(|_| Refusal::bad_request("Invalid hex string"))
}

fn txid(text: &str) -> Result<Txid, Refusal> {
    text.parse().map_err(|_| Refusal::bad_request("Invalid hex string"))
}

fn number(text: &str) -> Result<u32, Refusal> {
    text.parse().map_err(|_| Refusal::bad_request("Invalid number"))
}
