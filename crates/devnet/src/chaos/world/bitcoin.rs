//! Each server has its own way to each of the three sources, before one bitcoind.

use std::sync::Arc;

use anyhow::{Context, Result};
use toml::Value;

use crate::chance::Chance;
use crate::chaos::plan::ChainKind;
use crate::config::{BitcoinChain, Sources};
use crate::deployer::Deployer;
use crate::devnet::{Devnet, Place};
use crate::failover::cluster::Cluster;
use crate::options::Options;
use crate::proxy::{SourceProxy, Taken};
use crate::setup::Setup;
use crate::stage::Stage;

use super::{Network, drops, followed};

const EVM_IN_FLIGHT_MAX: u32 = 16;

pub async fn start(
    options: &Options,
    place: &Place<'_>,
    mut chance: Chance,
) -> Result<(Devnet, Network, Option<Cluster>)> {
    let (taken, mut sources, mut cluster) = (Arc::<Taken>::default(), Vec::new(), None);
    let tailor = async |_: Deployer<'_>, _: &Stage, setup: &mut Setup| {
        let chain = setup
            .config
            .chains
            .bitcoin
            .as_mut()
            .context("a kill test in bitcoin needs a bitcoind: run scripts/bitcoind.sh")?;
        for server in 0..usize::from(options.replicas) {
            let mut behind = async |urls: &[String]| -> Result<Vec<String>> {
                let mut ways = Vec::new();
                for url in urls {
                    let way = SourceProxy::start(url, server, &taken, drops(&mut chance)).await?;
                    ways.push(way.url().to_owned());
                    sources.push(way);
                }
                Ok(ways)
            };
            let Sources { esplora, blockcypher, bitcoind } = &chain.sources;
            let own = Sources {
                esplora: behind(esplora).await?,
                blockcypher: behind(blockcypher).await?,
                bitcoind: behind(bitcoind).await?,
            };
            setup.bitcoin_sources_of.push(own);
        }
        configure(chain);
        // Its lane pays nobody here; how far it sweeps depends on this.
        setup.config.chains.devnet.in_flight_max = EVM_IN_FLIGHT_MAX;
        cluster = followed(options, place, setup).await?;
        Ok(())
    };
    let devnet = Devnet::start_on(options, place, tailor).await?;
    Ok((devnet, Network::Bitcoin { taken, sources }, cluster))
}

/// Impatient, with small transactions, so that much happens in a short time. Six confirmations stay
/// what they are.
fn configure(chain: &mut BitcoinChain) {
    (chain.batch_gather_seconds, chain.bump_after_seconds, chain.rebroadcast_after_seconds) =
        (1, 2, 2);
    let keys: [(&str, i64); 5] = [
        ("batch_payouts_max", ChainKind::Bitcoin.payees_per_send().into()),
        ("attempts_max", 40),
        ("in_flight_max", 100),
        ("precheck_backoff_seconds", 1),
        // A payout whose check fails because of a disaster waits; giving it back would be as safe,
        // and no payment.
        ("precheck_tries_max", 1_000),
    ];
    chain.more.extend(keys.map(|(key, value)| (key.to_owned(), Value::from(value))));
}
