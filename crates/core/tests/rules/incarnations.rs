//! A store that went back: nothing happens until it takes a new incarnation, and then the journal
//! is read first (cases F94, F101).

use adit_core::*;
use uuid::Uuid;

use super::world::*;

fn other_lane() -> LaneId {
    "devnet:0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC".parse().expect("a lane")
}

fn incarnation(n: u128) -> IncarnationId {
    IncarnationId(Uuid::from_u128(n))
}

fn find(n: u128, take_over: bool) -> Command {
    let because = WentBack::EpochBehind { lane: lane(), row: Epoch(1), signer: Epoch(4) };
    Command::FindWentBack { because, next: incarnation(n), take_over }
}

fn standing(world: &World) -> &Incarnation {
    world.view.incarnation.row.as_ref().expect("leased before")
}

fn row(world: &mut World) -> &mut Lane {
    world.view.lanes.get_mut(&lane()).expect("a lane").row.as_mut().expect("a lane")
}

fn doubt(world: &World) -> Command {
    Command::ReconcileAgain {
        lane: lane(),
        owner: owner(),
        epoch: world.epoch,
        doubt: "nonce 7 is taken".to_owned(),
    }
}

/// F94: a store's first lease begins its first incarnation, and no later lease changes it.
#[test]
fn f94_the_first_lease_makes_the_first_incarnation() {
    let mut world = World::unleased(0);
    assert_eq!(world.view.incarnation.row, None);
    assert_eq!(world.lease().incarnation, first_incarnation());
    assert_eq!(*standing(&world), Incarnation::first(first_incarnation(), world.view.now));
    row(&mut world).lease = None;
    let mut again = world.claim_lease(owner(), Span::from_hours(1));
    let Command::Lease { first, .. } = &mut again else { panic!("a lease") };
    *first = incarnation(0xbad);
    let Answer::Leased(granted) = world.must(again) else { panic!("a lease") };
    assert_eq!((granted.incarnation, granted.epoch), (first_incarnation(), Epoch(2)));
}

/// F94: from the finding on nothing is leased, reserved, recorded, observed, started or given back.
#[test]
fn f94_a_finding_stops_everything_but_what_people_say() {
    let (mut world, _, sent, attempt) = World::sent();
    let reserved = world.request_claim(3_000).expect("accepted");
    let lineage = world.reserve(reserved).expect("reserved");
    let waiting = world.request_claim(3_000).expect("accepted");
    assert_eq!(world.must(find(2, false)), Answer::Done);
    let signed = Signed { raw: Bytes(vec![2]), hash: hash(2) };
    let Leg { withdrawal, user, book, source_asset, asset, .. } = world.leg(waiting);
    let sighting = Sighting {
        lineage: sent,
        fact: Fact::Included { attempt, block: block(9) },
        witnesses: Vec::new(),
    };
    let legs = world.lineage(sent).legs.clone();
    let stopped = [
        world.claim_lease(owner(), Span::from_hours(1)),
        world.start_lane(),
        Command::JournalRead { lane: lane(), owner: owner(), epoch: Epoch(1) },
        Command::Reserve(world.reservation(waiting)),
        Command::Record {
            lane: lane(),
            epoch: Epoch(1),
            lineage,
            attempt: world.lineage(lineage).latest().id,
            signed,
            tip: None,
        },
        Command::Observe { lane: lane(), epoch: Epoch(1), legs, sighting },
        Command::Cancel {
            withdrawal,
            user,
            book,
            source_asset,
            asset,
            lineage: None,
            reason: "asked".to_owned(),
        },
        Command::Request(world.claim(dg(3_000))),
    ];
    for command in stopped {
        assert_eq!(
            world.give(command.clone()).expect_err("it went back").code(),
            "STORE_RECONCILING",
            "{command:?}"
        );
    }
    assert_eq!(
        world.must(Command::Suspend { scope: Scope::All, reason: "drill".to_owned() }),
        Answer::Done
    );
    assert_eq!(world.must(world.credit("later", "XP", 5)), Answer::Done);
}

