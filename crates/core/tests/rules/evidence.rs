//! What evidence does, fact by fact: in a block, gone from it, deep, final, killed by somebody
//! else.

use adit_core::*;

use super::world::*;

fn fees(gwei: u128) -> EvmFees {
    EvmFees { max_fee_per_gas: gwei * 1_000_000_000, max_priority_fee_per_gas: gwei * 200_000_000 }
}

fn knowledge(world: &World, lineage: LineageId, attempt: AttemptId) -> Knowledge {
    let Stage::Signed { knowledge, .. } =
        &world.lineage(lineage).attempt(attempt).expect("known").stage
    else {
        panic!("signed")
    };
    knowledge.clone()
}

fn told(world: &World, kind: fn(&EventKind) -> bool) -> usize {
    world.events.iter().filter(|event| kind(&event.kind)).count()
}

/// A first attempt and its bump, both sent.
fn bumped() -> (World, WithdrawalId, LineageId, AttemptId, AttemptId) {
    let (mut world, id, lineage, first) = World::sent();
    world.bump(lineage, fees(20));
    let second = world.send(lineage, hash(2));
    (world, id, lineage, first, second)
}

/// F8, F29: whichever attempt a block holds, the others are not in one; the user sees the hash that
/// is really there.
#[test]
fn f08_f29_the_attempt_that_is_in_a_block_is_the_one_that_counts() {
    let (mut world, id, lineage, first, second) = bumped();
    world.observe(lineage, Fact::Included { attempt: first, block: block(10) }).expect("seen");
    assert_eq!(world.withdrawal(id).state.hash(), Some(hash(1)));
    assert_eq!(world.lineage(lineage).included().map(|attempt| attempt.id), Some(first));
    world
        .observe(lineage, Fact::Included { attempt: second, block: block(11) })
        .expect("another chain");
    assert_eq!(
        (world.withdrawal(id).state.hash(), world.withdrawal(id).state.block()),
        (Some(hash(2)), Some(block(11)))
    );
    assert!(matches!(knowledge(&world, lineage, first), Knowledge::MaybeSent { sends: 1, .. }));
    assert!(matches!(
        knowledge(&world, lineage, second),
        Knowledge::Included { confirmed: false, sends: 1, .. }
    ));
    assert_eq!(told(&world, |kind| matches!(kind, EventKind::Included { .. })), 2);
}

#[test]
fn the_same_block_again_is_no_news_and_another_one_is() {
    let (mut world, id, lineage, attempt) = World::sent();
    let seen = Fact::Included { attempt, block: block(10) };
    assert_eq!(world.observe(lineage, seen.clone()), Ok(Answer::Done));
    assert_eq!(world.observe(lineage, seen), Ok(Answer::Unchanged));
    world.observe(lineage, Fact::Included { attempt, block: block(12) }).expect("moved");
    assert_eq!(world.withdrawal(id).state.block(), Some(block(12)));
    assert_eq!(told(&world, |kind| matches!(kind, EventKind::Included { .. })), 2);
}

/// Bytes that never were sent as far as we know may be in a block all the same: whoever had the
/// journal sent them.
#[test]
fn bytes_that_we_did_not_send_may_be_in_a_block() {
    let (mut world, _, lineage) = World::reserved();
    let attempt = world.lineage(lineage).latest().id;
    let signed = Signed { raw: Bytes(vec![2]), hash: hash(1) };
    world.must(Command::Record {
        lane: lane(),
        epoch: Epoch(1),
        lineage,
        attempt,
        signed,
        tip: None,
    });
    world.observe(lineage, Fact::Included { attempt, block: block(10) }).expect("seen");
    let now = world.view.now;
    assert_eq!(
        knowledge(&world, lineage, attempt),
        Knowledge::Included { block: block(10), confirmed: false, sends: 0, last_at: now }
    );
    world.observe(lineage, Fact::Vanished { attempt }).expect("gone");
    assert_eq!(
        knowledge(&world, lineage, attempt),
        Knowledge::MaybeSent { sends: 0, last_at: now }
    );
}

/// What was only recorded stays so while another attempt comes into a block and out of it.
#[test]
fn a_recorded_attempt_waits_while_another_comes_and_goes() {
    let (mut world, _, lineage, first) = World::sent();
    let second = world.bump(lineage, fees(20));
    let signed = Signed { raw: Bytes(vec![3]), hash: hash(2) };
    world.must(Command::Record {
        lane: lane(),
        epoch: Epoch(1),
        lineage,
        attempt: second,
        signed,
        tip: None,
    });
    world.observe(lineage, Fact::Included { attempt: first, block: block(10) }).expect("seen");
    assert_eq!(knowledge(&world, lineage, second), Knowledge::Signed);
    world.observe(lineage, Fact::Vanished { attempt: first }).expect("gone");
    assert_eq!(knowledge(&world, lineage, second), Knowledge::Signed);
}

