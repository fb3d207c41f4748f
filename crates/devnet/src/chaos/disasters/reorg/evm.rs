//! Empty blocks in place of the newest ones.

use anyhow::Result;
use serde_json::{Value, json};

use crate::chaos::world::World;

const DEPTH_MAX: usize = 8;

pub async fn strike(world: &World, count: usize) -> Result<()> {
    let depth = count % DEPTH_MAX + 1;
    world.devnet.rpc().call::<Value>("anvil_reorg", json!([depth, []])).await.map(drop)
}
