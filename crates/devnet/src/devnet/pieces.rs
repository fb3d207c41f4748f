//! What stands before the server's processes are configured: folders, chain, database.

use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::{CHAIN_ID, DATABASE, Place};
use crate::anvil::{Anvil, Chain};
use crate::config::Facts;
use crate::options::{Options, StoreKind};
use crate::port;
use crate::postgres::Postgres;
use crate::progress;
use crate::stage::Stage;

const EVM_PORT_PREFERRED: u16 = 8545;

pub(super) fn empty(directory: &Path) -> Result<()> {
    if directory.exists() {
        std::fs::remove_dir_all(directory)
            .with_context(|| format!("cannot delete {}", directory.display()))?;
    }
    std::fs::create_dir_all(directory)
        .with_context(|| format!("cannot create {}", directory.display()))
}

pub(super) async fn start_anvil(options: &Options, directory: &Path) -> Result<Anvil> {
    let port = match options.evm_port {
        None if port::is_free(EVM_PORT_PREFERRED) => Some(EVM_PORT_PREFERRED),
        None | Some(0) => None,
        Some(port) => {
            ensure!(
                port::is_free(port),
                "port {port} is taken; choose another one for anvil with EVM_PORT=…"
            );
            Some(port)
        }
    };
    progress::step("starting anvil");
    let (block_time_seconds, slots_in_epoch) = (Some(options.block_time), options.slots_in_epoch);
    let chain =
        Chain { chain_id: CHAIN_ID, block_time_seconds, slots_in_epoch, port, hardfork: None };
    Anvil::start(&chain, directory.join("anvil.log")).await
}

pub(super) async fn start_postgres(
    options: &Options,
    place: &Place<'_>,
) -> Result<Option<Postgres>> {
    if options.store == StoreKind::Sqlite {
        return Ok(None);
    }
    progress::step("starting Postgres");
    let log = place.directory.join("postgres.log");
    let postgres = match place.state == place.directory {
        true => Postgres::start(log).await?,
        false => Postgres::start_in(place.state.join("postgres"), log).await?,
    };
    postgres.create_database(DATABASE).await?;
    Ok(Some(postgres))
}

pub(super) fn facts<'a>(
    options: &Options,
    state: &'a Path,
    parts: Parts<'_>,
    socket: Option<&'a Path>,
) -> Facts<'a> {
    let store = match parts.postgres {
        Some(postgres) => postgres.url(DATABASE),
        None => format!("sqlite:{}", state.join("adit.db").display()),
    };
    let rpc = if options.evm_rpc.is_empty() {
        vec![parts.anvil.url().to_owned()]
    } else {
        options.evm_rpc.clone()
    };
    Facts {
        store,
        directory: state,
        signer_socket: socket,
        chain_id: CHAIN_ID,
        rpc,
        block_time_seconds: options.block_time,
        token: parts.stage.token,
        lock: parts.stage.lock.address,
        hot_wallet: parts.stage.hot_wallet.address,
    }
}

/// What exists when the server's processes are about to be configured.
pub(super) struct Parts<'a> {
    pub anvil: &'a Anvil,
    pub stage: &'a Stage,
    pub postgres: Option<&'a Postgres>,
}
