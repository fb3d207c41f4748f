//! Crashes between any two steps, reorganisations, and a database that is restored while the
//! journal stays.

use std::time::Duration;

use adit_core::{LaneState, State, Status};
use adit_store::Store;

use super::world::World;

/// F1 to F5, F57: the engine is killed again and again while payments are under way and blocks
/// come; each payee is paid once.
#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_time_everyone_is_paid_once() {
    const PAYEES: u32 = 40;
    let Some(world) = World::new("regtest-kills", 6).await else { return };
    let first = world.start();
    world.credit(&first.engine, PAYEES.into()).await;
    let mut ids = Vec::new();
    for some in 0..8 {
        ids.extend(world.request(&first.engine, some * 5..some * 5 + 5).await);
    }
    first.crash();
    for kill in 0..12_u64 {
        let running = world.start();
        // The lease of the dead one has to end first.
        tokio::time::sleep(Duration::from_millis(640 + kill * 97)).await;
        running.crash();
        if kill % 4 == 3 {
            world.mine().await;
        }
    }
    let last = world.start();
    world.mine_until(&ids, Status::Completed).await;
    last.crash();
    assert_eq!(world.times_paid(0..PAYEES).await, vec![1; PAYEES as usize]);
}

/// F72, F73: the database is set back to before the payments; the journal and the chain are not.
/// Nobody is paid again.
#[tokio::test(flavor = "multi_thread")]
async fn f73_a_restored_database_takes_its_payments_back_from_the_journal() {
    let Some(world) = World::new("regtest-restore", 3).await else { return };
    let running = world.start();
    world.credit(&running.engine, 10).await;
    let ids = world.request(&running.engine, 0..10).await;
    let backup = world.store.snapshot();
    world.mine_until(&ids, Status::Completed).await;
    running.crash();
    world.store.restore(&backup);
    let approved = world.store.withdrawal(ids[0]).await.expect("a read").expect("there");
    assert!(matches!(approved.state, State::Approved { .. } | State::Processing { .. }));
    let again = world.start();
    world.mine_until(&ids, Status::Completed).await;
    again.crash();
    assert_eq!(world.times_paid(0..10).await, [1; 10]);
}

/// F73: in the lost part of the database an older version than the last known one became final, and
/// somebody was paid from its change. For the restored database that change belongs to a payment
/// that is under way, until the chain is asked.
#[tokio::test(flavor = "multi_thread")]
async fn f73_what_was_paid_from_the_change_of_an_older_version_is_taken_back_too() {
    let Some(world) =
        World::with_coins("regtest-restore-older", &[bitcoin::Amount::from_sat(500_000)]).await
    else {
        return;
    };
    let running = world.start();
    world.credit(&running.engine, 2).await;
    let first = world.request(&running.engine, [0]).await;
    world
        .until("a transaction in the pool", async || {
            !world.bitcoin.rpc().mempool().await.expect("a read").is_empty()
        })
        .await;
    let cheap = world.bitcoin.rpc().mempool().await.expect("a read")[0];
    let cheap = world.bitcoin.rpc().transaction(cheap).await.expect("a read").expect("in the pool");
    world.bitcoin.gateway().estimate(Some(40));
    let outbid = async || {
        let lineage =
            world.store.lineages_of(first[0]).await.expect("a read").pop().expect("in a lineage");
        lineage.attempts.len() == 2 && lineage.latest().last_sent().is_some()
    };
    world.until("a better offer", outbid).await;
    world.bitcoin.gateway().estimate(None);
    // The only coin is under way: he waits.
    let second = world.request(&running.engine, [1]).await;
    let backup = world.store.snapshot();
    world.bitcoin.miner().mine_exactly(&[cheap]).await.expect("the older version is mined");
    world.mine_until(&second, Status::Completed).await;
    running.crash();
    world.store.restore(&backup);
    let again = world.start();
    world.mine_until(&[first, second].concat(), Status::Completed).await;
    // A halted lane would never run.
    world
        .until("the lane to run", async || world.lane_state().await == Some(LaneState::Running))
        .await;
    again.crash();
    assert_eq!(world.times_paid(0..2).await, [1; 2]);
}

