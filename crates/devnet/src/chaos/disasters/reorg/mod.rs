//! The newest blocks are replaced; what they held returns to the pool, or another version of it is mined (window F37).

mod bitcoin;
mod evm;

use std::time::Instant;

use anyhow::Result;

use crate::chaos::disasters::Tally;
use crate::chaos::plan::Kind;
use crate::chaos::world::{Network, World};

/// # Errors
/// When the node refuses.
pub async fn strike(world: &World, tally: &mut Tally) -> Result<()> {
    let count = tally.of(Kind::Reorg);
    match &world.network {
        Network::Evm { .. } => evm::strike(world, count).await?,
        Network::Bitcoin { taken, .. } => tally.other_versions += usize::from(bitcoin::strike(world, taken, count).await?),
    }
    world.recoveries.begin(Kind::Reorg, Instant::now());
    Ok(())
}
