//! Reserve, sign, record, send: what each crash leaves behind, and that no answer to a send is
//! proof of anything.

use adit_core::*;

use super::world::*;

fn submit(
    world: &mut World,
    epoch: u64,
    lineage: LineageId,
    answers: &[SubmissionAnswer],
) -> Result<Answer, Refusal> {
    let endpoint = |index: usize| EndpointName::new(format!("node-{index}")).expect("a name");
    let submission = |(index, answer): (usize, &SubmissionAnswer)| Submission {
        endpoint: endpoint(index),
        answer: answer.clone(),
    };
    let (attempt, legs) = (world.lineage(lineage).latest().id, world.lineage(lineage).legs.clone());
    let submissions = answers.iter().enumerate().map(submission).collect();
    world.give(Command::Submitted {
        lane: lane(),
        epoch: Epoch(epoch),
        lineage,
        attempt,
        legs,
        submissions,
    })
}

fn record(world: &mut World, lineage: LineageId, raw: u8) -> Result<Answer, Refusal> {
    let attempt = world.lineage(lineage).latest().id;
    let signed = Signed { raw: Bytes(vec![raw]), hash: hash(raw) };
    world.give(Command::Record {
        lane: lane(),
        epoch: Epoch(1),
        lineage,
        attempt,
        signed,
        tip: None,
    })
}

fn knowledge(world: &World, lineage: LineageId) -> Knowledge {
    let Stage::Signed { knowledge, .. } = &world.lineage(lineage).latest().stage else {
        panic!("signed")
    };
    knowledge.clone()
}

/// F1: after a crash that left nothing but the hold, the withdrawal is what a lane plans next.
#[test]
fn f01_what_is_held_and_not_reserved_is_planned_next() {
    let mut world = World::with_points(10_000);
    let id = world.request_claim(3_000).expect("accepted");
    world.see_tip(5_000_000_000);
    assert_eq!(world.due(), [Act::Plan { withdrawal: id }]);
}

/// F2: a reserved nonce is signed by the next round, as it was drafted; nothing else is planned for
/// that payout.
#[test]
fn f02_a_reserved_attempt_is_signed_next() {
    let (mut world, _, lineage) = World::reserved();
    world.see_tip(5_000_000_000);
    let attempt = world.lineage(lineage).latest().id;
    assert_eq!(world.due(), [Act::Sign { lineage, attempt }]);
}

/// F3: the journal gives the same bytes again and they are recorded once; other bytes for the same
/// attempt are refused.
#[test]
fn f03_the_same_bytes_are_recorded_once_and_others_never() {
    let (mut world, _, lineage) = World::reserved();
    assert_eq!(record(&mut world, lineage, 2), Ok(Answer::Done));
    assert_eq!(record(&mut world, lineage, 2), Ok(Answer::Unchanged));
    assert_eq!(
        record(&mut world, lineage, 3).expect_err("other bytes").code(),
        "CHANGED_MEANWHILE"
    );
    assert_eq!(world.lineage(lineage).latest().signed().map(|signed| signed.hash), Some(hash(2)));
}

/// F4, rule R1: what is recorded is sent next, and what is not recorded cannot have been sent.
#[test]
fn f04_recorded_bytes_are_sent_next_and_unrecorded_ones_never() {
    let (mut world, _, lineage) = World::reserved();
    world.see_tip(5_000_000_000);
    assert_eq!(
        submit(&mut world, 1, lineage, &[]).expect_err("nothing was recorded").code(),
        "BAD_ATTEMPT"
    );
    record(&mut world, lineage, 2).expect("recorded");
    let attempt = world.lineage(lineage).latest().id;
    assert_eq!(world.due(), [Act::Send { lineage, attempt }]);
}

/// Whatever an endpoint answers, the bytes may be mined: the lineage stays open, nothing is given
/// back, no other nonce is planned, and the same bytes go out again.
fn ends_nothing(answer: SubmissionAnswer) {
    let (mut world, id, lineage) = World::reserved();
    record(&mut world, lineage, 2).expect("recorded");
    let attempt = world.lineage(lineage).latest().id;
    submit(&mut world, 1, lineage, std::slice::from_ref(&answer)).expect("noted");
    let sent = Knowledge::MaybeSent { sends: 1, last_at: world.view.now };
    assert_eq!(knowledge(&world, lineage), sent, "{answer:?}");
    assert!(world.lineage(lineage).is_live());
    assert_eq!(
        (world.withdrawal(id).state.status(), world.available("XP")),
        (Status::Processing, 7_000),
        "{answer:?}"
    );
    world.see_tip(5_000_000_000);
    assert_eq!(world.due(), [], "{answer:?}");
    world.pass(15);
    assert_eq!(world.due(), [Act::Send { lineage, attempt }], "{answer:?}");
}

