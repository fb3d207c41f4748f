//! What the market of Bitcoin asks, and what is done about it: raising, gathering, waiting.

use adit_core::*;

use crate::coins::{Bitcoin, coin, draft};
use crate::world::{World, hash, lane};

/// The last of a chain of unconfirmed change is bumped for all: none that others stand on, and not
/// for waiting alone.
#[test]
fn f61_the_last_of_a_chain_pays_for_all_and_only_where_the_market_asks_more() {
    let mut bitcoin = Bitcoin::with(2);
    let legs = bitcoin.legs.clone();
    let parent = bitcoin.reserve(draft(7, &[coin(1, 0)], &legs[..1], 5), &legs[..1]).expect("free");
    bitcoin.world.send(parent, hash(10));
    let child = bitcoin
        .reserve(draft(8, &[coin(10, 1)], &legs[1..], 9), &legs[1..])
        .expect("our own change");
    bitcoin.world.send(child, hash(11));
    let mut bumped = |sat_per_kvb: u64| {
        bitcoin.world.pass(60);
        let market =
            Market::Bitcoin(BitcoinMarket::estimated(FeeRate::from_sat_per_kvb(sat_per_kvb)));
        let tip = Tip { market, ..bitcoin.world.tip(1) };
        bitcoin.world.see(tip);
        let bump =
            |act: Act| if let Act::Bump { lineage, .. } = act { Some(lineage) } else { None };
        bitcoin.world.due().into_iter().filter_map(bump).collect::<Vec<_>>()
    };
    assert_eq!(bumped(5_000), [], "both offer enough");
    assert_eq!(bumped(6_999), [], "together they offer seven");
    assert_eq!(
        bumped(7_001),
        [child],
        "together they offer too little, and only the child may be replaced"
    );
    assert_eq!(bumped(20_000), [child]);
}

/// F61, F63: what waits far longer than it was offered for is raised whatever the market says, by
/// half as much again and within the caps.
#[test]
fn f61_what_waits_in_vain_is_raised_whatever_the_market_says() {
    let mut bitcoin = Bitcoin::with(1);
    let legs = bitcoin.legs.clone();
    let lineage = bitcoin.reserve(draft(7, &[coin(1, 0)], &legs, 6), &legs).expect("free");
    bitcoin.world.send(lineage, hash(10));
    let mut offered = |seconds: u64, market: BitcoinMarket| {
        bitcoin.world.pass(seconds);
        let tip = Tip { market: Market::Bitcoin(market), ..bitcoin.world.tip(1) };
        bitcoin.world.see(tip);
        let bump = |act: Act| {
            if let Act::Bump { offer: Offer::Bitcoin(offer), .. } = act {
                Some(offer.sat_per_kvb())
            } else {
                None
            }
        };
        bitcoin.world.due().into_iter().find_map(bump)
    };
    let cheap = || BitcoinMarket::estimated(FeeRate::from_sat_per_kvb(1_000));
    let wait = bump_after().times(RAISE_AFTER_BUMPS).seconds();
    assert_eq!(offered(wait - 1, cheap()), None, "the market says that it is enough");
    assert_eq!(offered(1, cheap()), Some(9_000), "the market is wrong");
    assert_eq!(
        offered(0, BitcoinMarket::estimated(FeeRate::from_sat_per_kvb(20_000))),
        Some(20_000)
    );
    let mut capped = Bitcoin::with(1);
    capped.world.rules.chains.get_mut(&lane().chain).expect("a chain").offer_max = 8_000;
    let legs = capped.legs.clone();
    let lineage = capped.reserve(draft(7, &[coin(1, 0)], &legs, 6), &legs).expect("free");
    capped.world.send(lineage, hash(10));
    capped.world.pass(wait);
    let tip = Tip { market: Market::Bitcoin(cheap()), ..capped.world.tip(1) };
    capped.world.see(tip);
    let offers: Vec<Act> = capped.world.due();
    assert!(
        matches!(offers[..], [Act::Bump { offer: Offer::Bitcoin(offer), .. }] if offer.sat_per_kvb() == 8_000),
        "{offers:?}"
    );
}

