//! At most one live lineage per payout; every attempt of a lineage excludes the others.

use adit_core::*;

use super::world::*;

/// F17: a payout is in one live lineage only.
#[test]
fn f17_a_payout_is_not_reserved_twice() {
    let mut world = World::with_points(10_000);
    let id = world.request_claim(3_000).expect("accepted");
    world.reserve(id).expect("reserved");
    assert_eq!(world.reserve(id).expect_err("taken").code(), "CHANGED_MEANWHILE");
}

/// F16, F18: the nonce is ours to count; any other is refused.
#[test]
fn f18_only_the_next_nonce_is_reserved() {
    let mut world = World::with_points(10_000);
    let id = world.request_claim(3_000).expect("accepted");
    for nonce in [6, 8] {
        let reserve = Reserve {
            lane: lane(),
            owner: owner(),
            epoch: Epoch(1),
            lineage: LineageId(world.id()),
            attempt: AttemptId(world.id()),
            anchors: vec![Anchor::Nonce { lane: lane(), nonce }],
            legs: vec![world.leg(id)],
            draft: world.draft(nonce, 10),
        };
        assert_eq!(
            world.give(Command::Reserve(reserve)).expect_err("not next").code(),
            "CHANGED_MEANWHILE"
        );
    }
    let lineage = world.reserve(id).expect("the next one");
    assert_eq!(world.lineage(lineage).number(), 7);
}

/// F20: a process whose lease was taken over reserves and records nothing.
#[test]
fn f20_a_zombie_is_refused_by_its_epoch() {
    let (mut world, _, lineage) = World::reserved();
    let attempt = world.lineage(lineage).latest().id;
    let other = world.take_over();
    let signed = Signed { raw: Bytes(vec![2]), hash: hash(1) };
    let zombie =
        Command::Record { lane: lane(), epoch: Epoch(1), lineage, attempt, signed, tip: None };
    assert_eq!(world.give(zombie).expect_err("fenced").code(), "NOT_LEASED");
    let second = world.request_claim(3_000).expect("accepted");
    assert_eq!(world.reserve(second).expect_err("fenced").code(), "NOT_LEASED");
    let mut stolen = world.claim_lease(other, Span::from_hours(1));
    let Command::Lease { journal, .. } = &mut stolen else { panic!("a lease") };
    *journal = JournalId(uuid::Uuid::from_u128(10));
    assert_eq!(world.give(stolen).expect_err("another journal").code(), "FOREIGN_JOURNAL");
}

/// F20: what a process saw under an older lease is not believed any more, neither a block nor its
/// end.
#[test]
fn f20_what_a_zombie_observed_is_refused() {
    let (mut world, id, lineage, attempt) = World::sent();
    world.take_over();
    let block = BlockRef { height: 9, hash: hash(9) };
    let sighting =
        Sighting { lineage, fact: Fact::Included { attempt, block }, witnesses: Vec::new() };
    let legs = world.lineage(lineage).legs.clone();
    let seen = |epoch| Command::Observe {
        lane: lane(),
        epoch: Epoch(epoch),
        legs: legs.clone(),
        sighting: sighting.clone(),
    };
    assert_eq!(world.give(seen(1)).expect_err("fenced").code(), "NOT_LEASED");
    assert_eq!(world.withdrawal(id).state.block(), None);
    world.must(seen(2));
    assert_eq!(world.withdrawal(id).state.block(), Some(block));
}

