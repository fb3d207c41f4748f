//! Fees that rise while payments wait: replacements, payees who join one, children that pay for
//! their parents.

use std::collections::BTreeSet;

use adit_core::{Draft, LaneState, Lineage, LineageState, Purpose, Status, WithdrawalId};
use adit_store::Store;

use super::world::World;

async fn lineage(world: &World, id: WithdrawalId) -> Lineage {
    world.store.lineages_of(id).await.expect("a read").pop().expect("in a lineage")
}

async fn in_pool(world: &World) -> usize {
    world.bitcoin.rpc().mempool().await.expect("a read").len()
}

fn coins(draft: &Draft) -> BTreeSet<String> {
    let Draft::Bitcoin(draft) = draft else { panic!("a Bitcoin draft") };
    draft.outpoints().map(str::to_owned).collect()
}

/// F61: while the market asks more, the payment is replaced; nodes take the replacement, and only
/// it is mined.
#[tokio::test(flavor = "multi_thread")]
async fn f61_a_payment_that_is_too_cheap_is_replaced() {
    let Some(world) = World::new("regtest-bump", 2).await else { return };
    let running = world.start();
    world.credit(&running.engine, 3).await;
    let ids = world.request(&running.engine, 0..3).await;
    world.until("a transaction in the pool", async || in_pool(&world).await == 1).await;
    let first = lineage(&world, ids[0]).await;
    world.bitcoin.gateway().estimate(Some(20));
    world
        .until("a second version", async || lineage(&world, ids[0]).await.attempts.len() > 1)
        .await;
    world
        .until("its hash in the pool", async || {
            let latest = lineage(&world, ids[0])
                .await
                .latest()
                .signed()
                .map(|signed| World::txid(signed.hash));
            latest.is_some_and(|latest| {
                latest != World::txid(first.latest().signed().expect("sent").hash)
            }) && world.bitcoin.rpc().mempool().await.expect("a read")
                == latest.into_iter().collect::<Vec<_>>()
        })
        .await;
    world.mine_until(&ids, Status::Completed).await;
    assert_eq!(world.times_paid(0..3).await, [1; 3]);
    let bumped = lineage(&world, ids[0]).await;
    assert!(coins(&bumped.latest().draft).is_superset(&coins(&first.latest().draft)));
    assert!(
        matches!(bumped.state, LineageState::Final { attempt, .. } if attempt == bumped.latest().id)
    );
    running.crash();
}

/// F59: who waits for coins joins a replacement: one coin, one lineage, everybody paid once.
#[tokio::test(flavor = "multi_thread")]
async fn f59_who_waits_joins_a_replacement() {
    let Some(world) = World::new("regtest-join", 1).await else { return };
    let running = world.start();
    world.credit(&running.engine, 4).await;
    let first = world.request(&running.engine, [0]).await;
    world.until("a transaction in the pool", async || in_pool(&world).await == 1).await;
    world.bitcoin.gateway().estimate(Some(5));
    world
        .until("a second version", async || lineage(&world, first[0]).await.attempts.len() == 2)
        .await;
    // The only coin is in a payment that may be replaced again, so nobody builds on its change.
    let more = world.request(&running.engine, 1..4).await;
    for estimate in [10, 20, 35, 55, 80] {
        world.bitcoin.gateway().estimate(Some(estimate));
        let versions = lineage(&world, first[0]).await.attempts.len();
        world
            .until("a better version", async || {
                lineage(&world, first[0]).await.attempts.len() > versions
            })
            .await;
    }
    let joined = lineage(&world, first[0]).await;
    assert_eq!(joined.legs.len(), 4, "{joined:?}");
    assert_eq!(lineage(&world, more[2]).await.id, joined.id);
    world.mine_until(&[first, more].concat(), Status::Completed).await;
    assert_eq!(world.times_paid(0..4).await, [1; 4]);
    running.crash();
}

/// F60, F61: a parent that others stand on is not replaced; its child pays for both.
#[tokio::test(flavor = "multi_thread")]
async fn f60_a_child_pays_for_its_parents() {
    let Some(world) = World::new("regtest-child", 1).await else { return };
    let running = world.start();
    world.credit(&running.engine, 2).await;
    let parent = world.request(&running.engine, [0]).await;
    world.until("the parent in the pool", async || in_pool(&world).await == 1).await;
    let child = world.request(&running.engine, [1]).await;
    world.until("the child in the pool", async || in_pool(&world).await == 2).await;
    world.bitcoin.gateway().estimate(Some(30));
    world
        .until("a version of the child that pays for both", async || {
            lineage(&world, child[0]).await.attempts.len() > 1
        })
        .await;
    assert_eq!(lineage(&world, parent[0]).await.attempts.len(), 1, "the parent is left alone");
    world.mine_until(&[parent, child].concat(), Status::Completed).await;
    assert_eq!(world.times_paid(0..2).await, [1; 2]);
    running.crash();
}

