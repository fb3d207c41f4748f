//! What the chain's node shows of the wallet: what waits, and what the sweep used up.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::bitcoin::payments::Payments;
use crate::both::lost::Signed;
use crate::chaos::ChainKind;
use crate::chaos::chain::Mined;

use super::super::world::World;

const STILL_FOR: Duration = Duration::from_secs(3);
const LOOK_PAUSE: Duration = Duration::from_millis(250);
/// In bitcoin offers are raised as long as no block comes.
const FILL_BOUND: Duration = Duration::from_secs(25);

/// Waits until the pool does not change any more, with no block in sight, or for a while where it
/// goes on changing.
///
/// # Errors
/// Fails if the node does not answer.
pub async fn filled(world: &World) -> Result<()> {
    let began = Instant::now();
    let (mut last, mut since) = (pool(world).await?, Instant::now());
    while since.elapsed() < STILL_FOR && began.elapsed() < FILL_BOUND {
        tokio::time::sleep(LOOK_PAUSE).await;
        let now = pool(world).await?;
        if now != last {
            (last, since) = (now, Instant::now());
        }
    }
    Ok(())
}

async fn pool(world: &World) -> Result<BTreeSet<String>> {
    match world.chain {
        ChainKind::Evm => {
            let hot = format!("{:#x}", world.devnet.stage.hot_wallet.address);
            let pool: Value = world.devnet.rpc().call("txpool_content", json!([])).await?;
            let parts = ["pending", "queued"].iter().filter_map(|part| pool[*part].as_object());
            let ours = parts.flatten().filter(|(sender, _)| sender.eq_ignore_ascii_case(&hot));
            let each = ours
                .filter_map(|(_, by_nonce)| by_nonce.as_object())
                .flat_map(|by_nonce| by_nonce.values());
            Ok(each.map(|sent| sent["hash"].to_string()).collect())
        }
        ChainKind::Bitcoin => {
            let rpc = world.devnet.bitcoin().context("this run pays in bitcoin")?.world.rpc();
            Ok(rpc.mempool().await?.iter().map(ToString::to_string).collect())
        }
    }
}

/// How much was swept: mined transactions that paid nobody and that were signed since the restore;
/// in bitcoin the coins that they spent.
///
/// # Errors
/// Fails if the chain cannot be read.
pub async fn swept(world: &World, mined: &[Mined], lost: &[Signed]) -> Result<usize> {
    let before: BTreeSet<&str> = lost.iter().map(|signed| signed.hash.as_str()).collect();
    let sweeps = || {
        mined.iter().filter(|mined| {
            mined.paid.is_empty() && !before.contains(mined.hash.to_ascii_lowercase().as_str())
        })
    };
    match world.chain {
        ChainKind::Evm => Ok(sweeps().count()),
        ChainKind::Bitcoin => {
            let stage = world.devnet.bitcoin().context("this run pays in bitcoin")?;
            let all = Payments::since(stage.world.rpc(), stage.first_height).await?;
            let mut coins = 0;
            for sweep in sweeps() {
                let known = all.transaction(sweep.hash.trim_start_matches("0x").parse()?);
                coins += known.context("it was just read from a block")?.spends.len();
            }
            Ok(coins)
        }
    }
}
