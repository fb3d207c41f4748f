//! Payments that blocks hold and nobody here remembers (cases F89, F91): who asks for the same
//! waits, who was to be paid the same is not.

use adit_core::*;

use super::coins::{Bitcoin, coin, draft};
use super::made_again::{Journal, restored};
use super::slow_start::reason;
use super::world::*;

const GWEI: u128 = 1_000_000_000;

/// What the lost part of the book had paid: exactly what this leg asks for.
fn stray_of(leg: &Leg, as_hash: Hash32) -> Stray {
    let payment = Payment { hash: as_hash, block: block(15) };
    let (asset, destination, amount) = (leg.asset.clone(), leg.destination.clone(), leg.amount);
    Stray { lane: lane(), payment, output: 0, asset, destination, amount, explained: false }
}

fn note(strays: Vec<Stray>) -> Command {
    Command::NoteStrays { lane: lane(), owner: owner(), epoch: Epoch(1), strays }
}

fn doubt(world: &mut World, lineage: LineageId) {
    let legs = world.lineage(lineage).legs.clone();
    let because = Twin::Stray { hash: hash(90) }.to_string();
    world.must(Command::Doubt {
        lane: lane(),
        owner: owner(),
        epoch: Epoch(1),
        lineage,
        legs,
        because,
    });
}

fn strays(world: &World) -> Vec<Stray> {
    world.view.incarnation.row.as_ref().expect("leased").strays.clone()
}

/// A payment that was sent, and that equals one which blocks hold and nobody remembers.
fn doubted() -> (World, WithdrawalId, LineageId, AttemptId) {
    let (mut world, id, lineage, pay) = World::sent();
    world.see_tip(GWEI);
    let stray = stray_of(&world.leg(id), hash(90));
    world.must(note(vec![stray]));
    doubt(&mut world, lineage);
    (world, id, lineage, pay)
}

/// F91: not even its bytes are sent again, however long it takes; a halted lane says so, and one
/// that runs cancels it first.
#[test]
fn f91_a_doubted_payment_is_cancelled_and_never_repeated() {
    let (mut world, _, lineage, _) = doubted();
    assert!(
        matches!(&world.due()[..], [Act::Bump { purpose: Purpose::Cancel, .. }]),
        "{:?}",
        world.due()
    );
    world.halt();
    for _ in 0..5 {
        world.pass(24 * 3_600);
        world.see_tip(GWEI);
        assert_eq!(world.due(), [], "nothing is sent again");
    }
    let stands = world.ask_lane(|view| step(view, world.lineage(lineage)));
    assert_eq!(stands, Step::AwaitUndoing { obstacle: Obstacle::LaneStopped });
}

/// F91: what is cancelled because of a doubt is neither given back nor planned anew. A person says
/// whose the other payment was; that explains it, and nobody else waits for it.
#[test]
fn f91_who_was_doubted_is_inspected_before_anything_else() {
    let (mut world, id, lineage, _) = doubted();
    let Draft::Evm(evm) = world.draft(world.lineage(lineage).number(), 2) else {
        panic!("an EVM draft")
    };
    let fees = EvmFees { max_fee_per_gas: 100 * GWEI, max_priority_fee_per_gas: 9 * GWEI };
    let undo = world
        .add(lineage, Purpose::Cancel, EvmDraft { fees, input: Bytes::default(), ..evm })
        .expect("added");
    world.send(lineage, hash(2));
    world.finalize(lineage, undo, &Effect::Cancelled).expect("final");
    let State::HeldForInspection { finding, payment, .. } = world.withdrawal(id).state.clone()
    else {
        panic!("held: {:?}", world.withdrawal(id).state)
    };
    assert!(finding.contains(&hash(90).to_string()), "{finding}");
    assert_eq!(payment.hash, hash(2), "a verdict names what ended its own lineage");
    let (leg, lane) = (world.leg(id), lane());
    let verdict = Command::Inspect {
        leg,
        lane,
        lineage: Some(lineage),
        paid: true,
        note: "the same".to_owned(),
    };
    world.must(verdict);
    assert!(strays(&world)[0].explained);
    let paid_by = |state: &State| {
        if let State::Completed { payment, .. } = state { Some(payment.hash) } else { None }
    };
    assert_eq!(
        paid_by(&world.withdrawal(id).state),
        Some(hash(90)),
        "it is shown with what paid it"
    );
    let again = world.request_claim(3_000).expect("accepted");
    assert_eq!(
        world.withdrawal(again).state.status(),
        Status::Approved,
        "nobody waits for it any more"
    );
}

