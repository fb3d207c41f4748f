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

/// F42: endpoints that stand still are read again and again, and show the same block. They are not
/// believed to know the fees or the balances: nothing is planned and nothing is bumped, until a new
/// block comes.
#[test]
fn f42_a_head_that_stands_still_stops_planning_and_bumps() {
    let mut world = World::with_points(10_000);
    world.rules.chains.get_mut(&lane().chain).expect("a chain").head_age_max =
        Some(Span::from_seconds(60));
    let sent = world.request_claim(3_000).expect("accepted");
    let lineage = world.reserve(sent).expect("reserved");
    world.send(lineage, hash(1));
    let waiting = world.request_claim(3_000).expect("accepted");
    let mined_at = world.view.now;
    let bumps = |acts: &[Act]| acts.iter().filter(|act| matches!(act, Act::Bump { .. })).count();
    for (seconds, moves) in [(60, 1), (1, 0), (300, 0)] {
        world.pass(seconds);
        let seen = Tip { mined_at, ..world.tip(1_000_000_000) };
        world.see(seen);
        let acts = world.due();
        assert_eq!(
            (plans(&acts), bumps(&acts)),
            (moves, moves),
            "{} s after its last block",
            world.view.now.since(mined_at).seconds()
        );
    }
    let told = world.ask_lane(|view| why(view, world.withdrawal(waiting), None, &Line::default()));
    let still = Standstill { age_seconds: 361, most_seconds: 60, on_demand: false };
    assert_eq!(told.reason, Reason::ChainStill { still });
    assert!(
        told.sentence.contains("361 s old, and at most 60 s")
            && told.sentence.contains("blocks_on_demand"),
        "{}",
        told.sentence
    );
    assert!(!told.sentence.contains("Too few endpoints") && !told.told.contains("361"), "{told:?}");
    world.see_tip(1_000_000_000);
    assert_eq!((plans(&world.due()), bumps(&world.due())), (1, 1));
}

/// F42: where blocks come only when there is something in them, an old one stops nothing. One that
/// is overdue for a payment of ours stops new ones; what waits for it may still offer more.
#[test]
fn f42_a_chain_that_makes_blocks_on_demand_stands_still_only_when_it_owes_us_one() {
    let mut world = World::with_points(10_000);
    let chain = world.rules.chains.get_mut(&lane().chain).expect("a chain");
    (chain.head_age_max, chain.blocks_on_demand) = (Some(Span::from_seconds(60)), true);
    let mined_at = world.view.now;
    let look = |world: &mut World, seconds: u64| {
        world.pass(seconds);
        let seen = Tip { mined_at, ..world.tip(1_000_000_000) };
        world.see(seen);
    };
    let first = world.request_claim(3_000).expect("accepted");
    look(&mut world, 3_600);
    assert_eq!(plans(&world.due()), 1, "nothing is owed");
    let lineage = world.reserve(first).expect("reserved");
    world.send(lineage, hash(1));
    let waiting = world.request_claim(3_000).expect("accepted");
    look(&mut world, 60);
    assert_eq!(plans(&world.due()), 1, "as long as it may take");
    look(&mut world, 1);
    let acts = world.due();
    let bumps = acts.iter().filter(|act| matches!(act, Act::Bump { .. })).count();
    assert_eq!((plans(&acts), bumps), (0, 1));
    let told = world.ask_lane(|view| why(view, world.withdrawal(waiting), None, &Line::default()));
    let still = Standstill { age_seconds: 3_661, most_seconds: 60, on_demand: true };
    assert_eq!(told.reason, Reason::ChainStill { still });
    assert!(
        told.sentence.contains("3661 s old") && told.sentence.contains("60 s"),
        "{}",
        told.sentence
    );
}

/// F31: one stuck number holds up those behind it, so no more are put there than a pool takes. It
/// is filled; once that is final its payout is free, with the proof, and planned anew behind the
/// others.
#[test]
fn f31_a_stuck_head_is_filled_and_its_payout_is_planned_anew() {
    let mut world = World::with_points(100_000);
    let ids: Vec<WithdrawalId> =
        (0..5).map(|_| world.request_claim(3_000).expect("accepted")).collect();
    let lineages: Vec<LineageId> =
        ids[..4].iter().map(|id| world.reserve(*id).expect("reserved")).collect();
    for (n, lineage) in (1..).zip(&lineages) {
        world.send(*lineage, hash(n));
    }
    world.see_tip(5_000_000_000);
    assert_eq!(plans(&world.due()), 0, "in_flight_max is 4");
    let Draft::Evm(evm) = world.draft(7, 20) else { panic!("an EVM draft") };
    let fees = EvmFees { max_priority_fee_per_gas: 2_000_000_000, ..evm.fees };
    world
        .add(lineages[0], Purpose::Cancel, EvmDraft { fees, input: Bytes::default(), ..evm })
        .expect("added");
    let fill = world.send(lineages[0], hash(9));
    assert_eq!(
        world.withdrawal(ids[0]).state.status(),
        Status::Processing,
        "the stuck one may still be mined"
    );
    world.finalize(lineages[0], fill, &Effect::Cancelled).expect("final");
    let State::Approved { after: Some(dead), .. } = &world.withdrawal(ids[0]).state else {
        panic!("free again")
    };
    assert_eq!((dead.lineage, dead.evidence), (lineages[0], hash(9)));
    assert_eq!(world.due(), [Act::Plan { withdrawal: ids[0] }], "there is room for one");
    let anew = world.reserve(ids[0]).expect("planned anew");
    assert_eq!(world.lineage(anew).number(), 11);
    assert!(
        lineages[1..].iter().all(|lineage| world.lineage(*lineage).is_live()),
        "those behind it go on"
    );
}

/// F27, F28: unmined bytes are sent again; the head of the line is bumped after a while, those
/// behind it only when they are too cheap.
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
                assert!(
                    fees.max_fee_per_gas >= 11_250_000_000
                        && fees.max_priority_fee_per_gas >= 1_125_000_000
                );
                Some(*lineage)
            }
            Act::Sign { .. }
            | Act::Send { .. }
            | Act::Plan { .. }
            | Act::Probe { .. }
            | Act::Lift { .. }
            | Act::Close { .. }
            | Act::Consolidate { .. }
            | Act::Sweep { .. } => None,
            Act::Bump { offer: Offer::Bitcoin(_), .. } => panic!("an EVM chain"),
        })
        .collect();
    assert_eq!(bumped, [lineages[0]]);
    world.see_tip(50_000_000_000);
    let bumps = world.due().iter().filter(|act| matches!(act, Act::Bump { .. })).count();
    assert_eq!(bumps, 2, "both are below the base fee now");
}

/// R9: an operator's wish becomes a cancelling attempt; a stopped lane signs nothing and still
/// repeats what is signed (rule R2).
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
    world.must(Command::HaltLane {
        lane: lane(),
        reason: HaltReason::Operator { reason: "drill".to_owned() },
    });
    world.pass(31);
    let acts = world.due();
    assert!(
        matches!(acts.as_slice(), [Act::Send { lineage: again, .. }] if *again == lineage),
        "{acts:?}"
    );
}
