//! Feerates. Counted as Bitcoin Core counts them: satoshi per 1000 virtual bytes, of a size that is
//! rounded up, to a fee that is rounded up.

use serde::{Deserialize, Serialize};

use crate::Amount;

/// Satoshi per 1000 virtual bytes. 1 sat/vB is 1000.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default,
)]
#[serde(transparent)]
pub struct FeeRate {
    sat_per_kvb: u64,
}

/// What every node relays, whatever its version: until Core 29.1 the default was 1 sat/vB, since
/// then it is 0.1 (window F63).
pub const RELAY_FEE_RATE_MIN: FeeRate = FeeRate::from_sat_per_kvb(1_000);
/// What a replacement pays more for its own size. Core's `-incrementalrelayfee` was 1 sat/vB until
/// 29.1 and is 0.1 since; the older is enough for both.
pub const INCREMENTAL_FEE_RATE: FeeRate = FeeRate::from_sat_per_kvb(1_000);

impl FeeRate {
    pub const ZERO: Self = Self::from_sat_per_kvb(0);

    pub const fn from_sat_per_kvb(sat_per_kvb: u64) -> Self {
        Self { sat_per_kvb }
    }

    pub const fn sat_per_kvb(self) -> u64 {
        self.sat_per_kvb
    }

    /// The least fee with which a transaction of so many virtual bytes has this feerate.
    pub fn fee_of(self, vbytes: u64) -> Amount {
        Amount::new((u128::from(self.sat_per_kvb) * u128::from(vbytes)).div_ceil(1_000))
    }

    /// The feerate that a fee is, rounded down.
    pub fn paid(fee: Amount, vbytes: u64) -> Self {
        let rate = fee.base_units().saturating_mul(1_000) / u128::from(vbytes.max(1));
        Self::from_sat_per_kvb(u64::try_from(rate).unwrap_or(u64::MAX))
    }

    /// The number alone: `12.5`.
    pub fn sat_per_vb(self) -> String {
        Amount::new(u128::from(self.sat_per_kvb)).to_units(3)
    }

    pub const fn saturating_add(self, other: Self) -> Self {
        Self::from_sat_per_kvb(self.sat_per_kvb.saturating_add(other.sat_per_kvb))
    }
}

/// As people say it: `12.5 sat/vB`.
impl std::fmt::Display for FeeRate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} sat/vB", self.sat_per_vb())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn feerates_read_as_people_say_them() {
        let texts = [1_000, 12_500, 100, 1].map(|rate| FeeRate::from_sat_per_kvb(rate).to_string());
        assert_eq!(texts, ["1 sat/vB", "12.5 sat/vB", "0.1 sat/vB", "0.001 sat/vB"]);
    }

    proptest! {
        #[test]
        fn a_fee_reaches_its_feerate_and_not_a_satoshi_more(rate in 1u64..100_000_000, vbytes in 1u64..1_000_000) {
            let rate = FeeRate::from_sat_per_kvb(rate);
            let fee = rate.fee_of(vbytes);
            prop_assert!(FeeRate::paid(fee, vbytes) >= rate);
            prop_assert!(FeeRate::paid(fee.minus(Amount::new(1)), vbytes) < rate);
        }
    }
}