/// F91: the payment itself may be mined all the same; then it is this that paid, and the other one
/// is still unexplained.
#[test]
fn f91_a_doubted_payment_that_is_mined_is_paid() {
    let (mut world, id, lineage, pay) = doubted();
    world.finalize(lineage, pay, &Effect::Paid).expect("final");
    assert_eq!(world.withdrawal(id).state.status(), Status::Completed);
    assert!(!strays(&world)[0].explained);
    let again = world.request_claim(3_000).expect("accepted");
    assert!(
        matches!(&world.withdrawal(again).state, State::HeldForInspection { payment, .. } if payment.hash == hash(90))
    );
    let verdict = Command::Inspect {
        leg: world.leg(again),
        lane: lane(),
        lineage: None,
        paid: true,
        note: "theirs".to_owned(),
    };
    world.must(verdict);
    assert_eq!(
        (world.withdrawal(again).state.status(), strays(&world)[0].explained),
        (Status::Completed, true)
    );
}

/// F91: whoever had wished it before could not know of the payment that was found since. It is not
/// repeated, and a person says which of both it is before anything is given back.
#[test]
fn f91_a_wish_of_before_gives_nothing_back_beside_an_equal_payment() {
    let (mut world, id, lineage, _) = World::sent();
    world.wish_cancel(id, lineage).expect("wished");
    world.must(note(vec![stray_of(&world.leg(id), hash(90))]));
    doubt(&mut world, lineage);
    let wish = world.lineage(lineage).cancel.clone().expect("wished");
    assert!(wish.doubted && wish.covers(id));
    assert_eq!(world.due(), [], "its bytes wait");
    let cancelled = |world: &mut World| {
        let Draft::Evm(paying) = world.lineage(lineage).latest().draft.clone() else {
            panic!("an EVM draft")
        };
        let fees = EvmFees {
            max_fee_per_gas: 2 * paying.fees.max_fee_per_gas,
            max_priority_fee_per_gas: 2 * paying.fees.max_priority_fee_per_gas,
        };
        world
            .add(lineage, Purpose::Cancel, EvmDraft { fees, input: Bytes::default(), ..paying })
            .expect("a cancelling attempt");
        let attempt = world.send(lineage, hash(9));
        world.finalize(lineage, attempt, &Effect::Cancelled).expect("final");
    };
    let held = world.withdrawal(id).deducted;
    let before = world.available("XP");
    cancelled(&mut world);
    assert_eq!(
        (world.withdrawal(id).state.status(), world.available("XP")),
        (Status::HeldForInspection, before)
    );
    let note = "the other one is somebody else's".to_owned();
    world.must(Command::Inspect {
        leg: world.leg(id),
        lane: lane(),
        lineage: Some(lineage),
        paid: false,
        note,
    });
    assert_eq!(
        (world.withdrawal(id).state.status(), world.available("XP")),
        (Status::Failed, before + held.base_units())
    );
}

/// F91: both stores went back to before a payment that was cancelled since. Pools show the
/// cancelling version alone, and a miner may still have the payment: until the place is used up,
/// nobody is planned, and nobody joins.
#[test]
fn f91_what_a_found_cancel_replaced_may_be_mined_until_it_is_final() {
    let (mut world, journal) = restored(10_000, 10_000);
    let lineage = adopt_cancel(&mut world, &journal);
    let id = world.request_claim(3_000).expect("accepted");
    world.see_tip(1_000_000_000);
    assert!(!world.due().contains(&Act::Plan { withdrawal: id }));
    assert_eq!(reason(&world, id), Reason::ReplacesUnknown);
    world.finalize(lineage.id, lineage.latest().id, &Effect::Cancelled).expect("final");
    assert!(world.due().contains(&Act::Plan { withdrawal: id }));
}

