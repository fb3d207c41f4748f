use bdk_wallet::bitcoin::{OutPoint, Weight};
use proptest::prelude::*;

use super::*;
use crate::batch::tests::{addresses, payable, wallet};
use crate::coin::tests::{CONFIRMED, coin, ours};
use crate::{ANCESTORS_MAX, Batch, OutputsMax, Seen};
use adit_core::INCREMENTAL_FEE_RATE;

static NONE: BTreeSet<OutPoint> = BTreeSet::new();
static ALL_THERE: BTreeSet<String> = BTreeSet::new();

fn purse(coins: &[Coin]) -> Purse<'_> {
    Purse { coins, reserved: &NONE, tip: 200 }
}

/// Pays 10,000 and 20,000 at 2 sat/vB with one coin of this many satoshi.
fn sent(wallet: &Wallet, satoshi: u128) -> BitcoinDraft {
    let to = addresses();
    let batch =
        Batch::of(&[payable(&to, 1, 0, 10_000), payable(&to, 2, 1, 20_000)], OutputsMax::default());
    let payment = Payment { wallet, number: 11, feerate: FeeRate::from_sat_per_kvb(2_000) };
    batch.plan(payment, &purse(&[coin(1, satoshi, CONFIRMED)])).expect("enough")
}

/// Nothing but itself is dropped.
fn alone(draft: &BitcoinDraft, wallet: &Wallet) -> Evicted {
    let unsigned = Unsigned::of(draft).expect("fine");
    let feerate_max =
        FeeRate::paid(unsigned.fee(), unsigned.weight(wallet.spend()).to_vbytes_ceil());
    Evicted { transactions: 1, fees: unsigned.fee(), feerate_max }
}

fn offer<'a>(wallet: &'a Wallet, coins: &'a [Coin], sat_per_kvb: u64) -> Terms<'a> {
    Terms {
        wallet,
        purse: purse(coins),
        feerate: FeeRate::from_sat_per_kvb(sat_per_kvb),
        fee_max: Amount::new(100_000),
    }
}

fn change(draft: &BitcoinDraft) -> Option<Amount> {
    let ours = |output: &&DraftOutput| output.purpose == OutputPurpose::Change { index: 11 };
    draft.outputs.iter().find(ours).map(|output| output.amount)
}

#[test]
fn f61_change_pays_for_a_higher_fee() {
    let wallet = wallet();
    let first = sent(&wallet, 100_000);
    let under_way =
        UnderWay { first: &first, base: &first, evicted: alone(&first, &wallet), gone: &ALL_THERE };
    let next = replace(&under_way, &offer(&wallet, &[], 10_000), &[]).expect("change is enough");
    assert_eq!(next.inputs, first.inputs);
    let more = next.fee().expect("positive").minus(first.fee().expect("positive"));
    assert_eq!(change(&first).map(|amount| amount.minus(more)), change(&next));
}

#[test]
fn f61_a_feerate_that_is_too_low_is_raised_to_what_nodes_ask() {
    let wallet = wallet();
    let first = sent(&wallet, 100_000);
    let under_way =
        UnderWay { first: &first, base: &first, evicted: alone(&first, &wallet), gone: &ALL_THERE };
    let next = Unsigned::of(&replace(&under_way, &offer(&wallet, &[], 1), &[]).expect("raised"))
        .expect("fine");
    let relay = INCREMENTAL_FEE_RATE.fee_of(next.weight(wallet.spend()).to_vbytes_ceil());
    assert_eq!(next.fee(), money::sum([under_way.evicted.fees, relay]));
}

#[test]
fn f61_a_feerate_below_that_of_a_descendant_is_raised_above_it() {
    let wallet = wallet();
    let first = sent(&wallet, 100_000);
    let evicted = Evicted {
        transactions: 2,
        feerate_max: FeeRate::from_sat_per_kvb(30_000),
        ..alone(&first, &wallet)
    };
    let under_way = UnderWay { first: &first, base: &first, evicted, gone: &ALL_THERE };
    let next =
        Unsigned::of(&replace(&under_way, &offer(&wallet, &[], 5_000), &[]).expect("raised"))
            .expect("fine");
    assert!(
        FeeRate::paid(next.fee(), next.weight(wallet.spend()).to_vbytes_ceil())
            > evicted.feerate_max
    );
}

