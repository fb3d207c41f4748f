//! What our scripts have: coins that enough sources list.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex};

use adit_chain::{Endpoint, Fault};
use adit_core::{BlockRef, EndpointName};
use bdk_wallet::bitcoin::{OutPoint, ScriptBuf, Transaction, Txid};
use futures::stream::{self, StreamExt, TryStreamExt};

use super::{ListedCoin, Node};
use crate::COINBASE_MATURITY_BLOCKS;
use crate::money::widen;
use crate::source::SourceCoin;

/// Transactions asked for at once, from all sources together.
const AT_ONCE_MAX: usize = 4;
/// Coins whose origin is remembered. When there are more, all are asked for again.
const ORIGINS_MAX: usize = 20_000;

/// Which young coins are rewards: a transaction's bytes say so, and they never change.
#[derive(Default)]
pub(super) struct Origins(Mutex<HashMap<OutPoint, bool>>);

/// What scripts have.
#[derive(Debug, Default)]
pub(crate) struct Listed {
    pub coins: Vec<ListedCoin>,
    /// Scripts at which fewer list a coin than are needed: there may be one all the same.
    pub doubted: BTreeSet<ScriptBuf>,
}

impl Node {
    /// Unspent outputs of these scripts in the chain that `head` ends. A coin that a transaction in
    /// the mempool spends is not listed; one that only one source knows does not exist.
    ///
    /// # Errors
    /// [`Fault`].
    pub async fn coins(
        &self,
        scripts: &[ScriptBuf],
        head: BlockRef,
    ) -> Result<Vec<ListedCoin>, Fault> {
        Ok(self.listed(scripts, head).await?.coins)
    }

    /// The same, and where too few list something.
    pub(crate) async fn listed(
        &self,
        scripts: &[ScriptBuf],
        head: BlockRef,
    ) -> Result<Listed, Fault> {
        if scripts.is_empty() {
            return Ok(Listed::default());
        }
        let question = async |endpoint: Arc<Endpoint>| {
            let source = self.source(&endpoint);
            source.as_of(head, source.coins(scripts, head)).await
        };
        let said = self.quorum.gather("coins", question).await?;
        let (listed, doubted) = agreed(&said.answers, scripts, self.quorum.needed());
        let with_origin =
            stream::iter(listed).map(|coin| self.with_origin(coin, head)).buffered(AT_ONCE_MAX);
        let coins = with_origin
            .try_collect::<Vec<Option<ListedCoin>>>()
            .await?
            .into_iter()
            .flatten()
            .collect();
        Ok(Listed { coins, doubted })
    }

    /// Whether a young coin is a reward, and whether its transaction makes it at all.
    async fn with_origin(
        &self,
        coin: ListedCoin,
        head: BlockRef,
    ) -> Result<Option<ListedCoin>, Fault> {
        if head.height.saturating_add(1).saturating_sub(coin.height) >= COINBASE_MATURITY_BLOCKS {
            return Ok(Some(coin));
        }
        if let Some(coinbase) = self.origins.of(coin.outpoint) {
            return Ok(Some(ListedCoin { coinbase, ..coin }));
        }
        match self.transaction_at(coin.outpoint.txid, coin.height).await? {
            Some(transaction) if makes(&transaction, &coin) => {
                let coinbase = transaction.is_coinbase();
                self.origins.remember(coin.outpoint, coinbase);
                Ok(Some(ListedCoin { coinbase, ..coin }))
            }
            Some(_) => {
                tracing::error!(
                    chain = %self.config.name,
                    outpoint = %coin.outpoint,
                    "a coin that enough sources list is another one by its transaction"
                );
                Ok(None)
            }
            // Nobody has its bytes now: as long as it may be a reward, it is treated as one.
            None => Ok(Some(ListedCoin { coinbase: true, ..coin })),
        }
    }

    /// A bitcoind without `-txindex` finds it in its block only.
    async fn transaction_at(&self, txid: Txid, height: u64) -> Result<Option<Transaction>, Fault> {
        if let Some(found) = self.transaction(txid).await? {
            return Ok(Some(found));
        }
        match self.blocks_at(&[height]).await?.pop().flatten() {
            Some(block) => self.transaction_in(txid, Some(block.value)).await,
            None => Ok(None),
        }
    }
}

