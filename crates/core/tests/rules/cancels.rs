//! Who may take a withdrawal back, and until when.

use adit_core::*;

use super::world::*;

fn cancel(world: &World, id: WithdrawalId, lineage: Option<LineageId>) -> Command {
    let known = world.withdrawal(id);
    Command::Cancel {
        withdrawal: id,
        user: known.user.clone(),
        book: known.book.clone(),
        source_asset: known.source_asset.clone(),
        asset: known.asset.clone(),
        lineage,
        reason: "changed my mind".to_owned(),
    }
}

fn alice() -> Actor {
    Actor::User { user: user() }
}

#[test]
fn the_owner_cancels_while_it_is_pending_and_not_later() {
    let mut world = World::with_points(100_000);
    world.rules.assets.get_mut(&asset("DG")).expect("DG").policy.approve_above = Some(dg(5_000));
    let pending = world.request_claim(6_000).expect("accepted");
    let approved = world.request_claim(5_000).expect("accepted");
    assert_eq!(world.withdrawal(pending).state.status(), Status::Pending);
    let command = cancel(&world, pending, None);
    world.give_as(alice(), command).expect("cancelled");
    assert_eq!(world.available("XP"), 95_000);
    let command = cancel(&world, approved, None);
    assert_eq!(world.give_as(alice(), command).expect_err("too late").code(), "NOT_CANCELLABLE");
}

#[test]
fn f26_an_operator_cancels_what_is_not_reserved() {
    let mut world = World::with_points(10_000);
    let id = world.request_claim(3_000).expect("accepted");
    let command = cancel(&world, id, None);
    world.must(command);
    assert_eq!(
        (world.withdrawal(id).state.status(), world.available("XP")),
        (Status::Cancelled, 10_000)
    );
    assert_eq!(world.reserve(id).expect_err("ended").code(), "CHANGED_MEANWHILE");
}

/// R9, F26, F30: after *Reserve* only a final cancelling attempt cancels; if the payment wins the
/// race, it is paid and not given back.
#[test]
fn f30_after_reserve_only_the_chain_cancels() {
    for payment_wins in [false, true] {
        let mut world = World::with_points(10_000);
        let id = world.request_claim(3_000).expect("accepted");
        let lineage = world.reserve(id).expect("reserved");
        let pay = world.send(lineage, hash(1));
        let blind = cancel(&world, id, None);
        assert_eq!(world.give(blind).expect_err("read it again").code(), "CHANGED_MEANWHILE");
        let command = cancel(&world, id, Some(lineage));
        world.must(command);
        assert_eq!(
            (world.withdrawal(id).state.status(), world.available("XP")),
            (Status::Processing, 7_000),
            "a wish gives nothing back"
        );
        let Draft::Evm(mut evm) = world.draft(7, 20) else { panic!("an EVM draft") };
        evm.fees.max_priority_fee_per_gas = 2_000_000_000;
        evm.input = Bytes::default();
        let attempt = AttemptId(world.id());
        world.must(Command::AddAttempt(AddAttempt {
            lane: lane(),
            owner: owner(),
            epoch: Epoch(1),
            lineage,
            attempt,
            purpose: Purpose::Cancel,
            draft: Draft::Evm(evm),
            claims: Vec::new(),
            joining: Vec::new(),
        }));
        let undo = world.send(lineage, hash(2));
        if payment_wins {
            world.finalize(lineage, pay, &Effect::Paid).expect("final");
            assert_eq!(
                (world.withdrawal(id).state.status(), world.available("XP")),
                (Status::Completed, 7_000)
            );
        } else {
            world.finalize(lineage, undo, &Effect::Cancelled).expect("final");
            assert_eq!(
                (world.withdrawal(id).state.status(), world.available("XP")),
                (Status::Cancelled, 10_000)
            );
        }
    }
}

/// A nonce that had to be filled pays nobody; the payout is planned anew, with the proof that it
/// may.
#[test]
fn a_filled_nonce_frees_its_payout() {
    let (mut world, id, lineage, _) = World::sent();
    let Draft::Evm(mut evm) = world.draft(7, 20) else { panic!("an EVM draft") };
    evm.fees.max_priority_fee_per_gas = 2_000_000_000;
    evm.input = Bytes::default();
    let attempt = AttemptId(world.id());
    world.must(Command::AddAttempt(AddAttempt {
        lane: lane(),
        owner: owner(),
        epoch: Epoch(1),
        lineage,
        attempt,
        purpose: Purpose::Cancel,
        draft: Draft::Evm(evm),
        claims: Vec::new(),
        joining: Vec::new(),
    }));
    let fill = world.send(lineage, hash(2));
    world.finalize(lineage, fill, &Effect::Cancelled).expect("final");
    assert_eq!(
        (world.withdrawal(id).state.status(), world.available("XP")),
        (Status::Approved, 7_000)
    );
    world.reserve(id).expect("in a new lineage");
}

