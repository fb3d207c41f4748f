//! What an address has received and spent, as references into transactions. The sums are complete,
//! the list is a part.

use std::cmp::Reverse;

use axum::extract::{Path, Query, State};
use axum::routing::get;
use axum::{Json, Router};
use bitcoin::{Amount, ScriptBuf, Txid};
use serde::{Deserialize, Serialize};

use super::super::View;
use super::super::index::Index;
use super::super::layer::{Known, Layer, Place};
use super::super::script::ScriptHash;
use super::{NO_HEIGHT, Refusal, time};

const REFERENCES_DEFAULT: usize = 200;
const REFERENCES_MAX: usize = 2_000;
/// The side of a transaction that a reference is not to.
const OTHER_SIDE: i64 = -1;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Filter {
    #[serde(default)]
    unspent_only: bool,
    #[serde(default)]
    include_script: bool,
    before: Option<u32>,
    after: Option<u32>,
    limit: Option<usize>,
}

#[derive(Serialize)]
struct AddressValue {
    address: String,
    total_received: u64,
    total_sent: u64,
    balance: i64,
    unconfirmed_balance: i64,
    final_balance: i64,
    n_tx: usize,
    unconfirmed_n_tx: usize,
    final_n_tx: usize,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    txrefs: Vec<Reference>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unconfirmed_txrefs: Vec<Reference>,
    #[serde(rename = "hasMore", skip_serializing_if = "std::ops::Not::not")]
    has_more: bool,
    tx_url: String,
}

#[derive(Serialize)]
struct Reference {
    tx_hash: Txid,
    block_height: i64,
    tx_input_n: i64,
    tx_output_n: i64,
    value: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    ref_balance: Option<i64>,
    spent: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    spent_by: Option<Txid>,
    confirmations: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    confirmed: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    received: Option<String>,
    double_spend: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    double_of: Option<Txid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    script: Option<ScriptBuf>,
}

pub fn routes() -> Router<View> {
    Router::new().route("/addrs/{address}", get(address))
}

async fn address(
    State(view): State<View>,
    Path(text): Path<String>,
    Query(filter): Query<Filter>,
) -> Result<Json<AddressValue>, Refusal> {
    // What is no address could be a wallet's name, and there are no wallets.
    let script = ScriptHash::of_address(&text)
        .map_err(|_| Refusal::not_found(format!("Wallet {text} not found.")))?;
    let index = view.index();
    let (chain, mempool) = (Sums::of(index.chain(), script), Sums::of(index.mempool(), script));
    let (txrefs, has_more) = filter.cut(references(&index, index.chain(), script));
    let unconfirmed_txrefs = references(&index, index.mempool(), script);
    Ok(Json(AddressValue {
        address: text,
        total_received: chain.received.to_sat(),
        total_sent: chain.sent.to_sat(),
        balance: chain.balance(),
        unconfirmed_balance: mempool.balance(),
        final_balance: chain.balance() + mempool.balance(),
        n_tx: chain.transactions,
        unconfirmed_n_tx: mempool.transactions,
        final_n_tx: chain.transactions + mempool.transactions,
        txrefs,
        unconfirmed_txrefs: unconfirmed_txrefs
            .into_iter()
            .filter_map(|reference| filter.pass(reference))
            .collect(),
        has_more,
        tx_url: format!("{}{}/txs/", view.url, super::super::BLOCKCYPHER_BASE),
    }))
}

struct Sums {
    received: Amount,
    sent: Amount,
    transactions: usize,
}

impl Sums {
    fn of(layer: &Layer, script: ScriptHash) -> Self {
        let history = || layer.history(script);
        Self {
            received: history()
                .flat_map(|known| known.funding(script))
                .map(|(_, output)| output.value)
                .sum(),
            sent: history()
                .flat_map(|known| known.spending(script))
                .map(|(_, prevout)| prevout.value)
                .sum(),
            transactions: history().count(),
        }
    }

    fn balance(&self) -> i64 {
        signed(self.received) - signed(self.sent)
    }
}

fn signed(amount: Amount) -> i64 {
    amount.to_signed().expect("less than all coins there are").to_sat()
}

/// The newest first.
fn references(index: &Index, layer: &Layer, script: ScriptHash) -> Vec<Reference> {
    let mut balance = 0;
    let mut references = Vec::new();
    for known in layer.history(script) {
        let common = Reference::to(index, known);
        for (vin, prevout) in known.spending(script) {
            balance -= signed(prevout.value);
            let tx_input_n = position(vin);
            let script = Some(known.transaction.input[vin].script_sig.clone());
            references.push(Reference {
                tx_input_n,
                value: prevout.value.to_sat(),
                script,
                ..common(balance)
            });
        }
        for (outpoint, output) in known.funding(script) {
            balance += signed(output.value);
            let (tx_output_n, spend) = (outpoint.vout.into(), index.spend(&outpoint));
            let (spent, spent_by) = (spend.is_some(), spend.map(|spend| spend.txid));
            let script = Some(output.script_pubkey.clone());
            references.push(Reference {
                tx_output_n,
                spent,
                spent_by,
                value: output.value.to_sat(),
                script,
                ..common(balance)
            });
        }
    }
    references.sort_by_key(|reference| Reverse(reference.block_height));
    references
}

fn position(vin: usize) -> i64 {
    i64::try_from(vin).expect("a transaction has less than 2^32 inputs")
}

impl Reference {
    /// What references to one transaction have in common, given the balance after each.
    fn to<'a>(index: &'a Index, known: &'a Known) -> impl Fn(i64) -> Self + 'a {
        let block = match known.place {
            Place::Block { height, .. } => index.block_at(height).map(|block| (height, block)),
            Place::Mempool | Place::Displaced => None,
        };
        let double_of = index.rival(known);
        move |balance| Self {
            tx_hash: known.txid,
            block_height: block.map_or(NO_HEIGHT, |(height, _)| height.into()),
            tx_input_n: OTHER_SIDE,
            tx_output_n: OTHER_SIDE,
            value: 0,
            ref_balance: block.map(|_| balance),
            spent: false,
            spent_by: None,
            confirmations: index.confirmations(known),
            confirmed: block.map(|(_, block)| time(block.header.time.into())),
            received: block.is_none().then(|| time(known.seen)),
            double_spend: double_of.is_some(),
            double_of,
            script: None,
        }
    }
}

impl Filter {
    fn pass(&self, reference: Reference) -> Option<Reference> {
        let unspent = reference.tx_output_n != OTHER_SIDE && !reference.spent;
        let script = reference.script.clone().filter(|_| self.include_script);
        (unspent || !self.unspent_only).then_some(Reference { script, ..reference })
    }

    /// A list is cut between blocks, never within one, so that paging by height misses nothing.
    fn cut(&self, references: Vec<Reference>) -> (Vec<Reference>, bool) {
        let limit = self.limit.unwrap_or(REFERENCES_DEFAULT).min(REFERENCES_MAX);
        let within = |reference: &Reference| {
            self.before.is_none_or(|before| reference.block_height < before.into())
                && self.after.is_none_or(|after| reference.block_height > after.into())
        };
        let mut kept: Vec<Reference> = references
            .into_iter()
            .filter(within)
            .filter_map(|reference| self.pass(reference))
            .collect();
        let last = kept.get(limit.saturating_sub(1)).map(|reference| reference.block_height);
        let end = last.map_or(kept.len(), |last| {
            kept.partition_point(|reference| reference.block_height >= last)
        });
        let has_more = end < kept.len();
        kept.truncate(end);
        (kept, has_more)
    }
}
