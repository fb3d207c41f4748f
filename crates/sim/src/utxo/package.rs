//! Families of transactions: who stands on whom.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bitcoin::Txid;

use super::transaction::Tx;

/// Those of `all` that a transaction stands on, directly or not.
pub(crate) fn ancestors<'a>(all: &'a BTreeMap<Txid, Arc<Tx>>, tx: &Tx) -> Vec<&'a Arc<Tx>> {
    let mut found: BTreeMap<Txid, &Arc<Tx>> = BTreeMap::new();
    let mut open: Vec<Txid> = tx.inputs().map(|spent| spent.txid).collect();
    while let Some(txid) = open.pop() {
        if let Some(parent) = all.get(&txid)
            && found.insert(txid, parent).is_none()
        {
            open.extend(parent.inputs().map(|spent| spent.txid));
        }
    }
    found.into_values().collect()
}

/// These and whatever of `all` stands on them.
pub(crate) fn with_descendants(
    all: &BTreeMap<Txid, Arc<Tx>>,
    of: impl IntoIterator<Item = Txid>,
) -> BTreeSet<Txid> {
    let mut found: BTreeSet<Txid> = of.into_iter().collect();
    loop {
        let stands = |tx: &&Arc<Tx>| {
            !found.contains(&tx.txid) && tx.inputs().any(|spent| found.contains(&spent.txid))
        };
        let more: Vec<Txid> = all.values().filter(stands).map(|tx| tx.txid).collect();
        if more.is_empty() {
            return found;
        }
        found.extend(more);
    }
}
