//! A database that goes back while the signer's journal stays: what it lost is made again, nobody
//! is paid twice, and nothing is given back that the signer knows more of (cases F92 to F95, F101).

use adit_core::{Actor, Amount, Command, EventKind, LaneState, Signed, Status};
use adit_store::Store;

use super::world::{World, user};

/// F95: the backup is from before anybody asked. Every payment is made again with its user, and
/// whoever asks again with the same key is answered with it.
#[tokio::test(flavor = "multi_thread")]
async fn f95_withdrawals_that_no_backup_has_are_made_again_with_their_users() {
    const PAYEES: u64 = 20;
    let world = World::new(None).await;
    let running = world.start();
    world.seed(&running.engine, 100).await;
    let backup = world.store.snapshot();
    let mut ids = Vec::new();
    for payee in 0..PAYEES {
        ids.push(world.request_with_key(&running.engine, payee).await.expect("accepted"));
    }
    world.mine_until(&ids, Status::Completed).await;
    running.crash();
    world.store.restore(&backup);
    let again = world.start();
    world.mine_until(&ids, Status::Completed).await;
    for (payee, id) in (0..).zip(&ids) {
        let repeated = world.request_with_key(&again.engine, payee).await.expect("replayed");
        assert_eq!((repeated, world.times_paid(payee).await), (*id, 1), "payee {payee}");
    }
    let known = world.store.user(&user()).await.expect("a read").expect("there");
    let available: Amount = known
        .balances
        .iter()
        .map(|(_, balance)| balance.available())
        .fold(Amount::ZERO, Amount::plus);
    assert_eq!(
        available,
        Amount::new(80 * 10u128.pow(18)),
        "what was paid is taken from the balance again"
    );
    let told = world.store.history(ids[0]).await.expect("a read");
    assert!(told.iter().any(|event| matches!(event.kind, EventKind::MadeAgain { .. })), "{told:?}");
    again.crash();
}

/// F95: the store lost even the lane's first start. Its book begins with what the wallet held then:
/// what it holds now lacks the payments, which are made again and booked once more.
#[tokio::test(flavor = "multi_thread")]
async fn f95_a_first_start_that_was_lost_begins_with_what_the_wallet_held_then() {
    let world = World::new(None).await;
    let nothing = world.store.snapshot();
    let running = world.start();
    world.seed(&running.engine, 100).await;
    let ids =
        futures::future::join_all((0..3).map(|payee| world.request(&running.engine, payee))).await;
    world.mine_until(&ids, Status::Completed).await;
    assert_eq!(world.booked().await, world.held().await);
    running.crash();
    world.store.restore(&nothing);
    let again = world.start();
    world.until_running().await;
    world.mine_until(&ids, Status::Completed).await;
    assert_eq!(world.booked().await, world.held().await, "not a unit is counted twice");
    again.crash();
}

/// F94, F101: the last commits are lost under a living lease, and the process starts again. The
/// lane's row is at an earlier change than the signer was shown: a new incarnation begins before
/// anything is signed, and whoever was in the lost round is paid once.
#[tokio::test(flavor = "multi_thread")]
async fn f94_a_store_that_lost_its_last_commits_begins_a_new_incarnation() {
    let world = World::new(None).await;
    let running = world.start();
    world.seed(&running.engine, 100).await;
    let first = world.request(&running.engine, 0).await;
    world.mine_until(&[first], Status::Completed).await;
    world.hold_blocks().await;
    let before = world.store.incarnation().await.expect("a read").expect("leased").id;
    let snapshot = world.store.snapshot();
    let lost = [
        world.request_with_key(&running.engine, 1).await.expect("accepted"),
        world.request(&running.engine, 2).await,
    ];
    world.until_sent(&lost).await;
    running.crash();
    world.store.restore(&snapshot);
    let again = world.start();
    // Asked again at once, with the key that the database has lost. A process that has just started
    // may not know yet that it went back: what it accepts then is given back when the first one is
    // known again.
    let repeated = world.insist_with_key(&again.engine, 1).await;
    world.mine_until(&lost, Status::Completed).await;
    let known = world.status(repeated).await.status();
    assert_eq!(known, if repeated == lost[0] { Status::Completed } else { Status::Cancelled });
    let after = world.store.incarnation().await.expect("a read").expect("leased");
    assert!(after.id != before && after.finding.is_none() && after.unread.is_empty(), "{after:?}");
    for payee in 0..3 {
        assert_eq!(world.times_paid(payee).await, 1, "payee {payee}");
    }
    again.crash();
}

