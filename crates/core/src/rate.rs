//! A fraction, and how amounts of different fineness are converted by it.

use ruint::aliases::U512;
use serde::{Deserialize, Serialize};

use crate::Amount;

/// `numerator / denominator`, both above zero except that the numerator may be zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rate {
    numerator: u128,
    denominator: u128,
}

impl Rate {
    pub const ONE: Rate = Rate { numerator: 1, denominator: 1 };

    /// None where the denominator is zero.
    pub fn new(numerator: u128, denominator: u128) -> Option<Self> {
        (denominator != 0).then_some(Self { numerator, denominator })
    }

    /// `amount × rate`, rounded up; none where that exceeds 2^128 - 1.
    pub fn apply_ceil(self, amount: Amount) -> Option<Amount> {
        scale(amount, self.numerator, self.denominator, 0, 0, Rounding::Up)
    }

    /// Points that pay for `tokens` at this rate of whole tokens per whole point, rounded up:
    /// whoever claims in many small pieces never gets more than in one.
    pub fn points_for(
        self,
        tokens: Amount,
        token_decimals: u8,
        point_decimals: u8,
    ) -> Option<Amount> {
        scale(
            tokens,
            self.denominator,
            self.numerator,
            point_decimals,
            token_decimals,
            Rounding::Up,
        )
    }

    /// Tokens that `points` are worth, rounded down; the remainder stays points.
    pub fn tokens_for(
        self,
        points: Amount,
        point_decimals: u8,
        token_decimals: u8,
    ) -> Option<Amount> {
        scale(
            points,
            self.numerator,
            self.denominator,
            token_decimals,
            point_decimals,
            Rounding::Down,
        )
    }
}

/// `"3/2"` or `"1"`.
impl std::str::FromStr for Rate {
    type Err = RateError;

    fn from_str(text: &str) -> Result<Self, RateError> {
        let (numerator, denominator) = text.split_once('/').unwrap_or((text, "1"));
        let part = |text: &str| text.trim().parse::<u128>().ok().filter(|value| *value > 0);
        match (part(numerator), part(denominator)) {
            (Some(numerator), Some(denominator)) => Ok(Self { numerator, denominator }),
            _ => Err(RateError { got: text.to_owned() }),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "a rate is a fraction of two whole numbers above zero, like \"1/1\" or \"3/2\", and this is \
     {got:?}"
)]
pub struct RateError {
    pub got: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Rounding {
    Up,
    Down,
}

/// amount × times × 10^up / (over × 10^down). 128 + 128 + 127 bits fit into 512.
fn scale(
    amount: Amount,
    times: u128,
    over: u128,
    up: u8,
    down: u8,
    rounding: Rounding,
) -> Option<Amount> {
    let power = |digits: u8| U512::from(10u8).pow(U512::from(digits));
    let above = U512::from(amount.base_units()) * U512::from(times) * power(up);
    let below = U512::from(over) * power(down);
    if below.is_zero() {
        return None;
    }
    let (quotient, remainder) = above.div_rem(below);
    let extra = rounding == Rounding::Up && !remainder.is_zero();
    u128::try_from(quotient).ok()?.checked_add(u128::from(extra)).map(Amount::new)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_point_is_one_token_of_eighteen_decimals() {
        let tokens = Rate::ONE.tokens_for(Amount::new(3_000), 0, 18).expect("fits");
        assert_eq!(tokens, Amount::parse("3000", 18).expect("an amount"));
        assert_eq!(Rate::ONE.points_for(tokens, 18, 0), Some(Amount::new(3_000)));
        assert_eq!(
            Rate::ONE.points_for(tokens.plus(Amount::new(1)), 18, 0),
            Some(Amount::new(3_001))
        );
    }

    #[test]
    fn a_rate_is_a_fraction() {
        assert_eq!("3/2".parse(), Ok(Rate { numerator: 3, denominator: 2 }));
        assert!("0/1".parse::<Rate>().is_err());
        assert!("1/0".parse::<Rate>().is_err());
        assert!("-1".parse::<Rate>().is_err());
    }

    proptest! {
        /// Abuse case 27: many small conversions never yield more than one large one.
        #[test]
        fn f80_many_small_claims_gain_nothing(pieces in prop::collection::vec(1u64..1_000_000, 1..50), numerator in 1u64..1_000, denominator in 1u64..1_000) {
            let rate = Rate::new(numerator.into(), denominator.into()).expect("above zero");
            let spent: u128 = pieces.iter().map(|tokens| rate.points_for(Amount::new((*tokens).into()), 2, 0).expect("fits").base_units()).sum();
            let got: u128 = pieces.iter().map(|tokens| u128::from(*tokens)).sum();
            let fair = rate.tokens_for(Amount::new(spent), 0, 2).expect("fits").base_units();
            prop_assert!(got <= fair, "{got} tokens for {spent} points, {fair} would be fair");
        }
    }
}
