//! Database and journal at one moment, and their way back.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::backup::Backup;
use crate::chaos::ledger::{Ledger, Source};

use crate::devnet::Devnet;

const COMMAND_BOUND: Duration = Duration::from_secs(120);
const SAY_AGAIN: &str = "wait for five seconds, and say it again";
const LEASE: Duration = Duration::from_secs(5);
const JOURNAL: &str = "signer.journal";
const CONTEXTS: &str = "signer.journal.contexts";

pub struct Snapshot {
    backup: Backup,
    /// What the restore loses is kept below it.
    place: PathBuf,
    /// The folder of the journal's copy.
    folder: PathBuf,
}

impl Snapshot {
    /// Takes it into `place` while the servers run: the database first, then the journal, which
    /// both lie below `state`.
    ///
    /// # Errors
    /// Fails if something cannot be copied.
    pub async fn take(devnet: &Devnet, state: &Path, place: &Path) -> Result<Self> {
        fs::create_dir_all(place)?;
        let (copy, place) = (place.join("backup"), place.to_owned());
        let backup = Backup::take(devnet, copy.clone()).await?;
        if devnet.postgres().is_none() {
            // `adit backup` has copied both.
            return Ok(Self { backup, place, folder: copy });
        }
        let folder = place.join("backup-journal");
        fs::create_dir_all(&folder)?;
        copy_journal(state, &folder)?;
        Ok(Self { backup, place, folder })
    }

    pub fn journal(&self) -> PathBuf {
        self.folder.join(JOURNAL)
    }

    /// Loses the journal in place, brings both back, and says so. The servers and the signer have
    /// ended. Gives what the command said, and the ledger as it was.
    ///
    /// # Errors
    /// Fails if the command refuses.
    pub async fn restore(&self, devnet: &mut Devnet, state: &Path) -> Result<(String, Ledger)> {
        let lost = self.place.join("lost");
        fs::create_dir_all(&lost)?;
        copy_journal(state, &lost)?;
        for name in [JOURNAL, CONTEXTS] {
            fs::remove_file(state.join(name)).with_context(|| format!("{name} cannot be lost"))?;
        }
        let (file, journal) = (self.backup.file(), self.journal());
        if devnet.postgres().is_none() {
            let ledger = Ledger::read(&Source::Sqlite(&file)).await?;
            let (database, journal) = (file.display().to_string(), journal.display().to_string());
            let words = ["--json", "restore", "--database", &database, "--journal", &journal];
            return Ok((say(devnet, &words).await?, ledger));
        }
        self.backup.put_back(devnet, state).await?;
        let ledger = Ledger::read(&Source::Postgres(
            devnet.postgres().context("this database is in Postgres")?,
        ))
        .await?;
        copy_journal(&self.folder, state)?;
        devnet.signer().context("two servers share a signer")?.start_again().await?;
        let words = ["--json", "restore", "--declared", "--take-over", "--journal-declared"];
        Ok((say(devnet, &words).await?, ledger))
    }
}

/// Says it once more where it asks for that: a snapshot may show a lease that has not ended yet.
async fn say(devnet: &Devnet, words: &[&str]) -> Result<String> {
    match devnet.command(words).run(COMMAND_BOUND).await {
        Err(refused) if refused.to_string().contains(SAY_AGAIN) => {
            tokio::time::sleep(LEASE).await;
            devnet.command(words).run(COMMAND_BOUND).await
        }
        said => said,
    }
}

fn copy_journal(from: &Path, to: &Path) -> Result<()> {
    for name in [JOURNAL, CONTEXTS] {
        fs::copy(from.join(name), to.join(name))
            .with_context(|| format!("{name} cannot be copied"))?;
    }
    Ok(())
}
