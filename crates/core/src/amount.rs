//! An amount of one asset in base units (wei, satoshi, whole points).
//!
//! Never a float, never a 64-bit integer: wei overflow those at 9.2 ETH. Arithmetic is checked;
//! what does not fit is refused, not wrapped. `U256` of the chain's edge is narrowed once, there.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Base units, 0 ..= 2^128 - 1. Stored and sent as a decimal string.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Amount(u128);

/// Why a text is not an amount.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    #[error("an amount is plain ASCII digits with at most one point, like \"12\" or \"0.5\"")]
    Malformed,
    #[error("at most {allowed} digits may follow the point")]
    TooPrecise { allowed: u8 },
    #[error("the amount is larger than 2^128 - 1 base units")]
    TooLarge,
    #[error("the amount must be greater than zero")]
    Zero,
}

/// Longest text that is read as an amount: 39 digits of a `u128`, a point, 38 fraction digits.
pub const AMOUNT_TEXT_BYTES_MAX: usize = 78;

/// Most fraction digits an asset may have: 10^38 is the largest power of ten in a `u128`.
pub const DECIMALS_MAX: u8 = 38;

impl Amount {
    pub const ZERO: Amount = Amount(0);
    pub const MAX: Amount = Amount(u128::MAX);

    pub const fn new(base_units: u128) -> Self {
        Self(base_units)
    }

    pub const fn base_units(self) -> u128 {
        self.0
    }

    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }

    pub fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// Adds what the ledger has already proved to fit.
    ///
    /// # Panics
    /// When the sum exceeds 2^128 - 1: a bug, since every entry into the ledger is bounded.
    #[track_caller]
    pub fn plus(self, other: Self) -> Self {
        self.checked_add(other).expect("ledger totals stay below 2^128")
    }

    /// Subtracts what the ledger has already proved to be there.
    ///
    /// # Panics
    /// When the result would be negative: a bug, since balances are checked before.
    #[track_caller]
    pub fn minus(self, other: Self) -> Self {
        self.checked_sub(other).expect("a balance never goes below zero")
    }

    /// Reads whole units: `"0.015"` with 8 decimals is 1,500,000 base units.
    ///
    /// Strict on purpose: no sign, no exponent, no leading zeros, no spaces, no digits of other
    /// scripts.
    ///
    /// # Errors
    /// [`AmountError`], naming what is allowed. Zero is an amount here; use
    /// [`Amount::parse_positive`] where it is not.
    pub fn parse(text: &str, decimals: u8) -> Result<Self, AmountError> {
        if text.is_empty() || text.len() > AMOUNT_TEXT_BYTES_MAX {
            return Err(AmountError::Malformed);
        }
        let (whole, fraction) = match text.split_once('.') {
            Some((_, "")) => return Err(AmountError::Malformed),
            Some(parts) => parts,
            None => (text, ""),
        };
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        let padded = whole.len() > 1 && whole.starts_with('0');
        if whole.is_empty() || padded || !digits(whole) || !digits(fraction) {
            return Err(AmountError::Malformed);
        }
        if fraction.len() > usize::from(decimals) {
            return Err(AmountError::TooPrecise { allowed: decimals });
        }
        let zeros = "0".repeat(usize::from(decimals) - fraction.len());
        format!("{whole}{fraction}{zeros}").parse().map(Self).map_err(|_| AmountError::TooLarge)
    }

    /// Like [`Amount::parse`], and refuses zero.
    ///
    /// # Errors
    /// [`AmountError`].
    pub fn parse_positive(text: &str, decimals: u8) -> Result<Self, AmountError> {
        match Self::parse(text, decimals)? {
            Self::ZERO => Err(AmountError::Zero),
            amount => Ok(amount),
        }
    }

    /// Writes whole units without trailing zeros: 1,500,000 with 8 decimals is `"0.015"`.
    pub fn to_units(self, decimals: u8) -> String {
        let decimals = usize::from(decimals);
        let digits = format!("{:0>width$}", self.0, width = decimals + 1);
        let (whole, fraction) = digits.split_at(digits.len() - decimals);
        match fraction.trim_end_matches('0') {
            "" => whole.to_owned(),
            fraction => format!("{whole}.{fraction}"),
        }
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Amount({})", self.0)
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        // Rust's own reader takes a sign, too.
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.parse().ok().filter(|_| digits);
        number
            .map(Self)
            .ok_or_else(|| de::Error::custom("an amount in base units is a decimal string"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn f79_refuses_every_text_that_is_not_plain_digits() {
        for text in [
            "", "-1", "+1", "1e18", "0x10", "１", "01", "1.", ".5", " 1", "1 ", "1,5", "1.2.3",
            "NaN", "٣",
        ] {
            assert_eq!(Amount::parse(text, 18), Err(AmountError::Malformed), "{text:?}");
        }
        assert_eq!(Amount::parse(&"9".repeat(79), 18), Err(AmountError::Malformed));
    }

    #[test]
    fn f79_refuses_what_does_not_fit() {
        let two_to_256 =
            "115792089237316195423570985008687907853269984665640564039457584007913129639936";
        assert_eq!(Amount::parse(two_to_256, 0), Err(AmountError::TooLarge));
        assert_eq!(Amount::parse("0.123", 2), Err(AmountError::TooPrecise { allowed: 2 }));
        assert_eq!(Amount::parse_positive("0.00", 2), Err(AmountError::Zero));
        assert_eq!(Amount::parse(&u128::MAX.to_string(), 0), Ok(Amount::MAX));
    }

    /// Found by the fuzz target `amount`.
    #[test]
    fn base_units_in_json_are_digits_alone() {
        let read = |text: &str| serde_json::from_value::<Amount>(text.into()).ok();
        for text in ["+5", "-5", "", " 5", "5.0", "0x5", "340282366920938463463374607431768211456"]
        {
            assert_eq!(read(text), None, "{text:?}");
        }
        assert_eq!(
            (read("5"), read("000000000000000000000000000000000000005")),
            (Some(Amount::new(5)), Some(Amount::new(5)))
        );
    }

    #[test]
    fn whole_units_and_base_units() {
        assert_eq!(Amount::parse("0.01500000", 8), Ok(Amount::new(1_500_000)));
        assert_eq!(Amount::new(1_500_000).to_units(8), "0.015");
        assert_eq!(Amount::new(3_000).to_units(0), "3000");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(base in any::<u128>(), decimals in 0u8..=DECIMALS_MAX) {
            let amount = Amount::new(base);
            prop_assert_eq!(Amount::parse(&amount.to_units(decimals), decimals), Ok(amount));
        }
    }
}
