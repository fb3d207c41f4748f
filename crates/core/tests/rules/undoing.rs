//! A cancel that is wished before the payment was sent: it is neither signed nor sent any more
//! (case F92).

use adit_core::*;

use super::coins::{Bitcoin, coin, draft};
use super::world::*;

const GWEI: u128 = 1_000_000_000;

fn step_of(world: &World, lineage: LineageId) -> Step {
    world.ask_lane(|view| step(view, world.lineage(lineage)))
}

fn why_of(world: &World, id: WithdrawalId, lineage: LineageId) -> Why {
    world.ask_lane(|view| {
        why(view, world.withdrawal(id), Some(world.lineage(lineage)), &Line::default())
    })
}

/// Signs the newest attempt and records it; it is not sent.
fn record(world: &mut World, lineage: LineageId, as_hash: Hash32) -> AttemptId {
    let attempt = world.lineage(lineage).latest().id;
    let signed = Signed { raw: Bytes(vec![2]), hash: as_hash };
    world.must(Command::Record {
        lane: lane(),
        epoch: Epoch(1),
        lineage,
        attempt,
        signed,
        tip: None,
    });
    attempt
}

/// A payment that is reserved, or signed and not yet sent, and that an operator does not want any
/// more.
fn wished(is_signed: bool) -> (World, WithdrawalId, LineageId) {
    let (mut world, id, lineage) = World::reserved();
    world.see_tip(GWEI);
    if is_signed {
        record(&mut world, lineage, hash(1));
    }
    world.wish_cancel(id, lineage).expect("wished");
    (world, id, lineage)
}

fn cap(world: &mut World, offer_max: u128) {
    world.rules.chains.get_mut(&lane().chain).expect("a chain").offer_max = offer_max;
}

/// The cancelling attempt that the lane would make next.
fn add_cancelling(world: &mut World, lineage: LineageId) -> AttemptId {
    let Step::Do(Act::Bump { purpose: Purpose::Cancel, offer: Offer::Evm(fees), .. }) =
        step_of(world, lineage)
    else {
        panic!("a cancelling attempt, not {:?}", step_of(world, lineage))
    };
    let Draft::Evm(evm) = world.draft(world.lineage(lineage).number(), 10) else {
        panic!("an EVM draft")
    };
    world
        .add(lineage, Purpose::Cancel, EvmDraft { fees, input: Bytes::default(), ..evm })
        .expect("added")
}

/// F92: neither signed nor sent; the only act is the cancelling attempt, whose own bytes are then
/// signed and sent.
#[test]
fn f92_a_cancel_before_the_first_send_is_the_next_act() {
    for is_signed in [false, true] {
        let (mut world, id, lineage) = wished(is_signed);
        let acts = world.due();
        assert!(
            matches!(&acts[..], [Act::Bump { lineage: of, purpose: Purpose::Cancel, .. }] if *of == lineage),
            "{acts:?}"
        );
        let told = why_of(&world, id, lineage);
        assert!(matches!(told.reason, Reason::CancelWaits { .. }), "nothing was sent: {told:?}");
        assert_eq!((told.next_act, told.next_at), (Some("bump"), Some(world.view.now)));
        let attempt = add_cancelling(&mut world, lineage);
        assert_eq!(world.due(), [Act::Sign { lineage, attempt }]);
        record(&mut world, lineage, hash(2));
        assert_eq!(world.due(), [Act::Send { lineage, attempt }]);
    }
}