#[test]
fn f57_all_inputs_are_kept_though_fewer_would_do() {
    let (wallet, to) = (wallet(), addresses());
    let batch = Batch::of(&[payable(&to, 1, 0, 100_000)], OutputsMax::default());
    let payment =
        Payment { wallet: &wallet, number: 11, feerate: FeeRate::from_sat_per_kvb(2_000) };
    let coins = [1, 2, 3].map(|name| coin(name, 45_000, CONFIRMED));
    let first = batch.plan(payment, &purse(&coins)).expect("enough");
    assert_eq!(first.inputs.len(), 3);
    let rich = [coin(4, 9_000_000, CONFIRMED)];
    let under_way =
        UnderWay { first: &first, base: &first, evicted: alone(&first, &wallet), gone: &ALL_THERE };
    for next in [
        replace(&under_way, &offer(&wallet, &rich, 150_000), &[]),
        cancel(&under_way, &offer(&wallet, &rich, 20_000)),
    ] {
        assert_eq!(next.expect("enough").inputs[..3], first.inputs);
    }
}

#[test]
fn f57_f61_confirmed_coins_are_added_and_none_is_dropped() {
    let wallet = wallet();
    let first = sent(&wallet, 31_500);
    let more = [
        coin(2, 9_000, CONFIRMED),
        coin(3, 90_000, ours(1)),
        coin(4, 80_000, Seen::Foreign),
        coin(5, 7_000, CONFIRMED),
    ];
    let under_way =
        UnderWay { first: &first, base: &first, evicted: alone(&first, &wallet), gone: &ALL_THERE };
    let next = replace(&under_way, &offer(&wallet, &more, 20_000), &[]).expect("one more coin");
    assert_eq!(next.inputs[..1], first.inputs);
    assert_eq!(
        next.inputs[1..].iter().map(|input| input.outpoint.clone()).collect::<Vec<_>>(),
        [more[0].outpoint.to_string()]
    );
    let poor = replace(&under_way, &offer(&wallet, &more[1..3], 20_000), &[]);
    assert!(matches!(poor, Err(NoReplacement::Unfunded(_))));
}

#[test]
fn f59_payees_may_join() {
    let (wallet, to) = (wallet(), addresses());
    let first = sent(&wallet, 100_000);
    let under_way =
        UnderWay { first: &first, base: &first, evicted: alone(&first, &wallet), gone: &ALL_THERE };
    let joining = Batch::of(&[payable(&to, 3, 2, 7_000)], OutputsMax::default()).outputs;
    let next = replace(&under_way, &offer(&wallet, &[], 5_000), &joining).expect("enough");
    assert_eq!(next.payouts().count(), 3);
    let again = Batch::of(&[payable(&to, 1, 2, 7_000)], OutputsMax::default()).outputs;
    assert!(matches!(
        replace(&under_way, &offer(&wallet, &[], 5_000), &again),
        Err(NoReplacement::PaidAlready { .. })
    ));
}

#[test]
fn a_cancel_brings_everything_back() {
    let wallet = wallet();
    let first = sent(&wallet, 100_000);
    let under_way =
        UnderWay { first: &first, base: &first, evicted: alone(&first, &wallet), gone: &ALL_THERE };
    let back = cancel(&under_way, &offer(&wallet, &[], 5_000)).expect("enough");
    assert_eq!(
        (back.inputs.clone(), back.payouts().count(), back.outputs.len()),
        (first.inputs.clone(), 0, 1)
    );
    assert_eq!(
        change(&back).map(|amount| money::sum([amount, back.fee().expect("positive")])),
        Some(Amount::new(100_000))
    );
}

#[test]
fn f61_what_nodes_would_refuse_says_why() {
    let wallet = wallet();
    let first = sent(&wallet, 100_000);
    let evicted = alone(&first, &wallet);
    let of = |evicted, fee_max| {
        let under_way = UnderWay { first: &first, base: &first, evicted, gone: &ALL_THERE };
        replace(
            &under_way,
            &Terms { fee_max: Amount::new(fee_max), ..offer(&wallet, &[], 3_000) },
            &[],
        )
    };
    assert!(of(Evicted { transactions: EVICTED_MAX, ..evicted }, 100_000).is_ok());
    let many = of(Evicted { transactions: EVICTED_MAX + 1, ..evicted }, 100_000);
    assert_eq!(many, Err(NoReplacement::Rule(BrokenRule::TooMany { got: 101 })));
    // A payee's child of 30,000 satoshi pins it.
    let pinned = of(Evicted { transactions: 2, fees: Amount::new(30_000), ..evicted }, 20_000)
        .expect_err("pinned");
    assert!(pinned.to_string().contains("wait, or lift it by a child"), "{pinned}");
}

