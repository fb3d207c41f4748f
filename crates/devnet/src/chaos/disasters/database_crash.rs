//! Postgres ends without writing anything on its way out, stays away for a while, and recovers from
//! its log (windows F71, F75).

use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::chance::Chance;
use crate::chaos::plan::Kind;
use crate::chaos::world::World;

const AWAY_MILLIS_MAX: u64 = 1_500;

/// # Errors
/// When it does not come up again.
pub async fn strike(world: &mut World, chance: &mut Chance) -> Result<()> {
    world.recoveries.stand_still();
    let postgres = world.devnet.postgres_mut().context("planned on Postgres only")?;
    postgres.crash().await?;
    tokio::time::sleep(Duration::from_millis(chance.up_to(AWAY_MILLIS_MAX))).await;
    let restarted = Instant::now();
    postgres.start_again().await?;
    world.recoveries.begin(Kind::DatabaseCrash, restarted);
    world.revive().await
}
