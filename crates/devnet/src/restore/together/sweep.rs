//! From the start of the restored servers until every lane waits for its release, with a kill on the way.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::api::Api;
use crate::chance::Chance;
use crate::failover::node;
use crate::progress;
use crate::wait;

use super::super::world::World;
use super::adversary;
use super::lost::Signed;

const SWEEP_BOUND: Duration = Duration::from_secs(240);
const LOOK_PAUSE: Duration = Duration::from_millis(100);
/// Blocks come again while the lanes read the journal, or later.
const MINING_MILLIS_MAX: u64 = 1_500;
const KILL_MILLIS_MAX: u64 = 1_500;

/// Gives how long it took, the killed server's way back included. Of hidden payments half of the runs mine as many as can be.
///
/// # Errors
/// Fails if a lane does not come so far.
pub async fn follow(world: &mut World, hidden: Option<&[Signed]>, chance: &mut Chance, findings: &mut Vec<String>) -> Result<Duration> {
    let began = Instant::now();
    world.start_servers().await?;
    tokio::time::sleep(Duration::from_millis(chance.up_to(MINING_MILLIS_MAX))).await;
    node::resume_mining(&mut world.devnet, world.chain).await?;
    let admin = world.devnet.admin()?;
    let seen = until(&admin, "a lane to sweep", |lanes| lanes.iter().any(is_sweeping) || lanes.iter().all(is_unreleased)).await?;
    if !seen.iter().any(is_sweeping) {
        findings.push("no lane was seen to sweep before all were swept".to_owned());
    }
    if let Some(lost) = hidden.filter(|_| chance.up_to(1) == 0) {
        in_place_of_the_sweep(world, lost).await?;
    }
    tokio::time::sleep(Duration::from_millis(chance.up_to(KILL_MILLIS_MAX))).await;
    let last = u64::try_from(world.devnet.addresses().count() - 1)?;
    let killed = usize::try_from(chance.up_to(last))?;
    world.devnet.server(killed).kill().await?;
    world.devnet.server(killed).start_again().await?;
    until(&admin, "every lane to wait for its release", |lanes| lanes.iter().all(is_unreleased)).await?;
    Ok(began.elapsed())
}

/// The worst moment: the pool forgets the sweep, and has the lost bytes instead when the next block comes.
async fn in_place_of_the_sweep(world: &mut World, lost: &[Signed]) -> Result<()> {
    node::stop_mining(&mut world.devnet, world.chain).await?;
    node::forget(&world.devnet, world.chain).await?;
    let taken = adversary::send(world, lost).await?;
    progress::step(format!("the pool forgets the sweep, and takes {taken} lost transactions instead"));
    node::mine(&world.devnet, world.chain).await?;
    node::resume_mining(&mut world.devnet, world.chain).await
}

/// After the release.
///
/// # Errors
/// Fails if a lane does not run.
pub async fn until_lanes_run(admin: &Api) -> Result<()> {
    until(admin, "every lane to run", |lanes| lanes.iter().all(|lane| lane["state"] == "running")).await.map(drop)
}

async fn until(admin: &Api, what: &str, fits: impl Fn(&[Value]) -> bool) -> Result<Vec<Value>> {
    let mut last = Value::Null;
    let found = wait::until(what, SWEEP_BOUND, LOOK_PAUSE, async || {
        last = admin.get("/api/admin/lanes").await?.body;
        let lanes = last["items"].as_array().filter(|lanes| !lanes.is_empty());
        Ok(lanes.filter(|lanes| fits(lanes)).cloned())
    });
    found.await.with_context(|| format!("the lanes: {last}"))
}

fn is_sweeping(lane: &Value) -> bool {
    lane["state"] == "sweeping"
}

fn is_unreleased(lane: &Value) -> bool {
    lane["state"] == "halted" && lane["halted"]["reason"] == "unreleased"
}
