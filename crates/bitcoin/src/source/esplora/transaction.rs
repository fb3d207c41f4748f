//! Transactions: where one is, its bytes, and handing one in.

use adit_chain::{Body, Endpoint, Fault, Request, Response};
use adit_core::BlockRef;
use bdk_wallet::bitcoin::Txid;

use super::outputs::status;
use super::{AT_ONCE_MAX, Said, Status, ask, said, text};
use crate::node::TransactionState;
use crate::source::read::{Refusal, Taken, each};

pub(in crate::source) async fn places(
    endpoint: &Endpoint,
    txids: &[Txid],
    head: BlockRef,
) -> Result<Vec<Option<TransactionState>>, Fault> {
    let stati =
        each(AT_ONCE_MAX, txids.iter().map(|txid| status(endpoint, *txid)).collect()).await?;
    Ok(stati
        .into_iter()
        .map(|status: Status| Some(TransactionState::of(status.block(), head)))
        .collect())
}

pub(in crate::source) async fn raw_transaction(
    endpoint: &Endpoint,
    txid: Txid,
) -> Result<Option<String>, Fault> {
    ask(endpoint, &format!("/tx/{txid}/hex"), text::<String>).await
}

pub(in crate::source) async fn send(endpoint: &Endpoint, hex: &str) -> Taken {
    let request = Request::post("/tx", Body::Text(hex.to_owned()));
    match endpoint.fetch(&request, |response: &Response| said(response, text::<Txid>)).await? {
        Said::Something(txid) => Ok(Ok(txid)),
        Said::NotFound => Ok(Err(Refusal("not found".to_owned()))),
        Said::Refused(text) => Ok(Err(Refusal(text))),
    }
}
