//! A payout that others sign, as an operator does it: `adit psbt export`, another program, `adit
//! psbt import`.

use std::time::Duration;

use adit_devnet::bitcoin::stage::BitcoinStage;
use adit_devnet::devnet::Devnet;
use adit_devnet::{command, wait};
use anyhow::{Context, Result};
use serde_json::Value;

const WAITING_BOUND: Duration = Duration::from_secs(60);
const WAITING_PAUSE: Duration = Duration::from_millis(300);

/// What was signed, by whom.
pub struct Cosigned {
    pub txid: String,
    pub by: String,
}

/// # Errors
/// When nothing comes to wait, or one of the commands fails.
pub async fn sign(devnet: &Devnet, bitcoin: &BitcoinStage) -> Result<Cosigned> {
    let shared = bitcoin.shared.as_ref().context("the devnet has no wallet of several keys")?;
    let environment = devnet.operator();
    let adit =
        async |arguments: &[&str], input: &str| command::run(arguments, &environment, input).await;
    let waiting = wait::until(
        "a payout to wait for its co-signers",
        WAITING_BOUND,
        WAITING_PAUSE,
        async || {
            let list: Value = serde_json::from_str(&adit(&["--json", "psbt", "list"], "").await?)
                .context("adit psbt list")?;
            Ok(list["items"].as_array().and_then(|items| items.first()).cloned())
        },
    );
    let waiting = waiting.await?;
    let id = waiting["id"].as_str().context("what waits has no id")?;
    let psbt = adit(&["psbt", "export", id], "").await?;
    let cosigner = &shared.cosigners[0];
    let signed = cosigner.sign(psbt.trim()).await?;
    adit(&["psbt", "import", id, "-"], &signed).await?;
    Ok(Cosigned {
        txid: waiting["txid"].as_str().unwrap_or_default().to_owned(),
        by: cosigner.command(),
    })
}
