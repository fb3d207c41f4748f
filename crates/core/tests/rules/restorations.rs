//! Database and journal restored together (cases F91, F96): nothing is planned before the sweep is
//! final and two admins released what waits.

use adit_core::*;

use super::coins::{Bitcoin, coin, draft};
use super::world::*;

const GWEI: u128 = 1_000_000_000;

fn admin(number: u128) -> Actor {
    Actor::admin(CredentialId(uuid::Uuid::from_u128(number)))
}

/// Declared, and lived on; the lane is leased again and has read the journal.
fn declared(world: &mut World) {
    let next = IncarnationId(world.id());
    let because = WentBack::BothDeclared { what: "a snapshot".to_owned() };
    world.must(Command::FindWentBack { because, next, take_over: true });
    world.must(Command::Reincarnate { next, lanes: vec![(lane(), Epoch(1), 1)] });
    world.lease();
    world.read_journal();
}

fn sweep(world: &World) -> Option<usize> {
    world
        .due()
        .iter()
        .find_map(|act| if let Act::Sweep { most, .. } = act { Some(*most) } else { None })
}

fn swept(world: &World) -> Command {
    Command::Swept { lane: lane(), owner: owner(), epoch: world.lane().epoch }
}

/// F91: what was merely reserved is neither signed nor paid, what waits is not planned, and every
/// number is used up that something forgotten may have.
#[test]
fn f91_a_restored_lane_sweeps_before_it_plans() {
    let (mut world, _, lineage) = World::reserved();
    world.request_claim(3_000).expect("accepted");
    declared(&mut world);
    world.start();
    assert_eq!(world.lane().state, LaneState::Sweeping);
    let below =
        world.lane().restoration.as_ref().and_then(Restoration::sweeps_below).expect("it sweeps");
    let most = u64::from(world.rules.chains[&lane().chain].in_flight_max);
    assert!(below >= most && below >= world.lane().next_nonce, "{below}");
    assert_eq!(world.due(), [], "the chain was not read yet");
    world.see_tip(GWEI);
    let acts = world.due();
    assert!(acts.iter().any(|act| matches!(act, Act::Bump { lineage: of, purpose: Purpose::Cancel, .. } if *of == lineage)), "{acts:?}");
    assert!(!acts.iter().any(|act| matches!(act, Act::Plan { .. } | Act::Sign { .. })), "{acts:?}");
    // A restart makes it no longer, however far the chain is by then.
    world.pass(3_600);
    world.lease();
    world.read_journal();
    world.start();
    assert_eq!(world.lane().restoration.as_ref().and_then(Restoration::sweeps_below), Some(below));
    world.see_tip(GWEI);
    let room = most as usize - 1;
    assert_eq!(sweep(&world), Some(room.min((below - world.lane().next_nonce) as usize)));
}

/// F91: known lineages go on while a lane sweeps. A higher offer for a payment that was sent is
/// signed, and cancels nothing.
#[test]
fn f91_a_sent_payment_is_bumped_and_not_cancelled_while_its_lane_sweeps() {
    let (mut world, _, lineage, _) = World::sent();
    declared(&mut world);
    world.start();
    world.see_tip(GWEI);
    let Draft::Evm(sent) = world.lineage(lineage).latest().draft.clone() else {
        panic!("an EVM draft")
    };
    let fees = sent.fees;
    let higher = EvmFees {
        max_fee_per_gas: 2 * fees.max_fee_per_gas,
        max_priority_fee_per_gas: 2 * fees.max_priority_fee_per_gas,
    };
    let attempt = world.bump(lineage, higher);
    assert_eq!(
        world.ask_lane(|view| step(view, world.lineage(lineage))),
        Step::Do(Act::Sign { lineage, attempt })
    );
}

