//! Reading blocks downwards for the wallet's transactions, where no endpoint keeps the state that
//! would name the block at once.
//!
//! A wallet's transactions stand in blocks in the order of their nonces. So the first one met on
//! the way down that has the nonce is the one that consumed it, and one with a lower nonce met
//! before proves that no transaction of the wallet did. No state is asked for.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex};

use adit_chain::{Call, Endpoint, Fault};
use adit_core::BlockRef;
use alloy::primitives::Address;
use serde_json::json;

use crate::node::{Node, read_known};
use crate::rpc::{FullBlock, height};

/// Blocks that one look reads downwards at most; the next look goes on.
pub const SCAN_BLOCKS_PER_LOOK_MAX: u64 = 64;
/// Blocks that are read downwards at most where nothing else is configured, about 3 days of
/// Ethereum and 11 hours of an OP stack chain: a full block is hundreds of kilobytes, and each
/// endpoint is asked for every one.
pub const SCAN_BLOCKS_MAX: u64 = 20_000;
/// Blocks per question.
const BLOCKS_PER_QUESTION: u64 = 4;

/// Per wallet. Forgetting it costs questions, nothing else.
pub(crate) type Scans = Mutex<HashMap<Address, Scan>>;

/// What blocks show of a wallet from `low` up to `top`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scan {
    low: u64,
    top: u64,
    /// The block of each of its transactions there, by nonce.
    sent: BTreeMap<u64, u64>,
    /// Nonces that are known to be consumed at `top`.
    consumed: BTreeSet<u64>,
}

/// How far a scan is with one nonce.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scanned {
    /// Its transaction stands in this block.
    In(u64),
    /// It was consumed within these blocks, and by no transaction of the wallet.
    Without { low: u64, top: u64 },
    /// The next look reads on.
    GoesOn { top: u64 },
    /// As many blocks as are read hold nothing of it.
    GaveUp { low: u64, top: u64 },
}

impl Scan {
    /// Nothing is read yet of the blocks up to `top`, inclusive.
    fn from(top: u64) -> Self {
        Self { low: top + 1, top, sent: BTreeMap::new(), consumed: BTreeSet::new() }
    }

    /// `most`: blocks that are read at most.
    fn told(&self, nonce: u64, most: u64) -> Scanned {
        let (low, top) = (self.low, self.top);
        if let Some(at) = self.sent.get(&nonce) {
            return Scanned::In(*at);
        }
        if let Some((_, below)) = self.sent.range(..nonce).next_back() {
            return Scanned::Without { low: *below, top };
        }
        match top + 1 - low {
            _ if low == 0 => Scanned::Without { low, top },
            read if read >= most => Scanned::GaveUp { low, top },
            _ => Scanned::GoesOn { top },
        }
    }

    /// The blocks to read next. None where no more are needed.
    fn next(&self, nonce: u64, most: u64) -> Option<RangeInclusive<u64>> {
        match self.told(nonce, most) {
            Scanned::GoesOn { .. } => {
                Some(self.low.saturating_sub(BLOCKS_PER_QUESTION)..=self.low - 1)
            }
            Scanned::In(_) | Scanned::Without { .. } | Scanned::GaveUp { .. } => None,
        }
    }

    fn add(&mut self, block: &Sent) {
        self.low = self.low.min(block.at.height);
        self.top = self.top.max(block.at.height);
        self.sent.extend(block.nonces.iter().map(|nonce| (*nonce, block.at.height)));
    }
}

/// What one endpoint shows of the wallet in a block.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Sent {
    at: BlockRef,
    nonces: Vec<u64>,
}