/// F94: a server saw a state of the store whose incarnation the signer refuses for good, and stands
/// still. Once the store lives on under the next one, that server works again, without a restart.
#[tokio::test(flavor = "multi_thread")]
async fn f94_a_superseded_server_works_again_once_its_store_lives_on() {
    let world = World::new(None).await;
    let running = world.start();
    world.seed(&running.engine, 100).await;
    world.until_running().await;
    let old = world.store.snapshot();
    let before = world.store.incarnation().await.expect("a read").expect("leased").id;
    let next = adit_core::IncarnationId(running.engine.ports.uuid());
    let because = adit_core::WentBack::Declared { what: "a test".to_owned() };
    let declared = Command::FindWentBack { because, next, take_over: true };
    running.engine.writer.submit(Actor::Engine, declared).await.expect("declared");
    let leased = async || {
        let known = world.store.incarnation().await.expect("a read").expect("leased");
        known.id != before && known.finding.is_none() && known.unread.is_empty()
    };
    until("the next incarnation", leased).await;
    running.crash();
    let newest = world.store.snapshot();
    world.store.restore(&old);
    let again = world.start();
    until("the server to stand still", async || again.engine.hub.is_superseded()).await;
    world.store.restore(&newest);
    until("the server to work again", async || !again.engine.hub.is_superseded()).await;
    let id = world.request(&again.engine, 0).await;
    world.mine_until(&[id], Status::Completed).await;
    assert_eq!(world.times_paid(0).await, 1);
    again.crash();
}

