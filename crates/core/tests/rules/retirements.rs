//! No hold is given back before the signer has retired its payout and the lane has read the journal
//! (case F93).

use adit_core::*;

use super::world::*;

fn cancel(world: &World, id: WithdrawalId) -> Command {
    let Leg { withdrawal, user, book, source_asset, asset, .. } = world.leg(id);
    Command::Cancel {
        withdrawal,
        user,
        book,
        source_asset,
        asset,
        lineage: None,
        reason: "changed".to_owned(),
    }
}

fn inspect(world: &World, id: WithdrawalId, lineage: Option<LineageId>, paid: bool) -> Command {
    Command::Inspect {
        leg: world.leg(id),
        lane: lane(),
        lineage,
        paid,
        note: "looked at it".to_owned(),
    }
}

fn defer(world: &World, id: WithdrawalId) -> Command {
    let (leg, reason) = (world.leg(id), "reverts".to_owned());
    Command::Defer {
        lane: lane(),
        owner: owner(),
        epoch: world.epoch,
        leg,
        reason,
        cause: DeferralCause::WouldFail,
    }
}

fn finish(world: &World, id: WithdrawalId) -> Command {
    let (by, reason) = ("key/5".to_owned(), "asked".to_owned());
    Command::FinishGiveBack {
        lane: lane(),
        owner: owner(),
        epoch: world.epoch,
        leg: world.leg(id),
        by,
        reason,
    }
}

fn finality(world: &World, lineage: LineageId, attempt: AttemptId, effect: &Effect) -> Command {
    let known = world.lineage(lineage);
    let hash = known.attempt(attempt).and_then(Attempt::signed).expect("signed").hash;
    let effects = known
        .legs
        .iter()
        .map(|leg| LegEffect { payout: leg.payout, effect: effect.clone() })
        .collect();
    let receipt = Receipt {
        hash,
        block: block(10),
        effects,
        network_fee: Amount::new(21),
        fee_parts: Vec::new(),
        fee_known: FeeKnown::Agreed,
    };
    observed(world, lineage, Fact::Final { attempt, receipt })
}

fn observed(world: &World, lineage: LineageId, fact: Fact) -> Command {
    let legs = world.lineage(lineage).legs.clone();
    Command::Observe {
        lane: lane(),
        epoch: world.epoch,
        legs,
        sighting: Sighting { lineage, fact, witnesses: Vec::new() },
    }
}

fn approved() -> (World, WithdrawalId) {
    let mut world = World::with_points(10_000);
    let id = world.request_claim(3_000).expect("accepted");
    (world, id)
}

fn pending() -> (World, WithdrawalId) {
    let mut world = World::with_points(10_000);
    world.rules.assets.get_mut(&asset("DG")).expect("DG").policy.approve_above = Some(Amount::ZERO);
    let id = world.request_claim(3_000).expect("accepted");
    (world, id)
}

/// One failure short of the last allowed precheck.
fn nearly_failed() -> (World, WithdrawalId) {
    let (mut world, id) = approved();
    for _ in 0..2 {
        let command = defer(&world, id);
        world.must(command);
    }
    (world, id)
}

fn under_inspection() -> (World, WithdrawalId, LineageId) {
    let (mut world, id, lineage, attempt) = World::sent();
    world
        .finalize(lineage, attempt, &Effect::Unexpected { finding: "odd".to_owned() })
        .expect("final");
    (world, id, lineage)
}

/// The cancelling attempt of a payment that was sent, itself sent with hash 2.
fn cancelling() -> (World, WithdrawalId, LineageId, AttemptId) {
    let (mut world, id, lineage, _) = World::sent();
    world.wish_cancel(id, lineage).expect("wished");
    let Draft::Evm(evm) = world.draft(7, 20) else { panic!("an EVM draft") };
    let fees = EvmFees { max_priority_fee_per_gas: 2_000_000_000, ..evm.fees };
    world
        .add(lineage, Purpose::Cancel, EvmDraft { fees, input: Bytes::default(), ..evm })
        .expect("added");
    let undo = world.send(lineage, hash(2));
    (world, id, lineage, undo)
}

fn dead(lineage: LineageId, evidence: Hash32) -> Option<DeadLineage> {
    Some(DeadLineage { lineage, evidence })
}

