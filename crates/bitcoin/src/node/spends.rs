//! What became of outputs, and where transactions are: by the spent outpoint first, because an id
//! alone proves nothing (window F65).

use std::sync::Arc;

use adit_chain::{Agreed, Endpoint, Fault, tally_each};
use adit_core::{BlockRef, EndpointName};
use bdk_wallet::bitcoin::{Transaction, Txid};

use super::{Node, OutpointState, Sought, SpendReading, TransactionState};
use crate::source::SourceSpend;

impl Node {
    /// What became of each outpoint, in the chain that `head` ends; answers in the same order.
    /// `since` is the lowest height at which one may have been spent: a bitcoind searches
    /// [`SEARCH_BLOCKS_MAX`](crate::SEARCH_BLOCKS_MAX) blocks from there.
    ///
    /// An output number that a transaction does not have is not told from an unspent one by every
    /// source: ask about real outputs.
    ///
    /// # Errors
    /// [`Fault`].
    pub async fn spends(
        &self,
        sought: &[Sought],
        since: u64,
        head: BlockRef,
    ) -> Result<Vec<SpendReading>, Fault> {
        if sought.is_empty() {
            return Ok(Vec::new());
        }
        let question = async |endpoint: Arc<Endpoint>| {
            let source = self.source(&endpoint);
            source.as_of(head, source.spends(sought, since, head)).await
        };
        let said = self.quorum.gather("spent outputs", question).await?;
        Ok(agreed(&said.answers, sought.len(), self.quorum.needed()))
    }

    /// Where each transaction is, in the chain that `head` ends; `None` where too few know or
    /// agree.
    ///
    /// # Errors
    /// [`Fault`].
    pub async fn places(
        &self,
        txids: &[Txid],
        head: BlockRef,
    ) -> Result<Vec<Option<Agreed<TransactionState>>>, Fault> {
        let question = async |endpoint: Arc<Endpoint>| {
            let source = self.source(&endpoint);
            source.as_of(head, source.places(txids, head)).await
        };
        self.quorum.ask_each("transactions", txids.len(), question).await
    }

    /// A transaction, from whoever has it: the bytes prove themselves by their id. `None` when
    /// nobody who answered has it, which proves nothing.
    ///
    /// # Errors
    /// [`Fault`], when nobody answered.
    pub async fn transaction(&self, txid: Txid) -> Result<Option<Transaction>, Fault> {
        self.transaction_in(txid, None).await
    }

    /// The same where its block is known, in which a bitcoind without `-txindex` finds it.
    ///
    /// # Errors
    /// [`Fault`], when nobody answered.
    pub async fn transaction_in(
        &self,
        txid: Txid,
        block: Option<BlockRef>,
    ) -> Result<Option<Transaction>, Fault> {
        let question =
            async |endpoint: Arc<Endpoint>| self.source(&endpoint).transaction(txid, block).await;
        self.quorum.find("a transaction", question).await
    }
}

fn agreed(
    answers: &[(EndpointName, Vec<SourceSpend>)],
    places: usize,
    needed: usize,
) -> Vec<SpendReading> {
    let states: Vec<(EndpointName, Vec<Option<OutpointState>>)> = answers
        .iter()
        .map(|(name, spends)| (name.clone(), spends.iter().map(|spend| spend.state).collect()))
        .collect();
    let pending = |place: usize| {
        let of = |(name, spends): &(EndpointName, Vec<SourceSpend>)| {
            Some((name.clone(), spends.get(place)?.pending?))
        };
        answers.iter().filter_map(of).collect()
    };
    let readings = tally_each(&states, places, needed).into_iter().enumerate();
    readings.map(|(place, state)| SpendReading { state, pending: pending(place) }).collect()
}

impl TransactionState {
    /// A block above the head is none yet.
    pub(crate) fn of(block: Option<BlockRef>, head: BlockRef) -> Self {
        match block.filter(|block| block.height <= head.height) {
            Some(block) => Self::Confirmed { block },
            None => Self::NotInChain,
        }
    }
}

#[cfg(test)]
mod tests {
    use adit_core::Hash32;
    use bdk_wallet::bitcoin::hashes::Hash;

    use super::*;

    const BLOCK: BlockRef = BlockRef { height: 7, hash: Hash32([7; 32]) };

    fn txid(byte: u8) -> Txid {
        Txid::from_byte_array([byte; 32])
    }

    fn spent(by: u8) -> SourceSpend {
        SourceSpend {
            state: Some(OutpointState::Spent { by: txid(by), block: BLOCK }),
            pending: None,
        }
    }

    fn reading(said: &[SourceSpend]) -> SpendReading {
        let name = |index: usize| EndpointName::new(format!("source:{index}")).expect("a name");
        let answers: Vec<_> =
            said.iter().enumerate().map(|(index, spend)| (name(index), vec![*spend])).collect();
        agreed(&answers, 1, 2).remove(0)
    }

    fn state(said: &[SourceSpend]) -> Option<OutpointState> {
        reading(said).state.map(|agreed| agreed.value)
    }

    #[test]
    fn f65_a_spender_is_who_enough_say_it_is() {
        assert_eq!(state(&[spent(1), spent(1), spent(2)]), spent(1).state);
        assert_eq!(state(&[spent(1), spent(2)]), None);
        assert_eq!(state(&[spent(1), SourceSpend::default()]), None, "not knowing is no vote");
    }

    #[test]
    fn f64_a_mempool_is_told_apart_and_proves_nothing() {
        let waiting = SourceSpend { state: Some(OutpointState::Unspent), pending: Some(txid(1)) };
        let unspent = SourceSpend { state: Some(OutpointState::Unspent), pending: None };
        let reading = reading(&[waiting, unspent]);
        assert_eq!(reading.state.map(|agreed| agreed.value), Some(OutpointState::Unspent));
        assert_eq!(
            reading.pending.into_iter().map(|(_, txid)| txid).collect::<Vec<_>>(),
            [txid(1)]
        );
    }

    #[test]
    fn a_block_above_the_head_is_none_yet() {
        assert_eq!(
            TransactionState::of(Some(BLOCK), BLOCK),
            TransactionState::Confirmed { block: BLOCK }
        );
        assert_eq!(
            TransactionState::of(Some(BLOCK), BlockRef { height: 6, ..BLOCK }),
            TransactionState::NotInChain
        );
    }
}
