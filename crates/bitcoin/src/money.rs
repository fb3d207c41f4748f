//! Satoshi: the ledger's amounts are wider than Bitcoin's. This is the one place where they are
//! narrowed.

use adit_core::Amount;
use bdk_wallet::bitcoin;

/// No more bitcoin than this will ever exist (Bitcoin Core, `consensus/amount.h`, `MAX_MONEY`).
pub const SATOSHI_MAX: Amount = Amount::new(2_100_000_000_000_000);

/// An amount that cannot be bitcoin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{amount} satoshi are more than will ever exist ({SATOSHI_MAX})")]
pub struct TooMuch {
    pub amount: Amount,
}

/// # Errors
/// [`TooMuch`] above [`SATOSHI_MAX`].
pub(crate) fn narrow(amount: Amount) -> Result<bitcoin::Amount, TooMuch> {
    match u64::try_from(amount.base_units()) {
        Ok(satoshi) if amount <= SATOSHI_MAX => Ok(bitcoin::Amount::from_sat(satoshi)),
        Ok(_) | Err(_) => Err(TooMuch { amount }),
    }
}

pub(crate) fn widen(amount: bitcoin::Amount) -> Amount {
    Amount::new(u128::from(amount.to_sat()))
}

/// The sum, which saturates far above [`SATOSHI_MAX`] and is then refused by whoever narrows it.
pub(crate) fn sum(amounts: impl IntoIterator<Item = Amount>) -> Amount {
    amounts
        .into_iter()
        .fold(Amount::ZERO, |sum, amount| sum.checked_add(amount).unwrap_or(Amount::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_an_end_to_bitcoin() {
        assert_eq!(narrow(SATOSHI_MAX).map(widen), Ok(SATOSHI_MAX));
        for amount in [Amount::new(2_100_000_000_000_001), Amount::MAX] {
            assert_eq!(narrow(amount), Err(TooMuch { amount }));
        }
        assert_eq!(sum([Amount::MAX, Amount::new(1)]), Amount::MAX);
    }
}