/// Refused and nothing changed until the signer has retired this very payout; then the hold is
/// given back.
#[track_caller]
fn gives_back_when_retired(
    mut world: World,
    id: WithdrawalId,
    actor: Actor,
    command: Command,
    ended: Option<DeadLineage>,
) -> Retirement {
    let before = (world.withdrawal(id).clone(), world.available("XP"), world.events.len());
    let refused =
        world.give_unretired(actor.clone(), command.clone()).expect_err("the signer was not asked");
    let Refusal::NotRetired { payouts } = &refused else { panic!("{refused:?}") };
    assert_eq!(refused.code(), "NOT_RETIRED");
    assert_eq!(
        before,
        (world.withdrawal(id).clone(), world.available("XP"), world.events.len()),
        "a refusal changes nothing"
    );
    let [retirement] = &payouts[..] else { panic!("{payouts:?}") };
    assert_eq!(
        (retirement.payout, &retirement.lane, retirement.ended),
        (world.withdrawal(id).payout, &lane(), ended)
    );
    world.give_as(actor, command).expect("retired");
    assert_eq!(
        (&world.retirements[..], world.available("XP")),
        (std::slice::from_ref(retirement), 10_000)
    );
    assert!(matches!(world.withdrawal(id).state.status(), Status::Cancelled | Status::Failed));
    retirement.clone()
}

/// F93: a user's cancel of what is pending, an operator's of what is approved, with who and why.
#[test]
fn f93_a_cancel_gives_back_only_a_retired_payout() {
    let (world, id) = pending();
    let (alice, command) = (Actor::User { user: user() }, cancel(&world, id));
    let retirement = gives_back_when_retired(world, id, alice, command, None);
    assert_eq!((retirement.by.as_str(), retirement.reason.as_str()), ("user/alice", "changed"));
    let (world, id) = approved();
    let command = cancel(&world, id);
    let retirement = gives_back_when_retired(world, id, Actor::Engine, command, None);
    assert_eq!((retirement.by.as_str(), retirement.reason.as_str()), ("engine", "changed"));
}

/// F93: a reason is kept within what the journal keeps of it, and no character is cut in two.
#[test]
fn f93_a_long_reason_is_shortened_for_the_journal() {
    for (reason, bytes) in
        [("x".repeat(500), 500), ("x".repeat(501), 500), (format!("{}ä", "x".repeat(499)), 499)]
    {
        let (mut world, id) = approved();
        let mut command = cancel(&world, id);
        let Command::Cancel { reason: given, .. } = &mut command else { panic!("a cancel") };
        given.clone_from(&reason);
        world.must(command);
        assert_eq!(world.retirements[0].reason.len(), bytes);
        assert!(
            matches!(&world.withdrawal(id).state, State::Cancelled { reason: kept, .. } if *kept == reason),
            "the store keeps all of it"
        );
    }
}

/// F93: the precheck that fails once too often.
#[test]
fn f93_a_failed_precheck_gives_back_only_a_retired_payout() {
    let (world, id) = nearly_failed();
    let command = defer(&world, id);
    let retirement = gives_back_when_retired(world, id, Actor::Engine, command, None);
    assert_eq!(retirement.reason, "reverts");
}

/// F93: at a lineage's end the signer, which signed for it, is told the final transaction.
#[test]
fn f93_a_final_cancelling_attempt_names_its_lineage_and_its_proof() {
    let (world, id, lineage, undo) = cancelling();
    let command = finality(&world, lineage, undo, &Effect::Cancelled);
    gives_back_when_retired(world, id, Actor::Engine, command, dead(lineage, hash(2)));
}

#[test]
fn f93_a_final_revert_names_its_lineage_and_its_proof() {
    let (world, id, lineage, attempt) = World::sent();
    let command = finality(&world, lineage, attempt, &Effect::Reverted);
    gives_back_when_retired(world, id, Actor::Engine, command, dead(lineage, hash(1)));
}

#[test]
fn f93_a_conflicted_lineage_with_a_wish_names_its_proof() {
    let (mut world, id, lineage, _) = World::sent();
    world.wish_cancel(id, lineage).expect("wished");
    world.must(Command::AdoptKey { lane: lane(), from_nonce: 8 });
    let (decoded, payees, consumed) =
        ("a transfer".to_owned(), Vec::new(), world.lineage(lineage).anchors.clone());
    let command = observed(
        &world,
        lineage,
        Fact::Conflicted { by: hash(9), block: block(10), decoded, payees, consumed },
    );
    gives_back_when_retired(world, id, Actor::Engine, command, dead(lineage, hash(9)));
}