fn refused(text: &str) -> SubmissionAnswer {
    SubmissionAnswer::Refused { text: text.to_owned() }
}

/// F5: taken, and the answer is lost.
#[test]
fn f05_an_answer_that_is_lost_ends_no_payment() {
    ends_nothing(SubmissionAnswer::Unclear { text: "timed out".to_owned() });
    ends_nothing(SubmissionAnswer::Accepted);
}

/// F6: an error, though the bytes were relayed.
#[test]
fn f06_an_error_text_ends_no_payment() {
    for text in ["FeeTooLow (-32010)", "internal error (-32603)", ""] {
        ends_nothing(refused(text));
    }
}

/// F8: something was mined at this nonce; which transaction it was only the chain says.
#[test]
fn f08_a_nonce_that_is_too_low_ends_no_payment() {
    ends_nothing(refused("nonce too low (-32000)"));
}

/// F9: another transaction of this nonce is in that pool.
#[test]
fn f09_an_underpriced_replacement_ends_no_payment() {
    ends_nothing(refused("replacement transaction underpriced (-32000)"));
}

/// F10: the bytes stay valid, and may be mined once the wallet is filled or the pool has room.
#[test]
fn f10_a_pool_that_does_not_take_it_ends_no_payment() {
    for text in [
        "insufficient funds for gas * price + value (-32000)",
        "txpool is full (-32000)",
        "tx fee exceeds the configured cap",
        "min fee not met",
    ] {
        ends_nothing(refused(text));
    }
}

/// F13: bytes that this node calls invalid for good.
#[test]
fn f13_bytes_that_are_called_invalid_end_no_payment() {
    ends_nothing(refused("invalid chain id for signer (-32000)"));
}

/// F7: who has the bytes already is one more who has them; that it was said is kept.
#[test]
fn f07_already_known_is_kept_as_an_observation() {
    let (mut world, _, lineage, attempt) = World::sent();
    let order = [SubmissionAnswer::AlreadyKnown];
    submit(&mut world, 1, lineage, &order).expect("noted");
    let said = world.observations.last().expect("kept");
    assert_eq!(said.attempt, attempt);
    assert!(
        matches!(&said.said, Said::Submission { submission } if submission.answer == SubmissionAnswer::AlreadyKnown)
    );
    assert!(matches!(knowledge(&world, lineage), Knowledge::MaybeSent { sends: 2, .. }));
}

/// F13: bytes that no node takes are replaced at the same nonce, never by another nonce.
#[test]
fn f13_bytes_that_nobody_takes_are_replaced_at_their_nonce() {
    let (mut world, _, lineage) = World::reserved();
    record(&mut world, lineage, 2).expect("recorded");
    submit(
        &mut world,
        1,
        lineage,
        &[SubmissionAnswer::Refused { text: "invalid sender (-32000)".to_owned() }],
    )
    .expect("noted");
    world.pass(30);
    world.see_tip(5_000_000_000);
    assert!(
        matches!(world.due().as_slice(), [Act::Bump { lineage: again, purpose: Purpose::Pay, .. }] if *again == lineage)
    );
}

/// F14: one endpoint takes it, another refuses: in both orders the same as if both had taken it.
#[test]
fn f14_endpoints_that_answer_differently_decide_nothing() {
    let refused = SubmissionAnswer::Refused { text: "txpool is full".to_owned() };
    for said in
        [[SubmissionAnswer::Accepted, refused.clone()], [refused, SubmissionAnswer::Accepted]]
    {
        let (mut world, id, lineage) = World::reserved();
        record(&mut world, lineage, 2).expect("recorded");
        submit(&mut world, 1, lineage, &said).expect("noted");
        assert!(matches!(knowledge(&world, lineage), Knowledge::MaybeSent { sends: 1, .. }));
        assert_eq!(world.withdrawal(id).state.status(), Status::Processing);
        assert_eq!(world.observations.len(), 2, "both answers are kept");
    }
}

