//! What moves when: holds, settlement, release, network fees.

use adit_core::*;

use super::world::*;

fn hot(what: &str) -> Account {
    Account::Hot { wallet: lane(), asset: asset(what) }
}

#[test]
fn a_final_payment_settles_points_and_tokens_together() {
    let (mut world, id, lineage, attempt) = World::sent();
    world.observe(lineage, Fact::Included { attempt, block: block(10) }).expect("seen");
    world.observe(lineage, Fact::Confirmed { attempt, block: block(10) }).expect("seen");
    assert_eq!(world.withdrawal(id).state.status(), Status::Processing, "confirmed is not final");
    assert_eq!(world.net(&hot("DG")), 0, "nothing is posted before finality");
    world.finalize(lineage, attempt, &Effect::Paid).expect("seen");
    assert_eq!(world.withdrawal(id).state.status(), Status::Completed);
    assert_eq!(world.available("XP"), 7_000);
    assert_eq!(world.net(&hot("DG")), dg(3_000).base_units() as i128);
    assert_eq!(
        world.net(&Account::Treasury { asset: asset("DG") }),
        -(dg(3_000).base_units() as i128)
    );
    assert_eq!(world.net(&Account::Network { chain: lane().chain, asset: asset("ETH") }), -21);
}

/// F46: the nonce is consumed and no money moved: the hold is given back, the network fee is ours.
#[test]
fn f46_a_final_revert_gives_the_points_back_and_books_the_gas() {
    let (mut world, id, lineage, attempt) = World::sent();
    world.finalize(lineage, attempt, &Effect::Reverted).expect("seen");
    assert!(matches!(world.withdrawal(id).state, State::Failed { failure: Failure::Reverted, .. }));
    assert_eq!(world.available("XP"), 10_000);
    assert_eq!(world.net(&Account::Network { chain: lane().chain, asset: asset("ETH") }), -21);
    world.request_claim(100_000 - 90_000).expect("its place in the limits was given back too");
}

/// F47: neither paid nor reverted: nothing is booked until a person looked.
#[test]
fn f47_an_unexpected_effect_waits_for_a_person() {
    let (mut world, id, lineage, attempt) = World::sent();
    world
        .finalize(lineage, attempt, &Effect::Unexpected { finding: "no Transfer".to_owned() })
        .expect("seen");
    assert_eq!(world.withdrawal(id).state.status(), Status::HeldForInspection);
    assert_eq!(world.available("XP"), 7_000, "the hold stays");
    let leg = world.leg(id);
    world.must(Command::Inspect {
        leg: leg.clone(),
        lane: lane(),
        lineage: Some(lineage),
        paid: false,
        note: "token returned false".to_owned(),
    });
    assert_eq!(world.available("XP"), 10_000);
    let again = world.give(Command::Inspect {
        leg,
        lane: lane(),
        lineage: Some(lineage),
        paid: true,
        note: "twice".to_owned(),
    });
    assert_eq!(again.expect_err("once").code(), "NOT_UNDER_INSPECTION");
}

#[test]
fn a_settled_withdrawal_is_not_settled_again() {
    let (mut world, _, lineage, attempt) = World::sent();
    world.finalize(lineage, attempt, &Effect::Paid).expect("seen");
    let before = world.net(&hot("DG"));
    assert_eq!(world.finalize(lineage, attempt, &Effect::Paid), Ok(Answer::Unchanged));
    assert_eq!(world.finalize(lineage, attempt, &Effect::Reverted), Ok(Answer::Unchanged));
    assert_eq!(world.net(&hot("DG")), before);
}

/// A fee is taken on top, held with the amount, and kept only when the payment is final.
#[test]
fn our_fee_is_kept_on_settlement_only() {
    let mut world = World::with_points(0);
    world.rules.assets.get_mut(&asset("ETH")).expect("ETH").policy.fee =
        Fee { flat: Amount::new(10), basis_points: 100, from_amount: false };
    world.must(world.credit("eth", "ETH", 10_000));
    let request = Request {
        source_asset: asset("ETH"),
        asset: asset("ETH"),
        claim: None,
        amount: Amount::new(1_000),
        ..world.claim(dg(1))
    };
    let id = request.id;
    world.must(Command::Request(request));
    assert_eq!((world.withdrawal(id).fee, world.available("ETH")), (Amount::new(20), 8_980));
    let lineage = world.reserve(id).expect("reserved");
    let attempt = world.send(lineage, hash(1));
    let fees = Account::Fees { asset: asset("ETH") };
    assert_eq!(world.net(&fees), 0);
    world.finalize(lineage, attempt, &Effect::Paid).expect("seen");
    assert_eq!(world.net(&fees), 20);
    assert_eq!(
        world.net(&hot("ETH")) + 10i128.pow(18),
        1_000 + 21,
        "what left the wallet is the payment and the network fee"
    );
}

