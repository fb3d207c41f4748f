//! How long it takes from a request until its transaction is in the node's pool, when nothing else
//! happens.

use std::time::{Duration, Instant};

use adit_devnet::claim::Claim;
use adit_devnet::devnet::Devnet;
use adit_devnet::primitives::U64;
use adit_devnet::seed::SeededPlayer;
use adit_devnet::{progress, wait};
use anyhow::Result;
use serde_json::json;

use super::{claim_amount, percentile};

pub const SAMPLES_MAX: usize = 200;
const BROADCAST_BOUND: Duration = Duration::from_secs(30);
/// The resolution of the measurement.
const POLL_PAUSE: Duration = Duration::from_millis(1);

pub struct Latency {
    pub samples: usize,
    pub p50: Duration,
    pub p99: Duration,
}

/// One claim of each player, one after the other; [`SAMPLES_MAX`] of them tell enough.
///
/// # Errors
/// When a claim is refused, or its transaction never shows up.
pub async fn measure(devnet: &Devnet, players: &[SeededPlayer]) -> Result<Latency> {
    progress::step(format!("measuring {} single claims", players.len()));
    let mut samples = Vec::with_capacity(players.len());
    for player in players {
        samples.push(request_to_broadcast(devnet, player).await?);
    }
    samples.sort_unstable();
    Ok(Latency {
        samples: samples.len(),
        p50: percentile(&samples, 50),
        p99: percentile(&samples, 99),
    })
}

async fn request_to_broadcast(devnet: &Devnet, seeded: &SeededPlayer) -> Result<Duration> {
    let api = devnet.api()?.with_token(&seeded.token);
    let next = api.next_nonce().await?;
    let wallet = &seeded.player.wallet;
    let claim = Claim {
        wallet: wallet.address,
        amount: claim_amount(),
        nonce: next.nonce,
        deadline: next.deadline,
    };
    let signed = claim.sign(&devnet.domain(), wallet);
    let before = known_to_pool(devnet).await?;

    let asked = Instant::now();
    let accepted = async { api.claim(&signed, 0).await?.expect_success("a claim") };
    let broadcast =
        wait::until("a claim to be broadcast", BROADCAST_BOUND, POLL_PAUSE, async || {
            Ok((known_to_pool(devnet).await? > before).then(|| asked.elapsed()))
        });
    let (_, after) = tokio::try_join!(accepted, broadcast)?;
    Ok(after)
}

/// Transactions of the hot wallet that the node has seen, mined or not.
///
/// # Errors
/// When the node does not answer.
pub async fn known_to_pool(devnet: &Devnet) -> Result<u64> {
    let of = devnet.stage.hot_wallet.address;
    devnet
        .rpc()
        .call::<U64>("eth_getTransactionCount", json!([of, "pending"]))
        .await
        .map(|count| count.to())
}