impl Origins {
    fn of(&self, outpoint: OutPoint) -> Option<bool> {
        self.0.lock().expect("nothing panics while it holds this lock").get(&outpoint).copied()
    }

    fn remember(&self, outpoint: OutPoint, coinbase: bool) {
        let mut known = self.0.lock().expect("nothing panics while it holds this lock");
        if known.len() >= ORIGINS_MAX {
            known.clear();
        }
        known.insert(outpoint, coinbase);
    }
}

fn makes(transaction: &Transaction, coin: &ListedCoin) -> bool {
    let output =
        usize::try_from(coin.outpoint.vout).ok().and_then(|vout| transaction.output.get(vout));
    output.is_some_and(|output| {
        widen(output.value) == coin.amount && output.script_pubkey == coin.script
    })
}

/// What enough of them list alike; who lists a coin twice has one vote, and what nobody asked for
/// is no coin.
fn agreed(
    answers: &[(EndpointName, Vec<SourceCoin>)],
    scripts: &[ScriptBuf],
    needed: usize,
) -> (Vec<ListedCoin>, BTreeSet<ScriptBuf>) {
    let ours: BTreeSet<&ScriptBuf> = scripts.iter().collect();
    let mut votes: BTreeMap<&SourceCoin, Vec<EndpointName>> = BTreeMap::new();
    for (name, coins) in answers {
        let once: BTreeSet<&SourceCoin> =
            coins.iter().filter(|coin| ours.contains(&coin.script)).collect();
        once.into_iter().for_each(|coin| votes.entry(coin).or_default().push(name.clone()));
    }
    let (enough, too_few): (Vec<_>, Vec<_>) =
        votes.into_iter().partition(|(_, witnesses)| witnesses.len() >= needed);
    let coin = |(coin, witnesses): (&SourceCoin, Vec<EndpointName>)| {
        let SourceCoin { outpoint, amount, script, height } = coin.clone();
        ListedCoin { outpoint, amount, script, height, coinbase: false, witnesses }
    };
    let doubted = too_few.into_iter().map(|(coin, _)| coin.script.clone()).collect();
    (enough.into_iter().map(coin).collect(), doubted)
}

#[cfg(test)]
mod tests {
    use adit_core::Amount;
    use bdk_wallet::bitcoin::hashes::Hash;

    use super::*;

    fn script(byte: u8) -> ScriptBuf {
        ScriptBuf::from_bytes(vec![0x51, byte])
    }

    fn coin(vout: u32, amount: u128) -> SourceCoin {
        SourceCoin {
            outpoint: OutPoint::new(Txid::all_zeros(), vout),
            amount: Amount::new(amount),
            script: script(1),
            height: 7,
        }
    }

    fn listed(answers: &[Vec<SourceCoin>]) -> Vec<(u32, u128)> {
        let name = |index: usize| EndpointName::new(format!("source:{index}")).expect("a name");
        let answers: Vec<_> =
            answers.iter().enumerate().map(|(index, coins)| (name(index), coins.clone())).collect();
        let (coins, doubted) = agreed(&answers, &[script(1)], 2);
        let is_split =
            answers.iter().any(|(_, coins)| coins.iter().any(|coin| coin.script == script(1)))
                && coins.is_empty();
        assert!(
            !is_split || doubted == [script(1)].into(),
            "where one lists something it is asked again: {doubted:?}"
        );
        coins.into_iter().map(|coin| (coin.outpoint.vout, coin.amount.base_units())).collect()
    }

    #[test]
    fn f39_a_coin_that_only_one_knows_does_not_exist() {
        assert_eq!(listed(&[vec![coin(0, 5), coin(1, 9)], vec![coin(0, 5)], vec![]]), [(0, 5)]);
        assert_eq!(listed(&[vec![coin(0, 5)], vec![coin(0, 6)]]), [], "they do not mean the same");
    }

    #[test]
    fn f39_who_says_it_twice_has_one_vote() {
        assert_eq!(listed(&[vec![coin(0, 5), coin(0, 5)], vec![]]), []);
    }

    #[test]
    fn what_nobody_asked_for_is_no_coin() {
        let foreign = SourceCoin { script: script(2), ..coin(0, 5) };
        assert_eq!(listed(&[vec![foreign.clone()], vec![foreign]]), []);
    }
}