/// F92: while the cancelling attempt cannot be made, nothing happens, however long it takes; *why*
/// says what it needs.
#[test]
fn f92_a_cancel_that_cannot_be_made_says_what_it_needs() {
    type Hinder = fn(&mut World);
    let obstacles: [(&str, Hinder, Obstacle, &str); 3] = [
        (
            "a stale tip",
            |world| world.pass(3_600),
            Obstacle::ChainUnread,
            "the chain's fees were not read lately",
        ),
        (
            "the fee cap",
            |world| cap(world, GWEI - 1),
            Obstacle::FeeCeiling { needed: GWEI, cap: GWEI - 1 },
            "raise the cap",
        ),
        ("a halted lane", World::halt, Obstacle::LaneStopped, "the lane is halted; resume it"),
    ];
    for is_signed in [false, true] {
        for (what, hinder, obstacle, needs) in &obstacles {
            let (mut world, id, lineage) = wished(is_signed);
            hinder(&mut world);
            assert_eq!(
                step_of(&world, lineage),
                Step::AwaitUndoing { obstacle: *obstacle },
                "{what}"
            );
            let told = why_of(&world, id, lineage);
            let Reason::CancelWaits { needs: said } = &told.reason else {
                panic!("{what}: {told:?}")
            };
            assert!(said.contains(needs) && told.sentence.contains(needs), "{what}: {told:?}");
            assert_eq!((told.next_act, told.next_at), (Some("cancel"), None), "{what}");
            world.pass(48 * 3_600);
            assert_eq!(world.due(), [], "{what}");
        }
    }
}

/// F92: a payment that was made at the cap cannot be outbid. Its cancelling version offers the
/// same, since nothing is known to be out; a cap that was lowered meanwhile bounds it. The lineage
/// ends, whichever of the two is mined.
#[test]
fn f92_a_payment_made_at_the_cap_is_undone_at_its_own_offer() {
    for (is_signed, offer_max, payment_wins) in
        [(false, 10, false), (true, 10, false), (true, 10, true), (true, 8, false)]
    {
        let (mut world, id, lineage) = wished(is_signed);
        let pay = world.lineage(lineage).latest().id;
        cap(&mut world, offer_max * GWEI);
        let Step::Do(Act::Bump { offer: Offer::Evm(fees), .. }) = step_of(&world, lineage) else {
            panic!("a cancelling attempt, not {:?}", step_of(&world, lineage))
        };
        assert_eq!(fees.max_fee_per_gas, offer_max * GWEI);
        let undo = add_cancelling(&mut world, lineage);
        world.send(lineage, hash(2));
        let (winner, effect) =
            if payment_wins { (pay, Effect::Paid) } else { (undo, Effect::Cancelled) };
        world.finalize(lineage, winner, &effect).expect("final");
        let ended = if payment_wins { Status::Completed } else { Status::Cancelled };
        assert_eq!(world.withdrawal(id).state.status(), ended);
    }
}

/// F92: an earlier version that was sent is outbid, also where the latest, which was not, is made
/// at the cap.
#[test]
fn f92_what_was_sent_before_is_outbid_by_the_cancelling_version() {
    let (mut world, id, lineage) = World::reserved();
    world.send(lineage, hash(1));
    world.pass(31);
    world.see_tip(GWEI);
    let bumped = EvmFees { max_fee_per_gas: 12 * GWEI, max_priority_fee_per_gas: 2 * GWEI };
    world.bump(lineage, bumped);
    record(&mut world, lineage, hash(2));
    world.wish_cancel(id, lineage).expect("wished");
    cap(&mut world, 11_300_000_000);
    assert!(matches!(
        step_of(&world, lineage),
        Step::AwaitUndoing { obstacle: Obstacle::FeeCeiling { .. } }
    ));
    cap(&mut world, 12 * GWEI);
    let Draft::Evm(evm) = world.draft(world.lineage(lineage).number(), 10) else {
        panic!("an EVM draft")
    };
    let too_little = EvmDraft { input: Bytes::default(), ..evm };
    assert!(
        world.add(lineage, Purpose::Cancel, too_little).is_err(),
        "nodes hold a version that offers as much"
    );
    add_cancelling(&mut world, lineage);
}

