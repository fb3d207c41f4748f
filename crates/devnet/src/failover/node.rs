//! The chain's node: whether it answers, whether it mines, and what its pool remembers.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::bitcoin::Bitcoin;
use crate::chaos::ChainKind;
use crate::devnet::Devnet;

const BLOCK_SECONDS: u64 = 1;

/// It answers nobody from now on, and ends no connection.
///
/// # Errors
/// Fails if this devnet has no such chain.
pub fn freeze(devnet: &Devnet, chain: ChainKind) -> Result<()> {
    match chain {
        ChainKind::Evm => devnet.anvil().freeze(),
        ChainKind::Bitcoin => bitcoin(devnet)?.node().freeze(),
    }
    Ok(())
}

/// It answers again.
///
/// # Errors
/// Fails if this devnet has no such chain.
pub fn thaw(devnet: &Devnet, chain: ChainKind) -> Result<()> {
    match chain {
        ChainKind::Evm => devnet.anvil().thaw(),
        ChainKind::Bitcoin => bitcoin(devnet)?.node().thaw(),
    }
    Ok(())
}

/// From now on blocks come only through [`mine`].
///
/// # Errors
/// Fails if the node refuses.
pub async fn stop_mining(devnet: &mut Devnet, chain: ChainKind) -> Result<()> {
    match chain {
        ChainKind::Evm => {
            devnet.rpc().call::<Value>("evm_setIntervalMining", json!([0])).await?;
            devnet.rpc().call::<Value>("evm_setAutomine", json!([false])).await.map(drop)
        }
        ChainKind::Bitcoin => {
            devnet.bitcoin_mut().context("this run pays in bitcoin")?.world.mine_no_more();
            Ok(())
        }
    }
}

/// Blocks come by themselves again.
///
/// # Errors
/// Fails if the node refuses.
pub async fn resume_mining(devnet: &mut Devnet, chain: ChainKind) -> Result<()> {
    match chain {
        ChainKind::Evm => devnet
            .rpc()
            .call::<Value>("evm_setIntervalMining", json!([BLOCK_SECONDS]))
            .await
            .map(drop),
        ChainKind::Bitcoin => {
            devnet.bitcoin_mut().context("this run pays in bitcoin")?.beat();
            Ok(())
        }
    }
}

/// One block with what the pool holds.
///
/// # Errors
/// Fails if the node refuses.
pub async fn mine(devnet: &Devnet, chain: ChainKind) -> Result<()> {
    match chain {
        ChainKind::Evm => devnet.rpc().mine(1).await,
        ChainKind::Bitcoin => bitcoin(devnet)?.miner().mine(1).await.map(drop),
    }
}

/// The pool forgets everything. Blocks must not come meanwhile.
///
/// # Errors
/// Fails if the node refuses.
pub async fn forget(devnet: &Devnet, chain: ChainKind) -> Result<()> {
    match chain {
        ChainKind::Evm => {
            devnet.rpc().call::<Value>("anvil_dropAllTransactions", json!([])).await.map(drop)
        }
        ChainKind::Bitcoin => bitcoin(devnet)?.forget().await,
    }
}

fn bitcoin(devnet: &Devnet) -> Result<&Bitcoin> {
    Ok(&devnet.bitcoin().context("this run pays in bitcoin")?.world)
}
