//! Database and journal cannot be written for a while; then there is room again (window F77).

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::chance::Chance;
use crate::chaos::plan::Kind;
use crate::chaos::world::World;

const FULL_MILLIS_MIN: u64 = 1_500;
const FULL_MILLIS_MORE: u64 = 2_500;

/// # Errors
/// When the disk cannot be filled or cleared, or a process that has ended does not come up again.
pub async fn strike(world: &mut World, chance: &mut Chance) -> Result<()> {
    let writers = writers(world);
    world.recoveries.stand_still();
    world.disk.fill(&writers)?;
    tokio::time::sleep(Duration::from_millis(FULL_MILLIS_MIN + chance.up_to(FULL_MILLIS_MORE)))
        .await;
    world.disk.clear(&writers)?;
    world.recoveries.begin(Kind::DiskFull, Instant::now());
    world.revive().await
}

fn writers(world: &mut World) -> Vec<u32> {
    let mut writers = world.pids.all();
    writers.extend(world.devnet.signer().and_then(|signer| signer.pid()));
    writers.extend(world.devnet.postgres().map(|postgres| postgres.pid()));
    writers
}