/// F28: a bump is at least 12.5 % more on both fields, same nonce, same payment.
#[test]
fn f28_a_bump_offers_an_eighth_more_and_pays_the_same() {
    let (mut world, _, lineage, _) = World::sent();
    let mut try_bump = |change: &dyn Fn(&mut EvmDraft)| {
        let Draft::Evm(mut evm) = world.lineage(lineage).latest().draft.clone() else {
            panic!("an EVM draft")
        };
        change(&mut evm);
        let attempt = AttemptId(world.id());
        world.give(Command::AddAttempt(AddAttempt {
            lane: lane(),
            owner: owner(),
            epoch: Epoch(1),
            lineage,
            attempt,
            purpose: Purpose::Pay,
            draft: Draft::Evm(evm),
            claims: Vec::new(),
            joining: Vec::new(),
        }))
    };
    let fees = |max: u128, priority: u128| {
        move |evm: &mut EvmDraft| {
            evm.fees = EvmFees { max_fee_per_gas: max, max_priority_fee_per_gas: priority }
        }
    };
    assert!(try_bump(&fees(11_249_999_999, 2_000_000_000)).is_err(), "max fee rises too little");
    assert!(try_bump(&fees(20_000_000_000, 1_124_999_999)).is_err(), "priority rises too little");
    assert!(try_bump(&fees(100_000_000_001, 2_000_000_000)).is_err(), "above the cap");
    let more = fees(11_250_000_000, 1_125_000_000);
    assert!(
        try_bump(&|evm| {
            more(evm);
            evm.nonce = 8;
        })
        .is_err(),
        "another nonce"
    );
    assert!(
        try_bump(&|evm| {
            more(evm);
            evm.input = Bytes(vec![0xaa]);
        })
        .is_err(),
        "another payment"
    );
    assert!(try_bump(&more).is_ok());
    assert_eq!(world.lineage(lineage).attempts.len(), 2);
}

/// F29: whichever version is mined, the payout is paid once.
#[test]
fn f29_the_original_mined_after_its_replacement_settles_once() {
    let (mut world, id, lineage) = World::reserved();
    let original = world.send(lineage, hash(1));
    let draft = world.draft(7, 20);
    let Draft::Evm(mut evm) = draft else { panic!("an EVM draft") };
    evm.fees.max_priority_fee_per_gas = 2_000_000_000;
    let attempt = AttemptId(world.id());
    world.must(Command::AddAttempt(AddAttempt {
        lane: lane(),
        owner: owner(),
        epoch: Epoch(1),
        lineage,
        attempt,
        purpose: Purpose::Pay,
        draft: Draft::Evm(evm),
        claims: Vec::new(),
        joining: Vec::new(),
    }));
    let bump = world.send(lineage, hash(2));
    world.observe(lineage, Fact::Included { attempt: bump, block: block(10) }).expect("seen");
    world.observe(lineage, Fact::Vanished { attempt: bump }).expect("reorganised away");
    world.observe(lineage, Fact::Included { attempt: original, block: block(11) }).expect("seen");
    world.finalize(lineage, original, &Effect::Paid).expect("final");
    let State::Completed { payment, .. } = &world.withdrawal(id).state else { panic!("completed") };
    assert_eq!(payment.hash, hash(1));
    let dead = world.lineage(lineage).attempt(bump).expect("kept");
    assert!(matches!(dead.stage, Stage::Signed { knowledge: Knowledge::Conflicted { .. }, .. }));
}

/// F37: a reorganisation before finality posts nothing and forgets nothing.
#[test]
fn f37_a_reorganisation_before_finality_moves_no_money() {
    let (mut world, id, lineage, attempt) = World::sent();
    world.observe(lineage, Fact::Included { attempt, block: block(10) }).expect("seen");
    world.observe(lineage, Fact::Confirmed { attempt, block: block(10) }).expect("seen");
    world.observe(lineage, Fact::Vanished { attempt }).expect("seen");
    let State::Processing { sighting, confirmed_at, .. } = &world.withdrawal(id).state else {
        panic!("processing")
    };
    assert_eq!((sighting, confirmed_at), (&None, &None));
    assert_eq!(world.available("XP"), 7_000);
}

