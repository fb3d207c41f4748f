//! What waits in the mempool, and which of it is mined while blocks are dear.

use std::collections::{BTreeMap, BTreeSet};

use bitcoin::{Amount, Txid};
use serde::Deserialize;

/// What bitcoind says of one transaction in its mempool.
#[derive(Debug, Clone, Deserialize)]
pub struct Waiting {
    #[serde(rename = "vsize")]
    pub vbytes: u64,
    /// Unmined transactions that it needs, itself counted.
    #[serde(rename = "ancestorcount")]
    pub ancestors: u64,
    pub fees: WaitingFees,
    /// Unmined transactions whose outputs it spends.
    pub depends: Vec<Txid>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct WaitingFees {
    #[serde(with = "bitcoin::amount::serde::as_btc")]
    pub base: Amount,
}

/// Those that pay at least so much, parents before their children. Who spends an output of one that
/// stays behind stays behind, too.
pub fn above(mempool: &BTreeMap<Txid, Waiting>, sat_per_vbyte: u64) -> Vec<Txid> {
    let mut entries: Vec<(&Txid, &Waiting)> = mempool.iter().collect();
    entries.sort_by_key(|(_, waiting)| waiting.ancestors);
    let (mut taken, mut order) = (BTreeSet::new(), Vec::new());
    for (txid, waiting) in entries {
        let pays = waiting.fees.base.to_sat() >= waiting.vbytes * sat_per_vbyte;
        if pays && waiting.depends.iter().all(|parent| taken.contains(parent)) {
            taken.insert(*txid);
            order.push(*txid);
        }
    }
    order
}

#[cfg(test)]
mod tests {
    use bitcoin::hashes::Hash;

    use super::*;

    fn txid(number: u8) -> Txid {
        Txid::from_byte_array([number; 32])
    }

    fn waiting(fee: u64, depends: &[u8]) -> Waiting {
        let fees = WaitingFees { base: Amount::from_sat(fee) };
        Waiting {
            vbytes: 100,
            ancestors: depends.len() as u64 + 1,
            fees,
            depends: depends.iter().map(|number| txid(*number)).collect(),
        }
    }

    #[test]
    fn what_pays_enough_is_taken_with_its_parents_or_not_at_all() {
        let mempool = BTreeMap::from([
            (txid(1), waiting(2_000, &[9])),
            (txid(9), waiting(2_000, &[])),
            (txid(2), waiting(1_999, &[])),
            (txid(3), waiting(9_000, &[2])),
        ]);
        assert_eq!(above(&mempool, 20), [txid(9), txid(1)]);
        assert_eq!(above(&mempool, 21), []);
    }
}