/// Takes back a transaction that pays nobody.
fn adopt_cancel(world: &mut World, journal: &Journal) -> Lineage {
    let mut lineage = journal.lineage.clone();
    lineage.legs = Vec::new();
    lineage.attempts[0].purpose = Purpose::Cancel;
    world.must(Command::AdoptLineage {
        lane: lane(),
        epoch: world.epoch,
        lineage: lineage.clone(),
        lost: Vec::new(),
        rivals: Vec::new(),
        displaced: Vec::new(),
    });
    lineage
}

/// F94: a database that went back alone reads a journal that is whole. The first transaction of a
/// lease, whose row it lost, replaced nothing: nobody waits until it is final.
#[test]
fn f94_what_a_whole_journal_knows_replaces_nothing_unknown() {
    let unread = |world: &mut World| {
        let incarnation = world.view.incarnation.row.as_mut().expect("leased");
        incarnation.unread = vec![Unread { lane: lane(), from: 0 }];
    };
    let (mut world, journal) = restored(10_000, 10_000);
    unread(&mut world);
    let lineage = adopt_cancel(&mut world, &journal);
    assert!(!world.lineage(lineage.id).replaces_unknown());
    let (mut world, journal) = restored(10_000, 10_000);
    let reason = HaltReason::BothWentBack { detail: "one is taken back".to_owned() };
    world.must(Command::HaltLane { lane: lane(), reason });
    unread(&mut world);
    let lineage = adopt_cancel(&mut world, &journal);
    assert!(world.lineage(lineage.id).replaces_unknown(), "chains showed more than the journal");
}

/// F91: seen again it is the same one, in whatever block; a person's word ends it, and a hash that
/// nobody knows is named.
#[test]
fn f91_a_stray_is_kept_once_until_it_is_explained() {
    let (mut world, id, _, _) = World::sent();
    let stray = stray_of(&world.leg(id), hash(90));
    world.must(note(vec![stray.clone()]));
    assert_eq!(world.must(note(vec![stray.clone()])), Answer::Unchanged);
    let moved = Stray { payment: Payment { hash: hash(90), block: block(51) }, ..stray.clone() };
    world.must(note(vec![moved.clone()]));
    assert_eq!(strays(&world), [moved]);
    let explain = |hash| Command::ExplainStray { hash, note: "a test of mine".to_owned() };
    assert!(
        matches!(world.give(explain(hash(91))), Err(Refusal::UnknownStray { hash: named }) if named == hash(91))
    );
    world.must(explain(hash(90)));
    assert_eq!(world.must(explain(hash(90))), Answer::Unchanged);
    world.must(note(vec![stray]));
    assert!(strays(&world)[0].explained, "seen again, it stays explained");
}

/// F91: where nothing of it was signed there is no transaction to name: it waits for an approval.
#[test]
fn f91_a_doubted_payment_that_was_never_signed_waits_for_a_verdict() {
    let mut bitcoin = Bitcoin::with(1);
    let legs = bitcoin.legs.clone();
    let lineage = bitcoin.reserve(draft(7, &[coin(1, 0)], &legs, 5), &legs).expect("free");
    bitcoin.world.must(note(vec![stray_of(&legs[0], hash(90))]));
    let because = Twin::Stray { hash: hash(90) }.to_string();
    bitcoin.world.must(Command::Doubt {
        lane: lane(),
        owner: owner(),
        epoch: Epoch(1),
        lineage,
        legs: legs.clone(),
        because,
    });
    assert_eq!(bitcoin.world.due(), [Act::Close { lineage }]);
    bitcoin.world.must(Command::CloseLineage {
        lane: lane(),
        owner: owner(),
        epoch: Epoch(1),
        lineage,
        legs: legs.clone(),
    });
    assert_eq!(
        bitcoin.status(&legs[0]),
        Status::HeldForInspection,
        "whoever cancels it would give back what was paid"
    );
}

