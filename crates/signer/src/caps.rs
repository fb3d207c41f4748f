//! How much may leave: the bound on the loss when everything before the signer is in other hands.

use adit_core::{Amount, AssetId};

use crate::{FeeUnit, Refused};

/// Most of one asset, in base units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AssetCaps {
    pub per_transaction: Amount,
    /// Per UTC day of signing.
    pub per_day: Amount,
}

impl AssetCaps {
    /// What `used` of the day becomes when `amount` more is signed.
    ///
    /// # Errors
    /// [`Refused::AboveTransactionCap`], [`Refused::AboveDailyCap`].
    pub(crate) fn take(&self, asset: &AssetId, amount: Amount, used: Amount) -> Result<Amount, Refused> {
        let cap = self.per_transaction;
        if amount > cap {
            return Err(Refused::AboveTransactionCap { asset: asset.clone(), amount, cap });
        }
        let cap = self.per_day;
        let after = used.checked_add(amount).filter(|after| *after <= cap);
        after.ok_or_else(|| Refused::AboveDailyCap { asset: asset.clone(), amount, cap, used })
    }
}

/// # Errors
/// [`Refused::FeeAboveCap`].
pub(crate) fn check_fee(cost: Amount, cap: Amount, unit: FeeUnit) -> Result<(), Refused> {
    if cost > cap { Err(Refused::FeeAboveCap { cost, cap, unit }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn caps_hold_at_the_limit_and_not_one_past_it() {
        let asset: AssetId = "DG".parse().expect("an asset");
        let caps = AssetCaps { per_transaction: Amount::new(10), per_day: Amount::new(25) };
        let take = |amount, used| caps.take(&asset, Amount::new(amount), Amount::new(used));
        assert_eq!(take(10, 15), Ok(Amount::new(25)));
        assert!(matches!(take(11, 0), Err(Refused::AboveTransactionCap { .. })));
        assert!(matches!(take(10, 16), Err(Refused::AboveDailyCap { .. })));
        let none = AssetCaps { per_transaction: Amount::MAX, per_day: Amount::MAX };
        assert!(none.take(&asset, Amount::MAX, Amount::ZERO).is_ok());
        assert!(matches!(none.take(&asset, Amount::MAX, Amount::new(1)), Err(Refused::AboveDailyCap { .. })));
        assert_eq!(check_fee(Amount::new(5), Amount::new(5), FeeUnit::Wei), Ok(()));
        assert!(check_fee(Amount::new(6), Amount::new(5), FeeUnit::Wei).is_err());
    }
}
