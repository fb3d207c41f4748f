//! How much may leave: the bound on the loss when everything before the signer is in other hands.

use adit_core::{Amount, AssetId, FeeRate};

use crate::{FeeUnit, Refused};

/// Most of one asset, in base units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AssetCaps {
    /// Of all payouts that one transaction pays together.
    pub per_transaction: Amount,
    /// Per UTC day of signing.
    pub per_day: Amount,
}

impl AssetCaps {
    /// Whether a transaction that pays `total` may be signed, of which `fresh` was not signed
    /// before, when `used` of the day is.
    ///
    /// # Errors
    /// [`Refused::AboveTransactionCap`], [`Refused::AboveDailyCap`].
    pub(crate) fn check(
        &self,
        asset: &AssetId,
        total: Amount,
        fresh: Amount,
        used: Amount,
    ) -> Result<(), Refused> {
        let cap = self.per_transaction;
        if total > cap {
            return Err(Refused::AboveTransactionCap { asset: asset.clone(), amount: total, cap });
        }
        let cap = self.per_day;
        let after = used.checked_add(fresh).filter(|after| *after <= cap);
        after.map(drop).ok_or_else(|| Refused::AboveDailyCap {
            asset: asset.clone(),
            amount: fresh,
            cap,
            used,
        })
    }
}

/// # Errors
/// [`Refused::FeeAboveCap`].
pub(crate) fn check_fee(cost: Amount, cap: Amount, unit: FeeUnit) -> Result<(), Refused> {
    if cost > cap { Err(Refused::FeeAboveCap { cost, cap, unit }) } else { Ok(()) }
}

/// # Errors
/// [`Refused::FeerateAboveCap`].
pub(crate) fn check_feerate(fee: Amount, vbytes: u64, cap: FeeRate) -> Result<(), Refused> {
    if fee <= cap.fee_of(vbytes) {
        return Ok(());
    }
    let rounded_up = fee.base_units().saturating_mul(1_000).div_ceil(u128::from(vbytes.max(1)));
    let feerate = FeeRate::from_sat_per_kvb(u64::try_from(rounded_up).unwrap_or(u64::MAX));
    Err(Refused::FeerateAboveCap { feerate, cap })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn caps_hold_at_the_limit_and_not_one_past_it() {
        let asset: AssetId = "DG".parse().expect("an asset");
        let caps = AssetCaps { per_transaction: Amount::new(10), per_day: Amount::new(25) };
        let check = |total, fresh, used| {
            caps.check(&asset, Amount::new(total), Amount::new(fresh), Amount::new(used))
        };
        assert_eq!(check(10, 10, 15), Ok(()));
        assert!(
            matches!(check(11, 1, 0), Err(Refused::AboveTransactionCap { amount, .. }) if amount == Amount::new(11))
        );
        assert!(matches!(check(10, 10, 16), Err(Refused::AboveDailyCap { .. })));
        assert_eq!(check(10, 9, 16), Ok(()), "what was signed before does not count again");
        let none = AssetCaps { per_transaction: Amount::MAX, per_day: Amount::MAX };
        assert!(none.check(&asset, Amount::MAX, Amount::MAX, Amount::ZERO).is_ok());
        assert!(matches!(
            none.check(&asset, Amount::MAX, Amount::MAX, Amount::new(1)),
            Err(Refused::AboveDailyCap { .. })
        ));
        assert_eq!(check_fee(Amount::new(5), Amount::new(5), FeeUnit::Wei), Ok(()));
        assert!(check_fee(Amount::new(6), Amount::new(5), FeeUnit::Wei).is_err());
    }

    #[test]
    fn f35_a_feerate_is_capped_to_the_satoshi() {
        let cap = FeeRate::from_sat_per_kvb(10_000);
        for vbytes in [110, 141, 9_999] {
            let most = cap.fee_of(vbytes);
            assert_eq!(check_feerate(most, vbytes, cap), Ok(()));
            let above = check_feerate(Amount::new(most.base_units() + 1), vbytes, cap);
            assert!(
                matches!(above, Err(Refused::FeerateAboveCap { feerate, .. }) if feerate > cap),
                "{above:?}"
            );
        }
    }
}
