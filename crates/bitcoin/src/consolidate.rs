//! Many small coins made one while blocks are cheap, so that payments are cheap when they are not.

use std::collections::BTreeSet;

use adit_core::{BitcoinDraft, Consolidation};
use bdk_wallet::bitcoin::Txid;

use crate::plan::input;
use crate::{Bill, Coin, Payment, Purse, WalletError, money};

/// Most coins that one transaction merges: 100 inputs are less than a tenth of what nodes relay.
pub const CONSOLIDATED_COINS_MAX: usize = 100;

/// The transaction that merges small coins; none where there are too few. Only confirmed coins are
/// merged, each worth at least twice what its input costs. Whether it is cheap now the rules say.
///
/// # Errors
/// [`WalletError::Index`].
pub fn consolidate(
    payment: Payment<'_>,
    purse: &Purse<'_>,
    rules: &Consolidation,
) -> Result<Option<BitcoinDraft>, WalletError> {
    let coins = small_coins(payment, purse, rules);
    if coins.len() < usize::from(rules.coins_min).max(2) {
        Ok(None)
    } else {
        merge(payment, &coins)
    }
}

/// The transaction that spends the wallet's coins to the wallet itself, so that nothing forgotten
/// can spend them any more; none where no coin is left that was not made by one of `swept`.
/// Confirmed coins alone, and none that costs more than it is worth: the dearest first.
///
/// # Errors
/// [`WalletError::Index`].
pub fn sweep(
    payment: Payment<'_>,
    purse: &Purse<'_>,
    swept: &BTreeSet<Txid>,
) -> Result<Option<BitcoinDraft>, WalletError> {
    let cost = payment.feerate.fee_of(payment.wallet.spend().input_weight().to_vbytes_ceil());
    let open = |coin: &Coin| {
        coin.is_confirmed() && coin.amount > cost && !swept.contains(&coin.outpoint.txid)
    };
    let mut coins: Vec<Coin> = purse.free().into_iter().filter(open).collect();
    coins.sort_by_key(|coin| (std::cmp::Reverse(coin.amount), coin.outpoint));
    coins.truncate(CONSOLIDATED_COINS_MAX);
    merge(payment, &coins)
}

/// None where the coins do not pay for it.
fn merge(payment: Payment<'_>, coins: &[Coin]) -> Result<Option<BitcoinDraft>, WalletError> {
    let spend = payment.wallet.spend();
    let bill = Bill { spend, outputs: Vec::new(), feerate: payment.feerate, replaces: None };
    let held = money::sum(coins.iter().map(|coin| coin.amount));
    match bill.settle(coins.len(), held).and_then(|balance| balance.change) {
        change @ Some(_) if !coins.is_empty() => {
            payment.draft(coins.iter().map(input).collect(), Vec::new(), change).map(Some)
        }
        Some(_) | None => Ok(None),
    }
}

/// The smallest first.
fn small_coins(payment: Payment<'_>, purse: &Purse<'_>, rules: &Consolidation) -> Vec<Coin> {
    let cost = payment.feerate.fee_of(payment.wallet.spend().input_weight().to_vbytes_ceil());
    let worth =
        |coin: &Coin| coin.amount >= money::sum([cost, cost]) && coin.amount < rules.small_below;
    let mut coins: Vec<Coin> =
        purse.free().into_iter().filter(|coin| coin.is_confirmed() && worth(coin)).collect();
    coins.sort_by_key(|coin| (coin.amount, coin.outpoint));
    coins.truncate(CONSOLIDATED_COINS_MAX);
    coins
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::Unsigned;
    use crate::batch::tests::wallet;
    use crate::coin::tests::{CONFIRMED, coin, ours};
    use adit_core::{Amount, FeeRate, OutputPurpose};

    const RULES: Consolidation =
        Consolidation { quantile_percent: 10, small_below: Amount::new(50_000), coins_min: 3 };

    #[test]
    fn small_confirmed_coins_become_one() {
        let wallet = wallet();
        let coins = [
            coin(1, 9_000, CONFIRMED),
            coin(2, 8_000, CONFIRMED),
            coin(3, 49_999, CONFIRMED),
            coin(4, 50_000, CONFIRMED),
            coin(5, 9_000, ours(1)),
            coin(6, 271, CONFIRMED),
            coin(7, 20_000, CONFIRMED),
        ];
        let reserved = BTreeSet::from([coins[6].outpoint]);
        let purse = Purse { coins: &coins, reserved: &reserved, tip: 200 };
        let payment =
            Payment { wallet: &wallet, number: 3, feerate: FeeRate::from_sat_per_kvb(2_000) };
        let draft = consolidate(payment, &purse, &RULES).expect("an index").expect("enough");
        let unsigned = Unsigned::of(&draft).expect("fine");
        assert_eq!(draft.input_total(), Amount::new(9_000 + 8_000 + 49_999));
        assert!(
            matches!(draft.outputs[..], [ref only] if only.purpose == OutputPurpose::Change { index: 3 })
        );
        assert_eq!(
            unsigned.fee(),
            payment.feerate.fee_of(unsigned.weight(wallet.spend()).to_vbytes_ceil())
        );
        let picky = Consolidation { coins_min: 4, ..RULES };
        assert!(consolidate(payment, &purse, &picky).expect("an index").is_none(), "too few");
    }

    /// F91: whatever is not the output of a sweep becomes one; what costs more than it is worth
    /// stays.
    #[test]
    fn f91_a_sweep_spends_every_coin_that_something_forgotten_may_spend() {
        let wallet = wallet();
        let coins = [
            coin(1, 9_000, CONFIRMED),
            coin(2, 800_000, CONFIRMED),
            coin(3, 70_000, ours(1)),
            coin(4, 60, CONFIRMED),
        ];
        let reserved = BTreeSet::new();
        let purse = Purse { coins: &coins, reserved: &reserved, tip: 200 };
        let payment =
            Payment { wallet: &wallet, number: 3, feerate: FeeRate::from_sat_per_kvb(2_000) };
        let draft = sweep(payment, &purse, &BTreeSet::new()).expect("an index").expect("coins");
        assert_eq!(draft.input_total(), Amount::new(9_000 + 800_000));
        assert!(
            matches!(draft.outputs[..], [ref only] if only.purpose == OutputPurpose::Change { index: 3 })
        );
        let swept = BTreeSet::from([coins[0].outpoint.txid, coins[1].outpoint.txid]);
        assert!(
            sweep(payment, &purse, &swept).expect("an index").is_none(),
            "all that is left was swept"
        );
    }

    #[test]
    fn a_consolidation_has_an_end() {
        let (wallet, reserved) = (wallet(), BTreeSet::new());
        let coins: Vec<Coin> = (0..150).map(|name| coin(name, 10_000, CONFIRMED)).collect();
        let payment =
            Payment { wallet: &wallet, number: 3, feerate: FeeRate::from_sat_per_kvb(1_000) };
        let purse = Purse { coins: &coins, reserved: &reserved, tip: 200 };
        let draft = consolidate(payment, &purse, &RULES).expect("an index").expect("enough");
        assert_eq!(draft.inputs.len(), CONSOLIDATED_COINS_MAX);
    }
}
