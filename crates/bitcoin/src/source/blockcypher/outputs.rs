//! Outputs: what an address has, and who spent one.

use adit_chain::{Endpoint, Fault};
use adit_core::{Amount, BlockRef};
use bdk_wallet::bitcoin::{Address, OutPoint, ScriptBuf, Txid};
use serde::Deserialize;

use super::transaction::shown;
use super::{AT_ONCE_MAX, there};
use crate::Network;
use crate::node::{OutpointState, Sought};
use crate::source::read::each;
use crate::source::{SourceCoin, SourceSpend};

/// References in one answer, and answers for one address: a script with more coins than both allow
/// is not for this API.
pub(super) const REFERENCES_MAX: usize = 2_000;
pub(super) const PAGES_MAX: usize = 10;

#[derive(Deserialize)]
struct Listed {
    #[serde(default)]
    txrefs: Vec<Reference>,
    #[serde(default, rename = "hasMore")]
    has_more: bool,
}

#[derive(Deserialize)]
struct Reference {
    tx_hash: Txid,
    block_height: i64,
    tx_output_n: i64,
    value: u64,
    #[serde(default)]
    spent: bool,
}

pub(in crate::source) async fn coins(
    endpoint: &Endpoint,
    network: Network,
    scripts: &[ScriptBuf],
) -> Result<Vec<SourceCoin>, Fault> {
    let all = each(
        AT_ONCE_MAX,
        scripts.iter().map(|script| coins_of(endpoint, network, script)).collect(),
    )
    .await?;
    Ok(all.into_iter().flatten().collect())
}

async fn coins_of(
    endpoint: &Endpoint,
    network: Network,
    script: &ScriptBuf,
) -> Result<Vec<SourceCoin>, Fault> {
    let address = Address::from_script(script, network.inner());
    let address = address.map_err(|error| {
        endpoint.refused("coins", format!("it lists addresses, and {script} has none: {error}"))
    })?;
    let mut coins = Vec::new();
    let mut before = String::new();
    for _ in 0..PAGES_MAX {
        let path = format!("/addrs/{address}?unspentOnly=true&limit={REFERENCES_MAX}{before}");
        let page: Listed = there(endpoint, &path).await?;
        coins.extend(page.txrefs.iter().filter_map(|reference| reference.coin(script)));
        match page.txrefs.last() {
            Some(last) if page.has_more => before = format!("&before={}", last.block_height),
            Some(_) | None => return Ok(coins),
        }
    }
    Err(endpoint.refused("coins", format!("{address} has more than {PAGES_MAX} pages of them")))
}

impl Reference {
    /// Nothing of an input, of what is spent, or in no block.
    fn coin(&self, script: &ScriptBuf) -> Option<SourceCoin> {
        let vout = u32::try_from(self.tx_output_n).ok().filter(|_| !self.spent)?;
        let height = u64::try_from(self.block_height).ok()?;
        let (outpoint, amount) =
            (OutPoint::new(self.tx_hash, vout), Amount::new(u128::from(self.value)));
        Some(SourceCoin { outpoint, amount, script: script.clone(), height })
    }
}

pub(in crate::source) async fn spends(
    endpoint: &Endpoint,
    sought: &[Sought],
    head: BlockRef,
) -> Result<Vec<SourceSpend>, Fault> {
    each(AT_ONCE_MAX, sought.iter().map(|sought| spend(endpoint, sought.outpoint, head)).collect())
        .await
}

async fn spend(
    endpoint: &Endpoint,
    OutPoint { txid, vout }: OutPoint,
    head: BlockRef,
) -> Result<SourceSpend, Fault> {
    let made = shown(endpoint, txid, &format!("&outstart={vout}")).await?;
    let exists = made
        .as_ref()
        .and_then(|made| made.block())
        .is_some_and(|block| block.height <= head.height);
    let Some(output) = made.as_ref().and_then(|made| made.outputs.first()) else {
        return Ok(SourceSpend::known(OutpointState::Absent));
    };
    let block = match output.spent_by {
        Some(by) => shown(endpoint, by, "").await?.and_then(|spender| spender.block()),
        None => None,
    };
    if let (Some(by), Some(block)) =
        (output.spent_by, block.filter(|block| exists && block.height <= head.height))
    {
        return Ok(SourceSpend::known(OutpointState::Spent { by, block }));
    }
    let state = if exists { OutpointState::Unspent } else { OutpointState::Absent };
    Ok(SourceSpend { state: Some(state), pending: output.spent_by })
}
