//! Each disaster in its own file. It strikes, ends, and leaves a system that has to find back by itself.

mod database_crash;
mod disk_full;
mod kill;
mod reorg;
mod restore;
mod zombie;

use anyhow::Result;

use crate::chance::Chance;

use super::plan::{Kind, Step};
use super::world::World;

/// How often each struck.
pub type Tally = std::collections::BTreeMap<Kind, usize>;

/// Lets one strike. `false` when there was nothing left that it could strike.
///
/// # Errors
/// When a part does not come up again.
pub async fn strike(world: &mut World, step: Step, chance: &mut Chance, so_far: &Tally) -> Result<bool> {
    let count = so_far.get(&step.kind).copied().unwrap_or_default();
    match step.kind {
        Kind::Kill => kill::strike(world, step.at, chance).await,
        Kind::Reorg => reorg::strike(world, count).await.map(|()| true),
        Kind::DatabaseCrash => database_crash::strike(world, chance).await.map(|()| true),
        Kind::DiskFull => disk_full::strike(world, chance).await.map(|()| true),
        Kind::Zombie => zombie::strike(world, chance).await.map(|()| true),
        Kind::Restore => restore::strike(world, chance).await.map(|()| true),
    }
}