fn bump_after() -> Span {
    Bitcoin::with(0).world.rules.chains[&lane().chain].bump_after
}

/// F61: while no source has an estimate the last known rate counts, not the floor, and everybody
/// who waits is told so.
#[test]
fn f61_a_guess_does_not_replace_what_was_known() {
    let mut bitcoin = Bitcoin::with(1);
    let mut market = |market: BitcoinMarket| {
        let tip = Tip { market: Market::Bitcoin(market), ..bitcoin.world.tip(1) };
        bitcoin.world.see(tip);
        let one = bitcoin.world.withdrawal(bitcoin.legs[0].withdrawal).clone();
        let said = bitcoin.world.ask_lane(|view| why(view, &one, None, &Line::default())).sentence;
        let Market::Bitcoin(kept) = &bitcoin.world.lane().tip.as_ref().expect("seen").market else {
            panic!("of Bitcoin")
        };
        (kept.feerate.sat_per_kvb(), said.contains("No source estimates fees now"))
    };
    assert_eq!(market(BitcoinMarket::unknown()), (1_000, true), "nothing was known");
    assert_eq!(market(BitcoinMarket::estimated(FeeRate::from_sat_per_kvb(9_000))), (9_000, false));
    assert_eq!(market(BitcoinMarket::unknown()), (9_000, true));
    assert_eq!(market(BitcoinMarket::unknown()), (9_000, true), "for as long as it takes");
    let [known, seen] = [9_000, 1_000].map(|rate| {
        let mut market = BitcoinMarket::unknown();
        market.feerate = FeeRate::from_sat_per_kvb(rate);
        market
    });
    assert!(
        Market::Bitcoin(known).asks_what(&Market::Bitcoin(seen)),
        "nothing new, which costs no commit"
    );
    assert_eq!(market(BitcoinMarket::estimated(FeeRate::from_sat_per_kvb(2_000))), (2_000, false));
}

/// Sees what sources say at a height, one after the other, and returns what counts each time, in
/// satoshi per virtual byte.
fn counted(said: &[(u64, Option<u64>)]) -> Vec<u64> {
    let mut bitcoin = Bitcoin::with(0);
    let of = |said: Option<u64>| {
        said.map_or_else(BitcoinMarket::unknown, |rate| {
            BitcoinMarket::estimated(FeeRate::from_sat_per_kvb(rate * 1_000))
        })
    };
    let mut see = |height: u64, said: Option<u64>| {
        let head = BlockRef { height, ..bitcoin.world.tip(1).head };
        let tip = Tip { head, market: Market::Bitcoin(of(said)), ..bitcoin.world.tip(1) };
        bitcoin.world.see(tip);
        let Market::Bitcoin(kept) = &bitcoin.world.lane().tip.as_ref().expect("seen").market else {
            panic!("of Bitcoin")
        };
        kept.feerate.sat_per_kvb() / 1_000
    };
    said.iter().map(|(height, said)| see(*height, *said)).collect()
}

/// What nobody has said for days is no price: the last estimate counts for six hours, and then half
/// of it, and so on.
#[test]
fn f61_a_feerate_that_nobody_repeats_ages() {
    let said = [
        (100, Some(80)),
        (101, None),
        (135, None),
        (136, None),
        (171, None),
        (172, None),
        (1_000, None),
        (1_001, Some(7)),
        (1_002, None),
    ];
    assert_eq!(counted(&said), [80, 80, 80, 40, 40, 20, 1, 7, 7]);
}

/// F35: two sources once said 89,124 sat/vB, and then nothing. While they say it nothing is
/// planned; afterwards what was known before counts.
#[test]
fn f35_an_absurd_feerate_is_not_remembered() {
    assert_eq!(
        counted(&[(100, Some(9)), (101, Some(89_124)), (102, None), (103, Some(8))]),
        [9, 89_124, 9, 8]
    );
    assert_eq!(
        counted(&[(100, Some(89_124)), (101, None)]),
        [89_124, 1],
        "nothing was known before"
    );
    assert_eq!(
        counted(&[(100, Some(300)), (101, None), (102, Some(301)), (103, None)]),
        [300, 300, 301, 300],
        "the cap is 300"
    );
}