#[test]
fn f37_what_is_in_no_block_cannot_vanish() {
    let (mut world, _, lineage, attempt) = World::sent();
    assert_eq!(world.observe(lineage, Fact::Vanished { attempt }), Ok(Answer::Unchanged));
    world.observe(lineage, Fact::Included { attempt, block: block(10) }).expect("seen");
    world.observe(lineage, Fact::Vanished { attempt }).expect("gone");
    assert_eq!(told(&world, |kind| matches!(kind, EventKind::Vanished { .. })), 1);
}

/// The user is told once, of the block that his payment is really in.
#[test]
fn a_payment_is_confirmed_once_and_in_its_own_block() {
    let (mut world, id, lineage, attempt) = World::sent();
    let deep = |block: BlockRef| Fact::Confirmed { attempt, block };
    assert_eq!(
        world.observe(lineage, deep(block(10))).expect_err("in no block").code(),
        "CHANGED_MEANWHILE"
    );
    world.observe(lineage, Fact::Included { attempt, block: block(10) }).expect("seen");
    assert_eq!(
        world.observe(lineage, deep(block(9))).expect_err("another block").code(),
        "CHANGED_MEANWHILE"
    );
    assert_eq!(world.observe(lineage, deep(block(10))), Ok(Answer::Done));
    let now = Some(world.view.now);
    assert!(
        matches!(world.withdrawal(id).state, State::Processing { confirmed_at, .. } if confirmed_at == now)
    );
    world.pass(1);
    assert_eq!(world.observe(lineage, deep(block(10))), Ok(Answer::Unchanged));
    assert_eq!(told(&world, |kind| matches!(kind, EventKind::Confirmed { .. })), 1);
    assert!(matches!(
        knowledge(&world, lineage, attempt),
        Knowledge::Included { confirmed: true, .. }
    ));
}

/// F30: a cancelling attempt in a block pays nobody, so nobody is told of a payment; nothing is
/// given back before it is final.
#[test]
fn f30_a_cancel_in_a_block_is_no_payment_and_no_end() {
    let (mut world, id, lineage, _) = World::sent();
    let Draft::Evm(cancel) = world.draft(7, 20) else { panic!("an EVM draft") };
    let undo = world
        .add(
            lineage,
            Purpose::Cancel,
            EvmDraft { fees: fees(20), input: Bytes::default(), ..cancel },
        )
        .expect("added");
    world.send(lineage, hash(2));
    let news = world.events.len();
    world.observe(lineage, Fact::Included { attempt: undo, block: block(10) }).expect("seen");
    world.observe(lineage, Fact::Confirmed { attempt: undo, block: block(10) }).expect("deep");
    let State::Processing { sighting: None, confirmed_at: None, hash: shown, .. } =
        &world.withdrawal(id).state
    else {
        panic!("waits")
    };
    assert_eq!((*shown, world.available("XP"), world.events.len()), (Some(hash(1)), 7_000, news));
    world.observe(lineage, Fact::Vanished { attempt: undo }).expect("gone");
    assert_eq!(world.events.len(), news);
}

/// Rule R8: a receipt is believed for the hash that was signed here, and only if it tells about
/// every payout.
#[test]
fn a_receipt_of_another_hash_or_without_the_payout_settles_nothing() {
    let (mut world, id, lineage, attempt) = World::sent();
    let payout = world.withdrawal(id).payout;
    let receipt = |hash: Hash32, effects: Vec<LegEffect>| Receipt {
        hash,
        block: block(10),
        effects,
        network_fee: Amount::new(21),
        fee_parts: Vec::new(),
        fee_known: FeeKnown::Agreed,
    };
    let paid = || vec![LegEffect { payout, effect: Effect::Paid }];
    let stranger = PayoutId(uuid::Uuid::from_u128(5));
    let other = vec![LegEffect { payout: stranger, effect: Effect::Paid }];
    for wrong in [receipt(hash(3), paid()), receipt(hash(1), Vec::new()), receipt(hash(1), other)] {
        assert_eq!(
            world
                .observe(lineage, Fact::Final { attempt, receipt: wrong })
                .expect_err("refused")
                .code(),
            "BAD_ATTEMPT"
        );
    }
    assert_eq!(world.withdrawal(id).state.status(), Status::Processing);
    world
        .observe(lineage, Fact::Final { attempt, receipt: receipt(hash(1), paid()) })
        .expect("final");
    assert_eq!(world.withdrawal(id).state.status(), Status::Completed);
    assert_eq!(knowledge(&world, lineage, attempt), Knowledge::Finalized { block: block(10) });
}

