//! Who spends from scripts: references to the inputs of transactions.

use std::collections::BTreeSet;

use adit_chain::{Endpoint, Fault};
use adit_core::BlockRef;
use bdk_wallet::bitcoin::{Address, ScriptBuf, Txid};
use serde::Deserialize;

use super::outputs::{PAGES_MAX, REFERENCES_MAX};
use super::{AT_ONCE_MAX, there};
use crate::Network;
use crate::source::SourceSpender;
use crate::source::read::each;

#[derive(Deserialize)]
struct Listed {
    #[serde(default)]
    txrefs: Vec<Reference>,
    #[serde(default)]
    unconfirmed_txrefs: Vec<Reference>,
    #[serde(default, rename = "hasMore")]
    has_more: bool,
}

#[derive(Deserialize)]
struct Reference {
    tx_hash: Txid,
    /// −1, or left out, in no block.
    #[serde(default = "no_block")]
    block_height: i64,
    /// −1 where it refers to an output.
    tx_input_n: i64,
}

fn no_block() -> i64 {
    -1
}

pub(in crate::source) async fn spenders(
    endpoint: &Endpoint,
    network: Network,
    scripts: &[ScriptBuf],
    since: u64,
    head: BlockRef,
) -> Result<BTreeSet<SourceSpender>, Fault> {
    let all = each(
        AT_ONCE_MAX,
        scripts.iter().map(|script| of(endpoint, network, script, since)).collect(),
    )
    .await?;
    let below = |height: u64| height <= head.height;
    let spender = |(txid, height): (Txid, Option<u64>)| SourceSpender {
        txid,
        height: height.filter(|height| below(*height)),
    };
    Ok(all.into_iter().flatten().map(spender).collect())
}

async fn of(
    endpoint: &Endpoint,
    network: Network,
    script: &ScriptBuf,
    since: u64,
) -> Result<Vec<(Txid, Option<u64>)>, Fault> {
    let address = Address::from_script(script, network.inner());
    let address = address.map_err(|error| {
        endpoint.refused("spenders", format!("it lists addresses, and {script} has none: {error}"))
    })?;
    let (mut found, mut before) = (Vec::new(), String::new());
    for _ in 0..PAGES_MAX {
        let page: Listed =
            there(endpoint, &format!("/addrs/{address}?limit={REFERENCES_MAX}{before}")).await?;
        let inputs = page
            .txrefs
            .iter()
            .chain(&page.unconfirmed_txrefs)
            .filter(|reference| reference.tx_input_n >= 0);
        let placed =
            inputs.map(|reference| (reference.tx_hash, u64::try_from(reference.block_height).ok()));
        found.extend(placed.filter(|(_, height)| height.is_none_or(|height| height >= since)));
        let goes_on = |last: &&Reference| {
            page.has_more && u64::try_from(last.block_height).is_ok_and(|height| height >= since)
        };
        match page.txrefs.last() {
            Some(last) if goes_on(&last) => before = format!("&before={}", last.block_height),
            Some(_) | None => return Ok(found),
        }
    }
    Err(endpoint.refused(
        "spenders",
        format!("{address} has more than {PAGES_MAX} pages since block {since}"),
    ))
}