/// F92: a lane that reconciles makes no cancelling attempt either, and makes it as soon as it runs.
#[test]
fn f92_a_reconciling_lane_cancels_when_it_runs_again() {
    let (mut world, id, lineage) = wished(true);
    world.halt();
    world.must(Command::ResumeLane { lane: lane(), accept: None });
    assert_eq!(step_of(&world, lineage), Step::AwaitUndoing { obstacle: Obstacle::LaneStopped });
    let Reason::CancelWaits { needs } = why_of(&world, id, lineage).reason else {
        panic!("a cancel waits")
    };
    assert!(needs.contains("compares the signer's journal"), "{needs}");
    world.read_journal();
    world.start();
    assert!(
        matches!(&world.due()[..], [Act::Bump { purpose: Purpose::Cancel, .. }]),
        "{:?}",
        world.due()
    );
}

/// F92: only what was wished is held back; the payment beside it is signed and sent.
#[test]
fn f92_a_cancel_holds_back_its_own_lineage_alone() {
    let (mut world, _, lineage) = wished(false);
    let other = world.request_claim(3_000).expect("accepted");
    let beside = world.reserve(other).expect("reserved");
    let attempt = world.lineage(beside).latest().id;
    let acts = world.due();
    assert!(acts.contains(&Act::Sign { lineage: beside, attempt }), "{acts:?}");
    assert!(
        !acts.iter().any(|act| matches!(act, Act::Sign { lineage: of, .. } if *of == lineage)),
        "{acts:?}"
    );
}

/// F30, F92: from *Reserved*, the wish gives nothing back; the final cancelling attempt does.
#[test]
fn f30_a_cancel_of_a_reserved_payment_gives_back_when_it_is_final() {
    let (mut world, id, lineage) = wished(false);
    assert_eq!(
        (world.withdrawal(id).state.status(), world.available("XP")),
        (Status::Processing, 7_000)
    );
    let undo = add_cancelling(&mut world, lineage);
    world.send(lineage, hash(2));
    assert_eq!(
        (world.withdrawal(id).state.status(), world.available("XP")),
        (Status::Processing, 7_000)
    );
    world.finalize(lineage, undo, &Effect::Cancelled).expect("final");
    assert_eq!(
        (world.withdrawal(id).state.status(), world.available("XP")),
        (Status::Cancelled, 10_000)
    );
    assert!(world.lineage(lineage).attempts[0].signed().is_none(), "the payment was never signed");
}

/// F30, F92: from signed and unsent, either version may still be mined: whoever saw the bytes may
/// have sent them. The chain says which.
#[test]
fn f30_a_cancel_of_a_signed_payment_ends_as_the_chain_says() {
    for payment_wins in [false, true] {
        let (mut world, id, lineage) = wished(true);
        let pay = world.lineage(lineage).latest().id;
        let undo = add_cancelling(&mut world, lineage);
        world.send(lineage, hash(2));
        let (winner, effect) =
            if payment_wins { (pay, Effect::Paid) } else { (undo, Effect::Cancelled) };
        world.finalize(lineage, winner, &effect).expect("final");
        let ended = (world.withdrawal(id).state.status(), world.available("XP"));
        assert_eq!(
            ended,
            if payment_wins { (Status::Completed, 7_000) } else { (Status::Cancelled, 10_000) }
        );
    }
}

fn bitcoin_tip(world: &World) -> Tip {
    let market = BitcoinMarket::estimated(FeeRate::from_sat_per_kvb(5_000));
    Tip { market: Market::Bitcoin(market), ..world.tip(0) }
}

/// A batch of two, of which one is not wanted any more.
fn wished_bitcoin(is_signed: bool) -> (Bitcoin, LineageId) {
    let mut bitcoin = Bitcoin::with(2);
    let legs = bitcoin.legs.clone();
    let lineage = bitcoin.reserve(draft(7, &[coin(1, 0)], &legs, 5), &legs).expect("free");
    if is_signed {
        record(&mut bitcoin.world, lineage, hash(10));
    }
    bitcoin.world.wish_cancel(legs[0].withdrawal, lineage).expect("wished");
    (bitcoin, lineage)
}

