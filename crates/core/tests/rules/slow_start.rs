//! Slow start: under a new lease one transaction of ours is mined before anyone new is paid (case
//! F91).

use adit_core::*;

use super::world::*;

/// A lane that runs under its second lease, slowly, and somebody who waits to be paid.
fn again() -> (World, WithdrawalId) {
    let mut world = World::with_points(10_000);
    world.rules.chains.values_mut().for_each(|chain| chain.slow_start = true);
    let id = world.request_claim(3_000).expect("accepted");
    world.view.lanes.get_mut(&lane()).and_then(|slot| slot.row.as_mut()).expect("a lane").lease =
        None;
    world.lease();
    world.read_journal();
    world.start();
    world.see_tip(1_000_000_000);
    (world, id)
}

fn note(world: &mut World, proved: bool) -> Answer {
    let epoch = world.epoch;
    world.must(Command::SlowStart { lane: lane(), owner: owner(), epoch, proved })
}

pub fn reason(world: &World, id: WithdrawalId) -> Reason {
    world.ask_lane(|view| why(view, world.withdrawal(id), None, &Line::default()).reason)
}

/// Nothing was in flight: the first transaction pays nobody, and nobody is planned before the count
/// was compared.
#[test]
fn f91_the_first_transaction_of_a_new_lease_pays_nobody() {
    let (mut world, id) = again();
    assert!(matches!(&world.due()[..], [Act::Probe { .. }]), "{:?}", world.due());
    assert_eq!(reason(&world, id), Reason::SlowStart { in_flight: 0 });
    let mut fill = world.reservation(id);
    fill.legs.clear();
    let lineage = fill.lineage;
    world.must(Command::Reserve(fill));
    assert_eq!(reason(&world, id), Reason::SlowStart { in_flight: 1 });
    assert_eq!(note(&mut world, false), Answer::Done);
    let attempt = world.send(lineage, hash(1));
    assert!(
        !world.due().iter().any(|act| matches!(act, Act::Plan { .. } | Act::Probe { .. })),
        "{:?}",
        world.due()
    );
    world.observe(lineage, Fact::Included { attempt, block: block(21) }).expect("seen");
    assert_eq!(world.due(), [], "the next block comes first, and one is enough");
    assert_eq!(note(&mut world, true), Answer::Done);
    assert_eq!(note(&mut world, true), Answer::Unchanged);
    assert_eq!(world.due(), [Act::Plan { withdrawal: id }]);
}

/// With nobody to pay, nothing is paid for a proof; on a chain that is told not to, everybody is
/// planned at once.
#[test]
fn f91_a_slow_start_waits_for_somebody_to_pay() {
    let (mut world, id) = again();
    let admin = Actor::Engine;
    let Withdrawal { user, book, source_asset, asset, .. } = world.withdrawal(id).clone();
    let cancel = Command::Cancel {
        withdrawal: id,
        user,
        book,
        source_asset,
        asset,
        lineage: None,
        reason: "asked".to_owned(),
    };
    world.give_as(admin, cancel).expect("cancelled");
    assert_eq!(world.due(), []);
    let (mut world, id) = again();
    world.rules.chains.values_mut().for_each(|chain| chain.slow_start = false);
    assert_eq!(world.due(), [Act::Plan { withdrawal: id }]);
}

/// A lease proves nothing for the next one, and a zombie nothing at all.
#[test]
fn f91_each_lease_starts_slowly() {
    let (mut world, id) = again();
    note(&mut world, true);
    assert_eq!(world.due(), [Act::Plan { withdrawal: id }]);
    let old = world.epoch;
    world.view.lanes.get_mut(&lane()).and_then(|slot| slot.row.as_mut()).expect("a lane").lease =
        None;
    world.lease();
    world.read_journal();
    world.start();
    assert!(matches!(&world.due()[..], [Act::Probe { .. }]), "{:?}", world.due());
    let zombie = Command::SlowStart { lane: lane(), owner: owner(), epoch: old, proved: true };
    assert_eq!(world.give(zombie).expect_err("an older lease").code(), "NOT_LEASED");
}