#[test]
fn what_is_not_signed_or_not_of_this_lineage_was_not_seen() {
    let (mut world, id, lineage) = World::reserved();
    let attempt = world.lineage(lineage).latest().id;
    assert_eq!(
        world
            .observe(lineage, Fact::Included { attempt, block: block(10) })
            .expect_err("not signed")
            .code(),
        "BAD_ATTEMPT"
    );
    let attempt = world.send(lineage, hash(1));
    let other = AttemptId(uuid::Uuid::from_u128(3));
    assert_eq!(
        world.observe(lineage, Fact::Vanished { attempt: other }).expect_err("unknown").code(),
        "CHANGED_MEANWHILE"
    );
    let row = world.view.withdrawals.get_mut(&id).expect("there").row.as_mut().expect("there");
    let State::Processing { lineage: live, .. } = &mut row.state else { panic!("processing") };
    *live = LineageId(uuid::Uuid::from_u128(4));
    assert_eq!(
        world.finalize(lineage, attempt, &Effect::Paid).expect_err("in another lineage").code(),
        "BAD_ATTEMPT"
    );
}

/// F38, as far as the rules go: whatever is said of a payment after it was settled opens no second
/// lineage and moves no money. That a final block vanishes at all is seen by nobody here.
#[test]
fn f38_what_is_said_of_a_settled_payment_moves_nothing() {
    let (mut world, id, lineage, attempt) = World::sent();
    world.finalize(lineage, attempt, &Effect::Paid).expect("final");
    let (before, moved) = (world.withdrawal(id).clone(), world.transfers.len());
    let usurped = Fact::Conflicted {
        by: hash(9),
        block: block(11),
        decoded: String::new(),
        payees: Vec::new(),
        consumed: world.lineage(lineage).anchors.clone(),
    };
    for late in [Fact::Vanished { attempt }, Fact::Included { attempt, block: block(12) }, usurped]
    {
        assert_eq!(world.observe(lineage, late), Ok(Answer::Unchanged));
    }
    assert_eq!((world.withdrawal(id), world.transfers.len()), (&before, moved));
    assert_eq!(world.reserve(id).expect_err("ended").code(), "CHANGED_MEANWHILE");
}

/// F44: confirmed is not final, for however long finality stands still.
#[test]
fn f44_without_finality_nothing_is_settled() {
    let (mut world, id, lineage, attempt) = World::sent();
    world.observe(lineage, Fact::Included { attempt, block: block(20) }).expect("seen");
    world.observe(lineage, Fact::Confirmed { attempt, block: block(20) }).expect("deep");
    let moved = world.transfers.len();
    for height in 21..300 {
        world.pass(12);
        let stalled = Tip { head: block(height), ..world.tip(5_000_000_000) };
        world.see(stalled);
        assert_eq!(world.due(), [], "nothing to do but wait");
    }
    assert_eq!(
        (world.withdrawal(id).state.status(), world.transfers.len()),
        (Status::Processing, moved)
    );
}

/// F22, rule R4: a foreign transaction kills a lineage only where a person has said that its nonce
/// was not ours.
#[test]
fn f22_a_foreign_transaction_at_a_nonce_of_ours_kills_nothing_by_itself() {
    let (mut world, id, lineage, attempt) = World::sent();
    let consumed = world.lineage(lineage).anchors.clone();
    let conflict = || Fact::Conflicted {
        by: hash(9),
        block: block(10),
        decoded: "a transfer".to_owned(),
        payees: Vec::new(),
        consumed: consumed.clone(),
    };
    assert_eq!(world.observe(lineage, conflict()), Ok(Answer::Done), "the lane stops");
    assert_eq!(world.observe(lineage, conflict()), Ok(Answer::Unchanged), "it is stopped already");
    assert_eq!(told(&world, |kind| matches!(kind, EventKind::LaneHalted { .. })), 1);
    world.must(Command::AdoptKey { lane: lane(), from_nonce: 8 });
    world.observe(lineage, conflict()).expect("dead");
    assert_eq!(knowledge(&world, lineage, attempt), Knowledge::Conflicted { by: hash(9) });
    assert!(
        matches!(world.lineage(lineage).state, LineageState::Conflicted { by, .. } if by == hash(9))
    );
    assert!(matches!(world.events.last().expect("told").kind, EventKind::Requeued { .. }));
    assert!(matches!(world.withdrawal(id).state, State::Approved { .. }));
}

