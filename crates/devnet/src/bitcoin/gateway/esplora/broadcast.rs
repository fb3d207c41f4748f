//! A transaction comes in as hex in the body; what bitcoind says of it goes out in bitcoind's
//! words.

use axum::Router;
use axum::extract::State;
use axum::routing::post;

use super::super::View;
use super::Refusal;
use crate::bitcoin::rpc::RpcError;

pub fn routes() -> Router<View> {
    Router::new().route("/tx", post(broadcast))
}

async fn broadcast(State(view): State<View>, hex: String) -> Result<String, Refusal> {
    match view.send(hex.trim()).await {
        Ok(txid) => Ok(txid.to_string()),
        Err(RpcError::Refused { method, refusal }) => {
            let said = serde_json::to_string(&refusal).expect("a number and a text are JSON");
            Err(Refusal::bad_request(format!("{method} RPC error: {said}")))
        }
        Err(fault @ RpcError::Fault { .. }) => Err(Refusal::bad_request(fault.to_string())),
    }
}