/// R9, F30: an operator undoes a payment that waits: only a final cancelling version gives back,
/// and it pays nobody.
#[tokio::test(flavor = "multi_thread")]
async fn f30_a_cancelled_payment_pays_nobody() {
    let Some(world) = World::new("regtest-cancel", 1).await else { return };
    let running = world.start();
    world.credit(&running.engine, 1).await;
    let ids = world.request(&running.engine, [0]).await;
    world.until("a transaction in the pool", async || in_pool(&world).await == 1).await;
    world.cancel(&running.engine, ids[0]).await;
    world
        .until("a cancelling version", async || {
            lineage(&world, ids[0]).await.latest().purpose == Purpose::Cancel
        })
        .await;
    world
        .until("it is sent", async || lineage(&world, ids[0]).await.latest().last_sent().is_some())
        .await;
    world.mine_until(&ids, Status::Cancelled).await;
    assert_eq!(world.times_paid([0]).await, [0]);
    running.crash();
}

/// F92: reserved, and never signed, because the journal's disk is full. What is cancelled then ends
/// without a transaction as soon as the signer can note that it is never signed; who was in the
/// same batch is paid by another one.
#[tokio::test(flavor = "multi_thread")]
async fn f92_a_payment_that_was_never_signed_is_taken_back_without_a_transaction() {
    let Some(world) = World::new("regtest-close", 1).await else { return };
    let running = world.start();
    world.credit(&running.engine, 2).await;
    world
        .until("the lane to run", async || world.lane_state().await == Some(LaneState::Running))
        .await;
    world.fill_journal(true);
    let ids = world.request(&running.engine, 0..2).await;
    world
        .until("a reserved batch", async || world.status(ids[1]).await == Status::Processing)
        .await;
    let reserved = lineage(&world, ids[0]).await;
    world.cancel(&running.engine, ids[0]).await;
    world.fill_journal(false);
    world.until("it is given back", async || world.status(ids[0]).await == Status::Cancelled).await;
    let ended = world.store.lineage(reserved.id).await.expect("a read").expect("there");
    assert!(matches!(ended.state, LineageState::Closed { .. }), "{ended:?}");
    world.mine_until(&ids[1..], Status::Completed).await;
    assert_eq!(world.times_paid(0..2).await, [0, 1]);
    assert_eq!(
        lineage(&world, ids[1]).await.attempts.len(),
        1,
        "one transaction, by another lineage"
    );
    running.crash();
}

/// F59, rule R4: the first version is mined although nodes hold a later one that spends a further
/// coin. That coin is free again, for the rules and for the signer.
#[tokio::test(flavor = "multi_thread")]
async fn f59_a_coin_that_only_a_dead_version_would_have_spent_is_used_again() {
    let sizes = [101_000, 99_000].map(bitcoin::Amount::from_sat);
    let Some(world) = World::with_coins("regtest-freed", &sizes).await else { return };
    let running = world.start();
    world.credit(&running.engine, 2).await;
    let first = world.request(&running.engine, [0]).await;
    world.until("a transaction in the pool", async || in_pool(&world).await == 1).await;
    let txid = World::txid(lineage(&world, first[0]).await.latest().signed().expect("sent").hash);
    let cheap = world.bitcoin.rpc().transaction(txid).await.expect("a read").expect("in the pool");
    assert_eq!(cheap.input.len(), 1);
    world.bitcoin.gateway().estimate(Some(40));
    world
        .until("a version with both coins in the pool", async || {
            let latest = lineage(&world, first[0]).await;
            coins(&latest.latest().draft).len() == 2 && latest.latest().last_sent().is_some()
        })
        .await;
    world.bitcoin.gateway().estimate(None);
    world
        .bitcoin
        .miner()
        .mine_exactly(std::slice::from_ref(&cheap))
        .await
        .expect("the first version is mined");
    world.mine_until(&first, Status::Completed).await;
    assert_eq!(lineage(&world, first[0]).await.ended_by().map(World::txid), Some(txid));
    // The freed coin alone is too little for the next one.
    world.fund(&[bitcoin::Amount::from_sat(20_000)]).await;
    let second = world.request(&running.engine, [1]).await;
    world.mine_until(&second, Status::Completed).await;
    assert_eq!(world.times_paid(0..2).await, [1; 2]);
    running.crash();
}

