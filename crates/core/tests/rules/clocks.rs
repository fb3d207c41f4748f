//! A clock that cannot be trusted, and what it dated (case F97).

use adit_core::*;

use super::world::*;

const YEARS: Span = Span::from_hours(5 * 8_766);

fn doubt(world: &mut World) {
    world.view.clock_doubt = Some(ClockDoubt::Jumped { seconds: 157_788_000 });
}

fn code<T: std::fmt::Debug>(answer: Result<T, Refusal>) -> &'static str {
    answer.expect_err("refused").code()
}

/// The engine's time was right, then five years ahead for `act`, then right again.
fn years_ahead<T>(world: &mut World, act: impl FnOnce(&mut World) -> T) -> T {
    let now = world.view.now;
    world.view.now = now.plus(YEARS);
    let done = act(world);
    world.view.now = now;
    done
}

#[test]
fn f97_a_doubted_clock_accepts_and_plans_nothing() {
    let mut world = World::with_points(10_000);
    world.see_tip(5_000_000_000);
    let waits = world.request_claim(3_000).expect("accepted");
    assert_eq!(world.due(), [Act::Plan { withdrawal: waits }]);
    doubt(&mut world);
    assert_eq!(world.due(), [], "nobody new is planned");
    assert_eq!(
        code(world.reserve(waits)),
        "CLOCK_DOUBTED",
        "nor reserved by a round that began before"
    );
    assert_eq!(code(world.request_claim(3_000)), "CLOCK_DOUBTED");
    let other: Destination =
        "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC".parse().expect("a destination");
    let link = Command::LinkWallet { user: user(), address: other };
    assert_eq!(
        code(world.give(link.clone())),
        "CLOCK_DOUBTED",
        "it says from when on it may claim"
    );
    let said = world.ask_lane(|view| why(view, &view.queue[0], None, &Line::default()));
    assert!(matches!(said.reason, Reason::ClockDoubted { .. }), "{said:?}");
    assert!(said.sentence.contains("adit clock accept"), "{}", said.sentence);
    world.view.clock_doubt = None;
    assert_eq!(world.due(), [Act::Plan { withdrawal: waits }]);
    world.must(link);
}

/// Also while the clock is doubted: another server's, or the same one's again.
#[test]
fn f97_who_vouched_for_a_clock_stands_in_the_audit() {
    let mut world = World::with_points(10_000);
    doubt(&mut world);
    let (now, replica) = (world.view.now, ReplicaId(uuid::Uuid::from_u128(3)));
    let (given, machine, was) = (
        now.plus(Span::from_hours(2)),
        now.plus(Span::from_hours(1)),
        Some(ClockDoubt::Unconfirmed),
    );
    world.must(Command::AcceptClock { replica, given, machine, doubt: was });
    let last = world.events.last().expect("an event");
    assert_eq!(last.kind, EventKind::ClockAccepted { replica, given, machine, doubt: was });
    assert_eq!((last.at, &last.feed), (now, &None), "it is in no user's feed");
}

#[test]
fn f97_a_request_that_was_accepted_is_answered_while_the_clock_is_doubted() {
    let mut world = World::with_points(10_000);
    let idempotency =
        Some(Idempotency { key: "once".parse().expect("a key"), fingerprint: hash(9) });
    let request = Request { idempotency, ..world.claim(dg(3_000)) };
    world.must(Command::Request(request.clone()));
    doubt(&mut world);
    assert_eq!(world.give(Command::Request(request.clone())), Ok(Answer::Replayed(request.id)));
}

#[test]
fn f97_suspending_halting_observing_repeating_and_settling_go_on_while_the_clock_is_doubted() {
    let (mut world, id, lineage) = World::reserved();
    world.see_tip(5_000_000_000);
    doubt(&mut world);
    let attempt = world.lineage(lineage).latest().id;
    assert_eq!(world.due(), [Act::Sign { lineage, attempt }], "what is reserved is signed");
    world.send(lineage, hash(1));
    world.must(Command::Suspend { scope: Scope::All, reason: "a drill".to_owned() });
    world.must(Command::Resume { scope: Scope::All });
    world.pass(100);
    world.see_tip(5_000_000_000);
    assert!(
        world.due().iter().any(|act| matches!(act, Act::Send { .. } | Act::Bump { .. })),
        "it is repeated: {:?}",
        world.due()
    );
    world.halt();
    world.must(Command::ResumeLane { lane: lane(), accept: None });
    world.finalize(lineage, attempt, &Effect::Paid).expect("observed");
    assert_eq!(world.withdrawal(id).state.status(), Status::Completed, "and settled");
}

