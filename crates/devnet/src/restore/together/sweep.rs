//! From the start of the restored servers until every lane waits for its release, with a kill on
//! the way.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::both::adversary;
use crate::both::lanes;
use crate::both::lost::Signed;
use crate::chance::Chance;
use crate::failover::node;
use crate::progress;

use super::super::world::World;

/// Blocks come again while the lanes read the journal, or later.
const MINING_MILLIS_MAX: u64 = 1_500;
const KILL_MILLIS_MAX: u64 = 1_500;

/// Gives how long it took, the killed server's way back included. Of hidden payments half of the
/// runs mine as many as can be.
///
/// # Errors
/// Fails if a lane does not come so far.
pub async fn follow(
    world: &mut World,
    hidden: Option<&[Signed]>,
    chance: &mut Chance,
    findings: &mut Vec<String>,
) -> Result<Duration> {
    let began = Instant::now();
    world.start_servers().await?;
    tokio::time::sleep(Duration::from_millis(chance.up_to(MINING_MILLIS_MAX))).await;
    node::resume_mining(&mut world.devnet, world.chain).await?;
    let admin = world.devnet.admin()?;
    if !lanes::until_sweeping(&admin).await? {
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
    lanes::until_unreleased(&admin).await?;
    Ok(began.elapsed())
}

/// The worst moment: the pool forgets the sweep, and has the lost bytes instead when the next block
/// comes.
async fn in_place_of_the_sweep(world: &mut World, lost: &[Signed]) -> Result<()> {
    node::stop_mining(&mut world.devnet, world.chain).await?;
    node::forget(&world.devnet, world.chain).await?;
    let taken = adversary::send(&world.devnet, world.chain, lost).await?;
    progress::step(format!(
        "the pool forgets the sweep, and takes {taken} lost transactions instead"
    ));
    node::mine(&world.devnet, world.chain).await?;
    node::resume_mining(&mut world.devnet, world.chain).await
}