/// F92: a batch of Bitcoin that is signed and not yet sent is not sent any more once one of its
/// payments is not wanted.
#[test]
fn f92_a_signed_bitcoin_payment_is_not_sent_once_a_cancel_is_wished() {
    let (mut bitcoin, lineage) = wished_bitcoin(true);
    let legs = bitcoin.legs.clone();
    assert_eq!(
        step_of(&bitcoin.world, lineage),
        Step::AwaitUndoing { obstacle: Obstacle::ChainUnread }
    );
    let tip = bitcoin_tip(&bitcoin.world);
    bitcoin.world.see(tip);
    let acts = bitcoin.world.due();
    assert!(
        matches!(&acts[..], [Act::Bump { purpose: Purpose::Cancel, offer: Offer::Bitcoin(_), .. }]),
        "{acts:?}"
    );
    bitcoin.add(lineage, Purpose::Cancel, draft(7, &[coin(1, 0)], &[], 20), &[]).expect("a cancel");
    let undo = bitcoin.world.send(lineage, hash(11));
    bitcoin.finalize(lineage, undo);
    assert_eq!(
        [bitcoin.status(&legs[0]), bitcoin.status(&legs[1])],
        [Status::Cancelled, Status::Approved]
    );
}

/// F92: where nothing of a Bitcoin payment was signed, it ends without a transaction, on a stale
/// tip and a halted lane, too. Who is not wanted is given back, once the signer has retired the
/// payout; the other is planned anew, and the coin is free.
#[test]
fn f92_a_bitcoin_payment_that_was_never_signed_ends_without_a_transaction() {
    let (mut bitcoin, lineage) = wished_bitcoin(false);
    let legs = bitcoin.legs.clone();
    bitcoin.world.halt();
    assert_eq!(bitcoin.world.due(), [Act::Close { lineage }]);
    let told = why_of(&bitcoin.world, legs[0].withdrawal, lineage);
    assert_eq!((told.next_act, told.next_at), (Some("cancel"), Some(bitcoin.world.view.now)));
    let refused = bitcoin
        .world
        .give_unretired(Actor::Engine, close(&legs, lineage))
        .expect_err("not retired yet");
    assert!(
        matches!(&refused, Refusal::NotRetired { payouts } if payouts.len() == 1 && payouts[0].payout == legs[0].payout),
        "{refused:?}"
    );
    bitcoin.world.must(close(&legs, lineage));
    assert_eq!(
        [bitcoin.status(&legs[0]), bitcoin.status(&legs[1])],
        [Status::Cancelled, Status::Approved]
    );
    assert!(matches!(bitcoin.world.lineage(lineage).state, LineageState::Closed { .. }));
    bitcoin.world.must(Command::ResumeLane { lane: lane(), accept: None });
    bitcoin.world.read_journal();
    bitcoin.world.start();
    bitcoin
        .reserve(draft(8, &[coin(1, 0)], &legs[1..], 5), &legs[1..])
        .expect("the coin and the payout are free");
    let mut signed = bitcoin.world.lineage(lineage).clone();
    signed.attempts[0].stage = Stage::Signed {
        signed: Signed { raw: Bytes(vec![2]), hash: hash(9) },
        knowledge: Knowledge::Signed,
    };
    let (lost, rivals, displaced) = (Vec::new(), Vec::new(), Vec::new());
    let adopt = Command::AdoptLineage {
        lane: lane(),
        epoch: bitcoin.world.lane().epoch,
        lineage: signed,
        lost,
        rivals,
        displaced,
    };
    let contradicted = bitcoin.world.give(adopt).expect_err("the journal says that it was signed");
    assert!(matches!(contradicted, Refusal::Changed { .. }), "{contradicted:?}");
    let repeated = bitcoin.world.give(close(&legs, lineage)).expect("answered the same");
    assert_eq!((repeated, bitcoin.status(&legs[1])), (Answer::Unchanged, Status::Processing));
}

