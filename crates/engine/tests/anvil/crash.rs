//! Crashes between any two steps, and a database that is restored while the journal stays.

use adit_core::{State, Status};
use adit_store::Store;

use super::world::World;

/// F1 to F5, F22: the engine is killed again and again while payments are under way; each payee is
/// paid once.
#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_time_everyone_is_paid_once() {
    const PAYEES: u64 = 40;
    let world = World::new(Some(1)).await;
    let first = world.start();
    world.seed(&first.engine, 100).await;
    let mut ids = Vec::new();
    for payee in 0..PAYEES {
        ids.push(world.request(&first.engine, payee).await);
    }
    first.crash();
    for kill in 0..12_u64 {
        let running = world.start();
        // The lease of the dead one has to end first.
        tokio::time::sleep(std::time::Duration::from_millis(640 + kill * 23)).await;
        running.crash();
    }
    let last = world.start();
    world.mine_until(&ids, Status::Completed).await;
    last.crash();
    for payee in 0..PAYEES {
        assert_eq!(world.times_paid(payee).await, 1, "payee {payee}");
    }
}

/// F72, F73, abuse case 23: the database is set back to before the payments; the journal and the
/// chain are not. Nobody is paid again.
#[tokio::test(flavor = "multi_thread")]
async fn f73_a_restored_database_takes_its_payments_back_from_the_journal() {
    const PAYEES: u64 = 20;
    let world = World::new(None).await;
    let running = world.start();
    world.seed(&running.engine, 100).await;
    let mut ids = Vec::new();
    world
        .anvil
        .rpc()
        .call::<serde_json::Value>("evm_setAutomine", serde_json::json!([false]))
        .await
        .expect("held back");
    for payee in 0..PAYEES {
        ids.push(world.request(&running.engine, payee).await);
    }
    let backup = world.store.snapshot();
    world.mine_until(&ids, Status::Completed).await;
    running.crash();
    world.store.restore(&backup);
    let approved = world.store.withdrawal(ids[0]).await.expect("a read").expect("there");
    assert!(matches!(approved.state, State::Approved { .. } | State::Processing { .. }));
    let again = world.start();
    world.mine_until(&ids, Status::Completed).await;
    again.crash();
    for payee in 0..PAYEES {
        assert_eq!(world.times_paid(payee).await, 1, "payee {payee}");
    }
}
