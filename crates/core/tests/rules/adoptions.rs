//! Lineages that the signer's journal knows and a restored database lost (windows F72, F73).

use adit_core::*;

use super::world::*;

/// A lineage that paid out of 10,000 XP, and the same world without it, as after a restore.
fn lost() -> (World, WithdrawalId, Lineage) {
    let (mut world, id, lineage, _) = World::sent();
    let known = world.lineage(lineage).clone();
    world.view.lineages.remove(&lineage);
    world.view.payouts.remove(&world.withdrawal(id).payout.clone());
    let row = world.view.withdrawals.get_mut(&id).expect("there").row.as_mut().expect("there");
    row.state =
        State::Approved { by: Actor::Engine, at: world.view.now, deferred: None, after: None };
    world.view.lanes.get_mut(&lane()).expect("a lane").row.as_mut().expect("a lane").next_nonce = 7;
    (world, id, known)
}

fn adopt(world: &mut World, epoch: u64, lineage: &Lineage) -> Result<Answer, Refusal> {
    world.give(Command::AdoptLineage {
        lane: lane(),
        epoch: Epoch(epoch),
        lineage: lineage.clone(),
        lost: Vec::new(),
        rivals: Vec::new(),
        displaced: Vec::new(),
    })
}

/// F72: the payout is in its old lineage again, and the nonce is not given out a second time.
#[test]
fn f72_a_lost_lineage_takes_its_payout_and_its_nonce_back() {
    let (mut world, id, lineage) = lost();
    assert_eq!(adopt(&mut world, 1, &lineage), Ok(Answer::Done));
    assert!(
        matches!(world.withdrawal(id).state, State::Processing { lineage: live, .. } if live == lineage.id)
    );
    assert_eq!((world.lane().next_nonce, world.lineage(lineage.id)), (8, &lineage));
    assert_eq!(world.reserve(id).expect_err("it is in its lineage").code(), "CHANGED_MEANWHILE");
    assert!(matches!(world.events.last().expect("told").kind, EventKind::LineageAdopted { .. }));
    assert_eq!(adopt(&mut world, 1, &lineage), Ok(Answer::Unchanged), "asked again");
    world.finalize(lineage.id, lineage.latest().id, &Effect::Paid).expect("final");
    assert_eq!(
        (world.withdrawal(id).state.status(), world.available("XP")),
        (Status::Completed, 7_000)
    );
}

/// F72, F101: the last commits were lost while the lease stands, and another payment is next at the
/// lost number. The signer refuses it: nothing is reserved until the lost one is back, and then the
/// other gets the number behind it. Each is paid once.
#[test]
fn f72_commits_lost_under_one_lease_give_no_number_out_twice() {
    let (mut world, first, lineage) = lost();
    let second = world.request_claim(3_000).expect("accepted");
    let taken = world.reservation(second);
    assert_eq!(
        taken.draft.number(),
        lineage.number(),
        "the book would give the lost number out again"
    );
    let doubt = "number 7 is another lineage's".to_owned();
    world.must(Command::ReconcileAgain { lane: lane(), owner: owner(), epoch: Epoch(1), doubt });
    assert_eq!(
        world.give(Command::Reserve(taken.clone())).expect_err("it reconciles").code(),
        "LANE_STOPPED"
    );
    adopt(&mut world, 1, &lineage).expect("adopted");
    world.read_journal();
    world.start();
    assert_eq!(
        world.give(Command::Reserve(taken)).expect_err("it is the lost one's").code(),
        "CHANGED_MEANWHILE"
    );
    let behind = world.reserve(second).expect("the number behind it");
    assert_eq!(world.lineage(behind).number(), 8);
    assert_eq!(world.reserve(first).expect_err("it is in its lineage").code(), "CHANGED_MEANWHILE");
    let attempt = world.send(behind, hash(2));
    world.finalize(lineage.id, lineage.latest().id, &Effect::Paid).expect("final");
    world.finalize(behind, attempt, &Effect::Paid).expect("final");
    assert_eq!(
        [first, second].map(|id| world.withdrawal(id).state.status()),
        [Status::Completed; 2]
    );
    assert_eq!(world.available("XP"), 4_000);
}

