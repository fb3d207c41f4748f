//! A server stands still for longer than its lease, and then goes on as if no time had passed
//! (windows F20, F21).

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::chance::Chance;
use crate::chaos::plan::Kind;
use crate::chaos::world::World;

/// A lease lasts three seconds.
const STILL_MILLIS_MIN: u64 = 4_000;
const STILL_MILLIS_MORE: u64 = 1_500;

/// The recovery counts from the moment in which it stood still: the other server takes over after
/// the lease.
///
/// # Errors
/// When a process has ended that does not come up again.
pub async fn strike(world: &mut World, chance: &mut Chance) -> Result<()> {
    let server = usize::try_from(chance.up_to(world.servers() as u64 - 1))?;
    world.devnet.server(server).freeze();
    world.recoveries.begin(Kind::Zombie, Instant::now());
    tokio::time::sleep(Duration::from_millis(STILL_MILLIS_MIN + chance.up_to(STILL_MILLIS_MORE)))
        .await;
    world.devnet.server(server).thaw();
    world.revive().await
}