/// F94: the first finding stands; only an admin's word that nobody else serves an older state is
/// added to it.
#[test]
fn f94_a_second_finding_changes_nothing_but_the_word_of_an_admin() {
    let mut world = World::with_points(0);
    world.must(find(2, false));
    let first = standing(&world).clone();
    assert_eq!(world.must(find(3, false)), Answer::Unchanged);
    assert_eq!(*standing(&world), first);
    assert_eq!(world.must(find(3, true)), Answer::Done);
    let taken_over = Finding { take_over: true, ..first.finding.clone().expect("found") };
    assert_eq!(*standing(&world), Incarnation { finding: Some(taken_over), ..first });
    assert_eq!(world.must(find(4, true)), Answer::Unchanged);
}

/// F94: every lane, those that this store has forgotten included, is above all that the signer has
/// seen, without a lease; what had halted one still does.
#[test]
fn f94_a_new_incarnation_is_above_what_the_signer_has_seen() {
    for (signer, expected) in [
        ((Epoch(4), 40), (Epoch(5), 41)),
        ((Epoch(1), 1), (Epoch(2), 2)),
        ((Epoch(0), 0), (Epoch(2), 2)),
    ] {
        for is_halted in [false, true] {
            let mut world = World::with_points(0);
            if is_halted {
                world.halt();
            }
            let before = world.lane().clone();
            assert_eq!(
                world.must(Command::Reincarnate {
                    next: incarnation(2),
                    lanes: vec![(lane(), signer.0, signer.1)]
                }),
                Answer::Unchanged
            );
            world.must(find(2, false));
            let lanes = vec![(lane(), signer.0, signer.1), (other_lane(), Epoch(9), 90)];
            assert_eq!(
                world.must(Command::Reincarnate { next: incarnation(3), lanes: lanes.clone() }),
                Answer::Unchanged,
                "another's"
            );
            assert_eq!(
                world.must(Command::Reincarnate { next: incarnation(2), lanes }),
                Answer::Done
            );
            let state = if is_halted { before.state.clone() } else { LaneState::Reconciling };
            let lane_now = world.lane().clone();
            assert_eq!(
                lane_now,
                Lane { epoch: expected.0, counter: expected.1, lease: None, state, ..before }
            );
            assert!(!lane_now.has_read_journal());
            let forgotten = world.view.lanes[&other_lane()].row.as_ref().expect("made again");
            assert_eq!((forgotten.epoch, forgotten.counter), (Epoch(10), 91));
            assert_eq!((standing(&world).id, &standing(&world).finding), (incarnation(2), &None));
            assert_eq!(unread(&world), [(lane(), before.next_nonce), (other_lane(), 0)]);
        }
    }
}

/// F94: while a new incarnation waits, the old state of the store moves the signer's numbers. It
/// passes them without a further finding, and keeps an admin's word; once a lane of it has read the
/// journal it does so no more.
#[test]
fn f94_a_waiting_incarnation_passes_what_the_signer_has_seen_since() {
    let mut world = World::with_points(0);
    world.must(find(2, true));
    world.must(Command::Reincarnate { next: incarnation(2), lanes: vec![(lane(), Epoch(4), 40)] });
    let begun = standing(&world).clone();
    assert_eq!(world.lease().epoch, Epoch(6));
    let again =
        || Command::Reincarnate { next: incarnation(2), lanes: vec![(lane(), Epoch(9), 77)] };
    let other = Command::Reincarnate { next: incarnation(3), lanes: vec![(lane(), Epoch(9), 77)] };
    assert_eq!(world.must(other), Answer::Unchanged, "another's");
    assert_eq!(world.must(again()), Answer::Done);
    assert_eq!(
        (world.lane().epoch, world.lane().counter, &world.lane().lease),
        (Epoch(10), 78, &None)
    );
    assert_eq!(*standing(&world), begun, "the same life, taken over as before");
    let granted = world.lease();
    assert!(granted.epoch > Epoch(9) && granted.counter > 77, "{granted:?}");
    world.read_journal();
    assert_eq!(
        world.must(again()),
        Answer::Unchanged,
        "the signer has taken its lease: behind is behind"
    );
}

