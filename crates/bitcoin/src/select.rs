//! Which coins pay a bill.
//!
//! Confirmed ones first: exactly fitting ones without change if there are, else the largest. Own
//! change that no block holds yet only where they do not suffice (window F60). Reserved, immature
//! and foreign unconfirmed coins never (windows F56, F66). Equal input gives an equal choice,
//! whatever the order of the coins.

use std::collections::BTreeSet;

use adit_core::Amount;
use bdk_coin_select::metrics::Changeless;
use bdk_coin_select::{
    Candidate, ChangePolicy, CoinSelector, DrainWeights, Target, TargetFee, TargetOutputs,
};
use bdk_wallet::bitcoin::{OutPoint, Weight};

use crate::funding::CHANGE_TO_FEE_MAX;
use crate::{Ancestry, Balance, Bill, Coin, money};

/// Rounds of the search for coins that fit without change.
const SEARCH_ROUNDS_MAX: usize = 5_000;
/// Coins among which it searches: the largest.
const SEARCH_COINS_MAX: usize = 200;
/// Nodes relay no heavier transaction (Bitcoin Core, `policy/policy.h`, `MAX_STANDARD_TX_WEIGHT`).
pub const TRANSACTION_WEIGHT_MAX: Weight = Weight::from_wu(400_000);

/// Coins of a wallet, and what must not be touched.
#[derive(Debug, Clone, Copy)]
pub struct Purse<'a> {
    pub coins: &'a [Coin],
    /// Coins that a live lineage spends, whether or not its transaction is known to anyone.
    pub reserved: &'a BTreeSet<OutPoint>,
    /// Height of the last block.
    pub tip: u64,
}

/// Coins that pay a bill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    /// In the order of their outpoints.
    pub coins: Vec<Coin>,
    pub balance: Balance,
}

/// Why a bill is not paid now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfunded {
    #[error(
        "{needed} satoshi and the fee are to be paid, and {free} are free; {reserved} are reserved \
         by payments that are under way, {waiting} wait for confirmations"
    )]
    TooLittle { needed: Amount, free: Amount, reserved: Amount, waiting: Amount },
    #[error(
        "too many small coins would be needed: the transaction would weigh {weight}, and nodes \
         relay at most {TRANSACTION_WEIGHT_MAX}; consolidate, or pay fewer at once"
    )]
    TooHeavy { weight: Weight },
}

/// Chooses the coins that pay a bill.
///
/// # Errors
/// [`Unfunded`].
pub fn select(purse: &Purse<'_>, bill: &Bill) -> Result<Selection, Unfunded> {
    let (confirmed, unconfirmed): (Vec<Coin>, Vec<Coin>) = purse
        .free()
        .into_iter()
        .filter(|coin| pays_for_itself(coin, bill))
        .partition(Coin::is_confirmed);
    let selection = fitting(&confirmed, bill)
        .or_else(|| in_order(confirmed.iter().chain(&unconfirmed), bill))
        .ok_or_else(|| purse.too_little(bill.total()))?;
    if selection.balance.weight > TRANSACTION_WEIGHT_MAX {
        return Err(Unfunded::TooHeavy { weight: selection.balance.weight });
    }
    Ok(selection)
}

impl Purse<'_> {
    /// The coins that may be spent now: confirmed before unconfirmed, short chains before long
    /// ones, large before small.
    pub fn free(&self) -> Vec<Coin> {
        let mut free: Vec<Coin> =
            self.coins.iter().filter(|coin| self.is_free(coin)).copied().collect();
        free.sort_by_key(|coin| {
            (
                !coin.is_confirmed(),
                coin.ancestry().transactions,
                std::cmp::Reverse(coin.amount),
                coin.outpoint,
            )
        });
        free.dedup_by_key(|coin| coin.outpoint);
        free
    }

    fn is_free(&self, coin: &Coin) -> bool {
        !self.reserved.contains(&coin.outpoint) && coin.spendable(self.tip).is_ok()
    }

    pub(crate) fn too_little(&self, needed: Amount) -> Unfunded {
        let total = |wanted: &dyn Fn(&Coin) -> bool| {
            money::sum(self.coins.iter().filter(|coin| wanted(coin)).map(|coin| coin.amount))
        };
        let reserved = |coin: &Coin| self.reserved.contains(&coin.outpoint);
        Unfunded::TooLittle {
            needed,
            free: total(&|coin| self.is_free(coin)),
            reserved: total(&reserved),
            waiting: total(&|coin| !reserved(coin) && coin.spendable(self.tip).is_err()),
        }
    }
}

/// Whether it is worth more than its input costs.
fn pays_for_itself(coin: &Coin, bill: &Bill) -> bool {
    coin.amount > bill.feerate.fee_of(bill.spend.input_weight().to_vbytes_ceil())
}

