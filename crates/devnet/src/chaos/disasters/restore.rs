//! The database goes back to a backup, taken while everything ran; the journal stays, as the playbook says (windows F72, F73).
//!
//! Nobody asks between backup and restore: a request that only the lost part of the database knew is lost with it, and its asker would
//! have to ask again. That is what the playbook says, too, and no matter of payments.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tokio::process::Command;
use tokio::time::timeout;

use crate::bitcoin::wallet;
use crate::chance::Chance;
use crate::chaos::plan::Kind;
use crate::chaos::world::World;
use crate::devnet::DATABASE;
use crate::parts;

/// Payments that are sent after the backup, and that the restored database does not know.
const FORGOTTEN_MIN: u64 = 3;
const FORGOTTEN_MORE: u64 = 8;
const FORGOTTEN_BOUND: Duration = Duration::from_secs(20);
const BACKUP_BOUND: Duration = Duration::from_secs(30);

/// # Errors
/// When the backup fails, or a server does not come up again.
pub async fn strike(world: &mut World, chance: &mut Chance) -> Result<()> {
    let gate = Arc::clone(&world.gate);
    let closed = gate.write().await;
    let backup = backup(world).await?;
    let enough = world.sends().accepted() + FORGOTTEN_MIN + chance.up_to(FORGOTTEN_MORE);
    // Fewer are enough where there are no more.
    let _ = timeout(FORGOTTEN_BOUND, world.sends().watch().wait_for(|accepted| *accepted >= enough)).await;
    world.recoveries.stand_still();
    world.kill_servers().await?;
    put_back(world, &backup).await?;
    drop(closed);
    let ended = Instant::now();
    world.revive().await?;
    world.recoveries.begin(Kind::Restore, ended);
    Ok(())
}

async fn backup(world: &World) -> Result<PathBuf> {
    let directory = world.directory.join(format!("backup-{}", world.sends().accepted()));
    if let Some(postgres) = world.devnet.postgres() {
        postgres.dump(DATABASE, &directory).await?;
        return Ok(directory);
    }
    let command = Command::new(parts::server()?)
        .args(["backup", "--to"])
        .arg(&directory)
        .arg("--config")
        .arg(configuration(&world.directory)?)
        .env("LOCK_MANAGER_PRIVATE_KEY", world.devnet.stage.hot_wallet.private_key())
        .envs([wallet::passphrase()])
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = timeout(BACKUP_BOUND, command).await.context("the backup takes too long")??;
    ensure!(output.status.success(), "adit backup failed: {}", String::from_utf8_lossy(&output.stderr));
    Ok(directory)
}

async fn put_back(world: &World, backup: &Path) -> Result<()> {
    if let Some(postgres) = world.devnet.postgres() {
        return postgres.restore(DATABASE, backup).await;
    }
    for name in ["adit.db", "adit.db-wal", "adit.db-shm"] {
        std::fs::remove_file(world.disk.root().join(name)).ok();
    }
    std::fs::copy(backup.join("adit.db"), world.disk.root().join("adit.db")).context("cannot put the backup back")?;
    Ok(())
}

/// The configuration of a server: where there is one, it is the only one.
fn configuration(directory: &Path) -> Result<PathBuf> {
    let mut files = std::fs::read_dir(directory)?.filter_map(|entry| Some(entry.ok()?.path()));
    files.find(|path| path.extension().is_some_and(|end| end == "toml")).context("the server's configuration")
}
