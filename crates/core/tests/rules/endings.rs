//! How a hold ends, and everything before that which keeps it: prechecks, inspections, approvals,
//! cancels, retries.

use adit_core::*;

use super::world::*;

fn defer(world: &mut World, id: WithdrawalId, cause: DeferralCause) -> Answer {
    let (leg, reason) = (world.leg(id), "reverts".to_owned());
    world.must(Command::Defer { lane: lane(), epoch: Epoch(1), owner: owner(), leg, reason, cause })
}

fn deferral(world: &World, id: WithdrawalId) -> (u32, u64) {
    let State::Approved { deferred: Some(deferral), .. } = &world.withdrawal(id).state else {
        panic!("deferred")
    };
    (deferral.tries, deferral.until.since(world.view.now).seconds())
}

fn cancel(world: &World, id: WithdrawalId, lineage: Option<LineageId>) -> Command {
    let known = world.withdrawal(id).clone();
    let (user, book, source_asset, asset) =
        (known.user, known.book, known.source_asset, known.asset);
    Command::Cancel {
        withdrawal: id,
        user,
        book,
        source_asset,
        asset,
        lineage,
        reason: "mistake".to_owned(),
    }
}

/// F33: each failed precheck doubles the wait; the last one allowed gives back.
#[test]
fn f33_the_wait_doubles_until_the_last_try_gives_back() {
    let mut world = World::with_points(10_000);
    world.rules.chains.get_mut(&lane().chain).expect("a chain").precheck_tries_max = 4;
    let id = world.request_claim(3_000).expect("accepted");
    for expected in [(1, 5), (2, 10), (3, 20)] {
        defer(&mut world, id, DeferralCause::WouldFail);
        assert_eq!(deferral(&world, id), expected);
    }
    defer(&mut world, id, DeferralCause::WouldFail);
    assert_eq!(
        (world.withdrawal(id).state.status(), world.available("XP")),
        (Status::Failed, 10_000)
    );
    assert!(matches!(
        world.events.last().expect("told").kind,
        EventKind::Failed { hash: None, .. }
    ));
    assert_eq!(defer(&mut world, id, DeferralCause::WouldFail), Answer::Unchanged, "it has ended");
}

/// F34: what is not the payout's fault does not count, and waits a minute at most.
#[test]
fn f34_a_wait_that_is_not_the_payouts_fault_does_not_count() {
    let mut world = World::with_points(10_000);
    let id = world.request_claim(3_000).expect("accepted");
    for wait in [5, 10, 20, 40, 60, 60] {
        defer(&mut world, id, DeferralCause::Unclear);
        assert_eq!(deferral(&world, id), (0, wait));
    }
    defer(&mut world, id, DeferralCause::WouldFail);
    defer(&mut world, id, DeferralCause::Unclear);
    assert_eq!(
        deferral(&world, id),
        (1, 5),
        "what was counted stays counted, and another reason begins anew"
    );
}

/// F33: of which nobody can say what it would do waits longer each time, and then for a person;
/// nothing is given back.
#[test]
fn f33_what_nobody_can_judge_waits_longer_and_then_for_a_person() {
    let mut world = World::with_points(10_000);
    world.rules.chains.get_mut(&lane().chain).expect("a chain").precheck_tries_max = 4;
    let id = world.request_claim(3_000).expect("accepted");
    for expected in [(1, 5), (2, 10), (3, 20)] {
        defer(&mut world, id, DeferralCause::Untold);
        assert_eq!(deferral(&world, id), expected);
    }
    defer(&mut world, id, DeferralCause::Untold);
    assert_eq!(
        (world.withdrawal(id).state.status(), world.available("XP")),
        (Status::Pending, 7_000)
    );
    assert!(matches!(world.events.last().expect("told").kind, EventKind::ApprovalWithdrawn { .. }));
}