/// Payouts gather for one transaction until the first has waited long enough, or there are as many
/// as one pays.
#[test]
fn payouts_gather_until_it_is_time_or_the_batch_is_full() {
    let mut bitcoin = Bitcoin::with(3);
    let batching = Batching { gather: Span::from_seconds(60), payouts_max: 4 };
    bitcoin.world.rules.chains.get_mut(&lane().chain).expect("a chain").batching = Some(batching);
    let plans = |world: &mut World| {
        let market = Market::Bitcoin(BitcoinMarket::estimated(FeeRate::from_sat_per_kvb(1_000)));
        let tip = Tip { market, ..world.tip(1) };
        world.see(tip);
        world.due().iter().filter(|act| matches!(act, Act::Plan { .. })).count()
    };
    assert_eq!(plans(&mut bitcoin.world), 0, "others may come");
    let one = bitcoin.world.withdrawal(bitcoin.legs[0].withdrawal).clone();
    let said = bitcoin.world.ask_lane(|view| why(view, &one, None, &Line::default()));
    assert_eq!(
        (said.reason, said.next_at),
        (Reason::Gathering, Some(one.created_at.plus(Span::from_seconds(60))))
    );
    bitcoin.world.request_claim(3_000).expect("accepted");
    assert_eq!(plans(&mut bitcoin.world), 4, "the batch is full");
    let mut early = Bitcoin::with(1);
    early.world.rules.chains.get_mut(&lane().chain).expect("a chain").batching = Some(batching);
    early.world.pass(59);
    assert_eq!(plans(&mut early.world), 0);
    early.world.pass(1);
    assert_eq!(plans(&mut early.world), 1, "its time is over");
}

/// A dear hour is told with what would be cheap enough and until when; then it is paid all the
/// same.
#[test]
fn a_dear_network_is_waited_out_and_not_for_ever() {
    let mut bitcoin = Bitcoin::with(1);
    let leg = bitcoin.legs[0].clone();
    let share = Share::from_basis_points(1);
    let patience = Patience { fee_share_max: share, wait_max: Span::from_hours(1) };
    bitcoin.world.rules.chains.get_mut(&lane().chain).expect("a chain").patience = Some(patience);
    bitcoin.world.rules.chains.get_mut(&lane().chain).expect("a chain").offer_max = u128::MAX;
    let ceiling = share.of(leg.amount);
    let rate = |cost: Amount| FeeRate::paid(cost, 111).sat_per_kvb();
    let planned = |world: &mut World, sat_per_kvb: u64| {
        let market =
            Market::Bitcoin(BitcoinMarket::estimated(FeeRate::from_sat_per_kvb(sat_per_kvb)));
        let tip = Tip { market, ..world.tip(1) };
        world.see(tip);
        world.due().len()
    };
    assert_eq!(planned(&mut bitcoin.world, rate(ceiling)), 1, "cheap enough");
    let dear = rate(ceiling).saturating_mul(2);
    assert_eq!(planned(&mut bitcoin.world, dear), 0);
    let one = bitcoin.world.withdrawal(leg.withdrawal).clone();
    let said = bitcoin.world.ask_lane(|view| why(view, &one, None, &Line::default()));
    assert!(matches!(said.reason, Reason::AwaitsFairFee { .. }), "{said:?}");
    let ceiling = bitcoin.world.rules.chains[&lane().chain].coins(ceiling);
    assert!(
        said.sentence.contains(&format!("paid at {ceiling} or less"))
            && !said.sentence.contains("base units"),
        "{}",
        said.sentence
    );
    assert_eq!(said.next_at, Some(one.created_at.plus(Span::from_hours(1))));
    bitcoin.world.pass(3_600);
    assert_eq!(planned(&mut bitcoin.world, dear), 1, "it was promised");
}