/// A lineage that stood on the version of another one that lost (Bitcoin); here only its end
/// matters.
#[test]
fn f93_an_orphaned_lineage_with_a_wish_names_its_proof() {
    let (mut world, winner_id, winner, winning) = World::sent();
    let id = world.request_claim(3_000).expect("accepted");
    let lineage = world.reserve(id).expect("reserved");
    world.send(lineage, hash(2));
    world.wish_cancel(id, lineage).expect("wished");
    world.finalize(winner, winning, &Effect::Reverted).expect("final");
    assert_eq!(
        (world.withdrawal(winner_id).state.status(), world.available("XP")),
        (Status::Failed, 7_000)
    );
    world.retirements.clear();
    let consumed = world.lineage(lineage).anchors.clone();
    let command = observed(
        &world,
        lineage,
        Fact::Orphaned { winner, by: hash(1), block: block(10), consumed },
    );
    gives_back_when_retired(world, id, Actor::Engine, command, dead(lineage, hash(1)));
}

#[test]
fn f93_a_verdict_of_not_paid_names_its_lineage_and_its_proof() {
    let (world, id, lineage) = under_inspection();
    let command = inspect(&world, id, Some(lineage), false);
    gives_back_when_retired(world, id, Actor::Engine, command, dead(lineage, hash(1)));
    let (mut world, id, lineage) = under_inspection();
    let command = inspect(&world, id, Some(lineage), true);
    world.give_unretired(Actor::Engine, command).expect("what was paid is not given back");
}

/// F93: what was freed from a lineage that ended is retired with the proof of that end: the signer
/// signed for it once.
#[test]
fn f93_a_cancel_of_what_was_freed_names_the_lineage_that_it_left() {
    let (mut world, id, lineage) = World::reserved();
    let Draft::Evm(fill) = world.draft(7, 10) else { panic!("an EVM draft") };
    world
        .add(lineage, Purpose::Cancel, EvmDraft { input: Bytes::default(), ..fill })
        .expect("added");
    let undo = world.send(lineage, hash(1));
    world.finalize(lineage, undo, &Effect::Cancelled).expect("final");
    assert_eq!(world.retirements, [], "it is planned anew");
    let command = cancel(&world, id);
    gives_back_when_retired(world, id, Actor::Engine, command, dead(lineage, hash(1)));
}

/// F93: a payout that was retired for another order, or another payout, does not count.
#[test]
fn f93_what_was_retired_for_another_order_does_not_count() {
    let mut world = World::with_points(10_000);
    let (first, second) = (
        world.request_claim(3_000).expect("accepted"),
        world.request_claim(3_000).expect("accepted"),
    );
    let command = cancel(&world, first);
    world.must(command);
    let command = cancel(&world, second);
    let refused =
        world.give_unretired(Actor::Engine, command).expect_err("the other one was retired");
    assert!(
        matches!(&refused, Refusal::NotRetired { payouts } if payouts[0].payout == world.withdrawal(second).payout),
        "{refused:?}"
    );
}

/// Everything that gives back what is not in a lineage, ready to be asked.
fn give_backs() -> Vec<(&'static str, World, Command)> {
    let (pending, pending_id) = pending();
    let (approved, approved_id) = approved();
    let (failing, failing_id) = nearly_failed();
    let (inspected, inspected_id, lineage) = under_inspection();
    let of_pending = cancel(&pending, pending_id);
    let of_approved = cancel(&approved, approved_id);
    let of_failing = defer(&failing, failing_id);
    let of_inspected = inspect(&inspected, inspected_id, Some(lineage), false);
    vec![
        ("pending", pending, of_pending),
        ("approved", approved, of_approved),
        ("precheck", failing, of_failing),
        ("inspection", inspected, of_inspected),
    ]
}

fn row(world: &mut World) -> &mut Lane {
    world.view.lanes.get_mut(&lane()).expect("a lane").row.as_mut().expect("a lane")
}