/// F69: a reorganisation takes a payment out of its block below the finality depth: it is sent
/// again and mined once.
#[tokio::test(flavor = "multi_thread")]
async fn f69_a_reorganisation_below_finality_loses_nobody() {
    let Some(world) = World::new("regtest-reorg", 2).await else { return };
    let running = world.start();
    world.credit(&running.engine, 3).await;
    let ids = world.request(&running.engine, 0..3).await;
    world
        .until("a transaction in the pool", async || {
            !world.bitcoin.rpc().mempool().await.expect("a read").is_empty()
        })
        .await;
    let fork = world.bitcoin.rpc().tip().await.expect("a tip");
    world.mine().await;
    world.until("its block", async || world.withdrawal(ids[0]).await.state.block().is_some()).await;
    let gone = world.withdrawal(ids[0]).await.state.block().expect("just seen");
    let including = world
        .bitcoin
        .rpc()
        .block_hash(u32::try_from(gone.height).expect("small"))
        .await
        .expect("a block");
    assert_ne!(including, fork);
    world.bitcoin.rpc().invalidate_block(including).await.expect("invalidated");
    // Two empty blocks instead of it.
    for _ in 0..2 {
        world.bitcoin.miner().mine_exactly(&[]).await.expect("mined");
    }
    world.bitcoin.gateway().catch_up().await.expect("seen");
    world
        .until("the payment to be out of its block", async || {
            world.withdrawal(ids[0]).await.state.block() != Some(gone)
        })
        .await;
    world.mine_until(&ids, Status::Completed).await;
    assert_eq!(world.times_paid(0..3).await, [1; 3]);
    running.crash();
}

/// Rule R4, F69: a payment stands on the change of a replacement that was mined. A reorganisation
/// brings the replaced version back, and that becomes final: the payment can never be mined, so its
/// payee is paid by another one, once.
#[tokio::test(flavor = "multi_thread")]
async fn r4_f69_a_payment_on_a_version_that_lost_is_made_by_another() {
    let Some(world) = World::new("regtest-orphan", 1).await else { return };
    let running = world.start();
    world.credit(&running.engine, 2).await;
    let parent = world.request(&running.engine, [0]).await;
    let pool = async || world.bitcoin.rpc().mempool().await.expect("a read");
    world.until("a transaction in the pool", async || pool().await.len() == 1).await;
    let older = world
        .bitcoin
        .rpc()
        .transaction(pool().await[0])
        .await
        .expect("a read")
        .expect("in the pool");
    world.bitcoin.gateway().estimate(Some(20));
    world
        .until("a replacement", async || {
            pool().await.first().is_some_and(|txid| *txid != older.compute_txid())
        })
        .await;
    world.mine().await;
    world
        .until("its block", async || world.withdrawal(parent[0]).await.state.block().is_some())
        .await;
    let lost = world.withdrawal(parent[0]).await.state.block().expect("just seen");
    let child = world.request(&running.engine, [1]).await;
    world
        .until("a payment on its change", async || {
            world.withdrawal(child[0]).await.state.hash().is_some()
        })
        .await;
    let doomed = world.withdrawal(child[0]).await.state.hash();
    let block = world
        .bitcoin
        .rpc()
        .block_hash(u32::try_from(lost.height).expect("small"))
        .await
        .expect("a block");
    world.bitcoin.rpc().invalidate_block(block).await.expect("invalidated");
    world
        .bitcoin
        .miner()
        .mine_exactly(std::slice::from_ref(&older))
        .await
        .expect("the older version is mined");
    world.bitcoin.miner().mine_exactly(&[]).await.expect("mined");
    world.bitcoin.gateway().catch_up().await.expect("seen");
    world.mine_until(&[parent, child.clone()].concat(), Status::Completed).await;
    assert_eq!(world.times_paid(0..2).await, [1; 2]);
    let dead = world.store.lineages_of(child[0]).await.expect("a read");
    assert_eq!(dead.len(), 2, "the first of them is dead");
    assert_ne!(world.withdrawal(child[0]).await.state.hash(), doomed);
    assert_eq!(
        dead.iter()
            .filter_map(adit_core::Lineage::ended_by)
            .filter(|by| World::txid(*by) == older.compute_txid())
            .count(),
        1
    );
    world.assert_books_are_the_chain().await;
    running.crash();
}

/// F5, F65: the only source is a bitcoind without an index, and the engine is away while two days
/// of blocks come. In the second of them the payment is mined: the lane searches on from where it
/// was, a day of blocks in each look, and settles it.
#[tokio::test(flavor = "multi_thread")]
async fn f65_what_was_mined_in_a_long_absence_is_found_without_an_index() {
    let Some(world) = World::bare("regtest-absence", 1).await else { return };
    let running = world.start();
    world.credit(&running.engine, 2).await;
    let first = world.request(&running.engine, [0]).await;
    world.mine_until(&first, Status::Completed).await;
    let ids = world.request(&running.engine, [1]).await;
    world
        .until("a transaction in the pool", async || {
            world.bitcoin.rpc().mempool().await.expect("a read").len() == 1
        })
        .await;
    running.crash();
    world.bitcoin.ask_for(1_000);
    world.bitcoin.miner().mine(200).await.expect("mined without it");
    world.bitcoin.ask_for(0);
    world.bitcoin.miner().mine(100).await.expect("the first of them has it");
    assert!(world.bitcoin.rpc().mempool().await.expect("a read").is_empty());
    let again = world.start();
    world
        .until("the payment to be settled", async || {
            world.status(ids[0]).await == Status::Completed
        })
        .await;
    assert_eq!(world.times_paid(0..2).await, [1; 2]);
    again.crash();
}
