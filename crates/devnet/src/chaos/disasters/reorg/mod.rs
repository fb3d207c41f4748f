//! The newest blocks are replaced; what they held returns to the pool, or another version of it is
//! mined (window F37).

mod bitcoin;
mod evm;

use std::time::Instant;

use anyhow::Result;

use crate::chaos::disasters::Tally;
use crate::chaos::plan::{ChainKind, Kind};
use crate::chaos::world::World;

/// # Errors
/// When the node refuses.
pub async fn strike(world: &mut World, tally: &mut Tally) -> Result<()> {
    let count = tally.of(Kind::Reorg);
    match world.chain {
        ChainKind::Evm => evm::strike(world, count).await?,
        ChainKind::Bitcoin => {
            tally.other_versions += usize::from(bitcoin::strike(world, count).await?)
        }
    }
    world.recoveries.begin(Kind::Reorg, Instant::now());
    Ok(())
}