/// F60, F61: all versions are made and blocks became dearer: a child that pays nobody spends the
/// change and lifts both, as the node counts them. The payee is paid once, the child's fee is
/// booked.
#[tokio::test(flavor = "multi_thread")]
async fn f60_f61_a_child_of_its_own_lifts_what_cannot_be_replaced() {
    let Some(world) = World::new("regtest-lift", 1).await else { return };
    let world = world.ruled(|chain| chain.attempts_max = adit_core::ATTEMPTS_MAX_LEAST);
    let running = world.start();
    world.credit(&running.engine, 1).await;
    let ids = world.request(&running.engine, [0]).await;
    world.until("a transaction in the pool", async || in_pool(&world).await == 1).await;
    world.bitcoin.gateway().estimate(Some(5));
    world
        .until("the last version", async || lineage(&world, ids[0]).await.attempts.len() == 2)
        .await;
    world.bitcoin.gateway().estimate(Some(30));
    world.until("a child in the pool", async || in_pool(&world).await == 2).await;
    let live = world.store.live_lineages(&world.lane, 10).await.expect("a read");
    let child = live
        .iter()
        .find(|lineage| lineage.legs.is_empty())
        .expect("a lineage that pays nobody")
        .clone();
    let txid = World::txid(child.latest().signed().expect("sent").hash);
    let entry: serde_json::Value = world
        .bitcoin
        .rpc()
        .call("getmempoolentry", serde_json::json!([txid]))
        .await
        .expect("in the pool");
    let fees = (entry["fees"]["ancestor"].as_f64().expect("a fee") * 1e8).round();
    let vbytes = entry["ancestorsize"].as_f64().expect("a size");
    assert_eq!(entry["ancestorcount"], 2);
    assert!((30.0..31.0).contains(&(fees / vbytes)), "{fees} satoshi for {vbytes} vbytes");
    assert_eq!(lineage(&world, ids[0]).await.attempts.len(), 2);
    world.mine_until(&ids, Status::Completed).await;
    world
        .until("the child to be final", async || {
            world.store.live_lineages(&world.lane, 10).await.expect("a read").is_empty()
        })
        .await;
    assert_eq!(world.times_paid([0]).await, [1]);
    world.assert_books_are_the_chain().await;
    running.crash();
}

/// Rule R4: the older version is mined, so the child of the newest never can be. It ends, and holds
/// nothing any more.
#[tokio::test(flavor = "multi_thread")]
async fn r4_a_child_of_a_version_that_lost_ends() {
    let Some(world) = World::new("regtest-lost-child", 1).await else { return };
    let world = world.ruled(|chain| chain.attempts_max = adit_core::ATTEMPTS_MAX_LEAST);
    let running = world.start();
    world.credit(&running.engine, 2).await;
    let ids = world.request(&running.engine, [0]).await;
    world.until("a transaction in the pool", async || in_pool(&world).await == 1).await;
    let cheap = World::txid(lineage(&world, ids[0]).await.latest().signed().expect("sent").hash);
    let cheap = world.bitcoin.rpc().transaction(cheap).await.expect("a read").expect("in the pool");
    world.bitcoin.gateway().estimate(Some(5));
    world
        .until("the last version", async || lineage(&world, ids[0]).await.attempts.len() == 2)
        .await;
    world.bitcoin.gateway().estimate(Some(30));
    world.until("a child in the pool", async || in_pool(&world).await == 2).await;
    world
        .bitcoin
        .miner()
        .mine_exactly(std::slice::from_ref(&cheap))
        .await
        .expect("the first version is mined");
    world.bitcoin.gateway().catch_up().await.expect("seen");
    world.mine_until(&ids, Status::Completed).await;
    world
        .until("the child to end", async || {
            world.store.live_lineages(&world.lane, 10).await.expect("a read").is_empty()
        })
        .await;
    let more = world.request(&running.engine, [1]).await;
    world.mine_until(&more, Status::Completed).await;
    assert_eq!(world.times_paid(0..2).await, [1; 2]);
    world.assert_books_are_the_chain().await;
    running.crash();
}
