//! Each server has two endpoints of its own before one pool; one of them lags.

use std::sync::Arc;

use anyhow::{Context, Result};
use toml::Value;

use crate::chance::Chance;
use crate::config::{Config, Finality};
use crate::deployer::Deployer;
use crate::devnet::{Devnet, Place};
use crate::failover::cluster::Cluster;
use crate::options::Options;
use crate::proxy::{Face, Pool, Proxy};
use crate::setup::Setup;
use crate::stage::Stage;

use super::{Network, drops, followed};

const LAG_BLOCKS: u64 = 3;
/// Above the deepest reorganisation, also for the endpoint that lags.
const FINALITY_BLOCKS: u64 = 12;
/// Blocks after the beginning, so that no reorganisation reaches it.
const FIRM_BLOCKS: u64 = 24;

pub async fn start(
    options: &Options,
    place: &Place<'_>,
    mut chance: Chance,
) -> Result<(Devnet, Network, Option<Cluster>)> {
    let (mut pool, mut faces, mut cluster) = (None, Vec::new(), None);
    let tailor = async |deployer: Deployer<'_>, _: &Stage, setup: &mut Setup| {
        let node = deployer.rpc().url();
        let shared = Pool::before(node)?;
        for name in 0..usize::from(options.replicas) {
            let mut endpoints = Vec::new();
            for lag_blocks in [0, LAG_BLOCKS] {
                let face = Face {
                    name,
                    pool: Some(Arc::clone(&shared)),
                    lag_blocks,
                    drops: Some(drops(&mut chance)),
                };
                let proxy = Proxy::start_as(face, node).await?;
                endpoints.push(proxy.url().to_owned());
                faces.push(proxy);
            }
            setup.endpoints_of.push(endpoints);
        }
        pool = Some(shared);
        cluster = followed(options, place, setup).await?;
        deployer.rpc().mine(FIRM_BLOCKS).await?;
        configure(&mut setup.config, &setup.endpoints_of[0]);
        Ok(())
    };
    let devnet = Devnet::start_on(options, place, tailor).await?;
    Ok((devnet, Network::Evm { pool: pool.context("the devnet was tailored")?, faces }, cluster))
}

/// Impatient, so that much happens in a short time; the daily limit and the minimum stay the
/// demo's.
fn configure(config: &mut Config, endpoints: &[String]) {
    let chain = &mut config.chains.devnet;
    chain.trust = "quorum";
    chain.rpc = endpoints.to_vec();
    chain.finality = Finality::Depth(FINALITY_BLOCKS);
    chain.in_flight_max = 16;
    let keys: [(&str, i64); 4] = [
        ("bump_after_seconds", 2),
        ("rebroadcast_after_seconds", 2),
        ("attempts_max", 40),
        ("precheck_backoff_seconds", 1),
    ];
    chain.more.extend(keys.map(|(key, value)| (key.to_owned(), Value::from(value))));
    // A payout whose check fails because of a disaster waits; giving it back would be as safe, and
    // no payment.
    chain.more.insert("precheck_tries_max".to_owned(), Value::from(1_000));
}