/// F22: a foreign transaction at our nonce stops the lane; the payout is free again only after a
/// person adopted the key.
#[test]
fn f22_foreign_use_stops_the_lane() {
    let (mut world, id, lineage, _) = World::sent();
    let conflict = Fact::Conflicted {
        by: hash(9),
        block: block(10),
        decoded: "a transfer to somebody".to_owned(),
        payees: Vec::new(),
        consumed: world.lineage(lineage).anchors.clone(),
    };
    world.observe(lineage, conflict.clone()).expect("seen");
    let row = world.view.lanes[&lane()].row.as_ref().expect("a lane");
    assert!(matches!(row.state, LaneState::Halted { .. }));
    assert_eq!(world.withdrawal(id).state.status(), Status::Processing);
    world.must(Command::AdoptKey { lane: lane(), from_nonce: 8 });
    world.observe(lineage, conflict).expect("seen");
    let State::Approved { after: Some(dead), .. } = &world.withdrawal(id).state else {
        panic!("free again")
    };
    assert_eq!((dead.lineage, dead.evidence), (lineage, hash(9)));
}

/// R4: a foreign transaction that reached the payee may have paid him: a person judges, nothing is
/// paid again by itself.
#[test]
fn r4_a_foreign_transaction_that_seems_to_pay_is_looked_at() {
    let (mut world, id, lineage, _) = World::sent();
    world.must(Command::AdoptKey { lane: lane(), from_nonce: 8 });
    let payees = vec![world.withdrawal(id).payout];
    let usurped = Fact::Conflicted {
        by: hash(9),
        block: block(10),
        decoded: "a transfer to alice".to_owned(),
        payees,
        consumed: world.lineage(lineage).anchors.clone(),
    };
    world.observe(lineage, usurped).expect("seen");
    assert_eq!(
        (world.withdrawal(id).state.status(), world.available("XP")),
        (Status::HeldForInspection, 7_000)
    );
}

/// A watch may be older than a bump: what is ours is never a conflict.
#[test]
fn our_own_attempt_is_no_conflict() {
    let (mut world, _, lineage, _) = World::sent();
    let own = Fact::Conflicted {
        by: hash(1),
        block: block(10),
        decoded: "a transfer".to_owned(),
        payees: Vec::new(),
        consumed: world.lineage(lineage).anchors.clone(),
    };
    assert_eq!(world.observe(lineage, own), Ok(Answer::Unchanged));
    assert_eq!(world.view.lanes[&lane()].row.as_ref().expect("a lane").state, LaneState::Running);
}

/// F51, F41: a token's changed code stops the lane until a person accepts it; a changed network is
/// never accepted.
#[test]
fn f51_a_changed_pin_stops_the_lane_until_it_is_accepted() {
    let mut world = World::with_points(0);
    let pins = |code: &str, id: &str| {
        [("chain_id".to_owned(), id.to_owned()), ("code/DG".to_owned(), code.to_owned())].into()
    };
    let start = |world: &mut World, code: &str, id: &str| {
        let row = world.view.lanes.get_mut(&lane()).expect("a lane").row.as_mut().expect("a lane");
        row.state = LaneState::Reconciling;
        world.read_journal();
        world.must(Command::StartLane {
            lane: lane(),
            owner: owner(),
            epoch: Epoch(1),
            chain_nonce: 7,
            opening: Some(Opening { from_number: 7, holdings: Vec::new() }),
            pins: pins(code, id),
            funds: Vec::new(),
        });
        world.view.lanes[&lane()].row.as_ref().expect("a lane").state.clone()
    };
    assert_eq!(start(&mut world, "0xaa", "31337"), LaneState::Running);
    assert!(matches!(
        start(&mut world, "0xbb", "31337"),
        LaneState::Halted { reason: HaltReason::PinChanged { .. }, .. }
    ));
    let accept = |fact: &str, value: &str| {
        Some(AcceptedPin { fact: fact.to_owned(), value: value.to_owned() })
    };
    let network = world.give(Command::ResumeLane { lane: lane(), accept: accept("chain_id", "1") });
    assert_eq!(network.expect_err("another network").code(), "BAD_ATTEMPT");
    world.must(Command::ResumeLane { lane: lane(), accept: accept("code/DG", "0xbb") });
    assert_eq!(start(&mut world, "0xbb", "31337"), LaneState::Running);
    assert!(matches!(start(&mut world, "0xbb", "1"), LaneState::Halted { .. }));
}
