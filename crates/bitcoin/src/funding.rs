//! What coins leave after they have paid: the fee, and change where it is worth an output.
//!
//! All in whole satoshi, and always: inputs = outputs + change + fee.

use adit_core::{Amount, FeeRate, INCREMENTAL_FEE_RATE};
use bdk_wallet::bitcoin::Weight;

use crate::{ScriptKind, Spend, dust_limit, money, transaction_weight};

/// The most that is left to the miners, above the fee, because change would be dust or would cost
/// more than it is (window F62).
pub const CHANGE_TO_FEE_MAX: Amount = Amount::new(5_000);

/// What has to be paid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bill {
    pub spend: Spend,
    /// Without change.
    pub outputs: Vec<(ScriptKind, Amount)>,
    pub feerate: FeeRate,
    /// Fees of the transactions that this one replaces: it pays more than all of them (BIP-125,
    /// rules 3 and 4).
    pub replaces: Option<Amount>,
}

/// How a bill is paid by certain coins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Balance {
    pub change: Option<Amount>,
    pub fee: Amount,
    pub weight: Weight,
}

impl Bill {
    /// What the outputs are together.
    pub fn total(&self) -> Amount {
        money::sum(self.outputs.iter().map(|(_, amount)| *amount))
    }

    /// Pays with this many coins that are together worth `held`; none where they are too little, or
    /// where more than [`CHANGE_TO_FEE_MAX`] would be lost.
    pub fn settle(&self, coins: usize, held: Amount) -> Option<Balance> {
        let surplus = held.checked_sub(self.total())?;
        self.with_change(coins, surplus).or_else(|| self.without_change(coins, surplus))
    }

    /// The weight, with an output for change or without.
    pub fn weight(&self, coins: usize, change: bool) -> Weight {
        let kinds = self.outputs.iter().map(|(kind, _)| *kind);
        transaction_weight(
            self.spend,
            coins,
            kinds.chain(change.then_some(self.spend.script_kind())),
        )
    }

    /// The least fee at this weight.
    pub fn fee_min(&self, weight: Weight) -> Amount {
        let offered = self.feerate.fee_of(weight.to_vbytes_ceil());
        self.replaces.map_or(offered, |replaced| {
            offered
                .max(money::sum([replaced, INCREMENTAL_FEE_RATE.fee_of(weight.to_vbytes_ceil())]))
        })
    }

    fn with_change(&self, coins: usize, surplus: Amount) -> Option<Balance> {
        let weight = self.weight(coins, true);
        let fee = self.fee_min(weight);
        let change = surplus.checked_sub(fee)?;
        (change >= dust_limit(self.spend.script_kind())).then_some(Balance {
            change: Some(change),
            fee,
            weight,
        })
    }

    fn without_change(&self, coins: usize, surplus: Amount) -> Option<Balance> {
        let weight = self.weight(coins, false);
        let lost = surplus.checked_sub(self.fee_min(weight))?;
        (lost <= CHANGE_TO_FEE_MAX).then_some(Balance { change: None, fee: surplus, weight })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(crate) fn any_spend() -> impl Strategy<Value = Spend> {
        prop_oneof![
            Just(Spend::SegwitKey),
            Just(Spend::TaprootKey),
            Just(Spend::Multisig { needed: 2, keys: 3 })
        ]
    }

    pub(crate) fn any_bill() -> impl Strategy<Value = Bill> {
        let output = (prop::sample::select(&ScriptKind::ALL[..]), 5_460u128..3_000_000);
        let replaces =
            prop_oneof![Just(None), (0u128..20_000).prop_map(|fee| Some(Amount::new(fee)))];
        (any_spend(), prop::collection::vec(output, 1..5), 1_000u64..200_000, replaces).prop_map(
            |(spend, outputs, rate, replaces)| Bill {
                spend,
                outputs: outputs
                    .into_iter()
                    .map(|(kind, amount)| (kind, Amount::new(amount)))
                    .collect(),
                feerate: FeeRate::from_sat_per_kvb(rate),
                replaces,
            },
        )
    }

    /// The laws of a paid bill.
    pub(crate) fn check(
        bill: &Bill,
        coins: usize,
        held: Amount,
        paid: Balance,
    ) -> Result<(), TestCaseError> {
        let given = money::sum([bill.total(), paid.change.unwrap_or(Amount::ZERO), paid.fee]);
        prop_assert_eq!(held, given, "inputs = outputs + change + fee");
        prop_assert_eq!(paid.weight, bill.weight(coins, paid.change.is_some()));
        prop_assert!(FeeRate::paid(paid.fee, paid.weight.to_vbytes_ceil()) >= bill.feerate);
        let needed = bill.fee_min(paid.weight);
        prop_assert!(paid.fee >= needed && paid.fee.minus(needed) <= CHANGE_TO_FEE_MAX);
        prop_assert!(
            paid.change.is_none_or(|change| change >= dust_limit(bill.spend.script_kind()))
        );
        Ok(())
    }

    proptest! {
        #[test]
        fn inputs_are_outputs_and_change_and_fee(bill in any_bill(), coins in 1usize..20, surplus in 0u128..9_000, scale in 0u128..3) {
            // Around the fee, where change begins to be worth it, and far from it.
            let fee = bill.fee_min(bill.weight(coins, false));
            let surplus = Amount::new(surplus * [1, 1, 50][scale as usize]);
            let held = money::sum([bill.total(), surplus, if scale == 1 { fee } else { Amount::ZERO }]);
            if let Some(paid) = bill.settle(coins, held) {
                check(&bill, coins, held, paid)?;
            }
            let short = bill.total().minus(Amount::new(1));
            prop_assert_eq!(bill.settle(coins, short), None);
        }
    }

    #[test]
    fn f62_change_that_is_dust_goes_to_the_miners_up_to_a_cap() {
        let bill = |rate| Bill {
            spend: Spend::SegwitKey,
            outputs: vec![(ScriptKind::P2wpkh, Amount::new(50_000))],
            feerate: FeeRate::from_sat_per_kvb(rate),
            replaces: None,
        };
        let paid = |rate, surplus| bill(rate).settle(1, Amount::new(50_000 + surplus));
        let fee = bill(1_000).fee_min(bill(1_000).weight(1, false)).base_units();
        assert_eq!(paid(1_000, fee - 1), None);
        assert_eq!(
            paid(1_000, fee + 324).map(|paid| (paid.change, paid.fee)),
            Some((None, Amount::new(fee + 324)))
        );
        let change = paid(1_000, fee + 31 + 294).expect("an output of 31 vbytes and no dust");
        assert_eq!((change.change, change.fee), (Some(Amount::new(294)), Amount::new(fee + 31)));
        // At 200 sat/vB an output costs 6200: between the cap and that, these coins do not do.
        let dear = bill(200_000).fee_min(bill(200_000).weight(1, false)).base_units();
        assert!(paid(200_000, dear + 5_000).is_some_and(|paid| paid.change.is_none()));
        assert_eq!(paid(200_000, dear + 5_001), None);
        assert!(
            paid(200_000, dear + 6_494).is_some_and(|paid| paid.change == Some(Amount::new(294)))
        );
    }
}
