//! A child that pays for a transaction which cannot be replaced any more (CPFP): it spends that
//! one's change and pays nobody. Pure.

use std::collections::BTreeSet;

use adit_chain::NextVersion;
use adit_core::{Amount, BitcoinDraft, Draft, FeeRate, ancestors};
use bdk_wallet::bitcoin::{OutPoint, Weight};

use super::succeed::bitcoin;
use super::unmined::{self, ancestry};
use crate::{Coin, Payment, Purse, Stuck, Wallet, lift, money, transaction_weight};

/// What a child is made of.
pub(crate) struct Lift<'a> {
    pub wallet: &'a Wallet,
    /// Confirmed ones are added where the change does not pay for both.
    pub coins: &'a [Coin],
    pub tip: u64,
    /// The lane's number of the child.
    pub number: u64,
    /// The most that the child may cost, in all and per virtual byte.
    pub fee_max: Amount,
    pub feerate_max: FeeRate,
}

impl Lift<'_> {
    /// The child; in words, why there is none.
    pub(crate) fn child(&self, next: &NextVersion<'_>) -> Result<Draft, String> {
        let adit_core::Offer::Bitcoin(offer) = next.offer else {
            return Err("the offer is none of Bitcoin".to_owned());
        };
        let change = unmined::change(next.lineage, ancestry(next.live, next.lineage));
        let Some(change) = change.first().copied() else {
            return Err("it leaves no change that a child could spend".to_owned());
        };
        let package = ancestors(next.live, next.lineage).into_iter().chain([next.lineage]);
        let drafts: Vec<&BitcoinDraft> =
            package.filter_map(|one| bitcoin(&one.latest().draft)).collect();
        let fee = money::sum(drafts.iter().map(|draft| draft.fee().unwrap_or_default()));
        let vbytes = drafts.iter().map(|draft| draft.vbytes).sum();
        let Some(weight) = Weight::from_vb(vbytes) else {
            return Err(format!("{vbytes} virtual bytes are no transactions"));
        };
        let stuck = Stuck { fee, weight, change };
        self.lifting(&stuck, offer, &unmined::reserved(next.live)).map(Draft::Bitcoin)
    }

    /// Whatever sizes and coins make of the offer, the child itself stays below the cap.
    fn lifting(
        &self,
        stuck: &Stuck,
        offer: FeeRate,
        reserved: &BTreeSet<OutPoint>,
    ) -> Result<BitcoinDraft, String> {
        let payment = Payment {
            wallet: self.wallet,
            number: self.number,
            feerate: offer.min(self.affordable(stuck)),
        };
        let purse = Purse { coins: self.coins, reserved, tip: self.tip };
        let child = lift(payment, stuck, &purse, self.fee_max).map_err(|why| why.to_string())?;
        let pays = FeeRate::paid(child.fee().unwrap_or(Amount::MAX), child.vbytes);
        match pays > self.feerate_max {
            true => Err(format!("a child would pay {pays}, above the cap of {}", self.feerate_max)),
            false => Ok(child),
        }
    }

    /// The feerate to which a child of one coin may lift: it pays for both, and neither its fee nor
    /// its own feerate goes above the caps.
    fn affordable(&self, stuck: &Stuck) -> FeeRate {
        let spend = self.wallet.spend();
        let child = transaction_weight(spend, 1, [spend.script_kind()]).to_vbytes_ceil();
        // Rounded down, and a satoshi less for each of the two sizes whose fee is rounded up: one
        // more would be above the cap.
        let by_feerate =
            (u128::from(self.feerate_max.sat_per_kvb()).saturating_mul(u128::from(child)) / 1_000)
                .saturating_sub(2);
        let most = self.fee_max.min(Amount::new(by_feerate));
        FeeRate::paid(
            money::sum([stuck.fee, most]),
            stuck.weight.to_vbytes_ceil().saturating_add(child),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Unsigned;
    use crate::batch::tests::wallet;
    use crate::coin::tests::{coin, ours};

    /// F35: a large parent lacks more than a small child may pay: it lifts as far as both caps
    /// allow.
    #[test]
    fn f35_f61_a_child_lifts_as_far_as_the_caps_allow() {
        let wallet = wallet();
        let stuck = Stuck {
            fee: Amount::new(4_000),
            weight: Weight::from_vb_unchecked(4_000),
            change: coin(1, 900_000, ours(1)),
        };
        for (fee_max, sat_per_vb) in [(100_000, 300), (10_000, 300), (100_000, 20)] {
            let (fee_max, feerate_max) =
                (Amount::new(fee_max), FeeRate::from_sat_per_kvb(sat_per_vb * 1_000));
            let of =
                Lift { wallet: &wallet, coins: &[], tip: 200, number: 3, fee_max, feerate_max };
            let reserved = BTreeSet::new();
            let payment = Payment { wallet: &wallet, number: 3, feerate: of.affordable(&stuck) };
            let child = lift(
                payment,
                &stuck,
                &Purse { coins: &[], reserved: &reserved, tip: 200 },
                fee_max,
            )
            .expect("within the caps");
            let (fee, vbytes) = (child.fee().expect("a fee"), child.vbytes);
            assert!(
                fee <= fee_max && FeeRate::paid(fee, vbytes) <= feerate_max,
                "{fee} for {vbytes}"
            );
            let least = fee_max.min(Amount::new(
                u128::from(feerate_max.sat_per_kvb()) * u128::from(vbytes) / 1_000,
            ));
            assert!(
                fee.base_units() * 100 >= least.base_units() * 99,
                "{fee} of {least}: as far as they allow"
            );
            assert!(Unsigned::of(&child).is_ok());
        }
    }

    /// F35: whatever the change is worth, no child offers more than the cap, which the rules would
    /// refuse again and again (simulator seed 23 of 2026-11-30).
    #[test]
    fn f35_f61_no_child_offers_more_than_the_cap() {
        let wallet = wallet();
        let feerate_max = FeeRate::from_sat_per_kvb(200_000);
        let of = Lift {
            wallet: &wallet,
            coins: &[],
            tip: 200,
            number: 3,
            fee_max: Amount::new(1_000_000),
            feerate_max,
        };
        let lifted = |change: u128| {
            let stuck = Stuck {
                fee: Amount::new(400),
                weight: Weight::from_vb_unchecked(400),
                change: coin(1, change, ours(1)),
            };
            of.lifting(&stuck, feerate_max, &BTreeSet::new())
        };
        let children: Vec<_> = (15_000..60_000).step_by(7).map(lifted).collect();
        assert!(
            children
                .iter()
                .flatten()
                .all(
                    |child| FeeRate::paid(child.fee().expect("a fee"), child.vbytes) <= feerate_max
                )
        );
        assert!(
            children.iter().any(Result::is_ok) && children.iter().any(Result::is_err),
            "on both sides of what can be paid"
        );
    }
}
