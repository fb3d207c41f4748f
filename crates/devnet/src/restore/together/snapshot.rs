//! Database and journal at one moment, and their way back.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::backup::Backup;
use crate::chaos::ledger::{Ledger, Source};

use super::super::world::World;

const COMMAND_BOUND: Duration = Duration::from_secs(120);
const JOURNAL: &str = "signer.journal";
const CONTEXTS: &str = "signer.journal.contexts";

pub struct Snapshot {
    backup: Backup,
    /// The folder of the journal's copy.
    folder: PathBuf,
}

impl Snapshot {
    /// Takes it while the servers run: the database first, then the journal.
    ///
    /// # Errors
    /// Fails if something cannot be copied.
    pub async fn take(world: &World) -> Result<Self> {
        let place = world.directory.join("backup");
        let backup = Backup::take(&world.devnet, place.clone()).await?;
        if world.devnet.postgres().is_none() {
            // `adit backup` has copied both.
            return Ok(Self { backup, folder: place });
        }
        let folder = world.directory.join("backup-journal");
        fs::create_dir_all(&folder)?;
        copy_journal(&world.directory, &folder)?;
        Ok(Self { backup, folder })
    }

    pub fn journal(&self) -> PathBuf {
        self.folder.join(JOURNAL)
    }

    /// Loses the journal in place, brings both back, and says so. The servers and the signer have ended. Gives what the command said,
    /// and the ledger as it was.
    ///
    /// # Errors
    /// Fails if the command refuses.
    pub async fn restore(&self, world: &mut World) -> Result<(String, Ledger)> {
        let lost = world.directory.join("lost");
        fs::create_dir_all(&lost)?;
        for name in [JOURNAL, CONTEXTS] {
            fs::rename(world.directory.join(name), lost.join(name)).with_context(|| format!("{name} cannot be lost"))?;
        }
        let (file, journal) = (self.backup.file(), self.journal());
        if world.devnet.postgres().is_none() {
            let ledger = Ledger::read(&Source::Sqlite(&file)).await?;
            let (database, journal) = (file.display().to_string(), journal.display().to_string());
            let words = ["--json", "restore", "--database", &database, "--journal", &journal];
            return Ok((world.devnet.command(&words).run(COMMAND_BOUND).await?, ledger));
        }
        self.backup.put_back(&world.devnet, &world.directory).await?;
        let ledger = Ledger::read(&world.source()).await?;
        copy_journal(&self.folder, &world.directory)?;
        world.devnet.signer().context("two servers share a signer")?.start_again().await?;
        let words = ["--json", "restore", "--declared", "--take-over", "--journal-declared"];
        Ok((world.devnet.command(&words).run(COMMAND_BOUND).await?, ledger))
    }
}

fn copy_journal(from: &Path, to: &Path) -> Result<()> {
    for name in [JOURNAL, CONTEXTS] {
        fs::copy(from.join(name), to.join(name)).with_context(|| format!("{name} cannot be copied"))?;
    }
    Ok(())
}
