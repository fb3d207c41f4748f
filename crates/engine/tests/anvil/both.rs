//! Database and journal set back to one moment, as a snapshot of their volume is: what the chain
//! and the pools show is taken back before anything else, and nobody is paid twice (cases F89,
//! F91).

use adit_core::{Actor, Command, HaltReason, LaneState, Scope, Status, WithdrawalId};
use adit_store::Store;

use super::parts::Running;
use super::world::{Volume, World};

pub(super) const PAYEES: u64 = 3;

/// Everybody asked before the snapshot and was signed after it; the payments wait in the pool.
pub(super) async fn sent_after_a_snapshot() -> (World, Volume, Vec<WithdrawalId>) {
    let (world, running, ids) = asked_while_it_stands().await;
    let volume = world.volume();
    world.hold_blocks().await;
    resume(&world, &running).await;
    world.until_sent(&ids).await;
    running.crash();
    (world, volume, ids)
}

/// Everybody has asked, and the lane is halted: once it is resumed, all are planned in one round.
async fn asked_while_it_stands() -> (World, Running, Vec<WithdrawalId>) {
    let world = World::new(None).await;
    let running = world.start();
    world.seed(&running.engine, 100).await;
    world.until_running().await;
    let stop = HaltReason::Operator { reason: "a test".to_owned() };
    running
        .engine
        .writer
        .submit(Actor::Engine, Command::HaltLane { lane: world.lane.clone(), reason: stop })
        .await
        .expect("halted");
    let mut ids = Vec::new();
    for payee in 0..PAYEES {
        ids.push(world.request(&running.engine, payee).await);
    }
    (world, running, ids)
}

pub(super) async fn resume(world: &World, running: &Running) {
    let resume = Command::ResumeLane { lane: world.lane.clone(), accept: None };
    running.engine.writer.submit(Actor::Engine, resume).await.expect("resumed");
}

pub(super) async fn state(world: &World) -> LaneState {
    world.store.lane(&world.lane).await.expect("a read").expect("leased").state
}

