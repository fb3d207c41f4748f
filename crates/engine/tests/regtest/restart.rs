//! A restart of a wallet that has paid for years (case F100).

use std::time::{Duration, Instant};

use adit_core::{Keychain, Place, Status};
use adit_store::Store;

use super::world::World;

/// Payments that the wallet has made; each has an address of change.
const BATCHES: u32 = 10_000;
/// Numbers below the newest that are asked for in any case.
const RECENT: u64 = 50;
/// On an idle machine it takes a second.
const FIRST_PAYMENT_SECONDS_MAX: u64 = 5;
const DUST: bitcoin::Amount = bitcoin::Amount::from_sat(1_000);

/// F100: all addresses of change but the first were used long ago, and a public server would be
/// asked for each. The coin that is left is at the first.
#[tokio::test(flavor = "multi_thread")]
async fn f100_a_wallet_of_ten_thousand_batches_pays_soon_after_a_restart() {
    let Some(world) = World::through_esplora("regtest-years", 1).await else { return };
    let running = world.start();
    world.credit(&running.engine, 2).await;
    let first = world.request(&running.engine, [0]).await;
    world.mine_until(&first, Status::Completed).await;
    running.crash();
    let used = (1..BATCHES).map(|index| {
        world.wallet.script(Place { keychain: Keychain::Internal, index }).expect("an index")
    });
    world.bitcoin.miner().fund_each(&used.collect::<Vec<_>>(), DUST).await.expect("used");
    world.bitcoin.gateway().catch_up().await.expect("seen");
    world
        .change_row(|lane| {
            lane.next_nonce = BATCHES.into();
            lane.coin_places.below = u64::from(BATCHES) - RECENT;
            lane.coin_places.holding = [0].into();
        })
        .await;

    let began = Instant::now();
    let again = world.start();
    let next = world.request(&again.engine, [1]).await;
    world
        .until("a payment", async || {
            !world.bitcoin.rpc().mempool().await.expect("a read").is_empty()
        })
        .await;
    let took = began.elapsed();
    println!("from the restart to the first payment: {took:?}");
    assert!(took < Duration::from_secs(FIRST_PAYMENT_SECONDS_MAX), "{took:?}");
    world.mine_until(&next, Status::Completed).await;
    again.crash();
    let kept = world.store.lane(&world.lane).await.expect("a read").expect("leased").coin_places;
    assert!(
        kept.below > u64::from(BATCHES) - RECENT && kept.holding.len() <= RECENT as usize + 2,
        "{kept:?}"
    );
    assert_eq!(world.times_paid([0, 1]).await, [1, 1]);
}
