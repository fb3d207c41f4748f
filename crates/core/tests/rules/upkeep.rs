//! Small coins become one while blocks are cheap and nothing else is to be done; such a lineage
//! pays nobody.

use adit_core::*;

use crate::coins::{Bitcoin, coin, draft};
use crate::world::{block, hash, lane};

const RULES: Consolidation =
    Consolidation { quantile_percent: 10, small_below: Amount::new(50_000), coins_min: 3 };

/// A lane that saw so many feerates, half an hour apart: 2 sat/vB, then 4, 6 and so on.
fn with_history(payouts: usize, feerates: u64) -> Bitcoin {
    let mut bitcoin = Bitcoin::with(payouts);
    let chain = bitcoin.world.rules.chains.get_mut(&lane().chain).expect("a chain");
    (chain.consolidation, chain.in_flight_max) = (Some(RULES), 20);
    for place in 0..feerates {
        see(&mut bitcoin, 100 + place * FEE_HISTORY_EVERY_BLOCKS, 2_000 * (place + 1));
    }
    bitcoin
}

fn see(bitcoin: &mut Bitcoin, height: u64, sat_per_kvb: u64) {
    let market = Market::Bitcoin(BitcoinMarket::estimated(FeeRate::from_sat_per_kvb(sat_per_kvb)));
    let tip = Tip { market, head: block(height), ..bitcoin.world.tip(1) };
    bitcoin.world.see(tip);
}

/// At which feerate small coins are merged now.
fn due(bitcoin: &mut Bitcoin) -> Option<u64> {
    let merged = |act: Act| {
        if let Act::Consolidate { offer: Offer::Bitcoin(offer) } = act {
            Some(offer.sat_per_kvb())
        } else {
            None
        }
    };
    bitcoin.world.due().into_iter().find_map(merged)
}

fn said(bitcoin: &Bitcoin) -> Upkeep {
    bitcoin.world.ask_lane(|view| upkeep(view, true))
}

#[test]
fn coins_are_merged_in_the_cheapest_part_of_the_week_and_not_before_it_is_known() {
    let enough = FEE_HISTORY_MIN as u64;
    let mut young = with_history(0, enough - 1);
    assert_eq!(
        said(&young),
        Upkeep::Learning { seen: FEE_HISTORY_MIN - 1, needed: FEE_HISTORY_MIN }
    );
    assert_eq!(due(&mut young), None);
    let mut bitcoin = with_history(0, enough);
    assert!(matches!(said(&bitcoin), Upkeep::Dear { .. }), "{:?}", said(&bitcoin));
    assert_eq!(due(&mut bitcoin), None);
    let newest = 100 + (enough - 1) * FEE_HISTORY_EVERY_BLOCKS;
    see(&mut bitcoin, newest + 1, 6_001);
    assert_eq!(due(&mut bitcoin), None, "a tenth of them was at most 6 sat/vB");
    see(&mut bitcoin, newest + 1, 6_000);
    assert_eq!(due(&mut bitcoin), Some(6_000));
    bitcoin.world.rules.chains.get_mut(&lane().chain).expect("a chain").consolidation = None;
    assert_eq!((due(&mut bitcoin), said(&bitcoin)), (None, Upkeep::Off));
}

#[test]
fn nobody_waits_for_a_consolidation() {
    let mut bitcoin = with_history(1, FEE_HISTORY_MIN as u64);
    see(&mut bitcoin, 1_000, 2_000);
    assert_eq!(due(&mut bitcoin), None, "somebody is to be paid");
    let legs = bitcoin.legs.clone();
    let lineage = bitcoin.reserve(draft(7, &[coin(1, 0)], &legs, 5), &legs).expect("free");
    let attempt = bitcoin.world.send(lineage, hash(10));
    assert_eq!(due(&mut bitcoin), None, "a payment is on its way");
    bitcoin.world.observe(lineage, Fact::Included { attempt, block: block(1_001) }).expect("seen");
    assert_eq!(due(&mut bitcoin), Some(2_000));
}

/// F57, F67, R9: reserved, signed and sent like a payment; its fee is booked when it is final. A
/// draft that pays somebody is no consolidation.
#[test]
fn f67_a_lineage_without_payees_pays_nobody_and_costs_its_fee() {
    let mut bitcoin = with_history(1, FEE_HISTORY_MIN as u64);
    let legs = bitcoin.legs.clone();
    let coins = [coin(1, 0), coin(2, 0), coin(3, 0)];
    assert_eq!(
        bitcoin.reserve(draft(7, &coins, &legs, 2), &[]).expect_err("it pays").code(),
        "BAD_ATTEMPT"
    );
    let lineage = bitcoin.reserve(draft(7, &coins, &[], 2), &[]).expect("free");
    assert_eq!(bitcoin.world.lineage(lineage).latest().purpose, Purpose::Cancel);
    assert_eq!(
        bitcoin.reserve(draft(8, &coins[..1], &legs, 5), &legs).expect_err("reserved").code(),
        "CHANGED_MEANWHILE"
    );
    let attempt = bitcoin.world.send(lineage, hash(10));
    let network = Account::Network {
        chain: lane().chain,
        asset: bitcoin.world.rules.chains[&lane().chain].native.clone(),
    };
    bitcoin.finalize(lineage, attempt);
    assert_eq!(bitcoin.world.net(&network), -21);
    assert_eq!(bitcoin.status(&legs[0]), Status::Approved);
}

/// What was made because blocks are cheap is not raised because they are not any more, but for
/// waiting in vain for very long: payments may need its coins.
#[test]
fn f61_a_consolidation_is_not_raised_for_the_market() {
    let mut bitcoin = with_history(0, FEE_HISTORY_MIN as u64);
    let lineage = bitcoin.reserve(draft(7, &[coin(1, 0), coin(2, 0)], &[], 2), &[]).expect("free");
    bitcoin.world.send(lineage, hash(10));
    let bump_after = bitcoin.world.rules.chains[&lane().chain].bump_after;
    bitcoin.world.pass(bump_after.times(RAISE_AFTER_BUMPS).seconds() - 1);
    see(&mut bitcoin, 1_000, 90_000);
    assert!(matches!(bitcoin.world.due()[..], [Act::Send { .. }]), "{:?}", bitcoin.world.due());
    bitcoin.world.pass(1);
    see(&mut bitcoin, 1_000, 2_000);
    let acts = bitcoin.world.due();
    assert!(matches!(acts[..], [Act::Bump { purpose: Purpose::Cancel, .. }]), "{acts:?}");
}