/// F91, F92: a payment of Bitcoin that was merely reserved ends without a transaction while its
/// lane sweeps. In the lost part it may have been signed, and its bytes may be mined before the
/// sweep is: whoever cancels it meanwhile is not given back.
#[test]
fn f91_a_reserved_payment_is_not_cancelled_before_the_sweep_is_final() {
    let mut bitcoin = Bitcoin::with(1);
    let legs = bitcoin.legs.clone();
    let lineage = bitcoin.reserve(draft(7, &[coin(1, 0)], &legs, 5), &legs).expect("free");
    declared(&mut bitcoin.world);
    bitcoin.world.start();
    assert_eq!(bitcoin.world.lane().state, LaneState::Sweeping);
    let refused = bitcoin
        .world
        .wish_cancel(legs[0].withdrawal, lineage)
        .expect_err("it may have been signed");
    assert_eq!(refused.code(), "NOT_SWEPT");
    let epoch = bitcoin.world.lane().epoch;
    bitcoin.world.must(Command::CloseLineage {
        lane: lane(),
        owner: owner(),
        epoch,
        lineage,
        legs: legs.clone(),
    });
    assert_eq!(bitcoin.status(&legs[0]), Status::Approved, "it waits for the release");
}

/// F91: nobody enters a payment that is under way while its lane sweeps, stands, or reconciles:
/// that is planning, too.
#[test]
fn f91_nobody_joins_a_payment_while_its_lane_sweeps() {
    let mut bitcoin = Bitcoin::with(2);
    let legs = bitcoin.legs.clone();
    let lineage =
        bitcoin.reserve(draft(7, &[coin(1, 0)], &legs[..1], 5), &legs[..1]).expect("free");
    bitcoin.world.send(lineage, hash(10));
    let more = draft(7, &[coin(1, 0), coin(2, 0)], &legs, 20);
    declared(&mut bitcoin.world);
    bitcoin.world.start();
    assert_eq!(bitcoin.world.lane().state, LaneState::Sweeping);
    let draft = Draft::Bitcoin(more);
    let claims = bitcoin.world.lineage(lineage).claims(&draft);
    let (attempt, epoch) = (AttemptId(bitcoin.world.id()), bitcoin.world.lane().epoch);
    let (lane, owner, purpose, joining) = (lane(), owner(), Purpose::Pay, legs[1..].to_vec());
    let add = Command::AddAttempt(AddAttempt {
        lane,
        owner,
        epoch,
        lineage,
        attempt,
        purpose,
        draft,
        claims,
        joining,
    });
    assert_eq!(
        bitcoin.world.give(add).expect_err("two admins release it first").code(),
        "LANE_STOPPED"
    );
    assert_eq!(bitcoin.status(&legs[1]), Status::Approved);
}

/// F96: two keys of one person are one person.
#[test]
fn f96_two_keys_of_one_client_are_one_admin() {
    let mut world = World::with_points(10_000);
    world.request_claim(3_000).expect("accepted");
    declared(&mut world);
    world.start();
    world.see_tip(GWEI);
    let done = swept(&world);
    world.must(done);
    let client = ClientId::named("ada").expect("a client");
    let by = |number: u128| Actor::Admin {
        client: client.clone(),
        credential: CredentialId(uuid::Uuid::from_u128(number)),
    };
    let release = || Command::ReleaseLane { lane: lane(), seen: 1 };
    world.give_as(by(1), release()).expect("the first");
    assert_eq!(
        world.give_as(by(2), release()).expect_err("the same person").code(),
        "SECOND_ADMIN_NEEDED"
    );
    world.give_as(admin(3), release()).expect("another client");
    assert!(world.lane().restoration.is_none());
}

/// F91: a nonce that is used up by something forgotten ends what stood there; the lane goes on with
/// the rest.
#[test]
fn f91_something_forgotten_in_the_place_of_ours_does_not_stop_a_sweep() {
    let (mut world, id, lineage, _) = World::sent();
    declared(&mut world);
    world.start();
    world.see_tip(GWEI);
    let number = world.lineage(lineage).number();
    let consumed = vec![Anchor::Nonce { lane: lane(), nonce: number }];
    let fact = Fact::Conflicted {
        by: hash(80),
        block: block(20),
        decoded: "a payment".to_owned(),
        payees: Vec::new(),
        consumed,
    };
    let (legs, epoch) = (world.lineage(lineage).legs.clone(), world.lane().epoch);
    world.must(Command::Observe {
        lane: lane(),
        epoch,
        legs,
        sighting: Sighting { lineage, fact, witnesses: Vec::new() },
    });
    assert_eq!(
        (&world.lane().state, world.withdrawal(id).state.status()),
        (&LaneState::Sweeping, Status::Approved)
    );
    assert!(!world.due().iter().any(|act| matches!(act, Act::Plan { .. })), "{:?}", world.due());
}

