//! Who spends from our scripts: what each source says, whether or not others agree. Whoever spends from them has our key.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use adit_chain::{Endpoint, Fault};
use adit_core::{BlockRef, EndpointName};
use bdk_wallet::bitcoin::{ScriptBuf, Txid};

use super::{Node, TransactionState};
use crate::source::SourceSpender;

/// Scripts of ours that nothing is known to be at: where something is, a transaction that we do not remember made change.
#[derive(Debug, Clone, Default)]
pub struct Fresh(pub HashSet<ScriptBuf>);

/// A transaction that spends from scripts of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spender {
    pub txid: Txid,
    /// The block that holds it, as a quorum says; none while it waits in a pool, or is only said to be mined.
    pub block: Option<BlockRef>,
    /// Who tells of it.
    pub witnesses: Vec<EndpointName>,
}

impl Node {
    /// The transactions that spend from these scripts, in blocks from `since` to `head` and in any source's mempool.
    ///
    /// # Errors
    /// [`Fault`], when too few answered.
    pub async fn spenders(&self, scripts: &[ScriptBuf], fresh: &Fresh, since: u64, head: BlockRef) -> Result<Vec<Spender>, Fault> {
        let question = async |endpoint: Arc<Endpoint>| {
            let source = self.source(&endpoint);
            source.as_of(head, source.spenders(scripts, fresh, since, head)).await
        };
        let said = self.quorum.gather("spenders of the wallet's coins", question).await?;
        let told = told(&said.answers);
        let agreed = self.agreed_heights(&told, head).await?;
        let heights: Vec<u64> = agreed.values().copied().collect::<BTreeSet<u64>>().into_iter().collect();
        let blocks = self.blocks_at(&heights).await?.into_iter().map(|block| block.map(|agreed| agreed.value));
        let blocks: BTreeMap<u64, Option<BlockRef>> = heights.iter().copied().zip(blocks).collect();
        let block = |txid: &Txid| blocks.get(agreed.get(txid)?).copied().flatten();
        Ok(told.into_iter().map(|(txid, said)| Spender { txid, block: block(&txid), witnesses: said.into_keys().collect() }).collect())
    }

    /// The heights on which enough of those agree who tell of it; where too few do, all are asked for the transaction itself.
    async fn agreed_heights(&self, told: &Told, head: BlockRef) -> Result<BTreeMap<Txid, u64>, Fault> {
        let needed = self.quorum.needed();
        let (mut agreed, mut open) = (BTreeMap::new(), Vec::new());
        for (txid, said) in told {
            let votes = |height: u64| said.values().filter(|one| **one == Some(height)).count();
            match said.values().flatten().find(|height| votes(**height) >= needed) {
                Some(height) => drop(agreed.insert(*txid, *height)),
                None if said.values().any(Option::is_some) => open.push(*txid),
                None => {}
            }
        }
        for (txid, place) in open.iter().zip(self.places(&open, head).await?) {
            if let Some(TransactionState::Confirmed { block }) = place.map(|agreed| agreed.value) {
                agreed.insert(*txid, block.height);
            }
        }
        Ok(agreed)
    }
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
