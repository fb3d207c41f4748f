//! Where a live lineage stands and what it offers next, at and one past every threshold.

use adit_core::*;

use super::world::*;

const GWEI: u128 = 1_000_000_000;

fn step_of(world: &World, lineage: LineageId) -> Step {
    world.ask_lane(|view| step(view, world.lineage(lineage)))
}

fn bump_of(world: &World, lineage: LineageId) -> (Purpose, EvmFees) {
    match step_of(world, lineage) {
        Step::Do(Act::Bump { purpose, offer: Offer::Evm(fees), .. }) => (purpose, fees),
        other => panic!("a bump, not {other:?}"),
    }
}

/// What is in the pool, seen 30 seconds after it was sent, when it is due for a bump.
fn due_for_a_bump(base_fee: u128) -> (World, LineageId) {
    let (mut world, _, lineage, _) = World::sent();
    world.pass(30);
    world.see_tip(base_fee);
    (world, lineage)
}

#[test]
fn it_is_sent_again_and_bumped_at_its_second_and_not_before() {
    let (mut world, _, lineage, attempt) = World::sent();
    let sent = world.view.now;
    world.see_tip(5 * GWEI);
    let (resend_at, bump_at) =
        (sent.plus(Span::from_seconds(15)), Some(sent.plus(Span::from_seconds(30))));
    world.pass(14);
    assert_eq!(step_of(&world, lineage), Step::AwaitInclusion { resend_at, bump_at });
    world.pass(1);
    assert_eq!(step_of(&world, lineage), Step::Do(Act::Send { lineage, attempt }));
    world.pass(14);
    assert_eq!(
        step_of(&world, lineage),
        Step::Do(Act::Send { lineage, attempt }),
        "not yet a bump"
    );
    world.pass(1);
    assert!(matches!(step_of(&world, lineage), Step::Do(Act::Bump { .. })));
}

/// F28: what the market asks, at least an eighth more on both fields, never above the cap, and
/// never more tip than fee.
#[test]
fn f28_an_offer_is_between_an_eighth_more_and_the_cap() {
    let fees =
        |max: u128, tip: u128| EvmFees { max_fee_per_gas: max, max_priority_fee_per_gas: tip };
    let (world, lineage) = due_for_a_bump(GWEI);
    assert_eq!(
        bump_of(&world, lineage),
        (Purpose::Pay, fees(11_250_000_000, 1_125_000_000)),
        "the market asks for less"
    );
    let (world, lineage) = due_for_a_bump(20 * GWEI);
    assert_eq!(
        bump_of(&world, lineage).1,
        fees(41 * GWEI, 1_125_000_000),
        "the market asks for more"
    );
    let (world, lineage) = due_for_a_bump(90 * GWEI);
    assert_eq!(bump_of(&world, lineage).1, fees(100 * GWEI, 1_125_000_000), "the cap");
    let (mut world, lineage) = due_for_a_bump(GWEI);
    let market = Market::Evm(EvmMarket { base_fee_per_gas: GWEI, fees: fees(3 * GWEI, 50 * GWEI) });
    let dear = Tip { market, ..world.tip(GWEI) };
    world.see(dear);
    assert_eq!(
        bump_of(&world, lineage).1,
        fees(11_250_000_000, 11_250_000_000),
        "a tip above the fee is refused by every node"
    );
}

/// F35: the cap of a whole transaction bounds the fee by its gas.
#[test]
fn f35_the_cap_of_a_transaction_bounds_the_offer() {
    let (mut world, lineage) = due_for_a_bump(20 * GWEI);
    let chain = world.rules.chains.get_mut(&lane().chain).expect("a chain");
    chain.fee_per_transaction_max = Amount::new(12 * GWEI * 60_000);
    assert_eq!(bump_of(&world, lineage).1.max_fee_per_gas, 12 * GWEI);
}

/// F28, F35: an offer that would have to be above the cap is not made; the same bytes are repeated.
#[test]
fn f35_above_the_cap_nothing_is_offered_and_the_bytes_are_repeated() {
    let (mut world, lineage) = due_for_a_bump(GWEI);
    let cap = |world: &mut World, cap: u128| {
        world.rules.chains.get_mut(&lane().chain).expect("a chain").offer_max = cap
    };
    cap(&mut world, 11_250_000_000);
    assert_eq!(bump_of(&world, lineage).1.max_fee_per_gas, 11_250_000_000, "exactly the cap");
    cap(&mut world, 11_249_999_999);
    let attempt = world.lineage(lineage).latest().id;
    assert_eq!(step_of(&world, lineage), Step::Do(Act::Send { lineage, attempt }));
    let sent = world.send_again(lineage);
    let resend_at = sent.plus(Span::from_seconds(15));
    assert_eq!(
        step_of(&world, lineage),
        Step::FeeCeiling { needed: 11_250_000_000, cap: 11_249_999_999, resend_at }
    );
    world.pass(15);
    assert_eq!(step_of(&world, lineage), Step::Do(Act::Send { lineage, attempt }));
}