impl Node {
    /// Reads on for the transaction that consumed the nonce, at `top` or below. `budget`: blocks
    /// that this look may still read.
    ///
    /// # Errors
    /// [`Fault`] when too few endpoints answer. A block that too few of them show is read by the
    /// next look.
    pub(crate) async fn scan(
        &self,
        wallet: Address,
        nonce: u64,
        top: u64,
        budget: &mut u64,
        scans: &Scans,
    ) -> Result<Scanned, Fault> {
        let most = self.config.scan_blocks_max;
        let mut scan = recall(scans, wallet).unwrap_or_else(|| Scan::from(top));
        let raised = self.raise(&mut scan, wallet, top, budget).await?;
        if raised {
            scan.consumed.insert(nonce);
        }
        while let Some(heights) = scan.next(nonce, most).filter(|_| raised && *budget > 0) {
            let wanted = heights.clone().count();
            let read = self.sent_in(wallet, heights.rev().collect()).await?;
            *budget = budget.saturating_sub(read.len() as u64);
            read.iter().for_each(|block| scan.add(block));
            if read.len() < wanted {
                break;
            }
        }
        let told = if raised { scan.told(nonce, most) } else { Scanned::GoesOn { top } };
        keep(scans, wallet, scan);
        Ok(told)
    }

    /// Reads the blocks above those that were read, up to `top`: a nonce that was consumed later
    /// may stand there. True once all are read.
    async fn raise(
        &self,
        scan: &mut Scan,
        wallet: Address,
        top: u64,
        budget: &mut u64,
    ) -> Result<bool, Fault> {
        while scan.top < top && *budget > 0 {
            let heights: Vec<u64> =
                (scan.top + 1..=top.min(scan.top.saturating_add(BLOCKS_PER_QUESTION))).collect();
            let wanted = heights.len();
            let read = self.sent_in(wallet, heights).await?;
            *budget = budget.saturating_sub(read.len() as u64);
            read.iter().for_each(|block| scan.add(block));
            if read.len() < wanted {
                break;
            }
        }
        Ok(scan.top >= top)
    }

    /// Whether a block shows the wallet's transaction with this nonce.
    ///
    /// # Errors
    /// [`Fault`] when too few endpoints answer.
    pub(crate) async fn sends_in(
        &self,
        wallet: Address,
        nonce: u64,
        height: u64,
    ) -> Result<bool, Fault> {
        let read = self.sent_in(wallet, vec![height]).await?;
        Ok(read.iter().any(|block| block.nonces.contains(&nonce)))
    }

    /// What these blocks show of the wallet, in this order, up to the first that too few endpoints
    /// show.
    async fn sent_in(&self, wallet: Address, heights: Vec<u64>) -> Result<Vec<Sent>, Fault> {
        let calls: Vec<Call> = heights
            .iter()
            .map(|at| Call::new("eth_getBlockByNumber", json!([height(*at), true])))
            .collect();
        let question = async |endpoint: Arc<Endpoint>| {
            let blocks: Vec<Option<FullBlock>> = read_known(&endpoint, &calls).await?;
            Ok(blocks.into_iter().map(|block| sent(&block?, wallet)).collect())
        };
        let blocks = self
            .quorum
            .ask_each("the wallet's transactions in blocks", heights.len(), question)
            .await?;
        let right = |(at, agreed): (&u64, Option<adit_chain::Agreed<Sent>>)| {
            Some(agreed?.value).filter(|block| block.at.height == *at)
        };
        Ok(heights.iter().zip(blocks).map_while(right).collect())
    }
}

/// None where a transaction of the wallet is shown without its nonce.
fn sent(block: &FullBlock, wallet: Address) -> Option<Sent> {
    let ours = block.transactions.iter().filter(|transaction| transaction.from == wallet);
    let nonces: Option<Vec<u64>> =
        ours.map(|transaction| transaction.nonce.map(|nonce| nonce.to())).collect();
    Some(Sent { at: block.header.at(), nonces: nonces? })
}

/// How far blocks were read for a nonce, where that says all that is needed: no state is asked for
/// again.
pub(crate) fn known(
    scans: &Scans,
    wallet: Address,
    nonce: u64,
    most: u64,
) -> Option<(Scanned, u64)> {
    let scan = recall(scans, wallet).filter(|scan| scan.consumed.contains(&nonce))?;
    Some((scan.told(nonce, most), scan.top))
}

