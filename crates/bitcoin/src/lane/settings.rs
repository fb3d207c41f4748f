//! What a Bitcoin lane is told: its wallet, and how careful it is.

use std::collections::BTreeMap;

use adit_core::{Amount, AssetId, Destination, Span};

use crate::{OutputsMax, Wallet};

/// Blocks on top of the including one after which it counts as final: six confirmations.
pub const FINAL_BLOCKS: u32 = 5;
/// How often the sources are asked for a new block. A public server answers some questions a second
/// to everyone.
pub const LOOK_EVERY: Span = Span::from_seconds(5);
/// Estimates of fees are kept for so many looks.
pub const FEES_KEPT_LOOKS: u64 = 4;

/// Made by [`LaneSettings::new`] and then adjusted.
#[derive(Debug, Clone)]
pub struct LaneSettings {
    /// The asset that this chain pays.
    pub asset: AssetId,
    pub wallet: Wallet,
    /// Nobody else signs. Else our own change is spent when a block holds it: a payment that stands
    /// on it would wait for people, and nothing below it could be made dearer meanwhile.
    pub signs_alone: bool,
    /// Blocks on top of the including one after which it cannot revert any more, as we judge it
    /// (windows F45, F69).
    pub final_blocks: u32,
    /// More blocks for transactions that pay more: from an amount on, so many.
    pub deeper: Vec<DepthTier>,
    pub outputs_max: OutputsMax,
    /// Most that one transaction may cost.
    pub fee_max: Amount,
    pub look_every: Span,
    /// Addresses that may not be paid, and what they are.
    pub forbidden: BTreeMap<Destination, String>,
}

/// Transactions that pay at least so much are final after so many blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DepthTier {
    pub from: Amount,
    pub final_blocks: u32,
}

impl LaneSettings {
    pub fn new(asset: AssetId, wallet: Wallet) -> Self {
        Self {
            asset,
            signs_alone: wallet.spend().needed() == 1,
            wallet,
            final_blocks: FINAL_BLOCKS,
            deeper: Vec::new(),
            outputs_max: OutputsMax::default(),
            fee_max: Amount::new(100_000),
            look_every: LOOK_EVERY,
            forbidden: BTreeMap::new(),
        }
    }

    /// Blocks on top of the one that includes a transaction which pays so much.
    pub(crate) fn final_blocks_of(&self, paid: Amount) -> u32 {
        let tiers =
            self.deeper.iter().filter(|tier| paid >= tier.from).map(|tier| tier.final_blocks);
        tiers.chain([self.final_blocks]).max().unwrap_or(self.final_blocks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::tests::wallet;

    #[test]
    fn f69_larger_payments_wait_for_more_blocks() {
        let tier = |from, final_blocks| DepthTier { from: Amount::new(from), final_blocks };
        let plain = LaneSettings::new("BTC".parse().expect("an asset"), wallet());
        let settings =
            LaneSettings { deeper: vec![tier(1_000, 12), tier(100, 8), tier(5_000, 2)], ..plain };
        let of = |paid| settings.final_blocks_of(Amount::new(paid));
        assert_eq!(
            [99, 100, 999, 1_000, 9_000].map(of),
            [5, 8, 8, 12, 12],
            "a higher tier never means less"
        );
    }
}