/// F15, rule R2: a send that is reported twice is a second send of the same bytes; its user hears
/// of the first only.
#[test]
fn f15_a_send_reported_twice_changes_nothing_but_its_count() {
    let (mut world, id, lineage, _) = World::sent();
    let told = |world: &World| {
        world
            .events
            .iter()
            .filter(|event| matches!(event.kind, EventKind::Broadcast { .. }))
            .count()
    };
    let before = world.withdrawal(id).clone();
    assert_eq!(told(&world), 1);
    submit(&mut world, 1, lineage, &[SubmissionAnswer::Accepted]).expect("noted");
    assert!(matches!(knowledge(&world, lineage), Knowledge::MaybeSent { sends: 2, .. }));
    assert_eq!((world.withdrawal(id), told(&world)), (&before, 1));
}

/// F19: the nonce is counted in the very decision that makes its attempt; a refused reservation
/// counts nothing.
#[test]
fn f19_a_nonce_is_counted_with_its_attempt_or_not_at_all() {
    let mut world = World::with_points(10_000);
    let id = world.request_claim(3_000).expect("accepted");
    let next = |world: &World| world.view.lanes[&lane()].row.as_ref().expect("a lane").next_nonce;
    let mut greedy = world.reservation(id);
    let Draft::Evm(evm) = &mut greedy.draft else { panic!("an EVM draft") };
    evm.fees.max_fee_per_gas = 100_000_000_001;
    assert_eq!(
        world.give(Command::Reserve(greedy)).expect_err("above the cap").code(),
        "BAD_ATTEMPT"
    );
    assert_eq!(next(&world), 7, "no gap");
    let lineage = world.reserve(id).expect("reserved");
    assert_eq!((next(&world), world.lineage(lineage).number()), (8, 7));
    assert_eq!(world.lineage(lineage).attempts.len(), 1);
}

/// F21, rule R2: a process whose lease is gone may still have sent; that is noted, and it gains
/// nothing else by it.
#[test]
fn f21_a_zombie_that_sends_old_bytes_is_harmless() {
    let (mut world, id, lineage, _) = World::sent();
    world.take_over();
    submit(&mut world, 1, lineage, &[SubmissionAnswer::Accepted]).expect("noted");
    assert!(matches!(knowledge(&world, lineage), Knowledge::MaybeSent { sends: 2, .. }));
    let second = world.request_claim(3_000).expect("accepted");
    assert_eq!(world.reserve(second).expect_err("fenced").code(), "NOT_LEASED");
    assert_eq!(world.withdrawal(id).state.status(), Status::Processing);
}

/// F27, F36: that nobody shows a transaction means nothing, for however long. It is offered again
/// and again at its nonce, and its payout is never planned elsewhere nor given back.
#[test]
fn f27_f36_silence_is_never_proof() {
    let (mut world, id, lineage, _) = World::sent();
    let mut sends = 0;
    for _ in 0..2_000 {
        world.pass(300);
        world.see_tip(5_000_000_000);
        for act in world.due() {
            match act {
                Act::Send { lineage: of, attempt } => {
                    assert_eq!(of, lineage);
                    sends += 1;
                    let legs = world.lineage(lineage).legs.clone();
                    world.must(Command::Submitted {
                        lane: lane(),
                        epoch: Epoch(1),
                        lineage,
                        attempt,
                        legs,
                        submissions: Vec::new(),
                    });
                }
                Act::Bump { lineage: of, purpose, offer: Offer::Evm(fees) } => {
                    assert_eq!((of, purpose), (lineage, Purpose::Pay));
                    world.bump(lineage, fees);
                }
                Act::Sign { lineage: of, .. } => {
                    assert_eq!(of, lineage);
                    world.send(lineage, hash(world.lineage(lineage).attempts.len() as u8));
                }
                Act::Bump { offer: Offer::Bitcoin(_), .. } => panic!("an EVM chain"),
                Act::Plan { .. } | Act::Probe { .. } => {
                    panic!("a payout that may have been paid is not planned again")
                }
                Act::Lift { .. } | Act::Close { .. } | Act::Consolidate { .. } => {
                    panic!("an account has no coins")
                }
                Act::Sweep { .. } => panic!("nothing was restored"),
            }
        }
        assert_eq!(
            (world.withdrawal(id).state.status(), world.available("XP")),
            (Status::Processing, 7_000)
        );
    }
    assert!(sends > 1_000, "{sends} sends in seven days");
    let known = world.lineage(lineage);
    assert_eq!(known.attempts.len(), 3, "attempts_max is 5, and two are kept for a cancel");
    assert!(
        known
            .attempts
            .iter()
            .all(|attempt| matches!(&attempt.draft, Draft::Evm(evm) if evm.nonce == 7))
    );
}
