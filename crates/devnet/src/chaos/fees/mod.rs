//! What being mined costs, which never stands still.

mod bitcoin;
mod evm;

use anyhow::{Context, Result};
use tokio::task::JoinSet;

use crate::chance::Chance;
use crate::devnet::Devnet;

use super::plan::ChainKind;

/// Moves it in a task of its own, until that is ended.
///
/// # Errors
/// When this run has no such chain.
pub fn blow(
    devnet: &Devnet,
    chain: ChainKind,
    chance: Chance,
    beside: &mut JoinSet<Result<()>>,
) -> Result<()> {
    match chain {
        ChainKind::Evm => beside.spawn(evm::blow(devnet.rpc().url().to_owned(), chance)),
        ChainKind::Bitcoin => beside.spawn(bitcoin::blow(
            devnet.bitcoin().context("this run pays in bitcoin")?.world.market(),
            chance,
        )),
    };
    Ok(())
}

/// Being mined is cheap from now on.
///
/// # Errors
/// When the node does not take it.
pub async fn calm(devnet: &Devnet, chain: ChainKind) -> Result<()> {
    match chain {
        ChainKind::Evm => evm::calm(devnet.rpc()).await,
        ChainKind::Bitcoin => {
            bitcoin::calm(&devnet.bitcoin().context("this run pays in bitcoin")?.world.market());
            Ok(())
        }
    }
}
