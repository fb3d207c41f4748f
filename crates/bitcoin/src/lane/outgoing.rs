//! What spends the wallet's coins, whether or not we remember it (cases F89, F91).

use adit_chain::{Fault, Foreign, Watch};
use adit_core::{BlockRef, Keychain, Place};
use bdk_wallet::bitcoin::{ScriptBuf, Transaction, TxIn};

use super::BitcoinLane;
use super::watch::stranger::Told;
use crate::node::{Fresh, Spender};
use crate::{GAP_LIMIT, OutpointState, Sought, hash_of};

/// How often the wallet's scripts are followed further than they were known to be used: each time
/// by up to [`GAP_LIMIT`] payments.
const FURTHER_MAX: usize = 200;
/// Blocks that are searched where it is not known which were.
const BLOCKS_UNKNOWN: u64 = 63;

impl BitcoinLane {
    /// Returns the wallet's transactions in blocks that the trail does not have, and in pools.
    /// Change is followed to where it ends.
    pub(super) async fn outgoing_since(&self, watch: &Watch) -> Result<Vec<Foreign>, Fault> {
        let head = self.head().await?.block;
        let since = self.unsearched(watch, head.height).await?;
        let mut next = watch.next_nonce;
        for _ in 0..FURTHER_MAX {
            self.reveal(next);
            let (scripts, fresh) = self.derived(watch.next_nonce);
            let (mut outgoing, mut used) = (Vec::new(), 0);
            for mut spender in self.node.spenders(&scripts, &fresh, since, head).await? {
                let transaction = self.node.transaction_in(spender.txid, spender.block).await?;
                if !self.placed(&mut spender, transaction.as_ref(), since, head).await? {
                    continue;
                }
                let told = Told { lane: self, transaction };
                used = used.max(told.change_number().map_or(0, |number| number + 1));
                outgoing.push(told.spender(&spender, watch.next_nonce));
            }
            if used <= next {
                return Ok(outgoing);
            }
            next = used;
        }
        let detail = format!(
            "the wallet was used for more than {} payments that are not in the book",
            FURTHER_MAX * GAP_LIMIT as usize
        );
        Err(Fault::Unreachable { chain: self.name().to_string(), answered: 0, needed: 1, detail })
    }

    /// Returns the scripts that are derived by now and may hold a coin, and those of change from
    /// this number on. Who spends from the wallet spends a coin that it had when the trail ends, or
    /// change of such a spender (case F100).
    fn derived(&self, next: u64) -> (Vec<ScriptBuf>, Fresh) {
        let (scripts, kept) = (self.scripts(), self.holdings.kept());
        let may_hold = |place: &Place| {
            place.keychain == Keychain::External || kept.may_hold(place.index.into())
        };
        let is_fresh =
            |place: &Place| place.keychain == Keychain::Internal && u64::from(place.index) >= next;
        let fresh = scripts
            .all()
            .filter(|(_, place)| is_fresh(place))
            .map(|(script, _)| script.clone())
            .collect();
        (
            scripts
                .all()
                .filter(|(_, place)| may_hold(place))
                .map(|(script, _)| script.clone())
                .collect(),
            Fresh(fresh),
        )
    }

    /// Asks for what became of a coin that it spends, where too few tell of its block: who has no
    /// index looks in the block that one names. False where another one has taken the coin for
    /// good: it waits for nothing any more.
    async fn placed(
        &self,
        spender: &mut Spender,
        bytes: Option<&Transaction>,
        since: u64,
        head: BlockRef,
    ) -> Result<bool, Fault> {
        let Some(transaction) = bytes.filter(|_| spender.block.is_none()) else { return Ok(true) };
        let sought = |input: &TxIn| Sought {
            outpoint: input.previous_output,
            candidates: vec![spender.txid],
            seen_at: spender.said_at,
        };
        let sought: Vec<Sought> = transaction.input.iter().map(sought).collect();
        let mut stands = true;
        for reading in self.node.spends(&sought, since, head).await? {
            let Some(OutpointState::Spent { by, block }) = reading.state.map(|agreed| agreed.value)
            else {
                continue;
            };
            let deep =
                block.height.saturating_add(u64::from(self.settings.final_blocks)) <= head.height;
            match by == spender.txid {
                true => spender.block = Some(block),
                false => stands &= !deep,
            }
        }
        Ok(stands)
    }

    /// The lowest block that no look has searched: above the newest of the trail that the chain
    /// still has.
    async fn unsearched(&self, watch: &Watch, head: u64) -> Result<u64, Fault> {
        let newest = watch.trail.last().filter(|block| block.height <= head);
        if let Some(newest) = newest
            && self
                .node
                .blocks_at(&[newest.height])
                .await?
                .pop()
                .flatten()
                .is_some_and(|now| now.value == *newest)
        {
            return Ok(newest.height + 1);
        }
        let heights: Vec<u64> = watch.trail.iter().map(|block| block.height).collect();
        let standing = self.node.blocks_at(&heights).await?.into_iter().zip(&watch.trail);
        let newest = standing
            .filter(|(now, then)| now.as_ref().is_some_and(|now| now.value == **then))
            .map(|(_, then)| then.height)
            .max();
        let oldest = watch
            .trail
            .first()
            .map_or_else(|| head.saturating_sub(BLOCKS_UNKNOWN), |block| block.height);
        Ok(newest.map_or(oldest, |newest| newest + 1))
    }
}

impl Told<'_> {
    fn spender(&self, spender: &Spender, number: u64) -> Foreign {
        let who = spender.witnesses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let hash = Some(hash_of(spender.txid));
        let decoded = match spender.block {
            Some(_) => self.words(),
            None => format!("{}, in no block yet, as {who} says", self.words()),
        };
        Foreign { hash, decoded, block: spender.block, ..self.found(number) }
    }
}