#[test]
fn f97_a_hold_is_given_back_while_the_clock_is_doubted() {
    let mut world = World::with_points(10_000);
    let id = world.request_claim(3_000).expect("accepted");
    doubt(&mut world);
    let Leg { user, book, source_asset, asset, .. } = world.leg(id);
    let reason = "changed my mind".to_owned();
    world.must(Command::Cancel {
        withdrawal: id,
        user,
        book,
        source_asset,
        asset,
        lineage: None,
        reason,
    });
    assert_eq!(world.withdrawal(id).state.status(), Status::Cancelled);
}

#[test]
fn f97_who_doubts_the_clock_believes_no_lease_over() {
    let mut world = World::with_points(10_000);
    let other = ReplicaId(uuid::Uuid::from_u128(2));
    let row = world.view.lanes.get_mut(&lane()).expect("a lane").row.as_mut().expect("a lane");
    row.lease.as_mut().expect("leased").until = Timestamp::from_seconds(1);
    doubt(&mut world);
    let claim = world.claim_lease(other, Span::from_seconds(3));
    assert_eq!(code(world.give(claim.clone())), "LEASE_HELD");
    world.view.clock_doubt = None;
    world.give(claim).expect("it is over");
}

#[test]
fn f97_a_deferral_until_years_ahead_is_over() {
    let mut world = World::with_points(10_000);
    world.see_tip(5_000_000_000);
    let id = world.request_claim(3_000).expect("accepted");
    let leg = world.leg(id);
    let defer = Command::Defer {
        lane: lane(),
        epoch: world.epoch,
        owner: owner(),
        leg,
        reason: "too dear".to_owned(),
        cause: DeferralCause::Unclear,
    };
    let lease = |world: &mut World, until| {
        let row = world.view.lanes.get_mut(&lane()).expect("a lane").row.as_mut().expect("a lane");
        row.lease.as_mut().expect("leased").until = until;
    };
    let until = world.view.now.plus(YEARS).plus(YEARS);
    lease(&mut world, until);
    years_ahead(&mut world, |world| world.must(defer));
    assert_eq!(world.due(), [Act::Plan { withdrawal: id }]);
}

#[test]
fn f97_what_was_sent_years_ahead_is_sent_again() {
    let (mut world, _, lineage, attempt) = World::sent();
    let submitted = Command::Submitted {
        lane: lane(),
        epoch: world.epoch,
        lineage,
        attempt,
        legs: world.lineage(lineage).legs.clone(),
        submissions: Vec::new(),
    };
    years_ahead(&mut world, |world| world.must(submitted));
    assert_eq!(world.due(), [Act::Send { lineage, attempt }]);
}

#[test]
fn f97_a_tip_that_was_read_years_ahead_is_not_fresh() {
    let mut world = World::with_points(10_000);
    world.request_claim(3_000).expect("accepted");
    years_ahead(&mut world, |world| world.see_tip(5_000_000_000));
    assert_eq!(world.due(), [], "nobody knows when these fees were read");
    world.see_tip(5_000_000_000);
    assert_eq!(world.due().len(), 1);
}

#[test]
fn f97_a_wallet_that_was_linked_years_ahead_is_linked_anew_and_waits() {
    let mut world = World::with_points(10_000);
    let link = |address| Command::LinkWallet { user: user(), address };
    let other: Destination =
        "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC".parse().expect("a destination");
    years_ahead(&mut world, |world| world.must(link(other.clone())));
    let Answer::Wallet(again) = world.must(link(other.clone())) else { panic!("a wallet") };
    assert_eq!(
        (again.linked_at, again.usable_at),
        (world.view.now, world.view.now.plus(world.rules.wallet_cooling))
    );
    assert_eq!(world.give(link(other)), Ok(Answer::Wallet(again)), "and then it is as it is");
    assert_eq!(
        world.view.users[&user()].row.as_ref().map(|user| user.wallets),
        Some(2),
        "it counts once"
    );
}
