//! The base fee, which never stands still: most blocks are cheap, some are so dear that payments
//! wait and have to be bumped.

use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};

use crate::chance::Chance;
use crate::primitives::U256;
use crate::rpc::Rpc;

const GWEI: u64 = 1_000_000_000;
const PAUSE_MILLIS_MIN: u64 = 700;
const PAUSE_MILLIS_MORE: u64 = 1_800;
const CHEAP_GWEI: u64 = 1;
const CHEAP_GWEI_MORE: u64 = 25;
/// One move in so many is a spike.
const SPIKE_ONE_IN: u64 = 8;
const SPIKE_GWEI: u64 = 60;
const SPIKE_GWEI_MORE: u64 = 60;

/// What it falls to when the storm is over.
const CALM_GWEI: u64 = 1;

/// A node that does not answer now is told at the next move.
///
/// # Errors
/// When the HTTP client cannot be built.
pub async fn blow(node: String, mut chance: Chance) -> Result<()> {
    let rpc = Rpc::new(&node)?;
    loop {
        let spike = chance.up_to(SPIKE_ONE_IN - 1) == 0;
        let gwei = if spike {
            SPIKE_GWEI + chance.up_to(SPIKE_GWEI_MORE)
        } else {
            CHEAP_GWEI + chance.up_to(CHEAP_GWEI_MORE)
        };
        let _ = set(&rpc, gwei).await;
        tokio::time::sleep(Duration::from_millis(
            PAUSE_MILLIS_MIN + chance.up_to(PAUSE_MILLIS_MORE),
        ))
        .await;
    }
}

/// # Errors
/// When the node does not take it.
pub async fn calm(rpc: &Rpc) -> Result<()> {
    set(rpc, CALM_GWEI).await
}

/// The base fee of the next block; each empty block after it is cheaper by an eighth (EIP-1559).
async fn set(rpc: &Rpc, gwei: u64) -> Result<()> {
    let fee = U256::from(gwei) * U256::from(GWEI);
    rpc.call::<Value>("anvil_setNextBlockBaseFeePerGas", json!([fee])).await.map(drop)
}