#[test]
fn f57_a_version_that_breaks_a_rule_is_found() {
    let wallet = wallet();
    let first = sent(&wallet, 100_000);
    let evicted = alone(&first, &wallet);
    let good = replace(
        &UnderWay { first: &first, base: &first, evicted, gone: &ALL_THERE },
        &offer(&wallet, &[], 5_000),
        &[],
    )
    .expect("enough");
    let check = |change: &dyn Fn(&mut BitcoinDraft)| {
        let mut draft = good.clone();
        change(&mut draft);
        check_rules(&first, &first, &Unsigned::of(&draft).expect("fine"), &evicted, wallet.spend())
    };
    assert_eq!(check(&|_| ()), Ok(()));
    let other = |draft: &mut BitcoinDraft| {
        draft.inputs[0].outpoint = coin(9, 1, CONFIRMED).outpoint.to_string()
    };
    assert!(matches!(check(&other), Err(BrokenRule::AnchorLost { .. })));
    let unconfirmed =
        |draft: &mut BitcoinDraft| draft.inputs.push(input(&coin(9, 10_000, ours(1))));
    assert!(matches!(check(&unconfirmed), Err(BrokenRule::NewUnconfirmed { .. })));
    let less = |draft: &mut BitcoinDraft| draft.outputs[2].amount = change(&first).expect("change");
    assert!(matches!(check(&less), Err(BrokenRule::FeeTooLow { .. })));
    let robbed = |draft: &mut BitcoinDraft| draft.outputs[0].amount = Amount::new(9_999);
    assert_eq!(check(&robbed), Err(BrokenRule::PayeeChanged));
    let dear = Evicted { feerate_max: FeeRate::from_sat_per_kvb(5_000), ..evicted };
    let low =
        check_rules(&first, &first, &Unsigned::of(&good).expect("fine"), &dear, wallet.spend());
    assert!(matches!(low, Err(BrokenRule::FeerateTooLow { .. })));
}

/// R3, F57: a coin that a later version added and that is gone is left out of the next one, which
/// another coin pays for; the first's is kept whatever is said of it.
#[test]
fn r3_a_coin_that_was_added_and_is_gone_is_left_out() {
    let wallet = wallet();
    let first = sent(&wallet, 31_000);
    let under_way =
        UnderWay { first: &first, base: &first, evicted: alone(&first, &wallet), gone: &ALL_THERE };
    let bumped = replace(&under_way, &offer(&wallet, &[coin(2, 40_000, CONFIRMED)], 20_000), &[])
        .expect("with another coin");
    assert_eq!(bumped.inputs.len(), 2);
    let added = bumped
        .inputs
        .iter()
        .find(|input| !first.inputs.contains(input))
        .expect("one")
        .outpoint
        .clone();
    let gone: BTreeSet<String> = [added.clone(), first.inputs[0].outpoint.clone()].into();
    let under_way =
        UnderWay { first: &first, base: &bumped, evicted: alone(&bumped, &wallet), gone: &gone };
    let spent = |draft: &BitcoinDraft| -> BTreeSet<String> {
        draft.inputs.iter().map(|input| input.outpoint.clone()).collect()
    };
    let cancelling =
        cancel(&under_way, &offer(&wallet, &[], 30_000)).expect("the first's coin is enough");
    assert_eq!(spent(&cancelling), [first.inputs[0].outpoint.clone()].into());
    let paying = replace(&under_way, &offer(&wallet, &[coin(3, 50_000, CONFIRMED)], 30_000), &[])
        .expect("with a third coin");
    assert!(paying.inputs.len() == 2 && !spent(&paying).contains(&added), "{paying:?}");
    assert_eq!(paying.payouts().collect::<Vec<_>>(), first.payouts().collect::<Vec<_>>());
    let poor = replace(&under_way, &offer(&wallet, &[], 30_000), &[]);
    assert!(matches!(poor, Err(NoReplacement::Unfunded(_))), "{poor:?}");
}

