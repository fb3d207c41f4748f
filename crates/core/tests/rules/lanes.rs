//! What a lane does next, and what it waits for.

use adit_core::*;

use super::world::*;

fn plans(acts: &[Act]) -> usize {
    acts.iter().filter(|act| matches!(act, Act::Plan { .. })).count()
}

#[test]
fn a_lane_plans_what_fits_into_the_pool() {
    let mut world = World::with_points(100_000);
    for _ in 0..6 {
        world.request_claim(3_000).expect("accepted");
    }
    assert_eq!(plans(&world.due()), 0, "the chain was not read yet");
    world.see_tip(5_000_000_000);
    assert_eq!(plans(&world.due()), 4, "in_flight_max is 4");
    let ids: Vec<WithdrawalId> = world.view.withdrawals.keys().copied().collect();
    let lineage = world.reserve(ids[0]).expect("reserved");
    assert_eq!(plans(&world.due()), 3);
    let attempt = world.send(lineage, hash(1));
    world.observe(lineage, Fact::Included { attempt, block: block(20) }).expect("seen");
    assert_eq!(plans(&world.due()), 4, "what is mined leaves room");
}

/// F32: a base fee above the cap is waited for; nothing is planned elsewhere.
#[test]
fn f32_nothing_is_planned_above_the_fee_cap() {
    let mut world = World::with_points(10_000);
    world.request_claim(3_000).expect("accepted");
    world.see_tip(100_000_000_001);
    assert_eq!(world.due(), []);
    world.see_tip(100_000_000_000);
    assert_eq!(plans(&world.due()), 1);
}

/// F42: endpoints that stand still are not believed to know the fees or the balances.
#[test]
fn f42_a_head_that_stands_still_stops_planning() {
    let mut world = World::with_points(10_000);
    world.rules.chains.get_mut(&lane().chain).expect("a chain").head_age_max = Some(Span::from_seconds(60));
    world.request_claim(3_000).expect("accepted");
    let stale = Tip { mined_at: world.view.now.minus(Span::from_seconds(61)), ..world.tip(1_000_000_000) };
    world.see(stale);
    assert_eq!(world.due(), []);
    let young = Tip { mined_at: world.view.now.minus(Span::from_seconds(60)), ..world.tip(1_000_000_000) };
    world.see(young);
    assert_eq!(plans(&world.due()), 1);
}

/// F27, F28: unmined bytes are sent again; the head of the line is bumped after a while, those behind it only when they are too cheap.
#[test]
fn f28_the_head_of_the_line_is_bumped_and_the_rest_is_repeated() {
    let mut world = World::with_points(100_000);
    world.see_tip(5_000_000_000);
    let lineages: Vec<LineageId> = (0..2u8)
        .map(|n| {
            let id = world.request_claim(3_000).expect("accepted");
            let lineage = world.reserve(id).expect("reserved");
            world.send(lineage, hash(n));
            lineage
        })
        .collect();
    assert_eq!(world.due(), [], "both are in the pool");
    world.pass(15);
    let sends = world.due().iter().filter(|act| matches!(act, Act::Send { .. })).count();
    assert_eq!(sends, 2, "identical bytes, again");
    world.pass(15);
    let bumped: Vec<LineageId> = world
        .due()
        .iter()
        .filter_map(|act| match act {
            Act::Bump { lineage, purpose, offer: Offer::Evm(fees) } => {
                assert_eq!(*purpose, Purpose::Pay);
                assert!(fees.max_fee_per_gas >= 11_250_000_000 && fees.max_priority_fee_per_gas >= 1_125_000_000);
                Some(*lineage)
            }
            Act::Sign { .. } | Act::Send { .. } | Act::Plan { .. } | Act::Lift { .. } | Act::Consolidate { .. } => None,
            Act::Bump { offer: Offer::Bitcoin(_), .. } => panic!("an EVM chain"),
        })
        .collect();
    assert_eq!(bumped, [lineages[0]]);
    world.see_tip(50_000_000_000);
    let bumps = world.due().iter().filter(|act| matches!(act, Act::Bump { .. })).count();
    assert_eq!(bumps, 2, "both are below the base fee now");
}

/// R9: an operator's wish becomes a cancelling attempt; a stopped lane signs nothing and still repeats what is signed (rule R2).
#[test]
fn a_stopped_lane_repeats_and_signs_nothing() {
    let mut world = World::with_points(100_000);
    world.see_tip(5_000_000_000);
    let sent = world.request_claim(3_000).expect("accepted");
    let lineage = world.reserve(sent).expect("reserved");
    world.send(lineage, hash(1));
    let reserved = world.request_claim(3_000).expect("accepted");
    world.reserve(reserved).expect("reserved");
    world.request_claim(3_000).expect("accepted");
    world.must(Command::HaltLane { lane: lane(), reason: HaltReason::Operator { reason: "drill".to_owned() } });
    world.pass(31);
    let acts = world.due();
    assert!(matches!(acts.as_slice(), [Act::Send { lineage: again, .. }] if *again == lineage), "{acts:?}");
}
