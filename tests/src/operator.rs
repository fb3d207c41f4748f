//! What an operator does: at the command line, beside a server that does not run, and what they are
//! told by one that does.

use std::process::Stdio;

use adit_devnet::parts;
use anyhow::{Context, Result, ensure};
use tokio::process::Command;

use crate::system::{BOUND, System};

impl System {
    /// Why a withdrawal stands where it stands, as those who run the instance see it.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn why(&self, id: &str) -> Result<serde_json::Value> {
        self.admin()?.get(&format!("/api/withdrawals/{id}/why")).await?.expect_success("asking why")
    }

    /// `adit keys adopt`: from this nonce on the key is the server's alone. On the stopped server's
    /// own configuration.
    ///
    /// # Errors
    /// When the command fails.
    pub async fn adopt(&self, nonce: u64) -> Result<()> {
        let config = std::fs::read_dir(self.directory())?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .find(|path| path.extension().is_some_and(|end| end == "toml"))
            .context("the server's configuration")?;
        let command = Command::new(parts::server()?)
            .args(["keys", "adopt", "--chain", "devnet", "--nonce", &nonce.to_string(), "--config"])
            .arg(config)
            .env("LOCK_MANAGER_PRIVATE_KEY", self.devnet.stage.hot_wallet.private_key())
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output();
        let output =
            tokio::time::timeout(BOUND, command).await.context("adopting takes too long")??;
        ensure!(
            output.status.success(),
            "adopting failed: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(())
    }
}