/// F72: a nonce below the lane's next one does not bring the lane's count down again.
#[test]
fn f72_an_old_lineage_does_not_turn_the_count_back() {
    let (mut world, _, lineage) = lost();
    world.view.lanes.get_mut(&lane()).expect("a lane").row.as_mut().expect("a lane").next_nonce =
        30;
    adopt(&mut world, 1, &lineage).expect("adopted");
    assert_eq!(world.lane().next_nonce, 30);
}

/// F73: what the journal says is held against what was accepted; a withdrawal that waits for
/// approval was approved before the restore.
#[test]
fn f73_a_lineage_is_adopted_only_for_the_withdrawal_that_it_pays() {
    let (mut world, id, lineage) = lost();
    let refused = |world: &mut World, lineage: &Lineage| {
        adopt(world, 1, lineage).expect_err("refused").code()
    };
    let mut more = lineage.clone();
    more.legs[0].amount = more.legs[0].amount.plus(Amount::new(1));
    assert_eq!(refused(&mut world, &more), "CHANGED_MEANWHILE", "another amount");
    let payout = world.withdrawal(id).payout;
    world.view.payouts.insert(payout, Some(LineageId(uuid::Uuid::from_u128(1))));
    assert_eq!(refused(&mut world, &lineage), "CHANGED_MEANWHILE", "it lives in another lineage");
    world.view.payouts.insert(payout, None);
    let state = |world: &mut World, state: State| {
        world.view.withdrawals.get_mut(&id).expect("there").row.as_mut().expect("there").state =
            state
    };
    let payment = Payment { hash: hash(9), block: block(1) };
    let at = world.view.now;
    state(&mut world, State::Completed { at, payment });
    assert_eq!(refused(&mut world, &lineage), "CHANGED_MEANWHILE", "it has ended");
    state(&mut world, State::Pending);
    assert_eq!(adopt(&mut world, 2, &lineage).expect_err("a later lease").code(), "NOT_LEASED");
    assert_eq!(adopt(&mut world, 1, &lineage), Ok(Answer::Done));
}

/// F73: an attempt that the database knows as reserved gets its bytes; one that it does not know is
/// added, in order; bytes that it has stay.
#[test]
fn f73_lost_attempts_come_back_in_order() {
    let (mut world, _, lineage) = World::reserved();
    let fees = EvmFees { max_fee_per_gas: 20_000_000_000, max_priority_fee_per_gas: 2_000_000_000 };
    let reserved = world.lineage(lineage).clone();
    world.send(lineage, hash(1));
    world.bump(lineage, fees);
    world.send(lineage, hash(2));
    let journalled = world.lineage(lineage).clone();
    let put = |world: &mut World, known: &Lineage| {
        world.view.lineages.get_mut(&lineage).expect("there").row = Some(known.clone())
    };

    put(&mut world, &reserved);
    assert_eq!(adopt(&mut world, 1, &journalled), Ok(Answer::Done), "both attempts were lost");
    assert_eq!(world.lineage(lineage).attempts, journalled.attempts);

    let second_only = Lineage { attempts: journalled.attempts[1..].to_vec(), ..journalled.clone() };
    put(&mut world, &second_only);
    assert_eq!(adopt(&mut world, 1, &journalled), Ok(Answer::Done), "the first was lost");
    assert_eq!(world.lineage(lineage).attempts, journalled.attempts);

    let mut other = journalled.clone();
    other.attempts[0].stage = Stage::Signed {
        signed: Signed { raw: Bytes(vec![9]), hash: hash(9) },
        knowledge: Knowledge::Signed,
    };
    assert_eq!(
        adopt(&mut world, 1, &other),
        Ok(Answer::Unchanged),
        "what is recorded is not replaced"
    );
    assert_eq!(world.lineage(lineage).attempts, journalled.attempts);
}
