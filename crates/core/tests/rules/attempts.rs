//! What may enter a lineage: the lane's next nonce, payouts exactly as they were accepted, attempts
//! that exclude each other.

use adit_core::*;

use super::world::*;

const GWEI: u128 = 1_000_000_000;

fn evm(draft: &mut Draft) -> &mut EvmDraft {
    let Draft::Evm(evm) = draft else { panic!("an EVM draft") };
    evm
}

fn refused(world: &mut World, reserve: Reserve) -> &'static str {
    world.give(Command::Reserve(reserve)).expect_err("refused").code()
}

/// Rule R5: the anchor is this lane's next nonce, and the draft carries that very nonce.
#[test]
fn f16_a_reservation_names_one_nonce_everywhere() {
    let mut world = World::with_points(10_000);
    let id = world.request_claim(3_000).expect("accepted");
    let good = world.reservation(id);
    let mut other_draft = good.clone();
    evm(&mut other_draft.draft).nonce = 8;
    assert_eq!(refused(&mut world, other_draft.clone()), "BAD_ATTEMPT");
    let gap = Reserve { anchors: other_draft.draft.anchors(&lane()), ..other_draft };
    assert_eq!(refused(&mut world, gap), "CHANGED_MEANWHILE");
    let elsewhere: LaneId =
        "devnet:0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC".parse().expect("a lane");
    let other_lane =
        Reserve { anchors: vec![Anchor::Nonce { lane: elsewhere, nonce: 7 }], ..good.clone() };
    assert_eq!(refused(&mut world, other_lane), "BAD_ATTEMPT");
    for anchors in [Vec::new(), vec![good.anchors[0].clone(), good.anchors[0].clone()]] {
        assert_eq!(refused(&mut world, Reserve { anchors, ..good.clone() }), "BAD_ATTEMPT");
    }
    world.must(Command::Reserve(good));
}

/// F16: two processes planned from the same row, and took the same number. Whoever commits second
/// is refused, in either order, and plans again at the number behind it.
#[test]
fn f16_two_reservations_of_one_number_are_one_too_many() {
    for turned in [false, true] {
        let mut world = World::with_points(10_000);
        let ids = [(); 2].map(|()| world.request_claim(3_000).expect("accepted"));
        let mut planned = ids.map(|id| world.reservation(id));
        if turned {
            planned.reverse();
        }
        assert_eq!(planned[0].anchors, planned[1].anchors);
        let [first, second] = planned;
        let late = second.legs[0].withdrawal;
        world.must(Command::Reserve(first));
        assert_eq!(refused(&mut world, second), "CHANGED_MEANWHILE");
        assert_eq!(world.withdrawal(late).state.status(), Status::Approved);
        let lineage = world.reserve(late).expect("planned again");
        assert_eq!(world.lineage(lineage).number(), 8);
    }
}

/// Rule R11 begins here: what is paid is what was accepted, in every field.
#[test]
fn a_leg_that_differs_from_its_withdrawal_is_not_reserved() {
    let mut world = World::with_points(10_000);
    let id = world.request_claim(3_000).expect("accepted");
    let good = world.reservation(id);
    let bob: UserId = "bob".parse().expect("a user");
    world.must(Command::PutUser { user: bob.clone(), tier: None });
    let other: Destination =
        "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC".parse().expect("an address");
    let changes: [&dyn Fn(&mut Leg); 7] = [
        &|leg| leg.payout = PayoutId(uuid::Uuid::from_u128(1)),
        &|leg| leg.user = bob.clone(),
        &|leg| leg.book = "main".parse().expect("a book"),
        &|leg| leg.source_asset = asset("DG"),
        &|leg| leg.asset = asset("ETH"),
        &|leg| leg.amount = leg.amount.plus(Amount::new(1)),
        &|leg| leg.destination = other.clone(),
    ];
    for (index, change) in changes.iter().enumerate() {
        let mut wrong = good.clone();
        change(&mut wrong.legs[0]);
        assert_eq!(refused(&mut world, wrong), "CHANGED_MEANWHILE", "change {index}");
    }
    world.must(Command::Reserve(good));
}

