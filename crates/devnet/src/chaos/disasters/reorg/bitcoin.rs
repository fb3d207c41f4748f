//! Other blocks in place of the newest ones. Where one of these held a payment of which an older
//! version exists, that one is mined now.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use bitcoin::Transaction;
use serde_json::json;

use crate::api::Answer;
use crate::chaos::world::{LOOK_PAUSE, Network, World};
use crate::proxy::Taken;
use crate::wait;

/// What has six confirmations stays.
const DEPTH_MAX: usize = 4;
const STOP: &str = "/api/admin/suspensions";
const STOP_BOUND: Duration = Duration::from_secs(20);
/// A lease, and a round that signs and sends what is reserved: then whatever may be planned is
/// known to the node.
const STILL: Duration = Duration::from_secs(5);
/// Within which every server has seen the new blocks.
const NOTICE: Duration = Duration::from_secs(5);

/// Whether another version of a payment was mined. Meanwhile nobody asks, nothing new is planned
/// (the emergency stop) and no other block comes: a payment on the change of a version that is
/// about to lose would wait for ever, because the engine cannot prove it dead yet.
pub async fn strike(world: &mut World, count: usize) -> Result<bool> {
    let depth = u32::try_from(count % DEPTH_MAX + 1)?;
    let (gate, admin) = (Arc::clone(&world.gate), world.devnet.admin()?);
    let _closed = gate.write().await;
    until_taken("the emergency stop", async || {
        admin.post(STOP, &json!({ "scope": "all", "reason": "a reorganisation" })).await
    })
    .await?;
    world.devnet.bitcoin_mut().context("this run pays in bitcoin")?.world.mine_no_more();
    tokio::time::sleep(STILL).await;
    let Network::Bitcoin { taken, .. } = &world.network else { bail!("this run pays in bitcoin") };
    let miner = world.devnet.bitcoin().context("this run pays in bitcoin")?.world.miner();
    miner.mine(1).await?;
    let other_version = miner.replace(depth, |held| with_another_version(held, taken)).await?;
    tokio::time::sleep(NOTICE).await;
    world.devnet.bitcoin_mut().context("this run pays in bitcoin")?.beat();
    until_taken("its end", async || admin.delete("/api/admin/suspensions?scope=all").await).await?;
    Ok(other_version)
}

/// A server that has just started again may not answer yet.
async fn until_taken(what: &str, ask: impl AsyncFn() -> Result<Answer>) -> Result<()> {
    wait::until(what, STOP_BOUND, LOOK_PAUSE, async || {
        Ok(ask().await.is_ok_and(|answer| answer.status.is_success()).then_some(()))
    })
    .await
}

/// What the blocks held until the first payment that has an older version, and that version. It
/// spends only what the newer one spends, so that it is as valid in its place.
fn with_another_version(mut held: Vec<Transaction>, taken: &Taken) -> Option<Vec<Transaction>> {
    let older = |mined: &Transaction| {
        let before = taken
            .rivals(mined)
            .into_iter()
            .find(|rival| rival.input.iter().all(|input| spends(mined, input.previous_output)));
        before.filter(|_| !taken.is_built_on(mined.compute_txid()))
    };
    let (place, version) =
        held.iter().enumerate().find_map(|(place, mined)| Some((place, older(mined)?)))?;
    held.truncate(place);
    held.push(version);
    Some(held)
}

fn spends(transaction: &Transaction, outpoint: bitcoin::OutPoint) -> bool {
    transaction.input.iter().any(|input| input.previous_output == outpoint)
}