#[test]
fn after_the_last_allowed_attempt_the_bytes_are_repeated() {
    let (mut world, lineage) = due_for_a_bump(GWEI);
    world.rules.chains.get_mut(&lane().chain).expect("a chain").attempts_max = ATTEMPTS_MAX_LEAST;
    let (_, fees) = bump_of(&world, lineage);
    world.bump(lineage, fees);
    let attempt = world.send(lineage, hash(2));
    let sent = world.view.now;
    world.pass(60);
    world.see_tip(GWEI);
    assert_eq!(step_of(&world, lineage), Step::Do(Act::Send { lineage, attempt }));
    let again = world.send_again(lineage);
    assert!(again > sent);
    assert_eq!(
        step_of(&world, lineage),
        Step::AttemptsUsedUp { resend_at: again.plus(Span::from_seconds(15)) }
    );
}

/// F31: only the head of the line is bumped for waiting; one behind it only when the chain would
/// not take it at all.
#[test]
fn f31_the_first_unmined_nonce_is_bumped_and_those_behind_it_only_below_the_base_fee() {
    let mut world = World::with_points(100_000);
    let lineages: Vec<LineageId> = (1..=3u8)
        .map(|n| {
            let id = world.request_claim(3_000).expect("accepted");
            let lineage = world.reserve(id).expect("reserved");
            world.send(lineage, hash(n));
            lineage
        })
        .collect();
    world.pass(30);
    let bumped = |world: &World| -> Vec<LineageId> {
        let acts = world.due().into_iter();
        acts.filter_map(
            |act| if let Act::Bump { lineage, .. } = act { Some(lineage) } else { None },
        )
        .collect()
    };
    world.see_tip(10 * GWEI);
    assert_eq!(bumped(&world), [lineages[0]], "all of them offer exactly the base fee");
    let first = world.lineage(lineages[0]).latest().id;
    world.observe(lineages[0], Fact::Included { attempt: first, block: block(20) }).expect("seen");
    assert_eq!(bumped(&world), [lineages[1]], "the next one is the head now");
    world.see_tip(10 * GWEI + 1);
    assert_eq!(bumped(&world), [lineages[1], lineages[2]]);
}

/// F30, rule R9: a wish becomes a cancelling attempt at once, and stays one when it is bumped.
#[test]
fn f30_a_wish_becomes_a_cancelling_attempt_at_once() {
    let (mut world, id, lineage, _) = World::sent();
    world.see_tip(GWEI);
    let known = world.withdrawal(id).clone();
    let (user, book, source_asset, asset) =
        (known.user, known.book, known.source_asset, known.asset);
    world.must(Command::Cancel {
        withdrawal: id,
        user,
        book,
        source_asset,
        asset,
        lineage: Some(lineage),
        reason: "mistake".to_owned(),
    });
    let (purpose, fees) = bump_of(&world, lineage);
    assert_eq!(purpose, Purpose::Cancel);
    let Draft::Evm(evm) = world.draft(7, 20) else { panic!("an EVM draft") };
    world
        .add(lineage, Purpose::Cancel, EvmDraft { fees, input: Bytes::default(), ..evm })
        .expect("added");
    world.send(lineage, hash(2));
    assert!(
        matches!(step_of(&world, lineage), Step::AwaitInclusion { .. }),
        "the undo is out; nothing more at once"
    );
    world.pass(30);
    world.see_tip(GWEI);
    assert_eq!(bump_of(&world, lineage).0, Purpose::Cancel);
}

/// A nonce that is filled without a wish is bumped as what it is.
#[test]
fn a_fill_is_bumped_as_a_fill() {
    let (mut world, _, lineage) = World::reserved();
    let Draft::Evm(fill) = world.draft(7, 10) else { panic!("an EVM draft") };
    world
        .add(lineage, Purpose::Cancel, EvmDraft { input: Bytes::default(), ..fill })
        .expect("added");
    world.send(lineage, hash(1));
    world.pass(30);
    world.see_tip(GWEI);
    assert_eq!(bump_of(&world, lineage).0, Purpose::Cancel);
}

/// A tip that is too old says nothing about fees: nothing is bumped, the same bytes are repeated.
#[test]
fn without_a_fresh_tip_nothing_is_bumped() {
    let (mut world, lineage) = due_for_a_bump(GWEI);
    let attempt = world.lineage(lineage).latest().id;
    world.pass(TIP_AGE_MAX.seconds());
    assert!(matches!(step_of(&world, lineage), Step::Do(Act::Bump { .. })), "at the limit");
    world.pass(1);
    assert_eq!(step_of(&world, lineage), Step::Do(Act::Send { lineage, attempt }));
}

#[test]
fn a_stopped_lane_leaves_what_is_reserved_and_sends_what_is_signed() {
    let (mut world, _, lineage) = World::reserved();
    world.must(Command::HaltLane {
        lane: lane(),
        reason: HaltReason::Operator { reason: "drill".to_owned() },
    });
    assert_eq!(step_of(&world, lineage), Step::LaneStopped);
    let attempt = world.send(lineage, hash(1));
    let resend_at = world.view.now.plus(Span::from_seconds(15));
    assert_eq!(step_of(&world, lineage), Step::AwaitInclusion { resend_at, bump_at: None });
    world.observe(lineage, Fact::Included { attempt, block: block(20) }).expect("seen");
    assert_eq!(step_of(&world, lineage), Step::AwaitFinality);
}
