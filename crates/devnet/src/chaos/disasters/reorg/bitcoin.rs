//! Other blocks in place of the newest ones. Where one of these held a payment of which an older version exists, that one is mined now.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use bitcoin::Transaction;

use crate::chaos::world::{LOOK_PAUSE, World};
use crate::proxy::Taken;

/// What has six confirmations stays.
const DEPTH_MAX: usize = 4;
/// So long a payment that has two versions is waited for.
const CANDIDATE_BOUND: Duration = Duration::from_secs(3);

/// Whether another version of a payment was mined.
pub async fn strike(world: &World, taken: &Taken, count: usize) -> Result<bool> {
    let depth = u32::try_from(count % DEPTH_MAX + 1)?;
    let stage = world.devnet.bitcoin().context("this run pays in bitcoin")?;
    let miner = stage.world.miner();
    let asked = Instant::now();
    while with_another_version(miner.newest(depth).await?, taken).is_none() && asked.elapsed() < CANDIDATE_BOUND {
        tokio::time::sleep(LOOK_PAUSE).await;
    }
    miner.replace(depth, |held| with_another_version(held, taken)).await
}

/// What the blocks held until the first payment that has an older version, and that version. It spends only what the newer one spends, so that
/// it is as valid in its place.
fn with_another_version(mut held: Vec<Transaction>, taken: &Taken) -> Option<Vec<Transaction>> {
    let older = |mined: &Transaction| {
        let before = taken.rivals(mined).into_iter().find(|rival| rival.input.iter().all(|input| spends(mined, input.previous_output)));
        before.filter(|_| !taken.is_built_on(mined.compute_txid()))
    };
    let (place, version) = held.iter().enumerate().find_map(|(place, mined)| Some((place, older(mined)?)))?;
    held.truncate(place);
    held.push(version);
    Some(held)
}

fn spends(transaction: &Transaction, outpoint: bitcoin::OutPoint) -> bool {
    transaction.input.iter().any(|input| input.previous_output == outpoint)
}
