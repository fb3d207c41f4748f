//! Other blocks in place of the newest ones. Where one of these held a payment of which an older version exists, that one is mined now.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use bitcoin::Transaction;

use crate::chaos::world::{LOOK_PAUSE, World};
use crate::proxy::Taken;

/// What has six confirmations stays.
const DEPTH_MAX: usize = 4;
/// So long a payment that has two versions is waited for.
const CANDIDATE_BOUND: Duration = Duration::from_secs(2);
/// Longer than payouts gather.
const QUIET: Duration = Duration::from_secs(2);
const QUIET_BOUND: Duration = Duration::from_secs(10);
/// Within which every server has seen the new blocks.
const NOTICE: Duration = Duration::from_secs(1);

/// Whether another version of a payment was mined. Meanwhile nobody asks and nothing is planned: a payment on the change of a version that is
/// about to lose would wait for ever. The engine cannot prove such a payment dead yet.
pub async fn strike(world: &World, taken: &Taken, count: usize) -> Result<bool> {
    let depth = u32::try_from(count % DEPTH_MAX + 1)?;
    let stage = world.devnet.bitcoin().context("this run pays in bitcoin")?;
    let miner = stage.world.miner();
    let _closed = world.gate.write().await;
    quiet(world).await?;
    let asked = Instant::now();
    while with_another_version(miner.newest(depth).await?, taken).is_none() && asked.elapsed() < CANDIDATE_BOUND {
        tokio::time::sleep(LOOK_PAUSE).await;
    }
    let other_version = miner.replace(depth, |held| with_another_version(held, taken)).await?;
    tokio::time::sleep(NOTICE).await;
    Ok(other_version)
}

/// Waits until nothing was sent for a while: everybody who asked is in a transaction.
async fn quiet(world: &World) -> Result<()> {
    let (mut sends, began) = (world.sends().watch(), Instant::now());
    loop {
        sends.mark_unchanged();
        match tokio::time::timeout(QUIET, sends.changed()).await {
            Err(_) => return Ok(()),
            Ok(_) if began.elapsed() > QUIET_BOUND => return Ok(()),
            Ok(changed) => changed.context("nothing is counted any more")?,
        }
    }
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