/// F92: what was signed, or is one of several versions, or stands in a line of nonces, does not end
/// without a transaction; nor does anything before the journal is read.
#[test]
fn f92_what_may_have_been_signed_does_not_end_without_a_transaction() {
    let (mut bitcoin, lineage) = wished_bitcoin(true);
    let legs = bitcoin.legs.clone();
    let refused = bitcoin.world.give(close(&legs, lineage)).expect_err("signed");
    assert!(matches!(refused, Refusal::Changed { .. }), "{refused:?}");
    let (mut bitcoin, lineage) = wished_bitcoin(false);
    bitcoin.add(lineage, Purpose::Cancel, draft(7, &[coin(1, 0)], &[], 20), &[]).expect("a cancel");
    let refused =
        bitcoin.world.give(close(&legs, lineage)).expect_err("the second version may be signed");
    assert!(matches!(refused, Refusal::Changed { .. }), "{refused:?}");
    let (mut bitcoin, lineage) = wished_bitcoin(false);
    bitcoin.world.halt();
    bitcoin.world.must(Command::ResumeLane { lane: lane(), accept: None });
    assert_eq!(
        step_of(&bitcoin.world, lineage),
        Step::AwaitUndoing { obstacle: Obstacle::LaneStopped }
    );
    let refused = bitcoin.world.give(close(&legs, lineage)).expect_err("the journal is not read");
    assert!(matches!(refused, Refusal::JournalUnread { .. }), "{refused:?}");
    let (mut world, id, lineage) = wished(false);
    let leg = world.withdrawal(id).leg();
    let refused = world.give(close(&[leg], lineage)).expect_err("a nonce waits for it");
    assert!(matches!(refused, Refusal::Changed { .. }), "{refused:?}");
}

fn close(legs: &[Leg], lineage: LineageId) -> Command {
    Command::CloseLineage {
        lane: lane(),
        owner: owner(),
        epoch: Epoch(1),
        lineage,
        legs: legs.to_vec(),
    }
}

/// What the journal says of a lineage: another signed version on top of what is known.
fn journalled(
    of: &Lineage,
    version: u32,
    draft: BitcoinDraft,
    legs: &[Leg],
    as_hash: Hash32,
) -> Lineage {
    let draft = Draft::Bitcoin(draft);
    let stage = Stage::Signed {
        signed: Signed { raw: Bytes(vec![3]), hash: as_hash },
        knowledge: Knowledge::Signed,
    };
    let id = AttemptId(uuid::Uuid::from_u128(0xadd0 + u128::from(version)));
    let mut lineage = of.clone();
    let added: Vec<Anchor> =
        draft.anchors(&lane()).into_iter().filter(|anchor| !of.anchors.contains(anchor)).collect();
    lineage.anchors.extend(added);
    lineage.legs = legs.to_vec();
    let (purpose, epoch, created_at) = (Purpose::Pay, Epoch(1), of.created_at);
    lineage.attempts.push(Attempt { id, version, purpose, draft, epoch, created_at, stage });
    lineage
}

fn adopt(
    bitcoin: &mut Bitcoin,
    lineage: Lineage,
    displaced: Vec<(LineageId, Vec<Leg>)>,
) -> Result<Answer, Refusal> {
    let (lost, rivals) = (Vec::new(), Vec::new());
    bitcoin.world.give(Command::AdoptLineage {
        lane: lane(),
        epoch: Epoch(1),
        lineage,
        lost,
        rivals,
        displaced,
    })
}

/// F92, F95: a payment was closed without a transaction, and its payee and its coin went into a
/// later version of another one. A backup shows it reserved still: the journal's version displaces
/// it, so that one payout and one coin are in one live lineage.
#[test]
fn f95_a_lost_version_of_a_known_payment_ends_what_it_displaces() {
    let mut bitcoin = Bitcoin::with(2);
    let legs = bitcoin.legs.clone();
    let known = bitcoin.reserve(draft(7, &[coin(1, 0)], &legs[..1], 5), &legs[..1]).expect("free");
    bitcoin.world.send(known, hash(10));
    let apart = bitcoin.reserve(draft(8, &[coin(2, 0)], &legs[1..], 5), &legs[1..]).expect("free");
    let of = bitcoin.world.lineage(known).clone();
    let lineage =
        journalled(&of, 1, draft(7, &[coin(1, 0), coin(2, 0)], &legs, 20), &legs, hash(11));
    adopt(&mut bitcoin, lineage.clone(), Vec::new())
        .expect_err("the coin and the payout belong to another one");
    adopt(&mut bitcoin, lineage, vec![(apart, legs[1..].to_vec())]).expect("adopted");
    assert!(bitcoin.world.lineage(known).is_live() && !bitcoin.world.lineage(apart).is_live());
    assert_eq!(bitcoin.world.lineage(known).legs.len(), 2);
}