/// F94, F95: requests wait until the lane that would pay them has read the journal under the new
/// incarnation; other lanes do not matter.
#[test]
fn f94_requests_wait_for_their_own_lane_alone() {
    let mut world = World::with_points(10_000);
    world.must(find(2, false));
    let lanes = vec![(lane(), Epoch(1), 1), (other_lane(), Epoch(1), 1)];
    world.must(Command::Reincarnate { next: incarnation(2), lanes });
    assert_eq!(world.request_claim(3_000).expect_err("unread").code(), "STORE_RECONCILING");
    assert_eq!(world.lease().incarnation, incarnation(2));
    assert_eq!(
        world.request_claim(3_000).expect_err("leased, and unread").code(),
        "STORE_RECONCILING"
    );
    world.read_journal();
    assert_eq!(unread(&world), [], "a wallet that is not configured any more is read with it");
    world.request_claim(3_000).expect("its lane has read it");
}

/// F73, F94: a database of several epochs ago: one new incarnation passes all of them, and the lane
/// runs without further restarts.
#[test]
fn f73_a_restore_across_several_epochs_takes_one_new_epoch() {
    let mut world = World::with_points(10_000);
    let backup = world.view.clone();
    for _ in 0..3 {
        row(&mut world).lease = None;
        world.lease();
    }
    let signer = (world.epoch, world.lane().counter);
    assert_eq!(signer.0, Epoch(4));
    world.view = backup;
    world.epoch = Epoch(1);
    world.must(find(2, false));
    world.must(Command::Reincarnate {
        next: incarnation(2),
        lanes: vec![(lane(), signer.0, signer.1)],
    });
    let granted = world.lease();
    assert!(granted.epoch > signer.0 && granted.counter > signer.1, "{granted:?}");
    world.read_journal();
    world.start();
    let id = world.request_claim(3_000).expect("accepted");
    world.reserve(id).expect("the lane runs");
}

/// F101: the signer's refusal shows once that the book is behind. The same after the whole journal
/// was read, with nothing reserved since, halts; a reservation ends the doubt.
#[test]
fn f101_a_doubt_reconciles_once_and_then_halts() {
    for reserves in [false, true] {
        let mut world = World::with_points(10_000);
        let command = doubt(&world);
        assert_eq!(world.must(command), Answer::Done);
        assert_eq!(
            (&world.lane().state, world.lane().has_read_journal()),
            (&LaneState::Reconciling, false)
        );
        let command = doubt(&world);
        assert_eq!(world.must(command), Answer::Unchanged, "it reconciles already");
        let early = world.start_lane();
        assert_eq!(world.give(early).expect_err("unread").code(), "JOURNAL_UNREAD");
        world.read_journal();
        world.start();
        if reserves {
            let id = world.request_claim(3_000).expect("accepted");
            world.reserve(id).expect("reserved");
        }
        let command = doubt(&world);
        assert_eq!(world.must(command), Answer::Done);
        let halted = matches!(
            &world.lane().state,
            LaneState::Halted { reason: HaltReason::JournalAhead { .. }, .. }
        );
        assert_eq!(halted, !reserves);
        if halted {
            let adopt = Command::AdoptKey { lane: lane(), from_nonce: 30 };
            assert_eq!(world.give(adopt).expect_err("no exit").code(), "BAD_ATTEMPT");
        }
    }
}

