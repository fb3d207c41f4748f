//! Due or cheap: a payout waits for a network fee that is a fair share of it, and no longer than it
//! was promised.

use serde::{Deserialize, Serialize};

use crate::{Amount, Market, Span, Timestamp};

/// A part of an amount, in hundredths of a percent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Share {
    basis_points: u16,
}

/// How long an asset's payouts may wait for what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Patience {
    /// At or below it a payout is paid at once.
    pub fee_share_max: Share,
    /// From its approval on; then it is paid whatever it costs, within the caps.
    pub wait_max: Span,
}

/// Why a payout waits for a cheaper network, and until when at most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dear {
    /// What paying it alone would cost now.
    pub cost: Amount,
    /// At this or less it is paid.
    pub ceiling: Amount,
    pub share: Share,
    pub until: Timestamp,
}

impl Share {
    pub const fn from_basis_points(basis_points: u16) -> Self {
        Self { basis_points }
    }

    pub const fn basis_points(self) -> u16 {
        self.basis_points
    }

    /// Rounded down.
    pub fn of(self, amount: Amount) -> Amount {
        // Whole ten-thousandths first: an amount may have all 128 bits.
        let (whole, rest) = (amount.base_units() / 10_000, amount.base_units() % 10_000);
        let part = u128::from(self.basis_points);
        Amount::new(whole.saturating_mul(part).saturating_add(rest * part / 10_000))
    }
}

impl std::fmt::Display for Share {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} %", Amount::new(u128::from(self.basis_points)).to_units(2))
    }
}

impl Patience {
    /// Whether a payout that was approved at `since` waits; none where it is cheap enough, overdue,
    /// or paid on a chain whose fees cannot be held against its amount.
    pub fn holds(
        self,
        amount: Amount,
        since: Timestamp,
        market: &Market,
        now: Timestamp,
    ) -> Option<Dear> {
        let until = since.plus(self.wait_max);
        let (cost, ceiling) = (market.payout_cost()?, self.fee_share_max.of(amount));
        (cost > ceiling && now < until).then_some(Dear {
            cost,
            ceiling,
            share: self.fee_share_max,
            until,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{BitcoinMarket, EvmFees, EvmMarket, FeeRate};

    const PATIENCE: Patience =
        Patience { fee_share_max: Share::from_basis_points(100), wait_max: Span::from_hours(24) };

    fn market(sat_per_kvb: u64) -> Market {
        Market::Bitcoin(BitcoinMarket::estimated(FeeRate::from_sat_per_kvb(sat_per_kvb)))
    }

    fn hours(hours: i64) -> Timestamp {
        Timestamp::from_seconds(1_000 + hours * 3_600)
    }

    #[test]
    fn a_payout_waits_for_a_fair_fee_until_its_time_is_over() {
        // 111 vbytes: at 10 sat/vB 1,110 satoshi, one percent of 111,000.
        let amount = Amount::new(111_000);
        assert_eq!(PATIENCE.holds(amount, hours(0), &market(10_000), hours(0)), None);
        let dear = PATIENCE.holds(amount, hours(0), &market(10_010), hours(23)).expect("dear");
        assert_eq!(
            (dear.cost, dear.ceiling, dear.until),
            (Amount::new(1_112), Amount::new(1_110), hours(24))
        );
        assert_eq!(PATIENCE.holds(amount, hours(0), &market(10_010), hours(24)), None, "overdue");
    }

    #[test]
    fn where_fees_are_paid_in_another_coin_nobody_waits() {
        let fees = EvmFees { max_fee_per_gas: u128::MAX, max_priority_fee_per_gas: 0 };
        let market = Market::Evm(EvmMarket { base_fee_per_gas: u128::MAX, fees });
        assert_eq!(PATIENCE.holds(Amount::new(1), hours(0), &market, hours(0)), None);
    }

    proptest! {
        #[test]
        fn nobody_waits_for_ever_and_more_money_never_waits_longer(
            satoshi in any::<u64>(), more in any::<u64>(), rate in any::<u64>(), at in -10i64..100,
        ) {
            let waits = |satoshi| PATIENCE.holds(Amount::new(satoshi), hours(0), &market(rate), hours(at)).is_some();
            prop_assert!(at < 24 || !waits(satoshi.into()));
            if !waits(satoshi.into()) {
                prop_assert!(!waits(u128::from(satoshi) + u128::from(more)));
            }
        }
    }
}
