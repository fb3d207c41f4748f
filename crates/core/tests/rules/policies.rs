//! Fees, rates, tiers and which rules apply to what.

use adit_core::*;

use super::world::*;

#[test]
fn a_fee_is_a_flat_part_and_a_share_rounded_up() {
    let fee = Fee { flat: Amount::new(10), basis_points: 25, from_amount: false };
    for (amount, expected) in [(0, 10), (1, 11), (400, 11), (401, 12), (10_000, 35)] {
        assert_eq!(fee.of(Amount::new(amount)), Some(Amount::new(expected)), "of {amount}");
    }
    assert_eq!(
        Fee { flat: Amount::MAX, basis_points: 1, from_amount: false }.of(Amount::new(1)),
        None
    );
}

/// F80: a rate that is no whole number rounds in the user's disfavour, in one direction for points
/// and in the other for tokens.
#[test]
fn f80_points_are_rounded_up_and_tokens_down() {
    let three_halves: Rate = "3/2".parse().expect("a rate");
    let points = |tokens: u128| three_halves.points_for(Amount::new(tokens), 0, 0);
    assert_eq!(
        (points(3), points(4), points(6)),
        (Some(Amount::new(2)), Some(Amount::new(3)), Some(Amount::new(4)))
    );
    let tokens = |points: u128| three_halves.tokens_for(Amount::new(points), 0, 0);
    assert_eq!(
        (tokens(1), tokens(2), tokens(3)),
        (Some(Amount::new(1)), Some(Amount::new(3)), Some(Amount::new(4)))
    );
    assert_eq!(three_halves.apply_ceil(Amount::new(3)), Some(Amount::new(5)));
}

#[test]
fn f80_what_does_not_fit_is_told_and_not_wrapped() {
    assert_eq!(Rate::new(1, 0), None);
    let nothing = Rate::new(0, 1).expect("zero is a rate");
    assert_eq!(
        (nothing.tokens_for(Amount::new(9), 0, 0), nothing.points_for(Amount::new(9), 0, 0)),
        (Some(Amount::ZERO), None)
    );
    let double: Rate = "2".parse().expect("a rate");
    assert_eq!(double.tokens_for(Amount::MAX, 0, 0), None);
    assert_eq!("2/1".parse(), Ok(double));
    let almost = Rate::new(u128::MAX, u128::MAX - 1).expect("above zero");
    assert_eq!(almost.apply_ceil(Amount::MAX), None, "rounding up is what no longer fits");
    assert_eq!("3 / 2".parse::<Rate>(), "3/2".parse(), "spaces beside the stroke");
    for text in
        ["", "1/", "/1", "1/2/3", "1.5", "0", "1/0", "340282366920938463463374607431768211456"]
    {
        assert_eq!(text.parse::<Rate>(), Err(RateError { got: text.to_owned() }));
    }
}

#[test]
fn a_tier_has_its_own_policy_and_an_unnamed_one_the_default() {
    let world = World::with_points(0);
    let mut rules = world.rules.asset(&asset("DG")).expect("DG").clone();
    let gold: Tier = "gold".parse().expect("a tier");
    let policy = Policy { minimum: dg(1), ..rules.policy.clone() };
    rules.tiers.insert(gold.clone(), policy);
    let other: Tier = "silver".parse().expect("a tier");
    let minimum = |tier: Option<&Tier>| rules.policy_for(tier).minimum;
    assert_eq!(
        (minimum(Some(&gold)), minimum(Some(&other)), minimum(None)),
        (dg(1), dg(3_000), dg(3_000))
    );
}

/// The user's own tier goes before the one that a membership gives.
#[test]
fn a_tier_decides_what_is_accepted() {
    let mut world = World::with_points(10_000);
    let gold: Tier = "gold".parse().expect("a tier");
    let rules = world.rules.assets.get_mut(&asset("DG")).expect("DG");
    rules.tiers.insert(gold.clone(), Policy { minimum: dg(1), ..rules.policy.clone() });
    assert_eq!(world.request_claim(1).expect_err("no tier").code(), "BELOW_MINIMUM");
    let by_membership = Request { tier: Some(gold.clone()), ..world.claim(dg(1)) };
    world.must(Command::Request(by_membership));
    let none: Tier = "none".parse().expect("a tier");
    world.must(Command::PutUser { user: user(), tier: Some(none) });
    let again = Request { tier: Some(gold.clone()), ..world.claim(dg(1)) };
    assert_eq!(
        world.give(Command::Request(again)).expect_err("his own tier counts").code(),
        "BELOW_MINIMUM"
    );
    world.must(Command::PutUser { user: user(), tier: Some(gold) });
    world.request_claim(1).expect("accepted");
}

#[test]
fn rules_are_found_by_asset_and_by_lane() {
    let world = World::with_points(0);
    let chain = |what: &str| world.rules.chain_of(&asset(what)).map(|chain| chain.name.as_str());
    assert_eq!(
        (chain("DG"), chain("ETH"), chain("XP"), chain("NONE")),
        (Some("devnet"), Some("devnet"), None, None)
    );
    assert_eq!(world.rules.chain_of_lane(&lane()).map(|chain| chain.name.as_str()), Some("devnet"));
    assert!(world.rules.asset(&asset("NONE")).is_none());
    let here = lane().chain;
    let paid: Vec<&str> = world.rules.assets_on(&here).map(|asset| asset.id.as_str()).collect();
    assert_eq!(paid, ["DG", "ETH"]);
    let elsewhere: ChainName = "base".parse().expect("a chain");
    assert_eq!(world.rules.assets_on(&elsewhere).count(), 0);
}

#[test]
fn windows_of_all_tiers_are_read_each_once() {
    let mut world = World::with_points(0);
    let rules = world.rules.assets.get_mut(&asset("DG")).expect("DG");
    let week = WindowLimit { window: Window::Rolling7d, max: dg(1) };
    let day = rules.policy.windows[0];
    rules.tiers.insert(
        "gold".parse().expect("a tier"),
        Policy { windows: vec![week, day], ..rules.policy.clone() },
    );
    assert_eq!(world.rules.windows_of(&asset("DG")), [Window::Rolling24h, Window::Rolling7d]);
    assert_eq!(world.rules.windows_of(&asset("NONE")), []);
}

#[test]
fn a_maximum_and_a_cooldown_hold_at_their_limit_and_not_one_past_it() {
    let mut world = World::with_points(100_000);
    let policy = &mut world.rules.assets.get_mut(&asset("DG")).expect("DG").policy;
    policy.maximum = Some(dg(4_000));
    policy.cooldown = Some(Span::from_seconds(60));
    let mut over = world.claim(dg(4_000));
    over.amount = over.amount.plus(Amount::new(1));
    assert_eq!(
        world.give(Command::Request(over)).expect_err("one past it").code(),
        "ABOVE_MAXIMUM"
    );
    world.request_claim(4_000).expect("exactly the maximum");
    let first = world.view.now;
    world.pass(59);
    let until = first.plus(Span::from_seconds(60));
    assert_eq!(world.request_claim(3_000), Err(Refusal::Cooldown { until }));
    world.pass(1);
    world.request_claim(3_000).expect("the time has passed");
}
