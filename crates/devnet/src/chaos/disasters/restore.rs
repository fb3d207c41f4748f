//! The database goes back to a backup, taken while everything ran; the journal stays, as the
//! playbook says (windows F72, F73).
//!
//! Nobody asks between backup and restore: a request that only the lost part of the database knew
//! is lost with it, and its asker would have to ask again. That is what the playbook says, too, and
//! no matter of payments.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::time::timeout;

use crate::backup::Backup;
use crate::both::lanes;
use crate::chance::Chance;
use crate::chaos::plan::Kind;
use crate::chaos::world::World;

/// Payments that are sent after the backup, and that the restored database does not know.
const FORGOTTEN_MIN: u64 = 3;
const FORGOTTEN_MORE: u64 = 8;
/// Between backup and restore the servers are started anew so often at most.
const RESTARTS_MAX: u64 = 3;
const FORGOTTEN_BOUND: Duration = Duration::from_secs(20);

/// # Errors
/// When the backup fails, or a server does not come up again.
pub async fn strike(world: &mut World, chance: &mut Chance) -> Result<()> {
    // A backup of before an earlier restore has got its new incarnation would be refused for good.
    lanes::until_running(&world.devnet.admin()?).await?;
    let gate = Arc::clone(&world.gate);
    let closed = gate.write().await;
    let directory = world.directory.join(format!("backup-{}", world.sends().accepted()));
    let backup = Backup::take(&world.devnet, directory).await?;
    // The backup is of several epochs ago.
    for _ in 0..chance.up_to(RESTARTS_MAX) {
        world.kill_servers().await?;
        world.revive().await?;
    }
    let enough = world.sends().accepted() + FORGOTTEN_MIN + chance.up_to(FORGOTTEN_MORE);
    // Fewer are enough where there are no more.
    let _ =
        timeout(FORGOTTEN_BOUND, world.sends().watch().wait_for(|accepted| *accepted >= enough))
            .await;
    world.recoveries.stand_still();
    world.kill_servers().await?;
    backup.put_back(&world.devnet, world.disk.root()).await?;
    drop(closed);
    let ended = Instant::now();
    world.revive().await?;
    world.recoveries.begin(Kind::Restore, ended);
    Ok(())
}