/// F33, rule R9: a payout that was in a lineage before is not given back by a precheck: only its
/// proof said that it may be planned again.
#[test]
fn f33_what_was_once_reserved_is_not_given_back_by_a_precheck() {
    let (mut world, id, lineage) = World::reserved();
    let Draft::Evm(fill) = world.draft(7, 10) else { panic!("an EVM draft") };
    world
        .add(lineage, Purpose::Cancel, EvmDraft { input: Bytes::default(), ..fill })
        .expect("added");
    let undo = world.send(lineage, hash(1));
    world.finalize(lineage, undo, &Effect::Cancelled).expect("final");
    let State::Approved { after: Some(dead), .. } = &world.withdrawal(id).state else {
        panic!("free again")
    };
    assert_eq!((dead.lineage, dead.evidence), (lineage, hash(1)));
    for _ in 0..10 {
        defer(&mut world, id, DeferralCause::WouldFail);
    }
    assert_eq!(
        (world.withdrawal(id).state.status(), world.available("XP")),
        (Status::Approved, 7_000)
    );
}

#[test]
fn a_deferred_payout_is_planned_at_its_moment_and_at_once_when_a_person_wants_it() {
    let mut world = World::with_points(10_000);
    let id = world.request_claim(3_000).expect("accepted");
    defer(&mut world, id, DeferralCause::WouldFail);
    world.see_tip(5_000_000_000);
    world.pass(4);
    assert_eq!(world.due(), []);
    world.pass(1);
    assert_eq!(world.due(), [Act::Plan { withdrawal: id }]);
    defer(&mut world, id, DeferralCause::WouldFail);
    assert_eq!(world.due(), []);
    world.must(Command::Retry { withdrawal: id, user: user() });
    assert_eq!(
        (world.due(), world.withdrawal(id).retries),
        (vec![Act::Plan { withdrawal: id }], 1)
    );
    world.must(Command::Retry { withdrawal: id, user: user() });
    assert_eq!(world.withdrawal(id).retries, 2);
}

/// F47: a person's word ends an inspection, either way, once.
#[test]
fn f47_an_inspection_ends_as_paid_or_as_given_back() {
    for (paid, status, points, hot) in
        [(true, Status::Completed, 7_000, dg(3_000)), (false, Status::Failed, 10_000, Amount::ZERO)]
    {
        let (mut world, id, lineage, attempt) = World::sent();
        world
            .finalize(lineage, attempt, &Effect::Unexpected { finding: "odd".to_owned() })
            .expect("final");
        let (leg, note) = (world.leg(id), "looked at it".to_owned());
        world.must(Command::Inspect { leg, lane: lane(), lineage: Some(lineage), paid, note });
        assert_eq!((world.withdrawal(id).state.status(), world.available("XP")), (status, points));
        assert_eq!(
            world.net(&Account::Hot { wallet: lane(), asset: asset("DG") }),
            hot.base_units() as i128
        );
        assert!(
            matches!(&world.events.last().expect("told").kind, EventKind::Inspected { paid: said, .. } if *said == paid)
        );
        if let State::Failed { failure, payment, .. } = &world.withdrawal(id).state {
            let inspected =
                Failure::Inspected { finding: "odd".to_owned(), note: "looked at it".to_owned() };
            assert_eq!(
                (failure, payment.as_ref().map(|payment| payment.hash)),
                (&inspected, Some(hash(1)))
            );
        }
    }
}

/// F90: a transaction that cost nothing makes no entry; one that cost a wei makes one.
#[test]
fn f90_a_network_fee_is_booked_where_there_is_one() {
    for (fee, entries) in [(0, 0), (1, 1)] {
        let (mut world, id, lineage, attempt) = World::sent();
        let effects =
            vec![LegEffect { payout: world.withdrawal(id).payout, effect: Effect::Reverted }];
        let receipt = Receipt {
            hash: hash(1),
            block: block(10),
            effects,
            network_fee: Amount::new(fee),
            fee_parts: Vec::new(),
            fee_known: FeeKnown::Agreed,
        };
        world.observe(lineage, Fact::Final { attempt, receipt }).expect("final");
        let booked = |transfer: &&Transfer| matches!(&transfer.cause, Cause::NetworkFee { transaction } if *transaction == hash(1).to_string());
        assert_eq!(world.transfers.iter().filter(booked).count(), entries);
    }
}