/// F17: both halves of the rule stand alone: the withdrawal has to be approved, and its payout in
/// no live lineage.
#[test]
fn f17_a_payout_is_reserved_only_when_approved_and_free() {
    let mut world = World::with_points(10_000);
    world.rules.assets.get_mut(&asset("DG")).expect("DG").policy.approve_above = Some(Amount::ZERO);
    let id = world.request_claim(3_000).expect("accepted");
    let reserve = world.reservation(id);
    assert_eq!(refused(&mut world, reserve.clone()), "CHANGED_MEANWHILE", "nobody approved it");
    world.must(Command::Approve { withdrawal: id, user: user() });
    let payout = world.withdrawal(id).payout;
    world.view.payouts.insert(payout, Some(LineageId(uuid::Uuid::from_u128(1))));
    assert_eq!(
        refused(&mut world, reserve.clone()),
        "CHANGED_MEANWHILE",
        "it lives in another lineage"
    );
    world.view.payouts.insert(payout, None);
    world.must(Command::Reserve(reserve));
}

#[test]
fn nothing_is_reserved_on_a_stopped_lane_or_under_a_suspension() {
    let mut world = World::with_points(10_000);
    let id = world.request_claim(3_000).expect("accepted");
    let reserve = world.reservation(id);
    world
        .must(Command::Suspend { scope: Scope::User { user: user() }, reason: "drill".to_owned() });
    assert_eq!(refused(&mut world, reserve.clone()), "SUSPENDED");
    world.must(Command::Resume { scope: Scope::User { user: user() } });
    world.must(Command::HaltLane {
        lane: lane(),
        reason: HaltReason::Operator { reason: "drill".to_owned() },
    });
    assert_eq!(refused(&mut world, reserve), "LANE_STOPPED");
}

/// F35: both caps hold at their limit and not one past it, at the first attempt too.
#[test]
fn f35_caps_hold_at_their_limit_and_not_one_past_it() {
    let mut world = World::with_points(10_000);
    let id = world.request_claim(3_000).expect("accepted");
    let mut reserve = world.reservation(id);
    evm(&mut reserve.draft).fees.max_fee_per_gas = 100 * GWEI + 1;
    assert_eq!(refused(&mut world, reserve.clone()), "BAD_ATTEMPT", "per gas");
    evm(&mut reserve.draft).fees.max_fee_per_gas = 100 * GWEI;
    evm(&mut reserve.draft).gas_limit = 200_001;
    assert_eq!(refused(&mut world, reserve.clone()), "BAD_ATTEMPT", "per transaction");
    evm(&mut reserve.draft).gas_limit = 200_000;
    world.must(Command::Reserve(reserve));
}

/// A lineage of nobody fills a nonce: it pays no one from its first attempt on.
#[test]
fn a_lineage_without_legs_pays_nobody() {
    let mut world = World::with_points(10_000);
    let id = world.request_claim(3_000).expect("accepted");
    let fill = Reserve { legs: Vec::new(), ..world.reservation(id) };
    let lineage = fill.lineage;
    world.must(Command::Reserve(fill));
    assert_eq!(world.lineage(lineage).latest().purpose, Purpose::Cancel);
    assert_eq!(world.withdrawal(id).state.status(), Status::Approved);
}

/// Rule R3, window F29: the same nonce, the same chain, and for a bump the same payment.
#[test]
fn f29_an_attempt_that_would_not_exclude_or_not_pay_the_same_is_refused() {
    let (mut world, _, lineage, _) = World::sent();
    let fees = EvmFees { max_fee_per_gas: 20 * GWEI, max_priority_fee_per_gas: 2 * GWEI };
    let Draft::Evm(good) = world.draft(7, 20) else { panic!("an EVM draft") };
    let good = EvmDraft { fees, ..good };
    let other: Destination =
        "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC".parse().expect("an address");
    for wrong in [
        EvmDraft { nonce: 8, ..good.clone() },
        EvmDraft { chain_id: 1, ..good.clone() },
        EvmDraft { to: other, ..good.clone() },
        EvmDraft { value: Amount::new(1), ..good.clone() },
        EvmDraft { input: Bytes::default(), ..good.clone() },
    ] {
        assert_eq!(
            world.add(lineage, Purpose::Pay, wrong.clone()).expect_err("differs").code(),
            "BAD_ATTEMPT",
            "{wrong:?}"
        );
    }
    world.add(lineage, Purpose::Pay, good).expect("the same payment");
}