/// F96: a resume is no release; one admin is not enough, however often they say it, and it takes a
/// sweep that is over.
#[test]
fn f96_two_admins_release_what_waits_after_the_sweep() {
    let mut world = World::with_points(10_000);
    world.request_claim(3_000).expect("accepted");
    declared(&mut world);
    world.start();
    world.see_tip(GWEI);
    let release = || Command::ReleaseLane { lane: lane(), seen: 1 };
    let early = world.give_as(admin(1), release()).expect_err("not swept yet");
    assert_eq!(early.code(), "NOT_SWEPT");
    let done = swept(&world);
    world.must(done);
    let stands = |world: &World| {
        matches!(world.lane().state, LaneState::Halted { reason: HaltReason::Unreleased, .. })
    };
    assert!(stands(&world));
    assert!(
        world.give(Command::ResumeLane { lane: lane(), accept: None }).is_err(),
        "a resume is no release"
    );
    assert!(
        world.give_as(Actor::service(CredentialId(uuid::Uuid::from_u128(9))), release()).is_err()
    );
    world.give_as(admin(1), release()).expect("the first");
    assert_eq!(
        world.give_as(admin(1), release()).expect_err("the same").code(),
        "SECOND_ADMIN_NEEDED"
    );
    // A new lease and another start change nothing about that.
    world.pass(3_600);
    world.lease();
    world.read_journal();
    assert!(stands(&world) && world.due().is_empty());
    world
        .give_as(admin(2), Command::ReleaseLane { lane: lane(), seen: 2 })
        .expect("of another list: the first again");
    assert!(stands(&world));
    world.give_as(admin(3), Command::ReleaseLane { lane: lane(), seen: 2 }).expect("the second");
    assert_eq!((&world.lane().state, &world.lane().restoration), (&LaneState::Reconciling, &None));
}

/// F91: the largest number of payments in flight that was ever allowed counts, not today's.
#[test]
fn f91_a_sweep_reaches_as_far_as_was_ever_allowed() {
    let mut world = World::with_points(10_000);
    world.halt();
    world.must(Command::ResumeLane { lane: lane(), accept: None });
    world.read_journal();
    let ever = u64::from(world.rules.chains[&lane().chain].in_flight_max);
    world.start();
    world.rules.chains.get_mut(&lane().chain).expect("a chain").in_flight_max = 1;
    declared(&mut world);
    world.start();
    let below =
        world.lane().restoration.as_ref().and_then(Restoration::sweeps_below).expect("it sweeps");
    assert!(below >= ever && ever > 1, "{below} of {ever}");
}

/// F96, F97: the restore is declared while the machine's clock shows the day before. What was asked
/// for on that day is of before all the same: nobody could ask since, so it counts from the moment
/// at which somebody knows what time it is.
#[test]
fn f97_a_restore_that_a_wrong_clock_dates_hides_nothing_from_the_release() {
    let mut world = World::with_points(10_000);
    let id = world.request_claim(3_000).expect("accepted");
    let asked = world.withdrawal(id).created_at;
    world.at(asked.seconds() - 86_400);
    world.view.clock_doubt = Some(ClockDoubt::Unconfirmed);
    declared(&mut world);
    world.start();
    let restored = |world: &World| world.lane().restoration.clone().expect("declared");
    assert!(restored(&world).in_doubt && restored(&world).declared_at < asked);
    world.at(asked.seconds() + 60);
    world.view.clock_doubt = None;
    world.see_tip(GWEI);
    let done = swept(&world);
    world.must(done);
    assert!(!restored(&world).in_doubt && restored(&world).declared_at > asked);
    let dated = restored(&world).declared_at;
    world.pass(60);
    world.give_as(admin(1), Command::ReleaseLane { lane: lane(), seen: 1 }).expect("the first");
    assert_eq!(restored(&world).declared_at, dated, "it is dated once");
}
