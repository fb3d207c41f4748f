//! When a payment that waits is outbid, and what is left for a cancel (case F104).

use adit_core::*;

use super::world::*;

const GWEI: u128 = 1_000_000_000;
/// `bump_after` of these rules.
const PAUSE_SECONDS: u64 = 30;

fn fees_of_bump(world: &World, lineage: LineageId) -> Option<EvmFees> {
    world.due().into_iter().find_map(|act| match act {
        Act::Bump { lineage: of, offer: Offer::Evm(fees), .. } if of == lineage => Some(fees),
        Act::Bump { .. }
        | Act::Sign { .. }
        | Act::Send { .. }
        | Act::Plan { .. }
        | Act::Lift { .. } => None,
        Act::Close { .. } | Act::Probe { .. } | Act::Consolidate { .. } | Act::Sweep { .. } => None,
    })
}

fn attempts_max(world: &mut World, most: u32) {
    world.rules.chains.get_mut(&lane().chain).expect("a chain").attempts_max = most;
}

/// Outbids it at this second, and sends that.
fn bumped(world: &mut World, lineage: LineageId) {
    let fees = fees_of_bump(world, lineage).expect("a bump is due");
    world.bump(lineage, fees);
    world.send(lineage, hash(world.lineage(lineage).attempts.len() as u8));
}

/// While the market asks no more than is offered, each pause is twice the one before: ten minutes
/// do not use up what is meant for a rising market.
#[test]
fn f104_in_a_flat_market_bumps_come_at_doubled_waits() {
    let (mut world, _, lineage, _) = World::sent();
    attempts_max(&mut world, 20);
    for pause in [1, 2, 4, 8, 16].map(|times| times * PAUSE_SECONDS) {
        world.pass(pause - 1);
        world.see_tip(GWEI);
        assert_eq!(fees_of_bump(&world, lineage), None, "{pause} s are not over");
        world.pass(1);
        bumped(&mut world, lineage);
    }
    let next = world.view.now.plus(Span::from_seconds(32 * PAUSE_SECONDS));
    let told = world.ask_lane(|view| step(view, world.lineage(lineage)));
    assert!(
        matches!(told, Step::AwaitInclusion { bump_at: Some(at), .. } if at == next),
        "{told:?}"
    );
}

/// However long it waited, the pause does not grow past a day, nor below what is configured.
#[test]
fn f104_a_pause_ends_at_a_day() {
    let (mut world, _, lineage, _) = World::sent();
    attempts_max(&mut world, 40);
    for _ in 0..16 {
        world.pass(FLAT_BUMP_PAUSE_MAX.seconds());
        world.see_tip(GWEI);
        bumped(&mut world, lineage);
    }
    world.pass(FLAT_BUMP_PAUSE_MAX.seconds() - 1);
    world.see_tip(GWEI);
    assert_eq!(fees_of_bump(&world, lineage), None);
}

/// A base fee above the offer, or a tip above what it leaves to the miner, is followed after the
/// usual pause.
#[test]
fn f104_a_market_above_the_offer_is_followed_after_the_usual_pause() {
    let fees = |max: u128, tip: u128| EvmFees {
        max_fee_per_gas: max * GWEI,
        max_priority_fee_per_gas: tip * GWEI,
    };
    let risen = [(12, fees(25, 1)), (2, fees(5, 2)), (11, fees(23, 1))];
    for (base_fee, asks) in risen {
        let (mut world, _, lineage, _) = World::sent();
        attempts_max(&mut world, 20);
        world.pass(PAUSE_SECONDS);
        world.see_tip(GWEI);
        bumped(&mut world, lineage);
        world.pass(PAUSE_SECONDS);
        world.see_tip(GWEI);
        assert_eq!(fees_of_bump(&world, lineage), None, "it is flat");
        let market = Market::Evm(EvmMarket { base_fee_per_gas: base_fee * GWEI, fees: asks });
        let tip = Tip { market, ..world.tip(GWEI) };
        world.see(tip);
        assert!(
            fees_of_bump(&world, lineage).is_some(),
            "the market asks {asks:?} over {base_fee} gwei"
        );
    }
}

/// Payments leave the last two versions to a cancel, in what is due and in what is accepted; a
/// cancel and one that outbids it use them.
#[test]
fn f104_two_versions_are_kept_for_a_cancel() {
    let (mut world, id, lineage, _) = World::sent();
    attempts_max(&mut world, ATTEMPTS_MAX_LEAST);
    world.pass(PAUSE_SECONDS);
    world.see_tip(GWEI);
    bumped(&mut world, lineage);
    world.pass(24 * 3_600);
    world.see_tip(50 * GWEI);
    assert_eq!(fees_of_bump(&world, lineage), None, "two of four are made");
    let Draft::Evm(evm) = world.draft(7, 20) else { panic!("an EVM draft") };
    let more = |gwei: u128| EvmDraft {
        fees: EvmFees { max_fee_per_gas: gwei * GWEI, max_priority_fee_per_gas: gwei * GWEI / 4 },
        ..evm.clone()
    };
    let refused = world.add(lineage, Purpose::Pay, more(30)).expect_err("kept for a cancel");
    assert_eq!(refused.code(), "BAD_ATTEMPT");
    assert!(format!("{refused:?}").contains("2 kept for a cancel"), "{refused:?}");
    world.wish_cancel(id, lineage).expect("wished");
    for (number, gwei) in [(3, 30), (4, 40)] {
        let fees = fees_of_bump(&world, lineage).expect("a cancelling version");
        assert!(fees.max_fee_per_gas > 10 * GWEI);
        let nothing = EvmDraft { input: Bytes::default(), ..more(gwei) };
        world.add(lineage, Purpose::Cancel, nothing).expect("kept for it");
        world.send(lineage, hash(number));
        world.pass(PAUSE_SECONDS);
        world.see_tip(50 * GWEI);
    }
    assert_eq!(fees_of_bump(&world, lineage), None, "all four are made");
}

/// Where every version was spent on payments, a cancel is a version all the same, and so is one
/// that outbids it.
#[test]
fn f104_a_lineage_used_up_by_an_older_program_can_be_cancelled() {
    let (mut world, id, lineage, _) = World::sent();
    attempts_max(&mut world, 20);
    for _ in 0..3 {
        world.pass(24 * 3_600);
        world.see_tip(GWEI);
        bumped(&mut world, lineage);
    }
    attempts_max(&mut world, ATTEMPTS_MAX_LEAST);
    world.wish_cancel(id, lineage).expect("wished");
    for (number, gwei) in [(5, 30), (6, 40)] {
        assert!(fees_of_bump(&world, lineage).is_some(), "version {number}");
        let Draft::Evm(evm) = world.draft(7, gwei) else { panic!("an EVM draft") };
        let fees =
            EvmFees { max_fee_per_gas: gwei * GWEI, max_priority_fee_per_gas: gwei * GWEI / 4 };
        world
            .add(lineage, Purpose::Cancel, EvmDraft { fees, input: Bytes::default(), ..evm })
            .expect("added");
        let cancel = world.send(lineage, hash(number));
        world.pass(24 * 3_600);
        world.see_tip(50 * GWEI);
        if number == 6 {
            world.finalize(lineage, cancel, &Effect::Cancelled).expect("final");
        }
    }
    assert_eq!(world.withdrawal(id).state.status(), Status::Cancelled);
}