/// F90: whether a payment is settled is not a matter of its fee. What is known of the fee is
/// booked, and the doubt is an event of its own.
#[test]
fn f90_a_payment_whose_fee_is_not_known_is_completed_and_marked() {
    for fee_known in
        [FeeKnown::Agreed, FeeKnown::Unknown { parts: vec!["data (l1Fee)".to_owned()] }]
    {
        let (mut world, id, lineage, attempt) = World::sent();
        let effects = vec![LegEffect { payout: world.withdrawal(id).payout, effect: Effect::Paid }];
        let (network_fee, marked) = (Amount::new(21), fee_known.clone());
        let receipt = Receipt {
            hash: hash(1),
            block: block(10),
            effects,
            network_fee,
            fee_parts: Vec::new(),
            fee_known,
        };
        world.observe(lineage, Fact::Final { attempt, receipt }).expect("final");
        assert_eq!(world.withdrawal(id).state.status(), Status::Completed);
        let doubted = |event: &&Event| matches!(&event.kind, EventKind::FeeDoubted { known, .. } if *known == marked);
        let doubts = world.events.iter().filter(doubted).count();
        assert_eq!(doubts, usize::from(!marked.is_agreed()), "{marked:?}");
        let fees =
            world.transfers.iter().filter(|one| matches!(one.cause, Cause::NetworkFee { .. }));
        assert_eq!(fees.map(|one| one.amount).collect::<Vec<_>>(), [network_fee]);
    }
}

#[test]
fn what_waits_for_approval_is_approved_once() {
    let mut world = World::with_points(10_000);
    world.rules.assets.get_mut(&asset("DG")).expect("DG").policy.approve_above = Some(dg(3_000));
    let small = world.request_claim(3_000).expect("accepted");
    assert_eq!(world.withdrawal(small).state.status(), Status::Approved, "exactly the threshold");
    let mut request = world.claim(dg(3_000));
    request.amount = request.amount.plus(Amount::new(1));
    let large = request.id;
    world.must(Command::Request(request));
    assert_eq!(world.withdrawal(large).state.status(), Status::Pending, "one past it");
    let approve = |withdrawal: WithdrawalId| Command::Approve { withdrawal, user: user() };
    assert_eq!(world.must(approve(large)), Answer::Done);
    assert!(matches!(world.events.last().expect("told").kind, EventKind::Approved));
    assert_eq!(world.give(approve(large)).expect_err("once").code(), "NOT_APPROVABLE");
}

/// F26: whoever comes second is told to read again; a wish stands once.
#[test]
fn f26_a_cancel_reaches_the_lineage_that_it_was_meant_for() {
    let (mut world, id, lineage, _) = World::sent();
    let other = LineageId(uuid::Uuid::from_u128(1));
    let blind = cancel(&world, id, Some(other));
    assert_eq!(world.give(blind).expect_err("another lineage").code(), "CHANGED_MEANWHILE");
    let meant = cancel(&world, id, Some(lineage));
    assert_eq!(world.must(meant.clone()), Answer::Done);
    assert!(
        matches!(&world.events.last().expect("told").kind, EventKind::CancelRequested { reason } if reason == "mistake")
    );
    assert_eq!(world.must(meant), Answer::Unchanged);
    assert_eq!(
        world
            .give_as(Actor::User { user: user() }, cancel(&world, id, Some(lineage)))
            .expect_err("too late")
            .code(),
        "NOT_CANCELLABLE"
    );
}