/// F30: after a cancelling attempt nothing pays any more, and every further one cancels in the same
/// way.
#[test]
fn f30_nothing_is_paid_after_a_cancel_was_signed() {
    let (mut world, _, lineage, _) = World::sent();
    let Draft::Evm(cancel) = world.draft(7, 20) else { panic!("an EVM draft") };
    let with = |max: u128, input: Bytes| EvmDraft {
        fees: EvmFees { max_fee_per_gas: max * GWEI, max_priority_fee_per_gas: max * GWEI / 10 },
        input,
        ..cancel.clone()
    };
    world.add(lineage, Purpose::Cancel, with(20, Bytes::default())).expect("a cancel");
    world.send(lineage, hash(2));
    let pays_again = world.add(lineage, Purpose::Pay, with(40, Bytes(vec![0xa9])));
    assert_eq!(pays_again.expect_err("nothing is paid after a cancel").code(), "BAD_ATTEMPT");
    let differs = world.add(lineage, Purpose::Cancel, with(40, Bytes(vec![0xa9])));
    assert_eq!(differs.expect_err("another cancel").code(), "BAD_ATTEMPT");
    world.add(lineage, Purpose::Cancel, with(40, Bytes::default())).expect("the same cancel");
}

#[test]
fn nothing_is_added_to_what_is_in_a_block_or_ended_or_has_all_its_attempts() {
    let (mut world, _, lineage, attempt) = World::sent();
    let Draft::Evm(more) = world.draft(7, 20) else { panic!("an EVM draft") };
    let fees = EvmFees { max_fee_per_gas: 20 * GWEI, max_priority_fee_per_gas: 2 * GWEI };
    let more = EvmDraft { fees, ..more };
    world.observe(lineage, Fact::Included { attempt, block: block(10) }).expect("seen");
    assert_eq!(
        world.add(lineage, Purpose::Pay, more.clone()).expect_err("in a block").code(),
        "CHANGED_MEANWHILE"
    );
    world.observe(lineage, Fact::Vanished { attempt }).expect("seen");
    world.rules.chains.get_mut(&lane().chain).expect("a chain").attempts_max = 3;
    assert_eq!(
        world.add(lineage, Purpose::Pay, more.clone()).expect_err("all used").code(),
        "BAD_ATTEMPT"
    );
    world.rules.chains.get_mut(&lane().chain).expect("a chain").attempts_max = ATTEMPTS_MAX_LEAST;
    world.finalize(lineage, attempt, &Effect::Paid).expect("final");
    assert_eq!(
        world.add(lineage, Purpose::Pay, more).expect_err("ended").code(),
        "CHANGED_MEANWHILE"
    );
}

/// F28: an attempt that offered no tip is outbid by at least one wei.
#[test]
fn f28_even_nothing_is_outbid() {
    let mut world = World::with_points(10_000);
    let id = world.request_claim(3_000).expect("accepted");
    let mut reserve = world.reservation(id);
    evm(&mut reserve.draft).fees.max_priority_fee_per_gas = 0;
    let lineage = reserve.lineage;
    world.must(Command::Reserve(reserve));
    world.send(lineage, hash(1));
    let Draft::Evm(more) = world.draft(7, 20) else { panic!("an EVM draft") };
    let tip = |tip: u128| EvmDraft {
        fees: EvmFees { max_fee_per_gas: 20 * GWEI, max_priority_fee_per_gas: tip },
        ..more.clone()
    };
    assert_eq!(
        world.add(lineage, Purpose::Pay, tip(0)).expect_err("no more").code(),
        "BAD_ATTEMPT"
    );
    world.add(lineage, Purpose::Pay, tip(1)).expect("one wei more");
}

/// A send of a cancelling attempt is nothing to tell its user: his payment's hash stays the one
/// that he knows.
#[test]
fn a_cancel_that_is_sent_is_not_told_as_a_payment() {
    let (mut world, id, lineage, _) = World::sent();
    let Draft::Evm(cancel) = world.draft(7, 20) else { panic!("an EVM draft") };
    let fees = EvmFees { max_fee_per_gas: 20 * GWEI, max_priority_fee_per_gas: 2 * GWEI };
    world
        .add(lineage, Purpose::Cancel, EvmDraft { fees, input: Bytes::default(), ..cancel })
        .expect("added");
    let told = |world: &World| {
        world
            .events
            .iter()
            .filter(|event| matches!(event.kind, EventKind::Broadcast { .. }))
            .count()
    };
    let before = told(&world);
    world.send(lineage, hash(2));
    assert_eq!((world.withdrawal(id).state.hash(), told(&world)), (Some(hash(1)), before));
}

/// What a block holds is not taken out of it by a late answer to a send.
#[test]
fn f14_a_late_answer_does_not_undo_what_was_seen() {
    let (mut world, _, lineage, attempt) = World::sent();
    world.observe(lineage, Fact::Included { attempt, block: block(10) }).expect("seen");
    let before = world.lineage(lineage).clone();
    world.send_again(lineage);
    assert_eq!(world.lineage(lineage), &before);
}