/// F94: what the signer has to know of is counted, once each; what it never hears of is not.
#[test]
fn f94_the_counter_counts_what_the_signer_is_shown() {
    let mut world = World::with_points(10_000);
    let mut last = world.lane().counter;
    let mut rises = |world: &World, by: u64, what: &str| {
        assert_eq!(world.lane().counter, last + by, "{what}");
        last += by;
    };
    let renewal = world.claim_lease(owner(), Span::from_hours(1_000_000));
    world.must(renewal);
    rises(&world, 0, "a renewal");
    let id = world.request_claim(3_000).expect("accepted");
    let lineage = world.reserve(id).expect("reserved");
    rises(&world, 1, "a reservation");
    let attempt = world.send(lineage, hash(1));
    rises(&world, 1, "a record, and not its send");
    world.send_again(lineage);
    rises(&world, 0, "a send");
    let fees = EvmFees { max_fee_per_gas: 20_000_000_000, max_priority_fee_per_gas: 2_000_000_000 };
    world.bump(lineage, fees);
    rises(&world, 1, "an attempt");
    world.observe(lineage, Fact::Included { attempt, block: block(9) }).expect("seen");
    rises(&world, 0, "an observation");
    row(&mut world).lease = None;
    world.lease();
    rises(&world, 1, "a new lease");
}

/// F94: a backup that was made while a finding stood, restored after the incarnation that it
/// announces was lived: the restore begins one of its own.
#[test]
fn f94_a_declared_restore_begins_an_incarnation_of_its_own() {
    let mut world = World::with_points(0);
    let next = |number: u128| IncarnationId(uuid::Uuid::from_u128(number));
    let group = GroupId(uuid::Uuid::from_u128(1));
    world.must(Command::FindWentBack {
        because: WentBack::GroupMissing { group },
        next: next(5),
        take_over: true,
    });
    let because = WentBack::Declared { what: "a copy".to_owned() };
    world.must(Command::FindWentBack { because: because.clone(), next: next(6), take_over: false });
    let finding =
        world.view.incarnation.row.as_ref().and_then(|row| row.finding.clone()).expect("a finding");
    assert_eq!((finding.next, finding.because, finding.take_over), (next(6), because, true));
}

/// F95: what halted the lane could be placed in a later reading of the journal. It goes on by
/// itself, with reconciling.
#[test]
fn f95_a_lane_goes_on_once_everything_in_the_journal_is_placed() {
    let mut world = World::with_points(0);
    world.must(Command::ReconcileAgain {
        lane: lane(),
        owner: owner(),
        epoch: Epoch(1),
        doubt: "a doubt".to_owned(),
    });
    let reason = HaltReason::JournalAhead { detail: "a lineage".to_owned() };
    world.must(Command::HaltLane { lane: lane(), reason });
    world.read_journal();
    assert_eq!(world.lane().state, LaneState::Reconciling);
}

/// F95: a later payment is placed, and an earlier one is not. The next reading begins where the
/// store's life began, and passes over nothing.
#[test]
fn f95_what_could_not_be_placed_is_read_again_whatever_was_placed_behind_it() {
    let mut world = World::with_points(10_000);
    world.must(find(2, false));
    world.must(Command::Reincarnate { next: incarnation(2), lanes: vec![(lane(), Epoch(4), 40)] });
    assert_eq!(unread(&world), [(lane(), 7)]);
    row(&mut world).next_nonce = 9;
    world.must(find(3, false));
    world.must(Command::Reincarnate { next: incarnation(3), lanes: vec![(lane(), Epoch(7), 70)] });
    assert_eq!(
        unread(&world),
        [(lane(), 7)],
        "the number of the first of two lives that were not read"
    );
    world.lease();
    world.read_journal();
    assert_eq!(unread(&world), []);
    world.start();
    let epoch = world.lane().epoch;
    world.must(Command::ReconcileAgain {
        lane: lane(),
        owner: owner(),
        epoch,
        doubt: "a doubt".to_owned(),
    });
    assert_eq!(unread(&world), [(lane(), 9)], "a doubt shows a loss, too");
}

fn unread(world: &World) -> Vec<(LaneId, u64)> {
    standing(world).unread.iter().map(|unread| (unread.lane.clone(), unread.from)).collect()
}
