//! Somebody who has seen every transaction that the lost journal signed, and sends them again at
//! moments of their own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::bitcoin::Rpc as BitcoinRpc;
use crate::chance::Chance;
use crate::chaos::ChainKind;
use crate::devnet::Devnet;
use crate::rpc::Rpc;

use super::lost::Signed;

/// Before the lanes look into the pool for the first time, or later.
const FIRST_MILLIS_MAX: u64 = 3_000;
const PAUSE_MILLIS_MAX: u64 = 400;

/// Sends until it is stopped.
pub struct Adversary {
    enough: Arc<AtomicBool>,
    task: JoinHandle<usize>,
}

enum Node {
    Evm(Rpc),
    Bitcoin(BitcoinRpc),
}

impl Adversary {
    /// # Errors
    /// Fails if this devnet has no such chain.
    pub fn start(
        devnet: &Devnet,
        chain: ChainKind,
        lost: &[Signed],
        mut chance: Chance,
    ) -> Result<Self> {
        let node = Node::of(devnet, chain)?;
        let (enough, lost) = (Arc::new(AtomicBool::new(false)), lost.to_vec());
        let told = enough.clone();
        let task = tokio::spawn(async move {
            let mut taken = 0;
            tokio::time::sleep(Duration::from_millis(chance.up_to(FIRST_MILLIS_MAX))).await;
            while !lost.is_empty() && !told.load(Ordering::Relaxed) {
                tokio::time::sleep(Duration::from_millis(chance.up_to(PAUSE_MILLIS_MAX))).await;
                taken += match chance.up_to(2) {
                    0 => node.take(&lost).await,
                    _ => node.take(std::slice::from_ref(chance.one_of(&lost))).await,
                };
            }
            // Nothing is left out, whatever chance chose.
            taken + node.take(&lost).await
        });
        Ok(Self { enough, task })
    }

    /// Sends each of them a last time. Gives how often the node took one.
    ///
    /// # Errors
    /// Fails if it had a panic.
    pub async fn stop(self) -> Result<usize> {
        self.enough.store(true, Ordering::Relaxed);
        Ok(self.task.await?)
    }
}

/// Sends each of these once, now. Gives how many the node took.
///
/// # Errors
/// Fails if this devnet has no such chain.
pub async fn send(devnet: &Devnet, chain: ChainKind, some: &[Signed]) -> Result<usize> {
    Ok(Node::of(devnet, chain)?.take(some).await)
}

impl Node {
    fn of(devnet: &Devnet, chain: ChainKind) -> Result<Self> {
        match chain {
            ChainKind::Evm => Ok(Self::Evm(Rpc::new(devnet.rpc().url())?)),
            ChainKind::Bitcoin => Ok(Self::Bitcoin(
                devnet.bitcoin().context("this run pays in bitcoin")?.world.rpc().clone(),
            )),
        }
    }

    /// Gives how many of these it takes.
    async fn take(&self, some: &[Signed]) -> usize {
        let mut taken = 0;
        for signed in some {
            taken += usize::from(self.takes(&signed.raw).await);
        }
        taken
    }

    async fn takes(&self, raw: &str) -> bool {
        match self {
            Self::Evm(rpc) => {
                rpc.call::<Value>("eth_sendRawTransaction", json!([raw])).await.is_ok()
            }
            Self::Bitcoin(rpc) => rpc.send_raw(raw.trim_start_matches("0x")).await.is_ok(),
        }
    }
}
