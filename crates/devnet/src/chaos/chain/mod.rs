//! What the chain alone says: every transaction of the wallet, whom it paid, and what it cost.

mod bitcoin;
mod evm;

use std::collections::BTreeMap;

use anyhow::Result;

use crate::devnet::Devnet;
use crate::primitives::U256;

use super::payees::Payee;
use super::plan::ChainKind;

/// A mined transaction of the wallet.
#[derive(Debug, Clone)]
pub struct Mined {
    /// As the ledger and the journal write it.
    pub hash: String,
    pub fee: U256,
    pub paid: Vec<Paid>,
}

/// What left the wallet by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paid {
    /// By the name that the ledger has for it.
    pub asset: String,
    pub to: String,
    pub amount: U256,
}

/// What the wallet holds of an asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holding {
    pub asset: &'static str,
    pub amount: U256,
}

/// What the wallet holds now. The first is what fees are paid in.
///
/// # Errors
/// When the chain cannot be read.
pub async fn holdings(devnet: &Devnet, chain: ChainKind) -> Result<Vec<Holding>> {
    match chain {
        ChainKind::Evm => evm::holdings(devnet).await,
        ChainKind::Bitcoin => bitcoin::holdings(devnet).await,
    }
}

/// All transactions of the wallet, in their order.
///
/// # Errors
/// When the chain cannot be read, or shows what cannot be.
pub async fn mined(devnet: &Devnet, chain: ChainKind) -> Result<Vec<Mined>> {
    match chain {
        ChainKind::Evm => evm::mined(devnet).await,
        ChainKind::Bitcoin => bitcoin::mined(devnet).await,
    }
}

/// The transactions of the servers' other wallet, which pays nobody in this run: it sweeps, where
/// both stores went back.
///
/// # Errors
/// When the chain cannot be read.
pub async fn elsewhere(devnet: &Devnet, chain: ChainKind) -> Result<Vec<Mined>> {
    match chain {
        ChainKind::Evm => Ok(Vec::new()),
        ChainKind::Bitcoin => evm::mined(devnet).await,
    }
}

/// How many payees were paid 0, 1, 2 … times, in any amount.
pub fn histogram<'a>(
    payees: impl Iterator<Item = &'a Payee>,
    mined: &[Mined],
) -> BTreeMap<usize, usize> {
    let mut histogram = BTreeMap::new();
    for payee in payees {
        *histogram.entry(payments(payee, mined).count()).or_default() += 1;
    }
    histogram
}

/// What reached a payee, of the asset that he was to get.
pub fn payments<'a>(payee: &'a Payee, mined: &'a [Mined]) -> impl Iterator<Item = &'a Paid> {
    mined
        .iter()
        .flat_map(|mined| &mined.paid)
        .filter(move |paid| paid.to == payee.destination && paid.asset == payee.asset())
}
