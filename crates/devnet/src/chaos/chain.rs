//! What the chain alone says: every transaction of the wallet, whom it paid, and what it cost.

use std::collections::BTreeMap;

use alloy::sol_types::SolEvent;
use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::json;

use crate::abi::Token;
use crate::devnet::Devnet;
use crate::primitives::{Address, B256, U64, U256};
use crate::rpc::Receipt;

use super::payees::{Payee, Way};

/// A mined transaction of the wallet.
#[derive(Debug, Clone)]
pub struct Mined {
    pub hash: B256,
    pub nonce: u64,
    /// Gas used, at the price that was paid.
    pub fee: U256,
    pub paid: Option<Paid>,
}

/// What left the wallet by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paid {
    /// `None`: coins.
    pub token: Option<Address>,
    pub to: Address,
    pub amount: U256,
}

#[derive(Deserialize)]
struct Block {
    transactions: Vec<Transaction>,
}

#[derive(Deserialize)]
struct Transaction {
    hash: B256,
    from: Address,
    to: Option<Address>,
    value: U256,
    nonce: U64,
}

/// All of them, in the order of their nonces.
///
/// # Errors
/// When the chain cannot be read, or shows a nonce twice.
pub async fn mined(devnet: &Devnet) -> Result<Vec<Mined>> {
    let (rpc, hot) = (devnet.rpc(), devnet.stage.hot_wallet.address);
    let mut all = Vec::new();
    for number in 0..=rpc.block_number().await? {
        let block: Block = rpc.call("eth_getBlockByNumber", json!([U64::from(number), true])).await?;
        for transaction in block.transactions.into_iter().filter(|transaction| transaction.from == hot) {
            let receipt = rpc.receipt(transaction.hash).await?.context("what is in a block has a receipt")?;
            all.push(Mined {
                hash: transaction.hash,
                nonce: transaction.nonce.to(),
                fee: U256::from(receipt.gas_used) * receipt.effective_gas_price,
                paid: paid(&transaction, &receipt, hot)?,
            });
        }
    }
    all.sort_by_key(|mined| mined.nonce);
    ensure!(all.iter().zip(0..).all(|(mined, nonce)| mined.nonce == nonce), "the chain's nonces of {hot} have a gap or a double");
    Ok(all)
}

fn paid(transaction: &Transaction, receipt: &Receipt, hot: Address) -> Result<Option<Paid>> {
    if receipt.status != U64::from(1) {
        return Ok(None);
    }
    if !transaction.value.is_zero() {
        let to = transaction.to.context("the wallet deploys nothing")?;
        return Ok((to != hot).then_some(Paid { token: None, to, amount: transaction.value }));
    }
    let from_us = |log: &&crate::rpc::Log| {
        log.topics.first() == Some(&Token::Transfer::SIGNATURE_HASH) && log.topics.get(1) == Some(&hot.into_word())
    };
    let Some(log) = receipt.logs.iter().find(from_us) else { return Ok(None) };
    let to = Address::from_word(*log.topics.get(2).context("a transfer names its recipient")?);
    Ok(Some(Paid { token: Some(log.address), to, amount: U256::from_be_slice(&log.data) }))
}

/// How many payees were paid 0, 1, 2 … times, in any amount.
pub fn histogram(payees: &[Payee], mined: &[Mined], token: Address) -> BTreeMap<usize, usize> {
    let mut histogram = BTreeMap::new();
    for payee in payees {
        *histogram.entry(payments(payee, mined, token).count()).or_default() += 1;
    }
    histogram
}

/// What reached a payee, of the asset that he was to get.
pub fn payments<'a>(payee: &'a Payee, mined: &'a [Mined], token: Address) -> impl Iterator<Item = Paid> + 'a {
    let asset = match payee.way {
        Way::Coins => None,
        Way::Claim | Way::Tokens => Some(token),
    };
    mined.iter().filter_map(|mined| mined.paid).filter(move |paid| paid.to == payee.address && paid.token == asset)
}

/// # Errors
/// When the token cannot be read.
pub async fn tokens_of(devnet: &Devnet, of: Address) -> Result<U256> {
    devnet.rpc().view(devnet.stage.token, &Token::balanceOfCall { account: of }).await
}
