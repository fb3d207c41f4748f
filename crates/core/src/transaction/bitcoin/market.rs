//! What being included in a block costs, as sources estimate it, and what counts while none of them
//! does.

use serde::{Deserialize, Serialize};

use super::{FeeHistory, FeeRate, RELAY_FEE_RATE_MIN, feerate_cap};
use crate::ChainRules;

/// Blocks for which the last estimate counts while no source has one: six hours. It is halved then,
/// and again after as many more.
const GUESS_KEPT_BLOCKS: u64 = 36;
/// An estimate so many times above what blocks cost lately, and above the cap, is not remembered.
const ABSURD_TIMES: u64 = 10;
/// What blocks cost lately: nine of ten cost no more.
const LATELY_PERCENT: u8 = 90;

/// What blocks cost now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BitcoinMarket {
    /// What a new attempt should offer for one of the next blocks.
    pub feerate: FeeRate,
    /// No source has an estimate now: the rate is what is left of the last one, or the least that
    /// nodes relay.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub guessed: bool,
    /// The last estimate that is remembered. None before the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) estimate: Option<Estimate>,
    /// What they cost lately.
    #[serde(default, skip_serializing_if = "FeeHistory::is_empty")]
    pub past: FeeHistory,
}

/// What enough sources estimated at a height.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Estimate {
    feerate: FeeRate,
    height: u64,
}

impl BitcoinMarket {
    /// As enough sources estimate it.
    pub fn estimated(feerate: FeeRate) -> Self {
        Self { feerate, guessed: false, estimate: None, past: FeeHistory::default() }
    }

    /// While no source has an estimate.
    pub fn unknown() -> Self {
        Self {
            feerate: RELAY_FEE_RATE_MIN,
            guessed: true,
            estimate: None,
            past: FeeHistory::default(),
        }
    }

    /// What counts after it was seen at this height. While nobody estimates, the last estimate
    /// counts, less and less. One that is absurd counts as long as sources say it, and is forgotten
    /// with that: a source that is broken for a moment may not set the price for days.
    pub(crate) fn after(&self, known: Option<&Self>, height: u64, chain: &ChainRules) -> Self {
        let mut past = known.map(|known| known.past.clone()).unwrap_or_default();
        let Self { feerate, guessed, .. } = *self;
        let mut estimate = known.and_then(|known| known.remembered(height, chain));
        if !guessed && !is_absurd(feerate, &past, chain) {
            past.keep(height, feerate);
            estimate = Some(Estimate { feerate, height });
        }
        let left =
            estimate.filter(|_| guessed).map(|estimate| estimate.left(height)).unwrap_or_default();
        Self { feerate: feerate.max(left), guessed, estimate, past }
    }

    /// Rows of before estimates were kept with their height have the rate alone: it counts as of
    /// now.
    fn remembered(&self, height: u64, chain: &ChainRules) -> Option<Estimate> {
        let of_before = Estimate { feerate: self.feerate, height };
        self.estimate.or_else(|| {
            Some(of_before).filter(|before| !is_absurd(before.feerate, &self.past, chain))
        })
    }

    pub(crate) fn feerate_within(&self, chain: &ChainRules) -> FeeRate {
        self.feerate.max(RELAY_FEE_RATE_MIN).min(feerate_cap(chain))
    }
}

impl Estimate {
    /// What counts of it at this height.
    fn left(self, height: u64) -> FeeRate {
        let halved = height.saturating_sub(self.height) / GUESS_KEPT_BLOCKS;
        let rate = u32::try_from(halved)
            .ok()
            .and_then(|times| self.feerate.sat_per_kvb().checked_shr(times))
            .unwrap_or(0);
        FeeRate::from_sat_per_kvb(rate).max(RELAY_FEE_RATE_MIN)
    }
}

fn is_absurd(feerate: FeeRate, past: &FeeHistory, chain: &ChainRules) -> bool {
    let lately = past
        .quantile(LATELY_PERCENT)
        .map_or(0, |lately| lately.sat_per_kvb().saturating_mul(ABSURD_TIMES));
    feerate > feerate_cap(chain).max(FeeRate::from_sat_per_kvb(lately))
}