/// F93: not before the lane has read the journal under its present epoch; a lane that halts after
/// that takes cancels.
#[test]
fn f93_nothing_is_given_back_before_the_journal_is_read() {
    for (what, mut world, command) in give_backs() {
        row(&mut world).journal_read = Epoch(0);
        let refused = world.give(command.clone()).expect_err(what);
        assert_eq!(
            (&refused, refused.code()),
            (&Refusal::JournalUnread { lane: lane().to_string() }, "JOURNAL_UNREAD"),
            "{what}"
        );
        assert_eq!(world.retirements, [], "{what}: the signer is not asked for nothing");
        assert_eq!(
            world.must(Command::Suspend { scope: Scope::All, reason: "drill".to_owned() }),
            Answer::Done,
            "{what}"
        );
        world.read_journal();
        world.halt();
        assert_eq!(world.must(command), Answer::Done, "{what}: a halted lane that has read it");
        assert_eq!(world.available("XP"), 10_000, "{what}");
    }
}

/// F91: database and journal went back together. What shows here as waiting may have been signed in
/// the lost part, and be mined in the place of a sweep: no hold is given back before the sweep is
/// final.
#[test]
fn f91_nothing_is_given_back_while_something_forgotten_may_be_mined() {
    for (what, mut world, command) in give_backs() {
        let declared = Restoration::declared(world.view.now, Epoch(1));
        for stage in [RestorationStage::Declared, RestorationStage::Sweeping { below: 20 }] {
            row(&mut world).restoration = Some(Restoration { stage, ..declared.clone() });
            let refused = world.give(command.clone()).expect_err(what);
            assert_eq!(
                (&refused, refused.code()),
                (&Refusal::NotSwept { lane: lane().to_string() }, "NOT_SWEPT"),
                "{what}"
            );
            assert_eq!(world.retirements, [], "{what}: the signer is not asked for nothing");
        }
        row(&mut world).restoration =
            Some(Restoration { stage: RestorationStage::Swept { released: None }, ..declared });
        assert_eq!(
            world.must(command),
            Answer::Done,
            "{what}: nothing forgotten can be mined any more"
        );
        assert_eq!(world.available("XP"), 10_000, "{what}");
    }
}

/// F93: what an older lease read does not count.
#[test]
fn f93_a_new_lease_reads_the_journal_anew() {
    let (mut world, id) = approved();
    world.take_over();
    let command = cancel(&world, id);
    assert_eq!(world.give(command).expect_err("unread").code(), "JOURNAL_UNREAD");
}

/// F93: a store whose lane was never leased has read nothing.
#[test]
fn f93_a_lane_without_a_row_has_read_nothing() {
    let mut world = World::unleased(10_000);
    let id = world.request_claim(3_000).expect("accepted");
    let command = cancel(&world, id);
    assert_eq!(world.give(command.clone()).expect_err("unread").code(), "JOURNAL_UNREAD");
    assert_eq!(
        world.must(Command::Suspend { scope: Scope::All, reason: "drill".to_owned() }),
        Answer::Done
    );
    world.lease();
    world.read_journal();
    assert_eq!(world.must(command), Answer::Done);
}

/// F93: what a crash left between the signer's record and the commit is finished; what has gone on
/// is left alone.
#[test]
fn f93_a_give_back_is_finished_where_it_was_begun_and_nowhere_else() {
    for (world, id) in [pending(), approved()] {
        let command = finish(&world, id);
        let retirement = gives_back_when_retired(world, id, Actor::Engine, command, None);
        assert!(
            retirement.reason.contains("asked") && retirement.reason.contains("key/5"),
            "{retirement:?}"
        );
    }
    let (mut unread, id) = approved();
    row(&mut unread).journal_read = Epoch(0);
    let command = finish(&unread, id);
    assert_eq!(unread.give(command).expect_err("unread").code(), "JOURNAL_UNREAD");

    let mut others = vec![World::reserved()];
    let (mut completed, id, lineage, attempt) = World::sent();
    completed.finalize(lineage, attempt, &Effect::Paid).expect("final");
    others.push((completed, id, lineage));
    let (mut failed, id, lineage, attempt) = World::sent();
    failed.finalize(lineage, attempt, &Effect::Reverted).expect("final");
    others.extend([(failed, id, lineage), under_inspection()]);
    let (mut cancelled, id, lineage, undo) = cancelling();
    cancelled.finalize(lineage, undo, &Effect::Cancelled).expect("final");
    others.push((cancelled, id, lineage));
    for (mut world, id, _) in others {
        let before = world.withdrawal(id).clone();
        let command = finish(&world, id);
        assert_eq!(
            world.give_unretired(Actor::Engine, command),
            Ok(Answer::Unchanged),
            "{:?}",
            before.state
        );
        assert_eq!(world.withdrawal(id), &before);
    }
}
