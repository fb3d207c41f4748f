//! Who was paid how often, as the chain alone says it: no answer of the server is used here.

use std::collections::BTreeMap;
use std::fmt;

use adit_devnet::abi::Token;
use adit_devnet::primitives::{Address, U64, U256};
use adit_devnet::rpc::Log;
use alloy::sol_types::SolEvent;
use anyhow::Result;
use serde::Deserialize;
use serde_json::json;

use crate::system::System;

/// How many recipients were paid 0, 1, 2, … times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Histogram(BTreeMap<usize, usize>);

impl Histogram {
    pub fn of(counts: impl IntoIterator<Item = usize>) -> Self {
        let mut histogram = BTreeMap::new();
        for count in counts {
            *histogram.entry(count).or_default() += 1;
        }
        Self(histogram)
    }

    /// Everybody once.
    pub fn all_once(recipients: usize) -> Self {
        Self(BTreeMap::from([(1, recipients)]))
    }
}

impl fmt::Display for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|(times, recipients)| {
            write!(f, "{recipients} recipients paid {times}x; ")
        })
    }
}

#[derive(Deserialize)]
struct Block {
    transactions: Vec<Sent>,
}

/// A transaction of the hot wallet that is in the chain.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Sent {
    pub hash: adit_devnet::primitives::B256,
    pub from: Address,
    pub to: Option<Address>,
    pub value: U256,
    pub nonce: U64,
}

impl System {
    /// Transfers of a token from the hot wallet to somebody.
    ///
    /// # Errors
    /// When the chain cannot be read.
    pub async fn token_payments(&self, token: Address, to: Address) -> Result<Vec<Log>> {
        let topics = [
            Some(Token::Transfer::SIGNATURE_HASH),
            Some(self.devnet.stage.hot_wallet.address.into_word()),
            Some(to.into_word()),
        ];
        self.rpc().logs(token, &topics).await
    }

    /// Payments of the claimed token, per recipient.
    ///
    /// # Errors
    /// When the chain cannot be read.
    pub async fn claims_paid(&self, recipients: &[Address]) -> Result<Histogram> {
        let mut counts = Vec::new();
        for recipient in recipients {
            counts.push(self.token_payments(self.devnet.stage.token, *recipient).await?.len());
        }
        Ok(Histogram::of(counts))
    }

    /// Payments of the chain's own coin, per recipient.
    ///
    /// # Errors
    /// When the chain cannot be read.
    pub async fn coins_paid(&self, recipients: &[Address]) -> Result<Histogram> {
        let sent = self.sent_by_hot_wallet().await?;
        let count = |recipient: &Address| {
            sent.iter().filter(|sent| sent.to == Some(*recipient) && !sent.value.is_zero()).count()
        };
        Ok(Histogram::of(recipients.iter().map(count)))
    }

    /// Every transaction of the hot wallet that is in the chain, successful ones only.
    ///
    /// # Errors
    /// When the chain cannot be read.
    pub async fn sent_by_hot_wallet(&self) -> Result<Vec<Sent>> {
        let hot = self.devnet.stage.hot_wallet.address;
        let mut sent = Vec::new();
        for number in 0..=self.rpc().block_number().await? {
            let block: Block =
                self.rpc().call("eth_getBlockByNumber", json!([U64::from(number), true])).await?;
            for transaction in
                block.transactions.into_iter().filter(|transaction| transaction.from == hot)
            {
                let receipt = self.rpc().receipt(transaction.hash).await?;
                if receipt.is_some_and(|receipt| receipt.status == U64::from(1)) {
                    sent.push(transaction);
                }
            }
        }
        Ok(sent)
    }
}