#[test]
fn an_ended_withdrawal_is_not_cancelled_and_a_cancelled_one_not_again() {
    let mut world = World::with_points(10_000);
    let id = world.request_claim(3_000).expect("accepted");
    let command = cancel(&world, id, None);
    assert_eq!(world.must(command.clone()), Answer::Done);
    assert!(
        matches!(&world.withdrawal(id).state, State::Cancelled { by: Actor::Engine, reason, .. } if reason == "mistake")
    );
    assert_eq!(world.must(command), Answer::Unchanged);
    let (mut world, id, lineage, attempt) = World::sent();
    world.finalize(lineage, attempt, &Effect::Paid).expect("final");
    let command = cancel(&world, id, Some(lineage));
    assert_eq!(world.give(command).expect_err("paid").code(), "NOT_CANCELLABLE");
    assert_eq!(
        world.give(Command::Retry { withdrawal: id, user: user() }).expect_err("paid").code(),
        "NOT_RETRYABLE"
    );
}

/// A user's day of cancels begins with the first and ends after exactly 24 hours.
#[test]
fn a_day_of_cancels_ends_after_exactly_a_day() {
    let mut world = World::with_points(100_000);
    world.rules.assets.get_mut(&asset("DG")).expect("DG").policy.approve_above = Some(Amount::ZERO);
    world.pass(86_400);
    let begun = world.view.now;
    let try_one = |world: &mut World| {
        let id = world.request_claim(3_000).expect("accepted");
        let command = cancel(world, id, None);
        world.give_as(Actor::User { user: user() }, command)
    };
    for _ in 0..3 {
        try_one(&mut world).expect("within the bound");
    }
    world.pass(86_399);
    let until = begun.plus(Span::from_hours(24));
    assert_eq!(try_one(&mut world), Err(Refusal::TooManyCancels { until }));
    world.pass(1);
    try_one(&mut world).expect("a new day");
    assert_eq!(world.view.users[&user()].row.as_ref().expect("the user").cancels, 1);
}

/// F85: a claim that its wallet took back waits with a reason, and may be approved again.
#[test]
fn f85_an_approval_that_is_taken_back_is_told() {
    let mut world = World::with_points(10_000);
    let id = world.request_claim(3_000).expect("accepted");
    let reapprove = |world: &World| {
        let (leg, reason) = (world.leg(id), "owner changed".to_owned());
        Command::Reapprove { lane: lane(), owner: owner(), epoch: Epoch(1), leg, reason }
    };
    let command = reapprove(&world);
    assert_eq!(world.must(command), Answer::Done);
    assert!(
        matches!(&world.events.last().expect("told").kind, EventKind::ApprovalWithdrawn { reason } if reason == "owner changed")
    );
    let command = reapprove(&world);
    assert_eq!(world.must(command), Answer::Unchanged);
}

/// F20: what a lane does for a payout needs its lease.
#[test]
fn f20_a_zombie_defers_suspects_and_adds_nothing() {
    let (mut world, under_way, lineage, _) = World::sent();
    let id = world.request_claim(3_000).expect("accepted");
    world.take_over();
    let leg = world.leg(id);
    let payment = Payment { hash: hash(9), block: block(3) };
    let (finding, reason) = (String::new(), String::new());
    let Draft::Evm(more) = world.draft(7, 20) else { panic!("an EVM draft") };
    let zombie = [
        Command::Defer {
            lane: lane(),
            owner: owner(),
            epoch: Epoch(1),
            leg: leg.clone(),
            reason: reason.clone(),
            cause: DeferralCause::WouldFail,
        },
        Command::Suspect {
            lane: lane(),
            owner: owner(),
            epoch: Epoch(1),
            leg: leg.clone(),
            payment,
            finding,
        },
        Command::Reapprove { lane: lane(), owner: owner(), epoch: Epoch(1), leg, reason },
    ];
    for command in zombie {
        assert_eq!(world.give(command).expect_err("fenced").code(), "NOT_LEASED");
    }
    assert_eq!(world.add(lineage, Purpose::Pay, more).expect_err("fenced").code(), "NOT_LEASED");
    assert_eq!(world.withdrawal(under_way).state.status(), Status::Processing);
}
