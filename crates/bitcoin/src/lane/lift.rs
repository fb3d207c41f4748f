//! A child that pays for a transaction which cannot be replaced any more (CPFP): it spends that one's change and pays nobody. Pure.

use std::collections::BTreeSet;

use adit_chain::NextVersion;
use adit_core::{Amount, BitcoinDraft, Draft, FeeRate, ancestors};
use bdk_wallet::bitcoin::Weight;

use super::holdings::{self, ancestry};
use super::succeed::bitcoin;
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
        let adit_core::Offer::Bitcoin(offer) = next.offer else { return Err("the offer is none of Bitcoin".to_owned()) };
        let change = holdings::change(next.lineage, ancestry(next.live, next.lineage));
        let Some(change) = change.first().copied() else { return Err("it leaves no change that a child could spend".to_owned()) };
        let package = ancestors(next.live, next.lineage).into_iter().chain([next.lineage]);
        let drafts: Vec<&BitcoinDraft> = package.filter_map(|one| bitcoin(&one.latest().draft)).collect();
        let fee = money::sum(drafts.iter().map(|draft| draft.fee().unwrap_or_default()));
        let vbytes = drafts.iter().map(|draft| draft.vbytes).sum();
        let Some(weight) = Weight::from_vb(vbytes) else { return Err(format!("{vbytes} virtual bytes are no transactions")) };
        let stuck = Stuck { fee, weight, change };
        let reserved: BTreeSet<_> = holdings::reserved(next.live);
        let payment = Payment { wallet: self.wallet, number: self.number, feerate: offer.min(self.affordable(&stuck)) };
        let purse = Purse { coins: self.coins, reserved: &reserved, tip: self.tip };
        lift(payment, &stuck, &purse, self.fee_max).map(Draft::Bitcoin).map_err(|why| why.to_string())
    }

    /// The feerate to which a child of one coin may lift: it pays for both, and neither its fee nor its own feerate goes above the caps.
    fn affordable(&self, stuck: &Stuck) -> FeeRate {
        let spend = self.wallet.spend();
        let child = transaction_weight(spend, 1, [spend.script_kind()]).to_vbytes_ceil();
        // Rounded down: a satoshi more would be above the cap.
        let by_feerate = u128::from(self.feerate_max.sat_per_kvb()).saturating_mul(u128::from(child)) / 1_000;
        let most = self.fee_max.min(Amount::new(by_feerate));
        FeeRate::paid(money::sum([stuck.fee, most]), stuck.weight.to_vbytes_ceil().saturating_add(child))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Unsigned;
    use crate::batch::tests::wallet;
    use crate::coin::tests::{coin, ours};

    /// F35: a large parent lacks more than a small child may pay: it lifts as far as both caps allow.
    #[test]
    fn f35_f61_a_child_lifts_as_far_as_the_caps_allow() {
        let wallet = wallet();
        let stuck = Stuck { fee: Amount::new(4_000), weight: Weight::from_vb_unchecked(4_000), change: coin(1, 900_000, ours(1)) };
        for (fee_max, sat_per_vb) in [(100_000, 300), (10_000, 300), (100_000, 20)] {
            let (fee_max, feerate_max) = (Amount::new(fee_max), FeeRate::from_sat_per_kvb(sat_per_vb * 1_000));
            let of = Lift { wallet: &wallet, coins: &[], tip: 200, number: 3, fee_max, feerate_max };
            let reserved = BTreeSet::new();
            let payment = Payment { wallet: &wallet, number: 3, feerate: of.affordable(&stuck) };
            let child = lift(payment, &stuck, &Purse { coins: &[], reserved: &reserved, tip: 200 }, fee_max).expect("within the caps");
            let (fee, vbytes) = (child.fee().expect("a fee"), child.vbytes);
            assert!(fee <= fee_max && FeeRate::paid(fee, vbytes) <= feerate_max, "{fee} for {vbytes}");
            let least = fee_max.min(Amount::new(u128::from(feerate_max.sat_per_kvb()) * u128::from(vbytes) / 1_000));
            assert!(fee.base_units() * 100 >= least.base_units() * 99, "{fee} of {least}: as far as they allow");
            assert!(Unsigned::of(&child).is_ok());
        }
    }
}
