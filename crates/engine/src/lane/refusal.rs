//! What the signer refuses, in words for those who run the instance: amounts in whole units. The
//! signer itself knows base units only.

use adit_core::{Amount, Rules};
use adit_signer::Refused;

/// The refusal as a sentence. `coins` writes an amount of the chain's own coin.
pub(super) fn sentence(
    rules: &Rules,
    coins: impl Fn(Amount) -> String,
    refused: &Refused,
) -> String {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "no other refusal tells an amount of an asset"
    )]
    match refused {
        Refused::AboveTransactionCap { asset, amount, cap } => {
            format!(
                "{} is above the signer's cap of {} per transaction",
                rules.shown(asset, *amount),
                rules.shown(asset, *cap)
            )
        }
        Refused::AboveDailyCap { asset, amount, cap, used } => format!(
            "{} would exceed the signer's cap of {} for today, of which {} is used",
            rules.shown(asset, *amount),
            rules.shown(asset, *cap),
            rules.shown(asset, *used)
        ),
        Refused::FeeAboveCap { cost, cap, unit: _ } => {
            format!(
                "the transaction may cost {}, above the signer's cap of {}",
                coins(*cost),
                coins(*cap)
            )
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use adit_chain::Obstacle;
    use adit_core::{AssetId, DeferralCause};
    use adit_signer::FeeUnit;

    use super::*;
    use crate::sample::rules;

    #[test]
    fn amounts_are_told_in_whole_units_with_the_assets_name() {
        let asset: AssetId = "USDC".parse().expect("an asset");
        let (rules, amount) = (rules(&asset), Amount::new(2_500_000));
        let coins = |amount: Amount| format!("{} ETH", amount.to_units(18));
        let cap = Amount::new(1_000_000);
        let once = Refused::AboveTransactionCap { asset: asset.clone(), amount, cap };
        assert_eq!(
            sentence(&rules, coins, &once),
            "2.5 USDC is above the signer's cap of 1 USDC per transaction"
        );
        let daily =
            Refused::AboveDailyCap { asset: asset.clone(), amount, cap, used: Amount::new(1) };
        assert_eq!(
            sentence(&rules, coins, &daily),
            "2.5 USDC would exceed the signer's cap of 1 USDC for today, of which 0.000001 USDC is \
             used"
        );
        let fee = Refused::FeeAboveCap {
            cost: Amount::new(3 * 10_u128.pow(16)),
            cap: Amount::new(10_u128.pow(16)),
            unit: FeeUnit::Wei,
        };
        assert_eq!(
            sentence(&rules, coins, &fee),
            "the transaction may cost 0.03 ETH, above the signer's cap of 0.01 ETH"
        );
        let (said, cause) =
            Obstacle::Unfunded { asset: asset.clone(), needed: amount, held: cap }.told(&rules);
        assert_eq!(
            (said.as_str(), cause),
            (
                "the wallet holds 1 USDC and needs 2.5 USDC",
                DeferralCause::Unfunded { asset, needed: amount }
            )
        );
        let gone: AssetId = "GONE".parse().expect("an asset");
        assert_eq!(
            rules.shown(&gone, amount),
            "2500000 base units of GONE",
            "nobody knows its unit any more"
        );
    }
}
