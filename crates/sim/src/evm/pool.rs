//! What one node keeps of the wallet's unmined transactions, by the rules of geth's pool and in its
//! words.
//!
//! Nothing is removed when it is mined: what is below the state's nonce is not looked at, so after
//! a reorganisation it is there again, as in geth. What is final is forgotten by
//! [`NodePool::forget_below`].

use std::collections::BTreeMap;
use std::sync::Arc;

use adit_chain::RpcError;
use alloy::primitives::{B256, U256};

use super::execution::TRANSFER_GAS;
use super::rpc::refused;
use super::transaction::Transaction;
use crate::Dice;

/// A replacement must offer so much more on both fee fields (geth, `core/txpool/legacypool`,
/// `PriceBump`).
const PRICE_BUMP_PERCENT: u128 = 10;
/// Transactions of one account that wait for an earlier one (geth, `AccountQueue`).
pub const QUEUED_TRANSACTIONS_MAX: usize = 64;

/// The sender as the node's newest state has it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Account {
    pub nonce: u64,
    pub coins: u128,
}

#[derive(Debug, Default)]
pub(crate) struct NodePool {
    versions: BTreeMap<u64, Arc<Transaction>>,
    /// Accepts, and tells nobody.
    pub swallows: bool,
}

impl NodePool {
    /// Takes it, or says why not. True when it is still there afterwards: geth accepts what it then
    /// drops from a long queue.
    ///
    /// # Errors
    /// [`RpcError`] in geth's words.
    pub(crate) fn offer(
        &mut self,
        offered: &Arc<Transaction>,
        account: Account,
    ) -> Result<bool, RpcError> {
        if self.find(offered.hash).is_some_and(|known| known.nonce >= account.nonce) {
            return Err(refused("already known".to_owned()));
        }
        well_formed(offered)?;
        if offered.nonce < account.nonce {
            return Err(refused(format!(
                "nonce too low: next nonce {}, tx nonce {}",
                account.nonce, offered.nonce
            )));
        }
        self.affordable(offered, account)?;
        if let Some(old) = self.versions.get(&offered.nonce)
            && !outbids(offered, old)
        {
            return Err(refused("replacement transaction underpriced".to_owned()));
        }
        self.versions.insert(offered.nonce, offered.clone());
        self.shorten_queue(account.nonce);
        Ok(self.find(offered.hash).is_some())
    }

    pub(crate) fn find(&self, hash: B256) -> Option<&Arc<Transaction>> {
        self.versions.values().find(|transaction| transaction.hash == hash)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = (u64, B256)> {
        self.versions.iter().map(|(nonce, transaction)| (*nonce, transaction.hash))
    }

    /// The next nonce that nothing here uses.
    pub(crate) fn pending_nonce(&self, nonce: u64) -> u64 {
        nonce + self.executable(nonce).count() as u64
    }

    pub(crate) fn forget_below(&mut self, nonce: u64) {
        if self.versions.keys().next().is_some_and(|first| *first < nonce) {
            self.versions = self.versions.split_off(&nonce);
        }
    }

    /// Keeps each with so many chances in a thousand.
    pub(crate) fn thin(&mut self, kept_permille: u32, dice: &mut Dice) {
        self.versions.retain(|_, _| dice.chance(kept_permille));
    }

    /// Those that could be mined one after the other.
    fn executable(&self, nonce: u64) -> impl Iterator<Item = &Arc<Transaction>> {
        self.versions
            .range(nonce..)
            .zip(nonce..)
            .take_while(|((at, _), next)| **at == *next)
            .map(|((_, transaction), _)| transaction)
    }

    fn affordable(&self, offered: &Transaction, account: Account) -> Result<(), RpcError> {
        let (balance, cost) = (U256::from(account.coins), offered.cost_max());
        let words = "insufficient funds for gas * price + value";
        if balance < cost {
            return Err(refused(format!(
                "{words}: balance {balance}, tx cost {cost}, overshot {}",
                cost - balance
            )));
        }
        let others = self.executable(account.nonce).filter(|other| other.nonce != offered.nonce);
        let queued = others.fold(U256::ZERO, |sum, other| sum.saturating_add(other.cost_max()));
        let needed = queued.saturating_add(cost);
        if balance < needed {
            let overshot = needed - balance;
            return Err(refused(format!(
                "{words}: balance {balance}, queued cost {queued}, tx cost {cost}, overshot \
                 {overshot}"
            )));
        }
        Ok(())
    }

    fn shorten_queue(&mut self, nonce: u64) {
        let queued_from = self.pending_nonce(nonce);
        while self.versions.range(queued_from..).count() > QUEUED_TRANSACTIONS_MAX {
            self.versions.pop_last();
        }
    }
}

fn well_formed(offered: &Transaction) -> Result<(), RpcError> {
    let Transaction { gas_limit, tip, max_fee, .. } = *offered;
    if tip > max_fee {
        let detail = format!("maxPriorityFeePerGas: {tip}, maxFeePerGas: {max_fee}");
        return Err(refused(format!(
            "max priority fee per gas higher than max fee per gas: {detail}"
        )));
    }
    if gas_limit < TRANSFER_GAS {
        return Err(refused(format!(
            "intrinsic gas too low: gas {gas_limit}, minimum needed {TRANSFER_GAS}"
        )));
    }
    Ok(())
}

fn outbids(new: &Transaction, old: &Transaction) -> bool {
    let more = |new: u128, old: u128| {
        new > old && new >= old.saturating_add(old.saturating_mul(PRICE_BUMP_PERCENT) / 100)
    };
    more(new.max_fee, old.max_fee) && more(new.tip, old.tip)
}
