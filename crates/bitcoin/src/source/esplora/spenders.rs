//! Who spends from scripts: their histories, newest first.

use std::collections::BTreeSet;

use adit_chain::{Endpoint, Fault};
use adit_core::BlockRef;
use bdk_wallet::bitcoin::hashes::{Hash, sha256};
use bdk_wallet::bitcoin::{ScriptBuf, Txid};
use serde::Deserialize;

use super::{AT_ONCE_MAX, Status, json, there};
use crate::source::SourceSpender;
use crate::source::read::each;

/// Pages of one script's history, each of 25 transactions in blocks.
const PAGES_MAX: usize = 100;

#[derive(Deserialize)]
struct Listed {
    txid: Txid,
    vin: Vec<Input>,
    status: Status,
}

#[derive(Deserialize)]
struct Input {
    /// None of a reward.
    prevout: Option<Output>,
}

#[derive(Deserialize)]
struct Output {
    scriptpubkey: ScriptBuf,
}

pub(in crate::source) async fn spenders(
    endpoint: &Endpoint,
    scripts: &[ScriptBuf],
    since: u64,
    head: BlockRef,
) -> Result<BTreeSet<SourceSpender>, Fault> {
    let all =
        each(AT_ONCE_MAX, scripts.iter().map(|script| history(endpoint, script, since)).collect())
            .await?;
    let ours: BTreeSet<&ScriptBuf> = scripts.iter().collect();
    let spends = |listed: &Listed| {
        listed
            .vin
            .iter()
            .filter_map(|input| input.prevout.as_ref())
            .any(|out| ours.contains(&out.scriptpubkey))
    };
    let spender = |listed: Listed| {
        let height =
            listed.status.block().map(|block| block.height).filter(|height| *height <= head.height);
        spends(&listed).then_some(SourceSpender { txid: listed.txid, height })
    };
    Ok(all.into_iter().flatten().filter_map(spender).collect())
}

/// In the mempool, and in blocks from `since` on.
async fn history(
    endpoint: &Endpoint,
    script: &ScriptBuf,
    since: u64,
) -> Result<Vec<Listed>, Fault> {
    let of = format!("/scripthash/{}/txs", sha256::Hash::hash(script.as_bytes()));
    let mut found: Vec<Listed> = there(endpoint, &of, json).await?;
    let height = |listed: &Listed| listed.status.block().map(|block| block.height);
    let mut last = found.last().and_then(|last| Some((last.txid, height(last)?)));
    for _ in 0..PAGES_MAX {
        let Some((txid, _)) = last.filter(|(_, height)| *height >= since) else {
            found.retain(|listed| height(listed).is_none_or(|height| height >= since));
            return Ok(found);
        };
        let page: Vec<Listed> = there(endpoint, &format!("{of}/chain/{txid}"), json).await?;
        last = page.last().and_then(|last| Some((last.txid, height(last)?)));
        found.extend(page);
    }
    Err(endpoint.refused(&of, format!("it has more than {PAGES_MAX} pages since block {since}")))
}
