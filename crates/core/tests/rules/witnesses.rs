//! The lane's row as a witness of the signer's journal (cases F91, F96).

use adit_core::*;

use super::world::*;

fn tip(records: u64, chain: u8) -> JournalTip {
    JournalTip { records, chain: hash(chain) }
}

/// A renewal of the lease by who has it, with a journal that goes so far.
fn renew(world: &mut World, seen: JournalTip) -> Granted {
    let mut renewal = world.claim_lease(owner(), Span::from_hours(1_000_000));
    let Command::Lease { tip, .. } = &mut renewal else { panic!("a lease") };
    *tip = Some(seen);
    let Answer::Leased(granted) = world.must(renewal) else { panic!("a lease") };
    granted
}

fn went_back() -> HaltReason {
    HaltReason::JournalWentBack {
        detail: "the database has seen 9 records of it, and the journal has 5".to_owned(),
    }
}

fn halt(reason: HaltReason) -> Command {
    Command::HaltLane { lane: lane(), reason }
}

/// F91: what was seen only grows, with each record and each renewal. A new lease is judged by it
/// first, and does not replace it.
#[test]
fn f91_what_was_seen_of_a_journal_only_grows() {
    let mut world = World::with_points(10_000);
    assert_eq!(world.lane().witness, None);
    assert_eq!(renew(&mut world, tip(3, 3)).witness, Some(tip(3, 3)));
    renew(&mut world, tip(2, 2));
    assert_eq!(world.lane().witness, Some(tip(3, 3)), "a shorter one is not noted");
    renew(&mut world, tip(3, 4));
    assert_eq!(
        world.lane().witness,
        Some(tip(3, 3)),
        "another one of the same length is not noted"
    );
    let id = world.request_claim(3_000).expect("accepted");
    let lineage = world.reserve(id).expect("reserved");
    let (attempt, signed) =
        (world.lineage(lineage).latest().id, Signed { raw: Bytes(vec![2]), hash: hash(1) });
    let epoch = world.epoch;
    world.must(Command::Record {
        lane: lane(),
        epoch,
        lineage,
        attempt,
        signed,
        tip: Some(tip(9, 9)),
    });
    assert_eq!(world.lane().witness, Some(tip(9, 9)));
    world.view.lanes.get_mut(&lane()).and_then(|slot| slot.row.as_mut()).expect("a lane").lease =
        None;
    let granted = renew(&mut world, tip(10, 10));
    assert_eq!(
        (granted.epoch, granted.witness, world.lane().witness),
        (Epoch(2), Some(tip(9, 9)), Some(tip(9, 9)))
    );
}

/// F91: too short, and as long and another one from there on.
#[test]
fn f91_a_journal_that_does_not_go_on_from_what_was_seen_went_back() {
    let seen = tip(9, 9);
    assert_eq!(seen.missing_from(tip(9, 9), Some(hash(9))), None);
    assert_eq!(seen.missing_from(tip(12, 12), Some(hash(9))), None);
    let short = seen.missing_from(tip(5, 5), None).expect("too short");
    assert!(short.contains("has seen 9 records") && short.contains("the journal has 5"), "{short}");
    let other = seen.missing_from(tip(12, 12), Some(hash(8))).expect("another one");
    assert!(other.contains("the first 9 of the 12"), "{other}");
}

/// F96: neither a resumption nor an adoption makes the journal whole: nothing is given back and
/// nothing starts before it was read. Once the right one is read, the lane goes on by itself.
#[test]
fn f96_a_lane_whose_journal_went_back_goes_on_once_the_right_one_was_read() {
    let mut world = World::with_points(10_000);
    assert!(world.lane().has_read_journal());
    world.must(halt(went_back()));
    assert!(!world.lane().has_read_journal(), "what was read is not the journal");
    let id = world.request_claim(3_000).expect("accepted");
    assert_eq!(world.reserve(id).expect_err("halted").code(), "LANE_STOPPED");
    let adopt = Command::AdoptKey { lane: lane(), from_nonce: 30 };
    assert_eq!(world.give(adopt).expect_err("no exit").code(), "BAD_ATTEMPT");
    world.must(Command::ResumeLane { lane: lane(), accept: None });
    let start = world.start_lane();
    assert_eq!(world.give(start).expect_err("unread").code(), "JOURNAL_UNREAD");
    world.must(halt(went_back()));
    assert!(
        matches!(&world.lane().state, LaneState::Halted { reason, .. } if *reason == went_back())
    );
    world.read_journal();
    assert_eq!(world.lane().state, LaneState::Reconciling);
}

/// F96: what a person has to end is not taken from them by a journal that comes back, and nothing
/// is given back meanwhile either.
#[test]
fn f96_an_operators_halt_outlasts_a_journal_that_went_back() {
    let mut world = World::with_points(0);
    let stopped = HaltReason::Operator { reason: "asked".to_owned() };
    world.must(halt(stopped.clone()));
    assert!(world.lane().has_read_journal());
    assert_eq!(world.must(halt(went_back())), Answer::Done);
    assert_eq!(world.must(halt(went_back())), Answer::Unchanged);
    assert!(!world.lane().has_read_journal());
    world.read_journal();
    assert!(matches!(&world.lane().state, LaneState::Halted { reason, .. } if *reason == stopped));
}

/// F96: an admin says which journal a lane goes by, whatever it had seen. It is leased anew and
/// reads that journal first.
#[test]
fn f96_a_journal_is_trusted_by_an_admin_alone() {
    let mut world = World::with_points(10_000);
    renew(&mut world, tip(9, 9));
    world.must(halt(went_back()));
    let trust = || Command::TrustJournal { lane: lane(), journal: journal(), tip: tip(7, 7) };
    let credential = CredentialId(uuid::Uuid::from_u128(1));
    for actor in [Actor::User { user: user() }, Actor::service(credential)] {
        assert_eq!(
            world.give_as(actor, trust()).expect_err("an admin's word").code(),
            "BAD_ATTEMPT"
        );
    }
    assert_eq!(world.give_as(Actor::admin(credential), trust()), Ok(Answer::Done));
    let lane = world.lane();
    assert_eq!(
        (lane.witness, &lane.lease, &lane.state),
        (Some(tip(7, 7)), &None, &LaneState::Reconciling)
    );
    assert!(!lane.has_read_journal());
    assert!(matches!(
        &world.events.last().expect("told").kind,
        EventKind::JournalTrusted { records: 7, .. }
    ));
    assert_eq!(world.give_as(Actor::admin(credential), trust()), Ok(Answer::Unchanged));
    assert_eq!(world.lease().witness, Some(tip(7, 7)));
    world.read_journal();
    world.start();
    assert_eq!(world.lane().state, LaneState::Running);
}

/// F96: what a person stopped for another reason stays stopped.
#[test]
fn f96_trust_in_a_journal_ends_no_other_halt() {
    let mut world = World::with_points(0);
    world.must(halt(HaltReason::WalletHasCode));
    world.must(Command::TrustJournal { lane: lane(), journal: journal(), tip: tip(7, 7) });
    assert!(matches!(
        &world.lane().state,
        LaneState::Halted { reason: HaltReason::WalletHasCode, .. }
    ));
    assert!(!world.lane().has_read_journal());
}
