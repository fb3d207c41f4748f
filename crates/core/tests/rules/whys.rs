//! *Why* never says what is not so, and shows each reader what is theirs (requirement A6, abuse
//! case +31).

use adit_core::*;

use super::world::*;

const POISON: [&str; 2] = ["https://rpc.example.org/v3/KEY", "other-payee"];

fn waiting() -> (World, WithdrawalId) {
    let mut world = World::with_points(10_000);
    let id = world.request_claim(3_000).expect("accepted");
    world.see_tip(1_000_000_000);
    (world, id)
}

fn said(world: &World, id: WithdrawalId, line: &Line) -> Why {
    world.ask_lane(|view| why(view, world.withdrawal(id), None, line))
}

#[test]
fn a6_next_in_line_is_who_is_next_in_line() {
    let (world, id) = waiting();
    assert_eq!(said(&world, id, &Line::default()).reason, Reason::Planning);
    let behind = said(&world, id, &Line { ahead: 500, trouble: None });
    assert_eq!(
        (behind.reason, behind.sentence.as_str()),
        (Reason::InLine { ahead: 500 }, "500 payments are before it.")
    );
    let detail = || "a reason".to_owned();
    let troubles = [
        Trouble::Superseded,
        Trouble::NotLeased,
        Trouble::WitnessUnusable { detail: detail() },
        Trouble::SignerRefuses { detail: detail() },
        Trouble::RoundsFail { detail: detail() },
    ];
    for trouble in troubles {
        let told = said(&world, id, &Line { ahead: 0, trouble: Some(trouble.clone()) });
        assert_eq!(told.reason, Reason::LaneTroubled { trouble });
        assert!(
            !told.sentence.contains("next in line") && !told.told.contains("next in line"),
            "{told:?}"
        );
    }
}

/// What the gate of a withdrawal or its lane says comes before the line and its troubles.
#[test]
fn a6_a_gate_is_named_before_the_line() {
    let trouble = || Line { ahead: 3, trouble: Some(Trouble::NotLeased) };
    let (mut world, id) = waiting();
    world.must(Command::Suspend {
        scope: Scope::User { user: user() },
        reason: POISON[1].to_owned(),
    });
    let told = said(&world, id, &trouble());
    assert!(matches!(told.reason, Reason::Suspended { .. }), "{told:?}");
    assert!(told.sentence.contains(POISON[1]) && !told.told.contains(POISON[1]), "{told:?}");

    let (mut world, id) = waiting();
    let reason = HaltReason::Operator { reason: POISON[1].to_owned() };
    world.must(Command::HaltLane { lane: lane(), reason });
    let told = said(&world, id, &trouble());
    assert!(matches!(told.reason, Reason::LaneHalted { .. }), "{told:?}");
    assert!(told.sentence.contains(POISON[1]) && !told.told.contains(POISON[1]), "{told:?}");

    let (mut world, id) = waiting();
    let leg = world.leg(id);
    let cause = DeferralCause::Unclear;
    world.must(Command::Defer {
        lane: lane(),
        epoch: Epoch(1),
        owner: owner(),
        leg,
        reason: POISON[0].to_owned(),
        cause,
    });
    let told = said(&world, id, &trouble());
    assert!(matches!(told.reason, Reason::Deferred { .. }), "{told:?}");
    assert!(told.sentence.contains(POISON[0]) && !told.told.contains(POISON[0]), "{told:?}");
}

/// Every reason there is, with something in each text that nobody else may see. A new variant does
/// not compile until it stands here.
fn every_reason() -> Vec<Reason> {
    let text = || POISON.join(" ");
    let block = BlockRef { height: 7, hash: hash(7) };
    let all = vec![
        Reason::AwaitsApproval,
        Reason::AwaitsLane,
        Reason::SlowStart { in_flight: 1 },
        Reason::ReplacesUnknown,
        Reason::AwaitsRoom { in_flight: 4, most: 4 },
        Reason::AwaitsLowerFee { needed: text(), cap: text(), unit: "wei" },
        Reason::AwaitsFairFee { cost: Amount::new(2), ceiling: Amount::new(1), share: text() },
        Reason::AwaitsChain,
        Reason::ChainStill {
            still: Standstill { age_seconds: 600, most_seconds: 120, on_demand: false },
        },
        Reason::ClockDoubted { clock: ClockDoubt::Unconfirmed },
        Reason::Suspended { suspended: Scope::User { user: user() }, reason: text() },
        Reason::Deferred { reason: text(), tries: 1, cause: DeferralCause::WouldFail },
        Reason::LaneReconciling,
        Reason::LaneSweeping,
        Reason::LaneHalted {
            halt: HaltReason::ForeignUse { nonce: 1, hash: None, decoded: text() },
        },
        Reason::InLine { ahead: 2 },
        Reason::LaneTroubled { trouble: Trouble::RoundsFail { detail: text() } },
        Reason::Gathering,
        Reason::Planning,
        Reason::Signing,
        Reason::Sending { sends: 1 },
        Reason::AwaitsInclusion { attempts: 2 },
        Reason::AwaitsCosigners { attempt: AttemptId(uuid::Uuid::nil()), sent: 0 },
        Reason::CancelWaits { needs: text() },
        Reason::AttemptsUsedUp { attempts: 2 },
        Reason::FeeCeiling { needed: text(), cap: text(), unit: "wei" },
        Reason::AwaitsFinality { block, final_height: 3, confirmations: 2, confirmed: false },
        Reason::HeldForInspection { finding: text() },
        Reason::Finished,
    ];
    for reason in &all {
        match reason {
            Reason::AwaitsApproval
            | Reason::AwaitsLane
            | Reason::SlowStart { .. }
            | Reason::ReplacesUnknown
            | Reason::AwaitsRoom { .. }
            | Reason::AwaitsLowerFee { .. }
            | Reason::AwaitsFairFee { .. }
            | Reason::AwaitsChain
            | Reason::ChainStill { .. }
            | Reason::ClockDoubted { .. }
            | Reason::Suspended { .. }
            | Reason::Deferred { .. }
            | Reason::LaneReconciling
            | Reason::LaneSweeping
            | Reason::LaneHalted { .. }
            | Reason::InLine { .. }
            | Reason::LaneTroubled { .. }
            | Reason::Gathering
            | Reason::Planning
            | Reason::Signing
            | Reason::Sending { .. }
            | Reason::AwaitsInclusion { .. }
            | Reason::AwaitsCosigners { .. }
            | Reason::CancelWaits { .. }
            | Reason::AttemptsUsedUp { .. }
            | Reason::FeeCeiling { .. }
            | Reason::AwaitsFinality { .. }
            | Reason::HeldForInspection { .. }
            | Reason::Finished => {}
        }
    }
    all
}

/// Abuse +31: whatever a node, an operator or another payee put into a reason, its user is told
/// their own state alone.
#[test]
fn p31_no_reason_tells_a_user_what_is_not_theirs() {
    let (world, id) = waiting();
    let all = every_reason();
    let kinds: std::collections::BTreeSet<String> =
        all.iter().map(|reason| format!("{:?}", std::mem::discriminant(reason))).collect();
    assert_eq!(kinds.len(), all.len(), "each once");
    for reason in all {
        let told = reason.told(world.withdrawal(id));
        assert!(
            told.ends_with('.') && !POISON.iter().any(|poison| told.contains(poison)),
            "{reason:?}: {told}"
        );
        assert!(!told.contains("next in line") || reason == Reason::Planning, "{told}");
    }
}
