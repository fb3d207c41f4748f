//! Who spends from our scripts: what each source says, whether or not others agree. Whoever spends
//! from them has our key.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use adit_chain::{Endpoint, Fault};
use adit_core::{BlockRef, EndpointName};
use bdk_wallet::bitcoin::{ScriptBuf, Txid};

use super::Node;
use crate::source::SourceSpender;

/// Scripts of ours that nothing is known to be at: where something is, a transaction that we do not
/// remember made change.
#[derive(Debug, Clone, Default)]
pub struct Fresh(pub HashSet<ScriptBuf>);

/// A transaction that spends from scripts of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spender {
    pub txid: Txid,
    /// The block that holds it, as a quorum says; none while it waits in a pool, or is only said to
    /// be mined.
    pub block: Option<BlockRef>,
    /// The height at which somebody says that it is mined.
    pub said_at: Option<u64>,
    /// Who tells of it.
    pub witnesses: Vec<EndpointName>,
}

impl Node {
    /// The transactions that spend from these scripts, in blocks from `since` to `head` and in any
    /// source's mempool.
    ///
    /// # Errors
    /// [`Fault`], when too few answered.
    pub async fn spenders(
        &self,
        scripts: &[ScriptBuf],
        fresh: &Fresh,
        since: u64,
        head: BlockRef,
    ) -> Result<Vec<Spender>, Fault> {
        let question = async |endpoint: Arc<Endpoint>| {
            let source = self.source(&endpoint);
            source.as_of(head, source.spenders(scripts, fresh, since, head)).await
        };
        let said = self.quorum.gather("spenders of the wallet's coins", question).await?;
        let told = told(&said.answers);
        let agreed = agreed_heights(&told, self.quorum.needed());
        let heights: Vec<u64> =
            agreed.values().copied().collect::<BTreeSet<u64>>().into_iter().collect();
        let blocks = self
            .blocks_at(&heights)
            .await?
            .into_iter()
            .map(|block| block.map(|agreed| agreed.value));
        let blocks: BTreeMap<u64, Option<BlockRef>> = heights.iter().copied().zip(blocks).collect();
        let block = |txid: &Txid| blocks.get(agreed.get(txid)?).copied().flatten();
        let spender = |(txid, said): (Txid, BTreeMap<EndpointName, Option<u64>>)| {
            let said_at = said.values().flatten().max().copied();
            Spender { txid, block: block(&txid), said_at, witnesses: said.into_keys().collect() }
        };
        Ok(told.into_iter().map(spender).collect())
    }
}

/// The heights on which enough of those agree who tell of it.
fn agreed_heights(told: &Told, needed: usize) -> BTreeMap<Txid, u64> {
    let agreed = |(txid, said): (&Txid, &BTreeMap<EndpointName, Option<u64>>)| {
        let votes = |height: u64| said.values().filter(|one| **one == Some(height)).count();
        let height = said.values().flatten().find(|height| votes(**height) >= needed)?;
        Some((*txid, *height))
    };
    told.iter().filter_map(agreed).collect()
}

/// By transaction: who tells of it, and at which height.
type Told = BTreeMap<Txid, BTreeMap<EndpointName, Option<u64>>>;

fn told(answers: &[(EndpointName, BTreeSet<SourceSpender>)]) -> Told {
    let mut told = Told::new();
    for (name, spenders) in answers {
        for spender in spenders {
            told.entry(spender.txid).or_default().insert(name.clone(), spender.height);
        }
    }
    told
}