fn settled(mut coins: Vec<Coin>, bill: &Bill) -> Option<Selection> {
    let balance = bill.settle(coins.len(), money::sum(coins.iter().map(|coin| coin.amount)))?;
    coins.sort_by_key(|coin| coin.outpoint);
    Some(Selection { coins, balance })
}

/// Coins that pay without change, by branch and bound. The search counts in floating point: what it
/// finds is counted again.
fn fitting(confirmed: &[Coin], bill: &Bill) -> Option<Selection> {
    let coins = &confirmed[..confirmed.len().min(SEARCH_COINS_MAX)];
    let candidates: Vec<Candidate> = coins.iter().map(|coin| candidate(coin, bill)).collect();
    let mut selector = CoinSelector::new(&candidates);
    let target = target(bill);
    let metric = Changeless { target, change_policy: change_policy(bill) };
    if !selector.is_selection_possible(target)
        || selector.run_bnb(metric, SEARCH_ROUNDS_MAX).is_err()
    {
        return None;
    }
    let chosen = selector.selected_indices().iter().map(|index| coins[*index]).collect();
    settled(chosen, bill).filter(|selection| selection.balance.change.is_none())
}

fn candidate(coin: &Coin, bill: &Bill) -> Candidate {
    let value = u64::try_from(coin.amount.base_units()).unwrap_or(u64::MAX / 1_000);
    Candidate { input_count: 1, value, weight: bill.spend.input_weight().to_wu(), is_segwit: true }
}

fn target(bill: &Bill) -> Target {
    let amount = |amount: Amount| u64::try_from(amount.base_units()).unwrap_or(u64::MAX / 1_000);
    let sat_per_kvb = bill.feerate.sat_per_kvb();
    Target {
        fee: TargetFee::from_feerate(bdk_coin_select::FeeRate::from_sat_per_vb(
            sat_per_kvb as f32 / 1_000.0,
        )),
        outputs: TargetOutputs::fund_outputs(
            bill.outputs.iter().map(|(kind, paid)| (kind.output_weight().to_wu(), amount(*paid))),
        ),
    }
}

/// Change is worth it when it is more than its output now and its input later cost.
fn change_policy(bill: &Bill) -> ChangePolicy {
    let weights = DrainWeights {
        output_weight: bill.spend.script_kind().output_weight().to_wu(),
        spend_weight: bill.spend.input_weight().to_wu(),
        n_outputs: 1,
    };
    let later =
        bill.feerate.fee_of(bill.spend.input_weight().to_vbytes_ceil()).min(CHANGE_TO_FEE_MAX);
    ChangePolicy::min_value(weights, u64::try_from(later.base_units()).unwrap_or(u64::MAX / 1_000))
}