/// F92, F95: the same where the payee was paid from other coins by another lineage.
#[test]
fn f95_a_payout_that_was_closed_and_paid_from_other_coins_is_placed() {
    let mut bitcoin = Bitcoin::with(1);
    let legs = bitcoin.legs.clone();
    let closed = bitcoin.reserve(draft(7, &[coin(1, 0)], &legs, 5), &legs).expect("free");
    let of = bitcoin.world.lineage(closed).clone();
    let fresh = Lineage {
        id: LineageId(uuid::Uuid::from_u128(0x77)),
        anchors: Vec::new(),
        attempts: Vec::new(),
        ..of
    };
    let paid = journalled(&fresh, 0, draft(8, &[coin(2, 0)], &legs, 5), &legs, hash(12));
    adopt(&mut bitcoin, paid.clone(), Vec::new()).expect_err("it is in another one");
    adopt(&mut bitcoin, paid.clone(), vec![(closed, legs)]).expect("adopted");
    assert!(bitcoin.world.lineage(paid.id).is_live() && !bitcoin.world.lineage(closed).is_live());
}

/// F93: an operator cancels what an older state of the store shows as under way. It may have left
/// that lineage since, so the wish waits until the journal was read.
#[test]
fn f93_a_cancel_of_what_is_under_way_waits_until_the_journal_is_read() {
    let (mut world, id, lineage, _) = World::sent();
    let because = WentBack::Declared { what: "a copy".to_owned() };
    let next = IncarnationId(uuid::Uuid::from_u128(5));
    world.must(Command::FindWentBack { because, next, take_over: false });
    let refused = world.wish_cancel(id, lineage).expect_err("the store went back");
    assert!(matches!(refused, Refusal::StoreWentBack { .. }), "{refused:?}");
    let (mut world, id, lineage, _) = World::sent();
    world.halt();
    world.must(Command::ResumeLane { lane: lane(), accept: None });
    let refused = world.wish_cancel(id, lineage).expect_err("the journal is not read");
    assert!(matches!(refused, Refusal::JournalUnread { .. }), "{refused:?}");
    world.read_journal();
    world.wish_cancel(id, lineage).expect("noted");
}

/// F93: a wish of before a loss was noticed, for a payment that the signer has signed in a later
/// lineage. It is dropped, and everybody of the older lineage goes on; somebody else's wish stands.
#[test]
fn f93_a_wish_that_the_signer_contradicts_is_dropped() {
    for both in [false, true] {
        let (mut bitcoin, lineage) = wished_bitcoin(true);
        let legs = bitcoin.legs.clone();
        if both {
            bitcoin.world.wish_cancel(legs[1].withdrawal, lineage).expect("wished");
        }
        let tip = bitcoin_tip(&bitcoin.world);
        bitcoin.world.see(tip);
        bitcoin
            .add(lineage, Purpose::Cancel, draft(7, &[coin(1, 0)], &[], 20), &[])
            .expect("a cancel");
        let undo = bitcoin.world.send(lineage, hash(11));
        let drop = Command::DropWish {
            lane: lane(),
            epoch: Epoch(1),
            lineage,
            withdrawal: legs[0].withdrawal,
        };
        bitcoin.world.must(drop.clone());
        assert_eq!(bitcoin.world.must(drop), Answer::Unchanged);
        bitcoin.finalize(lineage, undo);
        let other = if both { Status::Cancelled } else { Status::Approved };
        assert_eq!([bitcoin.status(&legs[0]), bitcoin.status(&legs[1])], [Status::Approved, other]);
    }
}
