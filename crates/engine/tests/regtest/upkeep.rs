//! Small coins become one while blocks are cheap.

use adit_core::{
    Amount, Consolidation, FEE_HISTORY_EVERY_BLOCKS, FEE_HISTORY_MIN, Lineage, LineageState,
    Market, Status,
};
use adit_store::Store;

use super::world::World;

const SMALL: bitcoin::Amount = bitcoin::Amount::from_sat(30_000);
const SMALL_COINS: usize = 25;
const RULES: Consolidation =
    Consolidation { quantile_percent: 10, small_below: Amount::new(50_000), coins_min: 20 };

/// Lineages that pay nobody, which is what merges coins.
async fn merging(world: &World) -> Vec<Lineage> {
    let live = world.store.live_lineages(&world.lane, 100).await.expect("a read");
    live.into_iter().filter(|lineage| lineage.legs.is_empty()).collect()
}

async fn feerates_seen(world: &World) -> usize {
    let lane = world.store.lane(&world.lane).await.expect("a read");
    match lane.and_then(|lane| lane.tip).map(|tip| tip.market) {
        Some(Market::Bitcoin(market)) => market.past.len(),
        Some(Market::Evm(_)) | None => 0,
    }
}

/// Blocks until so many feerates are known.
async fn learn(world: &World, most: usize) {
    for known in feerates_seen(world).await..most {
        world
            .bitcoin
            .miner()
            .mine(u32::try_from(FEE_HISTORY_EVERY_BLOCKS).expect("small"))
            .await
            .expect("mined");
        world.bitcoin.gateway().catch_up().await.expect("seen");
        world.until("a feerate to be kept", async || feerates_seen(world).await > known).await;
    }
}

/// F57, F67: twenty-five small deposits become one coin when blocks are cheap. Payments of the same
/// time are paid once, the wallet lost nothing but what they got and the fees that are booked.
#[tokio::test(flavor = "multi_thread")]
async fn f67_small_deposits_become_one_coin_while_blocks_are_cheap() {
    let mut coins = vec![SMALL; SMALL_COINS];
    coins.push(bitcoin::Amount::from_sat(50_000_000));
    let Some(world) = World::with_coins("regtest-upkeep", &coins).await else { return };
    let world = world.ruled(|chain| chain.consolidation = Some(RULES));
    world.bitcoin.gateway().estimate(Some(20));
    let running = world.start();
    world.credit(&running.engine, 4).await;
    let first = world.request(&running.engine, 0..2).await;
    world.mine_until(&first, Status::Completed).await;
    learn(&world, FEE_HISTORY_MIN - 1).await;
    assert!(merging(&world).await.is_empty(), "it is not known yet what is cheap");
    world.bitcoin.gateway().estimate(Some(2));
    learn(&world, FEE_HISTORY_MIN).await;
    // No block comes until it was seen.
    world
        .until("the coins to be merged", async || {
            merging(&world).await.iter().any(|one| one.latest().last_sent().is_some())
        })
        .await;
    let merged = merging(&world).await.remove(0);
    let hash = merged.latest().signed().expect("signed").hash;
    let more = world.request(&running.engine, 2..4).await;
    world.mine_until(&more, Status::Completed).await;
    world
        .until("the merged coin to be final", async || {
            world.mine().await;
            let known = world.store.lineage(merged.id).await.expect("a read").expect("there");
            matches!(known.state, LineageState::Final { .. })
        })
        .await;
    let transaction = world
        .bitcoin
        .rpc()
        .transaction(World::txid(hash))
        .await
        .expect("a read")
        .expect("in the chain");
    assert_eq!((transaction.input.len(), transaction.output.len()), (SMALL_COINS, 1));
    assert_eq!(world.times_paid(0..4).await, [1; 4]);
    assert!(merging(&world).await.is_empty(), "there is nothing left to merge");
    world.assert_books_are_the_chain().await;
    running.crash();
}
