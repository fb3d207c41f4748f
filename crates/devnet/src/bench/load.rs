//! Many claims at once: signed beforehand, sent over 64 connections, each acceptance durable when
//! it is answered.

use std::time::{Duration, Instant};

use adit_devnet::claim::Claim;
use adit_devnet::devnet::Devnet;
use adit_devnet::progress;
use adit_devnet::seed::SeededPlayer;
use anyhow::{Context, Result, bail};
use futures::stream::{self, StreamExt, TryStreamExt};

use super::wire::{self, Connection};
use super::{claim_amount, percentile};

const CONNECTIONS: usize = 64;
const NONCES_AT_ONCE: usize = 32;

/// Requests ready to be sent, one list per connection. A player's claims are in one list, in the
/// order of their nonces.
pub struct Load {
    lanes: Vec<Vec<Vec<u8>>>,
}

/// What came of it.
pub struct Accepted {
    pub claims: usize,
    pub connections: usize,
    pub elapsed: Duration,
    pub p50: Duration,
    pub p99: Duration,
}

/// Signs `per_player` claims for each of them.
///
/// # Errors
/// When the server does not tell their nonces.
pub async fn prepare(devnet: &Devnet, players: &[SeededPlayer], per_player: usize) -> Result<Load> {
    progress::step(format!("signing {} claims", players.len() * per_player));
    let requests: Vec<Vec<Vec<u8>>> = stream::iter(players)
        .map(|player| sign_all(devnet, player, per_player))
        .buffered(NONCES_AT_ONCE)
        .try_collect()
        .await?;
    let mut lanes = vec![Vec::new(); CONNECTIONS.min(players.len())];
    let count = lanes.len();
    for (index, of_player) in requests.into_iter().enumerate() {
        lanes[index % count].extend(of_player);
    }
    Ok(Load { lanes })
}

async fn sign_all(devnet: &Devnet, seeded: &SeededPlayer, count: usize) -> Result<Vec<Vec<u8>>> {
    let next = devnet.api()?.with_token(&seeded.token).next_nonce().await?;
    let wallet = &seeded.player.wallet;
    let host = host(devnet.address());
    (next.nonce..)
        .take(count)
        .map(|nonce| {
            let claim = Claim {
                wallet: wallet.address,
                amount: claim_amount(),
                nonce,
                deadline: next.deadline,
            };
            wire::post(
                host,
                "/api/token/withdraw",
                &seeded.token,
                &claim.sign(&devnet.domain(), wallet),
            )
        })
        .collect()
}

impl Load {
    /// Sends all of it as fast as the server takes it.
    ///
    /// # Errors
    /// When a claim is not accepted.
    pub async fn run(self, address: &str) -> Result<Accepted> {
        let (claims, connections) = (self.lanes.iter().map(Vec::len).sum(), self.lanes.len());
        progress::step(format!("sending {claims} claims over {connections} connections"));
        let started = Instant::now();
        let lanes =
            self.lanes.into_iter().map(|lane| tokio::spawn(send(host(address).to_owned(), lane)));
        let mut samples = Vec::with_capacity(claims);
        for lane in lanes.collect::<Vec<_>>() {
            samples.extend(lane.await.context("a connection's task ended early")??);
        }
        let elapsed = started.elapsed();
        samples.sort_unstable();
        Ok(Accepted {
            claims,
            connections,
            elapsed,
            p50: percentile(&samples, 50),
            p99: percentile(&samples, 99),
        })
    }
}

impl Accepted {
    pub fn per_second(&self) -> f64 {
        f64::from(u32::try_from(self.claims).unwrap_or(u32::MAX)) / self.elapsed.as_secs_f64()
    }
}

async fn send(host: String, lane: Vec<Vec<u8>>) -> Result<Vec<Duration>> {
    let mut connection = Connection::open(&host).await?;
    let mut samples = Vec::with_capacity(lane.len());
    for request in lane {
        let asked = Instant::now();
        let (status, body) = connection.exchange(&request).await?;
        samples.push(asked.elapsed());
        if !(200..300).contains(&status) {
            bail!("a claim was answered with {status}: {}", String::from_utf8_lossy(body));
        }
    }
    Ok(samples)
}

fn host(address: &str) -> &str {
    address.trim_start_matches("http://")
}