/// F91: one output of bitcoin may have paid several to one recipient. Each who may be in it waits,
/// and what a verdict takes out of it is gone; where outputs pay one each, only the same amount
/// counts.
#[test]
fn f91_an_output_that_may_have_paid_several_holds_each_of_them() {
    for (kind, held) in
        [(ChainKind::Bitcoin, Status::HeldForInspection), (ChainKind::Evm, Status::Approved)]
    {
        let mut world = World::with_points(100_000);
        world.rules.chains.get_mut(&lane().chain).expect("a chain").kind = kind;
        let first = world.request_claim(3_000).expect("accepted");
        let both = Leg { amount: dg(7_000), ..world.leg(first) };
        world.must(note(vec![stray_of(&both, hash(90))]));
        let asked = [4_000, 3_000].map(|whole| world.request_claim(whole).expect("accepted"));
        assert_eq!(asked.map(|id| world.withdrawal(id).state.status()), [held; 2], "{kind:?}");
        if kind == ChainKind::Evm {
            continue;
        }
        for (id, left) in asked.into_iter().zip([Some(dg(3_000)), None]) {
            let verdict = Command::Inspect {
                leg: world.leg(id),
                lane: lane(),
                lineage: None,
                paid: true,
                note: "theirs".to_owned(),
            };
            world.must(verdict);
            let open =
                strays(&world).into_iter().find(|stray| !stray.explained).map(|stray| stray.amount);
            assert_eq!(open, left);
        }
        let again = world.request_claim(3_000).expect("accepted");
        assert_eq!(
            world.withdrawal(again).state.status(),
            Status::Approved,
            "nobody waits for it any more"
        );
    }
}

/// F91: a block that holds what nobody here remembers may still vanish. Whoever were said to be
/// paid by it before that would be charged for nothing.
#[test]
fn f91_nobody_is_said_to_be_paid_by_a_block_that_may_vanish() {
    let mut world = World::with_points(10_000);
    world.see_tip(GWEI);
    let id = world.request_claim(3_000).expect("accepted");
    let payment = Payment { hash: hash(90), block: block(19) };
    world
        .must(note(vec![Stray { payment: payment.clone(), ..stray_of(&world.leg(id), hash(90)) }]));
    let (leg, finding) = (world.leg(id), Twin::Stray { hash: hash(90) }.to_string());
    world.must(Command::Suspect {
        lane: lane(),
        owner: owner(),
        epoch: Epoch(1),
        leg,
        payment,
        finding,
    });
    let paid = |world: &World| Command::Inspect {
        leg: world.leg(id),
        lane: lane(),
        lineage: None,
        paid: true,
        note: "theirs".to_owned(),
    };
    let verdict = paid(&world);
    assert_eq!(world.give(verdict).expect_err("its block may vanish").code(), "NOT_MATCHABLE");
    assert!(!strays(&world)[0].explained);
    let tip = Tip { final_height: 19, ..world.tip(GWEI) };
    world.see(tip);
    let verdict = paid(&world);
    world.must(verdict);
    assert_eq!(
        (world.withdrawal(id).state.status(), strays(&world)[0].explained),
        (Status::Completed, true)
    );
}

/// F91: what was held because of an equal stray is given back by the verdict that the stray was not
/// its payment.
#[test]
fn f91_who_was_held_for_a_stray_that_was_not_theirs_is_given_back() {
    let (mut world, _, lineage, _) = doubted();
    world.finalize(lineage, world.lineage(lineage).latest().id, &Effect::Cancelled).ok();
    let again = world.request_claim(3_000).expect("accepted");
    assert_eq!(world.withdrawal(again).state.status(), Status::HeldForInspection);
    let verdict = Command::Inspect {
        leg: world.leg(again),
        lane: lane(),
        lineage: None,
        paid: false,
        note: "another's".to_owned(),
    };
    let refused = world.give(verdict);
    assert!(refused.is_ok(), "{refused:?}");
    assert_eq!(world.withdrawal(again).state.status(), Status::Failed);
}