async fn until_stopped(world: &World) {
    let stopped = async || {
        matches!(
            state(world).await,
            LaneState::Halted { reason: HaltReason::BothWentBack { .. }, .. }
        )
    };
    for _ in 0..400 {
        if stopped().await {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    panic!("the lane does not stop: {:?}", state(world).await);
}

/// Until everything that was found stands in the book.
async fn until_taken_back(world: &World) {
    until_stopped(world).await;
    for _ in 0..400 {
        if world.store.lane(&world.lane).await.expect("a read").expect("leased").has_read_journal()
        {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    panic!("the lane does not take back what was found: {:?}", state(world).await);
}

pub(super) async fn nobody_twice(world: &World) {
    for payee in 0..PAYEES {
        assert_eq!(world.times_paid(payee).await, 1, "payee {payee}");
    }
}

/// What the pool shows is theirs who ask for it. A person looks before anything new is paid.
#[tokio::test(flavor = "multi_thread")]
async fn f91_what_waits_in_a_pool_is_taken_back_before_anything_is_planned() {
    let (world, volume, ids) = sent_after_a_snapshot().await;
    world.set_back(&volume);
    let again = world.start();
    until_stopped(&world).await;
    let new = world.request(&again.engine, 7).await;
    world.mine_until(&ids, Status::Completed).await;
    assert_eq!(
        (world.status(new).await.status(), world.times_paid(7).await),
        (Status::Approved, 0),
        "a person has to look first"
    );
    resume(&world, &again).await;
    world.mine_until(&[new], Status::Completed).await;
    nobody_twice(&world).await;
    again.crash();
}

/// The snapshot has numbers reserved and nothing signed at them. What was signed there since, and
/// behind it, is taken back in its place: the signer signs nothing behind a number at which its
/// journal has nothing.
#[tokio::test(flavor = "multi_thread")]
async fn f91_what_was_reserved_and_is_signed_since_is_taken_back_first() {
    let (world, volume, ids) = reserved_at_the_snapshot().await;
    world.set_back(&volume);
    let again = world.start();
    until_taken_back(&world).await;
    world.mine_until(&ids, Status::Completed).await;
    nobody_twice(&world).await;
    assert_eq!(world.times_paid(LATER).await, 1, "what stands behind them is nobody's, and known");
    again.crash();
}

const LATER: u64 = 7;

/// Everybody's numbers were reserved at the snapshot; they were signed after it, and so was one
/// whom the snapshot does not know.
async fn reserved_at_the_snapshot() -> (World, Volume, Vec<WithdrawalId>) {
    let (world, running, ids) = asked_while_it_stands().await;
    world.hold_blocks().await;
    world.fill_journal(true);
    resume(&world, &running).await;
    world.until_processing(&ids).await;
    let volume = world.volume();
    world.fill_journal(false);
    world.until_sent(&ids).await;
    let later = world.request(&running.engine, LATER).await;
    world.until_sent(&[later]).await;
    running.crash();
    (world, volume, ids)
}

/// The snapshot has somebody whose first lineage had ended unpaid, and who was signed in another
/// one after it. The signer lets a payout move to a new lineage only once it is told what ended the
/// old one, here as when it is planned.
#[tokio::test(flavor = "multi_thread")]
async fn f91_who_was_signed_anew_since_is_taken_back() {
    let (world, running, ids) = asked_while_it_stands().await;
    world.hold_blocks().await;
    resume(&world, &running).await;
    world.until_sent(&ids).await;
    let (scope, reason) = (Scope::All, "a test".to_owned());
    running
        .engine
        .submit(Actor::Engine, Command::Suspend { scope: scope.clone(), reason })
        .await
        .expect("suspended");
    undo_first(&world, &running, ids[0]).await;
    world.mine_until(&ids[..1], Status::Approved).await;
    world.mine_until(&ids[1..], Status::Completed).await;
    let volume = world.volume();
    running.engine.submit(Actor::Engine, Command::Resume { scope }).await.expect("resumed");
    world.until_sent(&ids[..1]).await;
    running.crash();
    world.set_back(&volume);
    let again = world.start();
    until_taken_back(&world).await;
    world.mine_until(&ids, Status::Completed).await;
    nobody_twice(&world).await;
    again.crash();
}

/// The snapshot has somebody's number reserved and nothing signed at it. It was cancelled since,
/// and they asked once more and were paid behind it: whoever waits for the same payment is known
/// once their number is taken back, and not before.
#[tokio::test(flavor = "multi_thread")]
async fn f91_who_was_cancelled_and_paid_behind_their_number_is_not_paid_again() {
    let (world, running, ids) = asked_while_it_stands().await;
    world.hold_blocks().await;
    world.fill_journal(true);
    resume(&world, &running).await;
    world.until_processing(&ids).await;
    let volume = world.volume();
    world.cancel(&running.engine, ids[0]).await.expect("wished");
    world.fill_journal(false);
    world.until_sent(&ids[1..]).await;
    let anew = world.request(&running.engine, 0).await;
    world.until_sent(&[anew]).await;
    running.crash();
    world.set_back(&volume);
    let again = world.start();
    until_number(&world, PAYEES + 1).await;
    resume(&world, &again).await;
    world.mine_until(&ids, Status::Completed).await;
    nobody_twice(&world).await;
    again.crash();
}

/// What was sent is not repeated: its cancelling attempt comes first.
async fn undo_first(world: &World, running: &Running, id: WithdrawalId) {
    let lineage = world.store.lineages_of(id).await.expect("a read").pop().expect("signed");
    let row = world.store.lane(&world.lane).await.expect("a read").expect("leased");
    let owner = row.lease.as_ref().expect("leased").owner;
    let (lane, epoch, because) = (world.lane.clone(), row.epoch, "a test".to_owned());
    let doubt =
        Command::Doubt { lane, owner, epoch, lineage: lineage.id, legs: lineage.legs, because };
    running.engine.submit(Actor::Engine, doubt).await.expect("doubted");
    world.until_versions(id, 2).await;
    let versions = world.versions(id).await;
    world.forget(&versions[0]).await;
    world.try_send(&versions[1]).await;
}

/// As the playbook of other systems says: cancel what the restored database shows as waiting, then
/// start again.
#[tokio::test(flavor = "multi_thread")]
async fn f91_what_waits_in_a_pool_is_not_given_back() {
    let (world, volume, ids) = sent_after_a_snapshot().await;
    world.set_back(&volume);
    let again = world.start();
    for id in &ids {
        // Refused as long as the pools were not asked; noted afterwards, and the chain decides.
        let _outcome = world.cancel(&again.engine, *id).await;
    }
    until_stopped(&world).await;
    resume(&world, &again).await;
    world.mine_until_ended(&ids).await;
    for (payee, id) in (0..).zip(&ids) {
        let given_back = world.status(*id).await.status() == Status::Cancelled;
        assert_eq!(
            u128::from(given_back) + world.times_paid(payee).await,
            1,
            "payee {payee}: paid or given back, once"
        );
    }
    again.crash();
}

/// Until the restored row reserves from this number on: what pools show below it is taken back.
async fn until_number(world: &World, number: u64) {
    for _ in 0..400 {
        let row = world.store.lane(&world.lane).await.expect("a read").expect("leased");
        if row.next_nonce >= number {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    panic!("not taken back: {:?}", state(world).await);
}

/// What is asked to be cancelled again and again for a second is refused each time.
async fn is_not_given_back(world: &World, running: &Running, id: WithdrawalId) {
    for _ in 0..20 {
        let outcome = world.cancel(&running.engine, id).await;
        assert!(outcome.is_err(), "it may still be paid: {outcome:?}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

/// The lost part had sent a payment and then cancelled it: pools show the cancelling version alone,
/// and whom it was to pay waits in the backup. A miner may still have the payment, so their hold is
/// not given back.
#[tokio::test(flavor = "multi_thread")]
async fn f91_whom_a_found_cancel_may_have_replaced_is_not_given_back() {
    let (world, running, ids) = asked_while_it_stands().await;
    let volume = world.volume();
    let first = world.store.lane(&world.lane).await.expect("a read").expect("leased").next_nonce;
    world.hold_blocks().await;
    resume(&world, &running).await;
    world.until_sent(&ids).await;
    undo_first(&world, &running, ids[0]).await;
    let versions = world.versions(ids[0]).await;
    running.crash();
    world.set_back(&volume);
    let again = world.start();
    until_stopped(&world).await;
    until_number(&world, first + PAYEES).await;
    is_not_given_back(&world, &again, ids[0]).await;
    world.mine_instead(&versions[1], &versions[0]).await;
    world.mine_until(&ids[..1], Status::HeldForInspection).await;
    world.mine_until(&ids[1..], Status::Completed).await;
    nobody_twice(&world).await;
    again.crash();
}

/// In the snapshot the lane stands because somebody else was seen to use the key. What a pool shows
/// is not taken for ours then, and nobody who may be paid by it is given back.
#[tokio::test(flavor = "multi_thread")]
async fn f91_who_waits_on_a_lane_of_a_used_key_is_not_given_back_beside_a_pool() {
    let (world, running, ids) = asked_while_it_stands().await;
    resume(&world, &running).await;
    let decoded = "a test".to_owned();
    let reason = HaltReason::ForeignUse { nonce: 0, hash: None, decoded };
    let halt = Command::HaltLane { lane: world.lane.clone(), reason };
    running.engine.writer.submit(Actor::Engine, halt).await.expect("halted");
    let volume = world.volume();
    world.hold_blocks().await;
    resume(&world, &running).await;
    world.until_sent(&ids).await;
    running.crash();
    world.set_back(&volume);
    let again = world.start();
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    is_not_given_back(&world, &again, ids[0]).await;
    world.mine_until(&ids, Status::HeldForInspection).await;
    nobody_twice(&world).await;
    again.crash();
}

/// A crash between what is taken back and the stop would lose the stop: the next start finds
/// nothing that is not in the book.
#[tokio::test(flavor = "multi_thread")]
async fn f91_the_lane_stops_before_anything_is_taken_back() {
    let (world, volume, ids) = sent_after_a_snapshot().await;
    world.set_back(&volume);
    // Room for the lease, and not for a signature.
    world.leave_room(Some(700));
    let again = world.start();
    until_stopped(&world).await;
    for id in &ids {
        assert_eq!(world.status(*id).await.status(), Status::Approved, "nothing is taken back yet");
    }
    again.crash();
    world.leave_room(None);
    let last = world.start();
    world.mine_until(&ids, Status::Completed).await;
    assert!(matches!(
        state(&world).await,
        LaneState::Halted { reason: HaltReason::BothWentBack { .. }, .. }
    ));
    nobody_twice(&world).await;
    last.crash();
}

/// A block takes what is not taken back yet: the observer waits for that, and holds nobody for a
/// payment of ours that is theirs.
#[tokio::test(flavor = "multi_thread")]
async fn f91_what_is_mined_before_it_is_taken_back_is_theirs_all_the_same() {
    let (world, volume, ids) = sent_after_a_snapshot().await;
    world.set_back(&volume);
    world.leave_room(Some(700));
    let again = world.start();
    until_stopped(&world).await;
    world.mine_for_a_second().await;
    for id in &ids {
        assert_eq!(
            world.status(*id).await.status(),
            Status::Approved,
            "nobody is held for what is theirs"
        );
    }
    again.crash();
    world.leave_room(None);
    let last = world.start();
    world.mine_until(&ids, Status::Completed).await;
    nobody_twice(&world).await;
    last.crash();
}

/// Everything was mined meanwhile, and the snapshot is of before anybody asked: the payments are
/// nobody's, and who asks again waits.
#[tokio::test(flavor = "multi_thread")]
async fn f89_who_asks_again_for_what_the_chain_shows_waits_for_a_person() {
    let world = World::new(None).await;
    let running = world.start();
    world.seed(&running.engine, 100).await;
    world.until_running().await;
    let volume = world.volume();
    let ids =
        futures::future::join_all((0..PAYEES).map(|payee| world.request(&running.engine, payee)))
            .await;
    world.mine_until(&ids, Status::Completed).await;
    running.crash();
    world.set_back(&volume);
    let again = world.start();
    until_taken_back(&world).await;
    let repeated = world.request(&again.engine, 0).await;
    resume(&world, &again).await;
    let new = world.request(&again.engine, 7).await;
    world.mine_until(&[new], Status::Completed).await;
    assert_eq!(world.status(repeated).await.status(), Status::Pending);
    nobody_twice(&world).await;
    let known = world.store.incarnation().await.expect("a read").expect("leased");
    assert_eq!(known.unmatched.len(), ids.len(), "a person says whose they were");
    again.crash();
}

/// A payment that the snapshot shows as sent was cancelled in the lost part, and its user asked
/// anew and was paid. What is left of it is not paid again, whichever of the two blocks hold and
/// pools show.
async fn cancelled_and_asked_anew(mined: bool) -> (World, Running, WithdrawalId) {
    let world = World::new(None).await;
    let running = world.start();
    world.seed(&running.engine, 100).await;
    world.until_running().await;
    world.hold_blocks().await;
    let first = world.request(&running.engine, 0).await;
    world.until_sent(&[first]).await;
    let volume = world.volume();
    world.cancel(&running.engine, first).await.expect("noted");
    world.until_versions(first, 2).await;
    let anew = world.request(&running.engine, 0).await;
    world.until_sent(&[anew]).await;
    if mined {
        world.mine_until_ended(&[first, anew]).await;
        assert_eq!(world.times_paid(0).await, 1);
    }
    running.crash();
    world.set_back(&volume);
    let again = world.start();
    until_taken_back(&world).await;
    let lineage = world.store.lineages_of(first).await.expect("a read").pop().expect("it was sent");
    assert!(lineage.cancel.is_some_and(|wish| wish.doubted), "it is not repeated");
    resume(&world, &again).await;
    (world, again, first)
}

/// Where somebody's key seems to have been used (the cancelling version is in neither), a person
/// adopts it; then the payment is free.
async fn until_held(world: &World, running: &Running, id: WithdrawalId) {
    for _ in 0..200 {
        world.mine_for_a_second().await;
        let lane = world.store.lane(&world.lane).await.expect("a read").expect("leased");
        match lane.state {
            LaneState::Halted { reason: HaltReason::ForeignUse { .. }, .. } => {
                let adopt =
                    Command::AdoptKey { lane: world.lane.clone(), from_nonce: lane.next_nonce };
                running.engine.writer.submit(Actor::Engine, adopt).await.expect("adopted");
            }
            LaneState::Halted { .. } => resume(world, running).await,
            LaneState::Reconciling | LaneState::Sweeping | LaneState::Running => {}
        }
        let status = world.status(id).await.status();
        if status == Status::HeldForInspection {
            return;
        }
        assert_eq!(
            (status, world.times_paid(0).await <= 1),
            (Status::Processing, true),
            "it waits, and nobody is paid twice"
        );
    }
    panic!("it is not held: {:?}", world.status(id).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn f91_a_payment_that_was_cancelled_and_asked_for_anew_is_not_planned_again() {
    let (world, again, first) = cancelled_and_asked_anew(true).await;
    until_held(&world, &again, first).await;
    assert_eq!(world.times_paid(0).await, 1);
    again.crash();
}

#[tokio::test(flavor = "multi_thread")]
async fn f91_a_payment_whose_twin_waits_in_a_pool_is_not_repeated() {
    let (world, again, first) = cancelled_and_asked_anew(false).await;
    until_held(&world, &again, first).await;
    assert_eq!(world.times_paid(0).await, 1);
    again.crash();
}

/// Both stores are of before the lane's first start: what waits in the pool is mined first, and
/// whoever asks for the same waits for a person.
#[tokio::test(flavor = "multi_thread")]
async fn f91_a_first_start_waits_for_what_a_pool_shows() {
    let world = World::new(None).await;
    let empty = world.volume();
    let running = world.start();
    world.seed(&running.engine, 100).await;
    world.until_running().await;
    world.hold_blocks().await;
    let first = world.request(&running.engine, 0).await;
    world.until_sent(&[first]).await;
    running.crash();
    world.set_back(&empty);
    let again = world.start();
    world.seed(&again.engine, 100).await;
    let anew = world.insist(&again.engine, 0).await;
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    assert_eq!(
        (state(&world).await, world.status(anew).await.status()),
        (LaneState::Reconciling, Status::Approved),
        "it has not started"
    );
    for _ in 0..30 {
        world.mine_for_a_second().await;
        if world.status(anew).await.status() == Status::HeldForInspection {
            break;
        }
    }
    assert_eq!(
        (world.status(anew).await.status(), world.times_paid(0).await),
        (Status::HeldForInspection, 1)
    );
    again.crash();
}
