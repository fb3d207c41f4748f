//! The primary dies, and its asynchronous standby takes its place without the last commits (F72,
//! F94, F101).
//!
//! Nobody asks during the cut: a request that was accepted and not signed yet is lost with its
//! commit, and its asker would have to ask again. Another standby follows the promoted one.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::chance::Chance;
use crate::chaos::plan::Kind;
use crate::chaos::world::World;

const CUT_MILLIS_MIN: u64 = 200;
const CUT_MILLIS_MORE: u64 = 2_800;

/// # Errors
/// Fails if the standby is not promoted, or a process does not come up again.
pub async fn strike(world: &mut World, chance: &mut Chance) -> Result<()> {
    let gate = Arc::clone(&world.gate);
    let closed = gate.write().await;
    let postgres = world.devnet.postgres().context("planned on Postgres only")?;
    postgres.is_followed().await?;
    let cluster = world.cluster.as_ref().context("planned on Postgres only")?;
    cluster.stop_following();
    tokio::time::sleep(Duration::from_millis(CUT_MILLIS_MIN + chance.up_to(CUT_MILLIS_MORE))).await;
    world.recoveries.stand_still();
    world.devnet.postgres_mut().context("planned on Postgres only")?.crash().await?;
    cluster.promote().await?;
    (0..cluster.servers()).for_each(|server| cluster.lead_to_new(server));
    drop(closed);
    world.recoveries.begin(Kind::Failover, Instant::now());
    let free = |number: u32| {
        Some(world.disk.root().join(format!("standby-{number}"))).filter(|data| !data.exists())
    };
    let data = (1..).find_map(free).expect("few failovers");
    let cluster = world.cluster.as_mut().context("planned on Postgres only")?;
    let promoted = cluster.follow_new(data, &world.directory).await?;
    // The old primary's host does not come back.
    drop(world.devnet.replace_postgres(promoted));
    world.revive().await
}
