//! Due or cheap: a payout waits for a feerate at which its fee is a fair share of it, and no longer than it was promised.

use adit_core::{Amount, Span, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{FeeRate, ScriptKind, Spend};

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
    /// From its approval on; then it is paid whatever it costs.
    pub wait_max: Span,
}

/// What is asked: one payout by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    pub approved_at: Timestamp,
    pub amount: Amount,
    pub to: ScriptKind,
    pub from: Spend,
}

/// Whether it is paid now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// The fee is a fair share.
    Cheap,
    /// It has waited long enough.
    Overdue,
    Later(Delay),
}

/// Why a payout waits, and until when at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Delay {
    #[error(
        "the network fee is high: at {feerate} it would be more than {share} of the amount; it is paid at {ceiling} or less, or when its time is over"
    )]
    Dear { feerate: FeeRate, ceiling: FeeRate, share: Share, until: Timestamp },
}

impl Share {
    pub const fn from_basis_points(basis_points: u16) -> Self {
        Self { basis_points }
    }

    fn of(self, amount: Amount) -> Amount {
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

impl Delay {
    pub fn until(&self) -> Timestamp {
        match self {
            Self::Dear { until, .. } => *until,
        }
    }
}

impl Waiting {
    pub fn due(&self, patience: Patience, feerate: FeeRate, now: Timestamp) -> Due {
        let until = self.approved_at.plus(patience.wait_max);
        let ceiling = self.ceiling(patience.fee_share_max);
        if feerate <= ceiling {
            Due::Cheap
        } else if now >= until {
            Due::Overdue
        } else {
            Due::Later(Delay::Dear { feerate, ceiling, share: patience.fee_share_max, until })
        }
    }

    /// The highest feerate at which one input and its output cost no more than this share.
    fn ceiling(&self, share: Share) -> FeeRate {
        let weight = self.from.input_weight() + self.to.output_weight();
        FeeRate::paid(share.of(self.amount), weight)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PATIENCE: Patience = Patience { fee_share_max: Share::from_basis_points(100), wait_max: Span::from_hours(24) };

    fn waiting(satoshi: u128) -> Waiting {
        Waiting {
            approved_at: Timestamp::from_seconds(1_000),
            amount: Amount::new(satoshi),
            to: ScriptKind::P2wpkh,
            from: Spend::SegwitKey,
        }
    }

    fn hours(hours: i64) -> Timestamp {
        Timestamp::from_seconds(1_000 + hours * 3_600)
    }

    #[test]
    fn a_payout_waits_for_a_fair_fee_until_its_time_is_over() {
        // 99 vbytes: at 10 sat/vB 990 satoshi, one percent of 99,000.
        let rate = FeeRate::from_sat_per_kvb;
        assert_eq!(waiting(99_000).due(PATIENCE, rate(10_000), hours(0)), Due::Cheap);
        let Due::Later(delay) = waiting(99_000).due(PATIENCE, rate(10_001), hours(23)) else { panic!("dear") };
        let text = "the network fee is high: at 10.001 sat/vB it would be more than 1 % of the amount; it is paid at 10 sat/vB or less, or when its time is over";
        assert_eq!((delay.to_string().as_str(), delay.until()), (text, hours(24)));
        assert_eq!(waiting(99_000).due(PATIENCE, rate(10_001), hours(24)), Due::Overdue);
    }

    proptest! {
        #[test]
        fn nobody_waits_for_ever_and_more_money_never_waits_longer(
            satoshi in any::<u64>(), more in any::<u64>(), rate in any::<u64>(), at in -10i64..100,
        ) {
            let feerate = FeeRate::from_sat_per_kvb(rate);
            let due = |satoshi| waiting(satoshi).due(PATIENCE, feerate, hours(at));
            if at >= 24 {
                prop_assert!(!matches!(due(u128::from(satoshi)), Due::Later(_)));
            }
            if due(u128::from(satoshi)) == Due::Cheap {
                prop_assert_eq!(due(u128::from(satoshi) + u128::from(more)), Due::Cheap);
            }
        }
    }
}
