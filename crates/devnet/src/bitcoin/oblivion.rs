//! A mempool that forgets everything, as that of a node that was started anew.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};

use super::Bitcoin;

/// Longer than the two weeks after which bitcoind drops what waits (`-mempoolexpiry`, 336 hours).
const FORGOTTEN_AFTER_SECONDS: u64 = 15 * 24 * 3_600;

impl Bitcoin {
    /// The mempool forgets what waits in it. Blocks must not come meanwhile.
    ///
    /// # Errors
    /// What bitcoind says, and if it still knows one of them.
    pub async fn forget(&self) -> Result<()> {
        let waiting = self.rpc().mempool().await?;
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .context("the clock is before 1970")?
            .as_secs();
        self.rpc().set_mock_time(now + FORGOTTEN_AFTER_SECONDS).await?;
        // What is too old is dropped when something new is taken.
        let stirred = self.miner().stir().await;
        self.rpc().set_mock_time(0).await?;
        stirred?;
        let left = self.rpc().mempool().await?;
        ensure!(
            waiting.iter().all(|txid| !left.contains(txid)),
            "bitcoind still knows what it was to forget"
        );
        Ok(())
    }
}