/// What was read does not hold any more: the chain changed below it.
pub(crate) fn forget(scans: &Scans, wallet: Address) {
    scans.lock().expect("nothing panics while it holds this lock").remove(&wallet);
}

fn recall(scans: &Scans, wallet: Address) -> Option<Scan> {
    scans.lock().expect("nothing panics while it holds this lock").get(&wallet).cloned()
}

/// Of two looks at once the one that read further is kept.
fn keep(scans: &Scans, wallet: Address, scan: Scan) {
    let mut scans = scans.lock().expect("nothing panics while it holds this lock");
    match scans.get_mut(&wallet) {
        Some(known) if known.low <= scan.low && known.top >= scan.top => {
            known.consumed.extend(scan.consumed)
        }
        Some(_) | None => drop(scans.insert(wallet, scan)),
    }
}

#[cfg(test)]
mod tests {
    use adit_core::Hash32;

    use super::*;

    fn scan(low: u64, top: u64, sent: &[(u64, u64)]) -> Scan {
        Scan { low, top, sent: sent.iter().copied().collect(), consumed: BTreeSet::new() }
    }

    /// On the way down the nonces fall: a lower one that is met first says that no transaction had
    /// the one that is sought.
    #[test]
    fn a_nonce_is_in_its_block_or_was_passed_or_is_sought_on() {
        for (scan, told) in [
            (scan(90, 99, &[(5, 95)]), Scanned::In(95)),
            (scan(90, 99, &[(4, 91), (6, 97)]), Scanned::Without { low: 91, top: 99 }),
            (scan(90, 99, &[(6, 97)]), Scanned::GoesOn { top: 99 }),
            (scan(0, 99, &[]), Scanned::Without { low: 0, top: 99 }),
            (scan(1, SCAN_BLOCKS_MAX, &[]), Scanned::GaveUp { low: 1, top: SCAN_BLOCKS_MAX }),
            (scan(2, SCAN_BLOCKS_MAX, &[]), Scanned::GoesOn { top: SCAN_BLOCKS_MAX }),
            (Scan::from(7), Scanned::GoesOn { top: 7 }),
        ] {
            assert_eq!(scan.told(5, SCAN_BLOCKS_MAX), told, "{scan:?}");
        }
    }

    #[test]
    fn blocks_are_read_downwards_from_the_top_to_the_first_block() {
        assert_eq!(Scan::from(7).next(5, 100), Some(4..=7));
        assert_eq!(scan(2, 7, &[]).next(5, 100), Some(0..=1));
        assert_eq!(scan(0, 7, &[]).next(5, 100), None);
        assert_eq!(scan(4, 7, &[(5, 4)]).next(5, 100), None);
    }

    #[test]
    fn the_look_that_read_further_is_kept_and_what_both_know_is_joined() {
        let (scans, wallet) = (Scans::default(), Address::ZERO);
        keep(&scans, wallet, Scan { consumed: BTreeSet::from([5]), ..scan(80, 99, &[]) });
        keep(&scans, wallet, Scan { consumed: BTreeSet::from([6]), ..scan(90, 99, &[]) });
        assert_eq!(known(&scans, wallet, 6, 100), Some((Scanned::GoesOn { top: 99 }, 99)));
        assert_eq!(
            recall(&scans, wallet).map(|scan| (scan.low, scan.consumed.len())),
            Some((80, 2))
        );
        assert_eq!(known(&scans, wallet, 7, 100), None);
        forget(&scans, wallet);
        assert_eq!(recall(&scans, wallet), None);
    }

    #[test]
    fn a_block_widens_what_was_read() {
        let mut read = Scan::from(7);
        for (height, nonces) in [(7, vec![]), (6, vec![8, 9])] {
            read.add(&Sent { at: BlockRef { height, hash: Hash32([7; 32]) }, nonces });
        }
        assert_eq!(read, scan(6, 7, &[(8, 6), (9, 6)]));
    }
}
