//! What being included costs.

use std::sync::Arc;

use adit_chain::{Endpoint, Fault};

use super::{FeeRates, Node};
use crate::source::SourceFees;
use adit_core::{FeeRate, RELAY_FEE_RATE_MIN};

impl Node {
    /// The middle of what the sources estimate; of two, the lower one. A source without an estimate
    /// has no vote: else the market of two sources, one of which is silent, would stand still for
    /// ever. The only one that has an estimate is believed up to the caps. None while nobody has
    /// one.
    ///
    /// # Errors
    /// [`Fault`].
    pub async fn fee_rates(&self) -> Result<Option<FeeRates>, Fault> {
        let said = self
            .quorum
            .gather("fee estimates", async |endpoint: Arc<Endpoint>| {
                self.source(&endpoint).fees().await
            })
            .await?;
        let estimates: Vec<SourceFees> = said.answers.into_iter().map(|(_, fees)| fees).collect();
        Ok(rates(&estimates))
    }
}

fn rates(estimates: &[SourceFees]) -> Option<FeeRates> {
    let next_block = middle(estimates.iter().filter_map(|fees| fees.next_block));
    let six_blocks = middle(estimates.iter().filter_map(|fees| fees.six_blocks));
    let (next_block, six_blocks) = (next_block.or(six_blocks)?, six_blocks.or(next_block)?);
    // Sooner is never cheaper, whoever was in the middle of which list.
    Some(FeeRates { next_block: next_block.max(six_blocks), six_blocks })
}

fn middle(estimates: impl Iterator<Item = FeeRate>) -> Option<FeeRate> {
    let mut estimates: Vec<FeeRate> = estimates.collect();
    estimates.sort_unstable();
    estimates
        .get(estimates.len().saturating_sub(1) / 2)
        .map(|middle| (*middle).max(RELAY_FEE_RATE_MIN))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(sat_per_vbyte: &[Option<u64>]) -> Option<u64> {
        let fees = |rate: &Option<u64>| {
            let next_block = rate.map(|rate| FeeRate::from_sat_per_kvb(rate * 1_000));
            SourceFees { next_block, six_blocks: None }
        };
        Some(
            rates(&sat_per_vbyte.iter().map(fees).collect::<Vec<_>>())?.next_block.sat_per_kvb()
                / 1_000,
        )
    }

    #[test]
    fn f35_one_liar_among_others_cannot_raise_the_fee() {
        assert_eq!(next(&[Some(10), Some(12), Some(1_000_000)]), Some(12));
        assert_eq!(next(&[Some(10), Some(1_000_000)]), Some(10));
    }

    #[test]
    fn f61_who_is_silent_has_no_vote() {
        assert_eq!(next(&[None, Some(30)]), Some(30), "else a stuck payment is never raised");
        assert_eq!(next(&[None, Some(30), Some(40)]), Some(30));
        assert_eq!(next(&[None, None, Some(30), Some(40), Some(50)]), Some(40));
        assert_eq!(
            (next(&[]), next(&[None, None])),
            (None, None),
            "nobody knows, and that is told"
        );
        let only_later =
            SourceFees { next_block: None, six_blocks: Some(FeeRate::from_sat_per_kvb(7_000)) };
        assert_eq!(
            rates(&[only_later, SourceFees::default()]).map(|rates| rates.next_block),
            only_later.six_blocks
        );
    }

    #[test]
    fn f63_nobody_relays_less_than_the_floor() {
        assert_eq!(next(&[Some(0), Some(0), Some(0)]), Some(1));
        assert_eq!(next(&[Some(7)]), Some(7), "trust in a single one is a choice");
    }

    #[test]
    fn sooner_is_never_cheaper() {
        let odd = SourceFees {
            next_block: Some(FeeRate::from_sat_per_kvb(2_000)),
            six_blocks: Some(FeeRate::from_sat_per_kvb(9_000)),
        };
        assert_eq!(rates(&[odd, odd]).map(|rates| rates.next_block), odd.six_blocks);
    }
}
