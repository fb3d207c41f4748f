//! A child that pays for its parent (CPFP): where a transaction cannot be replaced, its change is
//! spent so dearly that miners take both. It is a payment of its own, from us to us.

use adit_core::{Amount, BitcoinDraft, FeeRate};
use bdk_wallet::bitcoin::Weight;

use super::confirmed;
use crate::plan::input;
use crate::{
    Ancestry, Bill, Coin, NotYet, Payment, Purse, Unfunded, WalletError, dust_limit, money,
};

/// A transaction that no miner takes, with its unconfirmed ancestors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stuck {
    /// What they pay together.
    pub fee: Amount,
    /// What they weigh together.
    pub weight: Weight,
    /// Its output that is ours.
    pub change: Coin,
}

/// Why no child helps.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoChild {
    #[error("it pays {got} already, and {wanted} is wanted")]
    FastEnough { got: FeeRate, wanted: FeeRate },
    #[error("its change cannot be spent: {0}")]
    NotYet(#[from] NotYet),
    #[error("the child would pay {needed} satoshi, and at most {allowed} may be paid")]
    TooDear { needed: Amount, allowed: Amount },
    #[error("the change and confirmed coins do not pay for both: {0}")]
    Unfunded(#[from] Unfunded),
    #[error(transparent)]
    Wallet(#[from] WalletError),
}

/// The child that lifts both to the payment's feerate.
///
/// # Errors
/// [`NoChild`].
pub fn lift(
    payment: Payment<'_>,
    stuck: &Stuck,
    purse: &Purse<'_>,
    fee_max: Amount,
) -> Result<BitcoinDraft, NoChild> {
    let got = FeeRate::paid(stuck.fee, stuck.weight.to_vbytes_ceil());
    if got >= payment.feerate {
        return Err(NoChild::FastEnough { got, wanted: payment.feerate });
    }
    stuck.change.spendable(purse.tip)?;
    let (coins, fee, change) = fund(payment, stuck, purse)?;
    if fee > fee_max {
        return Err(NoChild::TooDear { needed: fee, allowed: fee_max });
    }
    Ok(payment.draft(coins.iter().map(input).collect(), Vec::new(), Some(change))?)
}

/// The change, and confirmed coins until the fee is paid and an output is left.
fn fund(
    payment: Payment<'_>,
    stuck: &Stuck,
    purse: &Purse<'_>,
) -> Result<(Vec<Coin>, Amount, Amount), Unfunded> {
    let spend = payment.wallet.spend();
    let bill = Bill { spend, outputs: Vec::new(), feerate: payment.feerate, replaces: None };
    let mut coins = vec![stuck.change];
    let mut more =
        confirmed(purse, &bill).into_iter().filter(|coin| coin.outpoint != stuck.change.outpoint);
    loop {
        let fee = child_fee(payment.feerate, stuck, bill.weight(coins.len(), true));
        let left = money::sum(coins.iter().map(|coin| coin.amount)).checked_sub(fee);
        if let Some(change) = left.filter(|change| *change >= dust_limit(spend.script_kind())) {
            return Ok((coins, fee, change));
        }
        coins.push(more.next().ok_or_else(|| purse.too_little(fee))?);
    }
}

/// Its own fee, and what the parent lacks. Sizes are rounded up each: the sum is never too little.
fn child_fee(feerate: FeeRate, stuck: &Stuck, child: Weight) -> Amount {
    let lacking = feerate.fee_of(stuck.weight.to_vbytes_ceil()).saturating_sub(stuck.fee);
    money::sum([feerate.fee_of(child.to_vbytes_ceil()), lacking])
}

impl Stuck {
    /// What the child stands on.
    pub fn ancestry(&self) -> Ancestry {
        self.change.ancestry()
    }
}