/// One coin after the other until they suffice, as far as their unconfirmed ancestors fit together.
fn in_order<'a>(coins: impl Iterator<Item = &'a Coin>, bill: &Bill) -> Option<Selection> {
    let (mut chosen, mut held, mut ancestry) = (Vec::new(), Amount::ZERO, Ancestry::default());
    for coin in coins {
        let together = ancestry.plus(coin.ancestry());
        if !together.fits() {
            continue;
        }
        ancestry = together;
        chosen.push(*coin);
        held = money::sum([held, coin.amount]);
        if bill.settle(chosen.len(), held).is_some() {
            return settled(chosen, bill);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::coin::tests::{CONFIRMED, any_seen, coin, ours};
    use crate::funding::tests::{any_bill, check};
    use crate::{ANCESTORS_MAX, ScriptKind, Seen, Spend};
    use adit_core::FeeRate;

    fn bill(satoshi: u128) -> Bill {
        Bill {
            spend: Spend::SegwitKey,
            outputs: vec![(ScriptKind::P2wpkh, Amount::new(satoshi))],
            feerate: FeeRate::from_sat_per_kvb(10_000),
            replaces: None,
        }
    }

    fn choose(coins: &[Coin], satoshi: u128) -> Result<Selection, Unfunded> {
        select(&Purse { coins, reserved: &BTreeSet::new(), tip: 200 }, &bill(satoshi))
    }

    #[test]
    fn coins_that_fit_are_preferred_to_change() {
        let fee = bill(0).fee_min(bill(0).weight(2, false)).base_units();
        let coins = [
            coin(1, 900_000, CONFIRMED),
            coin(2, 60_000, CONFIRMED),
            coin(3, 40_000 + fee + 20, CONFIRMED),
        ];
        let chosen = choose(&coins, 100_000).expect("enough");
        assert_eq!((chosen.coins, chosen.balance.change), (vec![coins[1], coins[2]], None));
    }

    #[test]
    fn the_largest_confirmed_coin_is_first() {
        let coins =
            [coin(1, 90_000, CONFIRMED), coin(2, 700_000, CONFIRMED), coin(3, 10_000_000, ours(1))];
        let chosen = choose(&coins, 100_000).expect("enough");
        assert_eq!(chosen.coins, [coins[1]]);
        assert!(chosen.balance.change.is_some());
    }

    #[test]
    fn f60_unconfirmed_change_is_the_last_resort_and_its_ancestors_are_counted_together() {
        let coins = [
            coin(1, 50_000, CONFIRMED),
            coin(2, 60_000, ours(12)),
            coin(3, 60_000, ours(9)),
            coin(4, 60_000, ours(8)),
        ];
        let chosen = choose(&coins, 150_000).expect("enough");
        assert_eq!(chosen.coins, [coins[0], coins[2], coins[3]]);
        let needed = choose(&coins, 200_000).expect_err("together they stand on 29");
        assert!(matches!(needed, Unfunded::TooLittle { free, .. } if free == Amount::new(230_000)));
    }

    #[test]
    fn who_is_short_learns_what_is_on_its_way() {
        let coins =
            [coin(1, 10_000, CONFIRMED), coin(2, 70_000, Seen::Foreign), coin(3, 5_000, CONFIRMED)];
        let reserved = BTreeSet::from([coins[2].outpoint]);
        let short = select(&Purse { coins: &coins, reserved: &reserved, tip: 200 }, &bill(50_000))
            .expect_err("too little");
        let text = "50000 satoshi and the fee are to be paid, and 10000 are free; 5000 are reserved by \
             payments that are under way, 70000 wait for confirmations";
        assert_eq!(short.to_string(), text);
    }

    #[test]
    fn a_transaction_that_is_not_relayed_is_not_planned() {
        let coins: Vec<Coin> = (0..2_000).map(|name| coin(name, 5_000, CONFIRMED)).collect();
        assert!(matches!(choose(&coins, 8_000_000), Err(Unfunded::TooHeavy { .. })));
    }

    fn any_coins() -> impl Strategy<Value = Vec<Coin>> {
        let one = (prop_oneof![1u128..20_000, 1u128..2_000_000, 1u128..20_000_000], any_seen());
        prop::collection::vec(one, 0..24).prop_map(|coins| {
            let name = |index| u32::try_from(index).expect("few");
            coins
                .into_iter()
                .enumerate()
                .map(|(index, (amount, seen))| coin(name(index), amount, seen))
                .collect()
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn f56_f66_only_free_coins_are_chosen(
            mut coins in any_coins(), bill in any_bill(), taken in any::<u32>(), tip in 0u64..250, fits in prop::option::of(0u128..100),
        ) {
            if let Some(over) = fits {
                let fee = bill.fee_min(bill.weight(1, false)).base_units();
                coins.insert(0, coin(99, bill.total().base_units() + fee + over, CONFIRMED));
            }
            let reserved = coins.iter().enumerate().filter(|(index, _)| taken >> index & 1 == 1).map(|(_, coin)| coin.outpoint).collect();
            let Ok(chosen) = select(&Purse { coins: &coins, reserved: &reserved, tip }, &bill) else { return Ok(()) };
            for coin in &chosen.coins {
                prop_assert!(coins.contains(coin) && !reserved.contains(&coin.outpoint));
                prop_assert_eq!(coin.spendable(tip), Ok(()));
            }
            let names: BTreeSet<OutPoint> = chosen.coins.iter().map(|coin| coin.outpoint).collect();
            prop_assert_eq!(names.len(), chosen.coins.len(), "none is there twice");
            let ancestry = chosen.coins.iter().fold(Ancestry::default(), |sum, coin| sum.plus(coin.ancestry()));
            prop_assert!(ancestry.transactions <= ANCESTORS_MAX);
            check(&bill, chosen.coins.len(), money::sum(chosen.coins.iter().map(|coin| coin.amount)), chosen.balance)?;
        }

        #[test]
        fn confirmed_coins_alone_are_chosen_where_they_suffice(coins in any_coins(), bill in any_bill()) {
            let reserved = BTreeSet::new();
            let confirmed: Vec<Coin> = coins.iter().copied().filter(Coin::is_confirmed).collect();
            let of = |coins: &[Coin]| select(&Purse { coins, reserved: &reserved, tip: 200 }, &bill);
            if let Ok(chosen) = of(&confirmed) {
                prop_assert_eq!(of(&coins), Ok(chosen));
            }
        }

        #[test]
        fn equal_coins_in_any_order_give_an_equal_choice(coins in any_coins(), bill in any_bill(), seed in any::<usize>()) {
            let reserved = BTreeSet::new();
            let of = |coins: &[Coin]| select(&Purse { coins, reserved: &reserved, tip: 200 }, &bill);
            let mut turned = coins.clone();
            turned.reverse();
            if !turned.is_empty() {
                let by = seed % turned.len();
                turned.rotate_left(by);
            }
            prop_assert_eq!(of(&coins), of(&turned));
        }
    }
}