async fn until(what: &str, so: impl AsyncFn() -> bool) {
    for _ in 0..600 {
        if so().await {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("waited in vain for {what}");
}

/// F73: restored to several epochs ago. Started once, the lane runs and pays; nothing waits for
/// more restarts.
#[tokio::test(flavor = "multi_thread")]
async fn f73_several_epochs_are_made_up_for_by_one_start() {
    let world = World::new(None).await;
    let running = world.start();
    world.seed(&running.engine, 100).await;
    let snapshot = world.store.snapshot();
    let first = world.request(&running.engine, 0).await;
    world.mine_until(&[first], Status::Completed).await;
    running.crash();
    for payee in 1..5 {
        let running = world.start();
        let id = world.request(&running.engine, payee).await;
        world.mine_until(&[id], Status::Completed).await;
        running.crash();
    }
    world.store.restore(&snapshot);
    let again = world.start();
    let new = world.insist(&again.engine, 5).await;
    world.mine_until(&[new], Status::Completed).await;
    for payee in 0..6 {
        assert_eq!(world.times_paid(payee).await, 1, "payee {payee}");
    }
    again.crash();
}

/// F93: the database alone is restored, and an operator cancels at once what it shows as waiting.
/// The signer has signed it: nothing is given back, and it is paid.
#[tokio::test(flavor = "multi_thread")]
async fn f93_a_restored_withdrawal_that_was_signed_is_not_given_back() {
    let world = World::new(None).await;
    let running = world.start();
    world.seed(&running.engine, 100).await;
    world.hold_blocks().await;
    let id = world.request(&running.engine, 0).await;
    let snapshot = world.store.snapshot();
    world.until_sent(&[id]).await;
    running.crash();
    world.store.restore(&snapshot);
    let again = world.start();
    for _ in 0..100 {
        let outcome = world.cancel(&again.engine, id).await;
        let status = world.status(id).await.status();
        assert_ne!(status, Status::Cancelled, "{outcome:?}");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    // A cancel that was noted after it was known again would be decided by the chain; here the
    // payment is out first.
    world.mine_until_ended(&[id]).await;
    let paid = world.times_paid(0).await;
    let given_back = world.status(id).await.status() == Status::Cancelled;
    assert_eq!(u128::from(given_back) + paid, 1, "paid or given back, once");
    again.crash();
}

/// F93: given back, and the database is restored to before that. It is given back again, and not
/// paid.
#[tokio::test(flavor = "multi_thread")]
async fn f93_what_was_given_back_stays_given_back_after_a_restore() {
    let world = World::new(None).await;
    let running = world.start();
    world.seed(&running.engine, 100).await;
    world.until_running().await;
    let stop = Command::HaltLane {
        lane: world.lane.clone(),
        reason: adit_core::HaltReason::Operator { reason: "a test".to_owned() },
    };
    running.engine.writer.submit(Actor::Engine, stop).await.expect("halted");
    let id = world.request(&running.engine, 0).await;
    let snapshot = world.store.snapshot();
    world.cancel(&running.engine, id).await.expect("a halted lane takes cancels");
    assert_eq!(world.status(id).await.status(), Status::Cancelled);
    running.crash();
    world.store.restore(&snapshot);
    let again = world.start();
    again
        .engine
        .writer
        .submit(Actor::Engine, Command::ResumeLane { lane: world.lane.clone(), accept: None })
        .await
        .expect("resumed");
    world.mine_until(&[id], Status::Cancelled).await;
    assert_eq!(world.times_paid(0).await, 0);
    again.crash();
}

/// F92: the journal's volume is full, so that payments are reserved and not signed. They are
/// cancelled; then there is room again.
#[tokio::test(flavor = "multi_thread")]
async fn f92_what_was_cancelled_before_it_was_signed_is_never_sent() {
    let world = World::new(None).await;
    let running = world.start();
    world.seed(&running.engine, 100).await;
    world.until_running().await;
    // All of them before the lane goes on, so that one round reserves them: where signing fails,
    // nothing more is planned.
    let stop = Command::HaltLane {
        lane: world.lane.clone(),
        reason: adit_core::HaltReason::Operator { reason: "a test".to_owned() },
    };
    running.engine.writer.submit(Actor::Engine, stop).await.expect("halted");
    let ids =
        futures::future::join_all((0..8).map(|payee| world.request(&running.engine, payee))).await;
    world.fill_journal(true);
    running
        .engine
        .writer
        .submit(Actor::Engine, Command::ResumeLane { lane: world.lane.clone(), accept: None })
        .await
        .expect("resumed");
    world.until_processing(&ids).await;
    for id in &ids {
        world.cancel(&running.engine, *id).await.expect("noted");
    }
    world.fill_journal(false);
    world.mine_until(&ids, Status::Cancelled).await;
    for payee in 0..8 {
        assert_eq!(world.times_paid(payee).await, 0, "payee {payee}");
    }
    running.crash();
}

/// F95, F105: the store lost a later version of a payment, and the earlier one becomes final before
/// the signer's journal can be read. The payment does not end before the journal has brought the
/// later version back: whom only that one carries would be lost with it.
#[tokio::test(flavor = "multi_thread")]
async fn f95_a_payment_does_not_end_before_the_journal_has_brought_its_versions() {
    let (world, running, id) = World::with_sent_payment().await;
    let snapshot = world.store.snapshot();
    world.cancel(&running.engine, id).await.expect("noted");
    world.until_versions(id, 2).await;
    running.crash();
    let versions = world.versions(id).await;
    world.mine_instead(&versions[1], &versions[0]).await;
    world.store.restore(&snapshot);
    world.fill_journal(true);
    let again = world.start();
    world.mine_for_a_second().await;
    assert_eq!(world.status(id).await.status(), Status::Processing, "the journal is not read yet");
    world.fill_journal(false);
    world.mine_until(&[id], Status::Completed).await;
    let hashes =
        |versions: &[Signed]| versions.iter().map(|signed| signed.hash).collect::<Vec<_>>();
    assert_eq!(hashes(&world.versions(id).await), hashes(&versions), "both are in the books");
    assert_eq!(world.times_paid(0).await, 1);
    again.crash();
}

/// F105: the signer's journal cannot be read, since the lease cannot be noted on its full disk.
/// What the store knows is watched all the same, and settled when it is final.
#[tokio::test(flavor = "multi_thread")]
async fn f105_a_lane_that_cannot_read_its_journal_watches_what_it_knows() {
    let (world, running, id) = World::with_sent_payment().await;
    running.crash();
    world.fill_journal(true);
    let again = world.start();
    world.mine_until(&[id], Status::Completed).await;
    let lane = world.store.lane(&world.lane).await.expect("a read").expect("leased");
    assert!(!lane.has_read_journal(), "{lane:?}");
    again.crash();
}

/// F105: a person has stopped the lane, the process starts again, and no node has the payment any
/// more. Once the journal was read under the new lease it is sent again.
#[tokio::test(flavor = "multi_thread")]
async fn f105_a_halted_lane_repeats_what_it_knows_after_a_restart() {
    let (world, running, id) = World::with_sent_payment().await;
    let stop = Command::HaltLane {
        lane: world.lane.clone(),
        reason: adit_core::HaltReason::Operator { reason: "a test".to_owned() },
    };
    running.engine.writer.submit(Actor::Engine, stop).await.expect("halted");
    running.crash();
    world.forget(&world.versions(id).await[0]).await;
    let again = world.start();
    world.mine_until(&[id], Status::Completed).await;
    let lane = world.store.lane(&world.lane).await.expect("a read").expect("leased");
    assert!(matches!(lane.state, LaneState::Halted { .. }), "{:?}", lane.state);
    again.crash();
}