#[test]
fn r4_a_killed_lineage_frees_only_what_is_still_in_it() {
    let (mut world, id, lineage, _) = World::sent();
    world.must(Command::AdoptKey { lane: lane(), from_nonce: 8 });
    let at = world.view.now;
    world.view.withdrawals.get_mut(&id).expect("there").row.as_mut().expect("there").state =
        State::Cancelled { at, by: Actor::Engine, reason: String::new() };
    let conflict = Fact::Conflicted {
        by: hash(9),
        block: block(10),
        decoded: "a transfer".to_owned(),
        payees: Vec::new(),
        consumed: world.lineage(lineage).anchors.clone(),
    };
    let legs = world.lineage(lineage).legs.clone();
    let sighting = Sighting { lineage, fact: conflict, witnesses: Vec::new() };
    let order = Order {
        actor: Actor::Engine,
        ids: IdBlock::new(world.id()),
        retired: Default::default(),
        command: Command::Observe { lane: lane(), epoch: Epoch(1), legs, sighting },
    };
    let refusal = decide(&world.view, &world.rules, &order).expect_err("it has ended");
    assert_eq!(refusal.code(), "CHANGED_MEANWHILE");
}

/// F89: what the wallet's history seems to have paid waits for a person; what is in a lineage is
/// judged by its own evidence.
#[test]
fn f89_a_payment_that_nobody_remembers_is_looked_at_before_it_is_repeated() {
    let mut world = World::with_points(10_000);
    let waiting = world.request_claim(3_000).expect("accepted");
    let under_way = world.request_claim(3_000).expect("accepted");
    world.reserve(under_way).expect("reserved");
    let suspect = |world: &mut World, id: WithdrawalId| {
        let (leg, payment) = (world.leg(id), Payment { hash: hash(9), block: block(3) });
        let finding = "3000 DG to alice".to_owned();
        world.must(Command::Suspect {
            lane: lane(),
            owner: owner(),
            epoch: Epoch(1),
            leg,
            payment,
            finding,
        })
    };
    assert_eq!(suspect(&mut world, waiting), Answer::Done);
    assert_eq!(suspect(&mut world, under_way), Answer::Unchanged);
    let State::HeldForInspection { finding, payment, .. } = &world.withdrawal(waiting).state else {
        panic!("held")
    };
    assert!(finding.contains("3000 DG to alice"));
    assert_eq!((payment.hash, world.available("XP")), (hash(9), 4_000));
    assert_eq!(world.reserve(waiting).expect_err("held").code(), "CHANGED_MEANWHILE");
}

#[test]
fn a_fact_names_its_attempt_and_says_whether_it_is_the_last() {
    let attempt = AttemptId(uuid::Uuid::from_u128(1));
    let receipt = Receipt {
        hash: hash(1),
        block: block(1),
        effects: Vec::new(),
        network_fee: Amount::ZERO,
        fee_parts: Vec::new(),
        fee_known: FeeKnown::Agreed,
    };
    let usurped = Fact::Conflicted {
        by: hash(9),
        block: block(1),
        decoded: String::new(),
        payees: Vec::new(),
        consumed: Vec::new(),
    };
    for (fact, of, last) in [
        (Fact::Included { attempt, block: block(1) }, Some(attempt), false),
        (Fact::Vanished { attempt }, Some(attempt), false),
        (Fact::Confirmed { attempt, block: block(1) }, Some(attempt), false),
        (Fact::Final { attempt, receipt }, Some(attempt), true),
        (usurped, None, true),
    ] {
        let sighting =
            Sighting { lineage: LineageId(uuid::Uuid::from_u128(2)), fact, witnesses: Vec::new() };
        assert_eq!((sighting.attempt(), sighting.is_final()), (of, last));
    }
}

/// Who said what is kept, once per fact.
#[test]
fn every_fact_is_kept_with_its_attempt() {
    let (mut world, _, lineage, attempt) = World::sent();
    world.observe(lineage, Fact::Included { attempt, block: block(10) }).expect("seen");
    let kept = world.observations.last().expect("kept");
    assert_eq!(kept.attempt, attempt);
    assert!(matches!(&kept.said, Said::Sighting { sighting } if sighting.lineage == lineage));
}