#[test]
fn a_user_cancels_a_bounded_number_of_times_a_day() {
    let mut world = World::with_points(100_000);
    world.rules.assets.get_mut(&asset("DG")).expect("DG").policy.approve_above = Some(Amount::ZERO);
    for round in 0..4 {
        let id = world.request_claim(3_000).expect("accepted");
        let command = cancel(&world, id, None);
        let answer = world.give_as(alice(), command);
        assert_eq!(answer.is_ok(), round < 3, "round {round}");
    }
    world.pass(86_400);
    let id = world.request_claim(3_000).expect("accepted");
    let command = cancel(&world, id, None);
    world.give_as(alice(), command).expect("a new day");
}

#[test]
fn a_failed_withdrawal_is_never_revived() {
    let (mut world, id, lineage, attempt) = World::sent();
    world.finalize(lineage, attempt, &Effect::Reverted).expect("final");
    assert_eq!(
        world.give(Command::Retry { withdrawal: id, user: user() }).expect_err("ended").code(),
        "NOT_RETRYABLE"
    );
}

/// R9: a reserved nonce that the signer will not use is filled, so that those behind it can be
/// mined. Its bytes never left: there is nothing to outbid.
#[test]
fn a_reserved_nonce_that_is_never_signed_is_filled() {
    let (mut world, id, lineage) = World::reserved();
    let fill = |world: &mut World, purpose: Purpose| {
        let attempt = AttemptId(world.id());
        let draft = world.draft(7, 10);
        world.give(Command::AddAttempt(AddAttempt {
            lane: lane(),
            owner: owner(),
            epoch: Epoch(1),
            lineage,
            attempt,
            purpose,
            draft,
            claims: Vec::new(),
            joining: Vec::new(),
        }))
    };
    assert_eq!(
        fill(&mut world, Purpose::Pay).expect_err("a bump of nothing").code(),
        "BAD_ATTEMPT"
    );
    fill(&mut world, Purpose::Cancel).expect("added");
    let undo = world.send(lineage, hash(2));
    world.finalize(lineage, undo, &Effect::Cancelled).expect("final");
    assert_eq!(
        (world.withdrawal(id).state.status(), world.available("XP")),
        (Status::Approved, 7_000)
    );
}

/// F85, abuse case 17: a claim whose wallet no longer stands by its signature goes back to a
/// person, once; what a person approved stays.
#[test]
fn f85_a_claim_that_is_no_longer_signed_waits_for_a_person() {
    let mut world = World::with_points(10_000);
    let id = world.request_claim(3_000).expect("accepted");
    let withdraw = |world: &World| Command::Reapprove {
        lane: lane(),
        owner: owner(),
        epoch: Epoch(1),
        leg: world.leg(id),
        reason: "owner changed".to_owned(),
    };
    let command = withdraw(&world);
    world.must(command);
    assert_eq!(
        (world.withdrawal(id).state.status(), world.available("XP")),
        (Status::Pending, 7_000)
    );
    let person = Actor::admin(CredentialId(uuid::Uuid::from_u128(5)));
    world.give_as(person, Command::Approve { withdrawal: id, user: user() }).expect("approved");
    let command = withdraw(&world);
    assert_eq!(world.must(command), Answer::Unchanged);
    world.reserve(id).expect("reserved");
}

/// F85, R6: whoever left a dead lineage keeps the proof of its end when their claim is no longer
/// signed. Without it the signer would call the payout live for ever: it could neither be paid nor
/// given back, and the lane would stop because of it.
#[test]
fn f85_a_claim_that_left_a_dead_lineage_keeps_its_proof() {
    let (mut world, id, lineage, _) = World::sent();
    world.must(Command::AdoptKey { lane: lane(), from_nonce: 8 });
    world.read_journal();
    world.start();
    let consumed = vec![Anchor::Nonce { lane: lane(), nonce: world.lineage(lineage).number() }];
    let fact = Fact::Conflicted {
        by: hash(80),
        block: block(20),
        decoded: "a transfer".to_owned(),
        payees: Vec::new(),
        consumed,
    };
    world.observe(lineage, fact).expect("its place is taken");
    let dead = Some(DeadLineage { lineage, evidence: hash(80) });
    assert!(matches!(&world.withdrawal(id).state, State::Approved { after, .. } if *after == dead));
    let (leg, reason) = (world.leg(id), "owner changed".to_owned());
    world.must(Command::Reapprove { lane: lane(), owner: owner(), epoch: Epoch(1), leg, reason });
    let command = cancel(&world, id, None);
    let refused = world
        .give_unretired(Actor::admin(CredentialId(uuid::Uuid::from_u128(5))), command)
        .expect_err("not retired");
    assert!(
        matches!(&refused, Refusal::NotRetired { payouts } if payouts[0].ended == dead),
        "{refused:?}"
    );
}