#[test]
fn a_child_lifts_its_parent() {
    let wallet = wallet();
    let parent = Weight::from_vb_unchecked(200);
    let stuck = |satoshi, seen| Stuck {
        fee: Amount::new(200),
        weight: parent,
        change: coin(1, satoshi, seen),
    };
    let payment =
        Payment { wallet: &wallet, number: 12, feerate: FeeRate::from_sat_per_kvb(10_000) };
    let of = |stuck: &Stuck, coins: &[Coin], fee_max| {
        lift(payment, stuck, &purse(coins), Amount::new(fee_max))
    };
    let child = of(&stuck(50_000, ours(1)), &[], 10_000).expect("enough");
    let unsigned = Unsigned::of(&child).expect("fine");
    let together = Weight::from_wu(parent.to_wu() + unsigned.weight(wallet.spend()).to_wu());
    assert!(
        FeeRate::paid(money::sum([unsigned.fee(), Amount::new(200)]), together.to_vbytes_ceil())
            >= payment.feerate
    );
    let two =
        of(&stuck(1_000, ours(1)), &[coin(2, 40_000, CONFIRMED), coin(3, 9_000, ours(1))], 10_000)
            .expect("with another coin");
    assert_eq!(two.inputs.len(), 2);
    assert!(matches!(of(&stuck(1_000, ours(1)), &[], 10_000), Err(NoChild::Unfunded(_))));
    assert!(matches!(
        of(&stuck(50_000, ours(ANCESTORS_MAX + 1)), &[], 10_000),
        Err(NoChild::NotYet(_))
    ));
    assert!(matches!(of(&stuck(50_000, ours(1)), &[], 2_000), Err(NoChild::TooDear { .. })));
    let fast = Stuck { fee: Amount::new(2_000), ..stuck(50_000, ours(1)) };
    assert!(matches!(of(&fast, &[], 10_000), Err(NoChild::FastEnough { .. })));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn every_version_keeps_every_input_and_pays_for_what_it_evicts(
        satoshi in 31_000u128..200_000,
        descendants in (0u32..120, 0u128..8_000, 0u64..40_000),
        more in prop::collection::vec((1_000u128..60_000, any::<bool>()), 0..5),
        steps in prop::collection::vec((1_000u64..40_000, any::<bool>()), 1..4),
    ) {
        let (wallet, to) = (wallet(), addresses());
        let coins: Vec<Coin> = (2u32..).zip(&more)
            .map(|(name, (amount, known))| coin(name, *amount, if *known { CONFIRMED } else { ours(1) }))
            .collect();
        let first = sent(&wallet, satoshi);
        let mut base = first.clone();
        for (step, (rate, joins)) in (10u128..).zip(steps) {
            let own = alone(&base, &wallet);
            let evicted = Evicted {
                transactions: 1 + descendants.0,
                fees: money::sum([own.fees, Amount::new(descendants.1)]),
                feerate_max: own.feerate_max.max(FeeRate::from_sat_per_kvb(descendants.2)),
            };
            let joining = if joins { Batch::of(&[payable(&to, step, 3, 6_000)], OutputsMax::default()).outputs } else { Vec::new() };
            let under_way = UnderWay { first: &first, base: &base, evicted, gone: &ALL_THERE };
            let Ok(next) = replace(&under_way, &offer(&wallet, &coins, rate), &joining) else { return Ok(()) };
            prop_assert!(evicted.transactions <= EVICTED_MAX);
            for input in &first.inputs {
                prop_assert!(next.inputs.contains(input));
            }
            for input in next.inputs.iter().filter(|input| !first.inputs.contains(input)) {
                prop_assert!(input.confirmed);
            }
            for output in base.outputs.iter().filter(|output| output.purpose != OutputPurpose::Change { index: 11 }) {
                prop_assert!(next.outputs.contains(output));
            }
            prop_assert_eq!(next.payouts().count(), base.payouts().count() + usize::from(joins));
            let unsigned = Unsigned::of(&next).expect("fine");
            let weight = unsigned.weight(wallet.spend());
            prop_assert!(unsigned.fee() >= money::sum([evicted.fees, INCREMENTAL_FEE_RATE.fee_of(weight.to_vbytes_ceil())]));
            prop_assert!(FeeRate::paid(unsigned.fee(), weight.to_vbytes_ceil()) > evicted.feerate_max);
            prop_assert!(FeeRate::paid(unsigned.fee(), weight.to_vbytes_ceil()) >= FeeRate::from_sat_per_kvb(rate));
            base = next;
        }
    }
}
