//! The hot wallet's transactions in anvil's blocks.

use alloy::sol_types::SolEvent;
use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::json;

use super::{Holding, Mined, Paid};
use crate::abi::Token;
use crate::config::{DG, ETH};
use crate::devnet::Devnet;
use crate::primitives::{Address, B256, U64, U256};
use crate::rpc::{Log, Receipt};

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

/// In the order of their nonces.
pub async fn mined(devnet: &Devnet) -> Result<Vec<Mined>> {
    let (rpc, hot) = (devnet.rpc(), devnet.stage.hot_wallet.address);
    let mut all: Vec<(u64, Mined)> = Vec::new();
    for number in 0..=rpc.block_number().await? {
        let block: Block =
            rpc.call("eth_getBlockByNumber", json!([U64::from(number), true])).await?;
        for transaction in
            block.transactions.into_iter().filter(|transaction| transaction.from == hot)
        {
            let receipt =
                rpc.receipt(transaction.hash).await?.context("what is in a block has a receipt")?;
            let mined = Mined {
                hash: transaction.hash.to_string(),
                fee: U256::from(receipt.gas_used) * receipt.effective_gas_price,
                paid: paid(&transaction, &receipt, devnet)?.into_iter().collect(),
            };
            all.push((transaction.nonce.to(), mined));
        }
    }
    all.sort_by_key(|(nonce, _)| *nonce);
    ensure!(
        all.iter().zip(0..).all(|((nonce, _), expected)| *nonce == expected),
        "the chain's nonces of {hot} have a gap or a double"
    );
    Ok(all.into_iter().map(|(_, mined)| mined).collect())
}

fn paid(transaction: &Transaction, receipt: &Receipt, devnet: &Devnet) -> Result<Option<Paid>> {
    let hot = devnet.stage.hot_wallet.address;
    if receipt.status != U64::from(1) {
        return Ok(None);
    }
    if !transaction.value.is_zero() {
        let to = transaction.to.context("the wallet deploys nothing")?;
        return Ok((to != hot).then(|| Paid {
            asset: ETH.to_owned(),
            to: to.to_checksum(None),
            amount: transaction.value,
        }));
    }
    let from_us = |log: &&Log| {
        log.topics.first() == Some(&Token::Transfer::SIGNATURE_HASH)
            && log.topics.get(1) == Some(&hot.into_word())
    };
    let Some(log) = receipt.logs.iter().find(from_us) else { return Ok(None) };
    let to = Address::from_word(*log.topics.get(2).context("a transfer names its recipient")?);
    let asset =
        if log.address == devnet.stage.token { DG.to_owned() } else { log.address.to_string() };
    Ok(Some(Paid { asset, to: to.to_checksum(None), amount: U256::from_be_slice(&log.data) }))
}

pub async fn holdings(devnet: &Devnet) -> Result<Vec<Holding>> {
    let hot = devnet.stage.hot_wallet.address;
    let coins = devnet.rpc().native_balance(hot).await?;
    let tokens =
        devnet.rpc().view(devnet.stage.token, &Token::balanceOfCall { account: hot }).await?;
    Ok(vec![Holding { asset: ETH, amount: coins }, Holding { asset: DG, amount: tokens }])
}