#[test]
fn f33_a_precheck_that_fails_again_and_again_gives_back_what_never_was_reserved() {
    let mut world = World::with_points(10_000);
    let id = world.request_claim(3_000).expect("accepted");
    for _ in 0..3 {
        let leg = world.leg(id);
        world.must(Command::Defer {
            lane: lane(),
            epoch: Epoch(1),
            owner: owner(),
            leg,
            reason: "reverts".to_owned(),
            cause: DeferralCause::WouldFail,
        });
        world.pass(60);
    }
    assert!(matches!(
        world.withdrawal(id).state,
        State::Failed { failure: Failure::Precheck { .. }, .. }
    ));
    assert_eq!(world.available("XP"), 10_000);
}

#[test]
fn f34_an_empty_wallet_never_fails_a_payout() {
    let mut world = World::with_points(10_000);
    let id = world.request_claim(3_000).expect("accepted");
    for _ in 0..20 {
        let leg = world.leg(id);
        world.must(Command::Defer {
            lane: lane(),
            epoch: Epoch(1),
            owner: owner(),
            leg,
            reason: "empty".to_owned(),
            cause: DeferralCause::Unclear,
        });
        world.pass(60);
    }
    assert_eq!(world.withdrawal(id).state.status(), Status::Approved);
}

fn unfunded(world: &mut World, id: WithdrawalId, needed: u128) {
    let (leg, reason) = (world.leg(id), format!("the wallet needs {needed}"));
    let cause = DeferralCause::Unfunded { asset: asset("DG"), needed: Amount::new(needed) };
    world.must(Command::Defer {
        lane: lane(),
        epoch: Epoch(1),
        owner: owner(),
        leg,
        reason,
        cause,
    });
}

fn deferrals(world: &World) -> usize {
    world.events.iter().filter(|event| matches!(event.kind, EventKind::Deferred { .. })).count()
}

fn waiting_since(world: &World, id: WithdrawalId) -> Option<Timestamp> {
    if let State::Approved { deferred: Some(deferral), .. } = &world.withdrawal(id).state {
        deferral.since
    } else {
        None
    }
}

/// Abuse +33: the user is told once of a reason, however often it is looked at and whatever the
/// numbers in it; and the waits grow.
#[test]
fn p33_one_event_per_change_of_reason() {
    let mut world = World::with_points(10_000);
    let id = world.request_claim(3_000).expect("accepted");
    let mut waits = Vec::new();
    let began = world.view.now;
    for needed in 1..=12 {
        unfunded(&mut world, id, needed);
        let State::Approved { deferred: Some(deferral), .. } = &world.withdrawal(id).state else {
            panic!("it waits")
        };
        waits.push(deferral.until.since(world.view.now).seconds());
        world.pass(3_600);
    }
    assert_eq!(deferrals(&world), 1);
    assert_eq!(
        waiting_since(&world, id),
        Some(began),
        "since the first look, whatever the numbers"
    );
    assert!(waits.windows(2).all(|pair| pair[0] <= pair[1]), "{waits:?}");
    assert_eq!(waits.last(), Some(&3_600), "an hour at most: {waits:?}");
    let leg = world.leg(id);
    let cause = DeferralCause::Unclear;
    world.must(Command::Defer {
        lane: lane(),
        epoch: Epoch(1),
        owner: owner(),
        leg,
        reason: "too few".to_owned(),
        cause,
    });
    unfunded(&mut world, id, 1);
    assert_eq!(deferrals(&world), 3, "each change is told");
    assert_eq!(waiting_since(&world, id), Some(world.view.now), "another reason came between");
}

/// Abuse +33: who waits for money is planned as soon as there is enough, and dust wakes nobody.
#[test]
fn p33_a_refilled_wallet_is_planned_at_once() {
    let mut world = World::with_points(10_000);
    let id = world.request_claim(3_000).expect("accepted");
    world.see_tip(1_000_000_000);
    let due = |world: &World| world.due().iter().any(|act| matches!(act, Act::Plan { .. }));
    assert!(due(&world));
    for _ in 0..3 {
        unfunded(&mut world, id, dg(3_000).base_units());
    }
    assert!(!due(&world), "an unknown balance opens nothing");
    for (balance, opens) in
        [(1, false), (dg(3_000).base_units() - 1, false), (dg(3_000).base_units(), true)]
    {
        let funds =
            vec![Funds { asset: asset("DG"), balance: Amount::new(balance), at: world.view.now }];
        let tip = world.lane().tip.clone().expect("seen");
        world.must(Command::Advance {
            lane: lane(),
            epoch: world.epoch,
            tip,
            trail: Vec::new(),
            funds,
            coin_places: None,
        });
        assert_eq!(due(&world), opens, "{balance}");
    }
}
