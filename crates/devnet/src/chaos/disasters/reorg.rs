//! The newest blocks are replaced by empty ones; what they held returns to the pool (window F37).

use std::time::Instant;

use anyhow::Result;
use serde_json::{Value, json};

use crate::chaos::plan::Kind;
use crate::chaos::world::World;

const DEPTH_MAX: usize = 8;

/// # Errors
/// When the node refuses.
pub async fn strike(world: &World, count: usize) -> Result<()> {
    let depth = count % DEPTH_MAX + 1;
    world.devnet.rpc().call::<Value>("anvil_reorg", json!([depth, []])).await?;
    world.recoveries.begin(Kind::Reorg, Instant::now());
    Ok(())
}
