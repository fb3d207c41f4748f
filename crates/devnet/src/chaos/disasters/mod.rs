//! Each disaster in its own file. It strikes, ends, and leaves a system that has to find back by
//! itself.

mod database_crash;
mod disk_full;
mod failover;
mod kill;
mod reorg;
mod restore;
mod restore_both;
mod zombie;

use std::collections::BTreeMap;

use anyhow::Result;

use crate::chance::Chance;

use super::plan::{Kind, Step};
use super::world::World;

/// How often each struck, and what came of it.
#[derive(Debug, Default)]
pub struct Tally {
    struck: BTreeMap<Kind, usize>,
    /// Kills while a version that outbids another one waited to be mined.
    pub kills_amid_a_bump: usize,
    /// Reorganisations after which another version of a payment was mined than before.
    pub other_versions: usize,
}

impl Tally {
    pub fn of(&self, kind: Kind) -> usize {
        self.struck.get(&kind).copied().unwrap_or_default()
    }
}

/// Lets one strike, unless there is nothing left that it could strike.
///
/// # Errors
/// When a part does not come up again.
pub async fn strike(
    world: &mut World,
    step: Step,
    chance: &mut Chance,
    tally: &mut Tally,
) -> Result<()> {
    let struck = match step.kind {
        Kind::Kill => kill::strike(world, step.at, chance, tally).await?,
        Kind::Reorg => reorg::strike(world, tally).await.map(|()| true)?,
        Kind::DatabaseCrash => database_crash::strike(world, chance).await.map(|()| true)?,
        Kind::DiskFull => disk_full::strike(world, chance).await.map(|()| true)?,
        Kind::Zombie => zombie::strike(world, chance).await.map(|()| true)?,
        Kind::Restore => restore::strike(world, chance).await.map(|()| true)?,
        Kind::Failover => failover::strike(world, chance).await.map(|()| true)?,
        Kind::RestoreBoth => restore_both::strike(world, chance).await.map(|()| true)?,
    };
    *tally.struck.entry(step.kind).or_default() += usize::from(struck);
    Ok(())
}
