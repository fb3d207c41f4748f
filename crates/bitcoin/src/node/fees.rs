//! What being included costs.

use std::sync::Arc;

use adit_chain::{Endpoint, Fault};

use super::{FeeRates, Node};
use crate::source::SourceFees;
use adit_core::{FeeRate, RELAY_FEE_RATE_MIN};

impl Node {
    /// The middle of what the sources estimate; of two, the lower one. A source without an estimate counts as one that names the least: else
    /// the only one that has one could name any.
    ///
    /// # Errors
    /// [`Fault`].
    pub async fn fee_rates(&self) -> Result<FeeRates, Fault> {
        let said = self.quorum.gather("fee estimates", async |endpoint: Arc<Endpoint>| self.source(&endpoint).fees().await).await?;
        let estimates: Vec<SourceFees> = said.answers.into_iter().map(|(_, fees)| fees).collect();
        Ok(rates(&estimates))
    }
}

fn rates(estimates: &[SourceFees]) -> FeeRates {
    let next_block = middle(estimates.iter().map(|fees| fees.next_block));
    let six_blocks = middle(estimates.iter().map(|fees| fees.six_blocks));
    // Sooner is never cheaper, whoever was in the middle of which list.
    FeeRates { next_block: next_block.max(six_blocks), six_blocks }
}

fn middle(estimates: impl Iterator<Item = Option<FeeRate>>) -> FeeRate {
    let mut estimates: Vec<FeeRate> = estimates.map(|estimate| estimate.unwrap_or(FeeRate::ZERO)).collect();
    estimates.sort_unstable();
    let middle = estimates.get(estimates.len().saturating_sub(1) / 2).copied();
    middle.unwrap_or(FeeRate::ZERO).max(RELAY_FEE_RATE_MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(sat_per_vbyte: &[Option<u64>]) -> u64 {
        let fees = |rate: &Option<u64>| {
            let next_block = rate.map(|rate| FeeRate::from_sat_per_kvb(rate * 1_000));
            SourceFees { next_block, six_blocks: None }
        };
        rates(&sat_per_vbyte.iter().map(fees).collect::<Vec<_>>()).next_block.sat_per_kvb() / 1_000
    }

    #[test]
    fn f35_one_liar_cannot_raise_the_fee() {
        assert_eq!(next(&[Some(10), Some(12), Some(1_000_000)]), 12);
        assert_eq!(next(&[Some(10), Some(1_000_000)]), 10);
        assert_eq!(next(&[None, Some(1_000_000)]), 1);
        assert_eq!(next(&[None, None, Some(1_000_000)]), 1);
    }

    #[test]
    fn f63_nobody_relays_less_than_the_floor() {
        assert_eq!(next(&[]), 1);
        assert_eq!(next(&[None, None]), 1);
        assert_eq!(next(&[Some(0), Some(0), Some(0)]), 1);
        assert_eq!(next(&[Some(7)]), 7, "trust in a single one is a choice");
    }

    #[test]
    fn sooner_is_never_cheaper() {
        let odd = SourceFees { next_block: None, six_blocks: Some(FeeRate::from_sat_per_kvb(9_000)) };
        assert_eq!(rates(&[odd, odd]).next_block, FeeRate::from_sat_per_kvb(9_000));
    }
}
