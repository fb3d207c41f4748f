//! Database and journal go back to one moment, together and declared (windows F91, F96). What was
//! signed since is in neither.
//!
//! Nobody asks between snapshot and restore, as where the database alone goes back. The pool still
//! shows what waits, or every node has forgotten it, and somebody who has seen it sends it again
//! during the sweep.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::time::timeout;

use crate::both::lost::{self, Signed};
use crate::both::{Adversary, Snapshot, lanes, release};
use crate::chance::Chance;
use crate::chaos::plan::Kind;
use crate::chaos::world::{LOOK_PAUSE, Network, World};
use crate::failover::node;
use crate::progress;
use crate::wait;

/// Payees who ask before the snapshot, beside those who would.
const ACCEPTED: u64 = 32;
const ACCEPTED_ENOUGH: usize = 12;
const ACCEPTED_BOUND: Duration = Duration::from_secs(3);
/// Transactions that are sent after the snapshot while blocks come.
const FORGOTTEN_MIN: u64 = 3;
const FORGOTTEN_MORE: u64 = 8;
const FORGOTTEN_BOUND: Duration = Duration::from_secs(20);
/// And after the last block before the restore.
const UNMINED_MORE: u64 = 6;
const UNMINED_BOUND: Duration = Duration::from_secs(4);
/// Blocks come again while the lanes read the journal, or later.
const MINING_MILLIS_MAX: u64 = 1_500;
/// A server is killed amid the sweep.
const KILL_MILLIS_MAX: u64 = 3_000;

/// # Errors
/// Fails if the snapshot or the command does, or a lane does not come back.
pub async fn strike(world: &mut World, chance: &mut Chance) -> Result<()> {
    // What an earlier disaster has left is over: nothing would be signed since the snapshot.
    lanes::until_running(&world.devnet.admin()?).await?;
    // With no block in sight only so many are in flight: others wait.
    node::stop_mining(&mut world.devnet, world.chain).await?;
    accept(world).await?;
    let gate = Arc::clone(&world.gate);
    let closed = gate.write().await;
    world.recoveries.stand_still();
    let place = world.directory.join(format!("both-{}", world.sends().accepted()));
    let snapshot = Snapshot::take(&world.devnet, world.disk.root(), &place).await?;
    node::resume_mining(&mut world.devnet, world.chain).await?;
    until_sent(world, FORGOTTEN_MIN + chance.up_to(FORGOTTEN_MORE), FORGOTTEN_BOUND).await;
    node::stop_mining(&mut world.devnet, world.chain).await?;
    until_sent(world, chance.up_to(UNMINED_MORE), UNMINED_BOUND).await;
    crash(world).await?;
    let lost = lost::read(&world.disk.root().join("signer.journal"), &snapshot.journal())?;
    world.forgotten.add(&lost);
    let hidden = chance.up_to(1) == 0;
    if hidden {
        forget(world).await?;
    }
    let state = world.disk.root().to_owned();
    let (said, _) = snapshot.restore(&mut world.devnet, &state).await?;
    std::fs::write(place.join("restore.json"), &said)?;
    drop(closed);
    let before = world.sends().accepted();
    let began = Instant::now();
    let adversary = hidden
        .then(|| Adversary::start(&world.devnet, world.chain, &lost, chance.branch()))
        .transpose()?;
    sweep(world, chance).await?;
    world.forgotten.unreleased.push(began.elapsed());
    progress::step(told(&lost, hidden, began.elapsed()));
    let admin = world.devnet.admin()?;
    let someone = &world.devnet.players.first().context("a devnet has players")?.player.id;
    let second = release::second_admin(&admin, someone).await?;
    for chain in release::chains(world.chain) {
        release::by_both([&admin, &second], chain).await?;
    }
    lanes::until_running(&admin).await?;
    if let Some(adversary) = adversary {
        adversary.stop().await?;
    }
    world.forgotten.sends += world.sends().accepted() - before;
    world.recoveries.begin(Kind::RestoreBoth, began);
    Ok(())
}

/// Some are accepted and not reserved yet, as far as there are any more: what is signed since the
/// snapshot pays these.
async fn accept(world: &World) -> Result<()> {
    world.let_more_ask(ACCEPTED);
    let admin = world.devnet.admin()?;
    let accepted = wait::until("some to be accepted", ACCEPTED_BOUND, LOOK_PAUSE, async || {
        let page = admin.get("/api/withdrawals?status=approved&limit=100").await?.body;
        let accepted = page["items"].as_array().map_or(0, Vec::len);
        Ok((accepted >= ACCEPTED_ENOUGH).then_some(()))
    });
    // There may be no more, or they are paid as fast as they ask.
    accepted.await.ok();
    Ok(())
}

/// Waits for so many more; fewer are enough where there are no more.
async fn until_sent(world: &World, more: u64, bound: Duration) {
    let enough = world.sends().accepted() + more;
    let _ = timeout(bound, world.sends().watch().wait_for(|accepted| *accepted >= enough)).await;
}

/// kill -9, the signer included.
async fn crash(world: &mut World) -> Result<()> {
    world.kill_servers().await?;
    match world.devnet.signer() {
        Some(signer) => signer.kill().await,
        None => Ok(()),
    }
}

/// No node has what waits any more.
async fn forget(world: &mut World) -> Result<()> {
    world.forgotten.hidden += 1;
    if let Network::Evm { pool, .. } = &world.network {
        pool.forget().await?;
    }
    node::forget(&world.devnet, world.chain).await
}

/// Until every lane waits for its release, with a kill on the way.
async fn sweep(world: &mut World, chance: &mut Chance) -> Result<()> {
    world.revive().await?;
    tokio::time::sleep(Duration::from_millis(chance.up_to(MINING_MILLIS_MAX))).await;
    node::resume_mining(&mut world.devnet, world.chain).await?;
    let admin = world.devnet.admin()?;
    lanes::until_sweeping(&admin).await?;
    tokio::time::sleep(Duration::from_millis(chance.up_to(KILL_MILLIS_MAX))).await;
    let killed = usize::try_from(chance.up_to(world.servers() as u64 - 1))?;
    world.devnet.server(killed).kill().await?;
    world.revive().await?;
    lanes::until_unreleased(&admin).await
}

fn told(lost: &[Signed], hidden: bool, after: Duration) -> String {
    let since = lost.iter().filter(|signed| signed.since).count();
    let pool = if hidden { "had forgotten them, too" } else { "showed what waited" };
    format!(
        "both forgot {since} transactions, and the pool {pool}; every lane waits for its release \
         after {:.1} s",
        after.as_secs_f64()
    )
}
